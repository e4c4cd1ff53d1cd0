"""What a format of road networks tells: how it is recognised, and who reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cosim.traffic.demand import OdDemand
from cosim.traffic.network import RoadNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way in which networks are written: ``FORMAT`` of a module of this package.

    Attributes
    ----------
    name
        As users know it.
    find
        Returns what the reader takes (None if this is not the format) from the path that a user gave.
    network
        The reader; its further parameters are options.
    usual_trips
        Returns the usual place of the trips of a network.
    owns_trips
        Whether a trip table is written so, by its path and first line.
    trips
        Reads one, with the path of the network that it belongs to, if that is known.
    short_name
        Returns the name of a network without what tells its format.
    """

    name: str
    find: Callable[[Path], Path | None]
    network: Callable[..., RoadNetwork]
    usual_trips: Callable[[Path], Path]
    owns_trips: Callable[[Path, str], bool] = lambda _path, _header: False
    trips: Callable[[Path, Path | None], OdDemand] | None = None
    short_name: Callable[[Path], str] = lambda path: path.name


def folder_with(*names: str) -> Callable[[Path], Path | None]:
    """Return what finds a folder by the files in it."""
    return lambda path: path if all((path / name).is_file() for name in names) else None
