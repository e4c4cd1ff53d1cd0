"""What a format of road networks or trip tables tells: how it is recognised, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cosim.traffic.demand import OdDemand
from cosim.traffic.network import RoadNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """The nodes at which the zones of a network begin and end.

    Attributes
    ----------
    node_of
        Node by zone.
    shared
        Zones that several nodes claim.
    """

    node_of: Mapping[str, str]
    shared: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way in which networks or trips are written: ``FORMAT`` of a module of this package.

    Attributes
    ----------
    name
        As users know it.
    find
        Returns what the reader takes (None if this is not the format) from the path that a user gave.
    network
        The reader; its further parameters are options. None of a format of trips alone.
    usual_trips
        Returns the usual place of the trips of a network.
    zones
        Returns where the zones of a network begin and end; None where a zone is the node of its name.
    owns_trips
        Whether a trip table is written so, by its path and first line.
    trips
        Reads one, with the path of the network that it belongs to, if that is known; further parameters are options.
    by_zone
        Whether the trips are those between zones, not nodes.
    short_name
        Returns the name of a network without what tells its format.
    """

    name: str
    find: Callable[[Path], Path | None] = lambda _path: None
    network: Callable[..., RoadNetwork] | None = None
    usual_trips: Callable[[Path], Path] = lambda path: path
    zones: Callable[[Path], Zones] | None = None
    owns_trips: Callable[[Path, str], bool] = lambda _path, _header: False
    trips: Callable[..., OdDemand] | None = None
    by_zone: bool = False
    short_name: Callable[[Path], str] = lambda path: path.name


def folder_with(*names: str) -> Callable[[Path], Path | None]:
    """Return what finds a folder by the files in it."""
    return lambda path: path if all((path / name).is_file() for name in names) else None
