"""Where the stations of SUMO's additional files stand: charging stations and parking areas by their edges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cosim.xml_input import LARGE_MB, read_xml

KINDS = frozenset({"chargingStation", "parkingArea"})


def read_stations(paths: Sequence[Path]) -> dict[str, str]:
    """Return the edge of every charging station and parking area, by its id."""
    return {
        one.attributes.get("id", ""): one.attributes.get("lane", "").rpartition("_")[0]
        for path in paths
        for one in read_xml(path, KINDS, most_mb=LARGE_MB)
        if one.tag in KINDS
    }
