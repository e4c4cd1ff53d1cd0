"""Devices of the feeder, one file each; `catalogue` finds them all, the user's own included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosim.dispatch.devices.base import Device
from cosim.dispatch.devices.traits import Traits, told
from cosim.plugins import discover


def catalogue() -> dict[str, type[Device]]:
    """Return every device class that a scenario can name, by its ``kind``."""
    found = discover("cosim.dispatch.devices", "cosim.devices", Device)
    return {kind: device for kind, device in found.items() if not device.last_resort}


def all_kinds() -> dict[str, type[Device]]:
    """Return every device class by its ``kind``, the last resorts included."""
    return dict(discover("cosim.dispatch.devices", "cosim.devices", Device))


def traits_of(kinds: Mapping[str, Mapping[str, Any]]) -> dict[str, Traits]:
    """Return the traits of every kind: those that a run kept, for others those of the installed classes.

    Parameters
    ----------
    kinds
        What the run's manifest keeps of each kind; a run of an earlier version keeps nothing.
    """
    return {kind: device.traits() for kind, device in all_kinds().items()} | {
        kind: told(kind, kept) for kind, kept in kinds.items()
    }
