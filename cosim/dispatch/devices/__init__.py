"""Devices of the feeder, one file each; `catalogue` finds them all, the user's own included."""

from __future__ import annotations

from cosim.dispatch.devices.base import Device
from cosim.plugins import discover


def catalogue() -> dict[str, type[Device]]:
    """Return every device class that a scenario can name, by its ``kind``."""
    found = discover("cosim.dispatch.devices", "cosim.devices", Device)
    return {kind: device for kind, device in found.items() if not device.last_resort}
