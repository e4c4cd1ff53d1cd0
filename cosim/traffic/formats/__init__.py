"""Readers of network files; `read_network` and `read_trips` tell the format by what is there."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cosim.errors import InputError, Problem
from cosim.tables import read_table
from cosim.traffic.demand import OdDemand
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.formats.gmns import read_gmns_network, read_gmns_trips
from cosim.traffic.formats.tntp import read_tntp_network, read_tntp_trips
from cosim.traffic.network import RoadNetwork

TRIP_COLUMNS: dict[str, type] = {"origin": str, "destination": str, "trips_vph": float}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way in which networks are written.

    ``find`` returns what the readers take (None if this is not the format) from the path that a user
    gave; ``trips`` the usual place of the trips of a network.
    """

    name: str
    find: Callable[[Path], Path | None]
    network: Callable[..., RoadNetwork]
    trips: Callable[[Path], Path]


_NET = re.compile(r"_net(?:work)?(?=[._])", re.IGNORECASE)
"""What tells a network file in the TNTP format by its name, in any case: ``Two_Net.tntp``, ``x_network_2016.tntp``."""


def _tntp(path: Path) -> Path | None:
    if path.is_dir():
        found = [one for one in sorted(path.iterdir()) if one.suffix.lower() == ".tntp" and _NET.search(one.name)]
        return found[0] if len(found) == 1 else None
    return path if path.suffix.lower() == ".tntp" else None


def _tntp_trips(path: Path) -> Path:
    """Return the trips beside a network file, whatever the case of its name."""
    wanted = _NET.sub("_trips", path.name)
    if wanted == path.name:
        reason = "the name does not tell where the trips stand (NAME_net.tntp, NAME_trips.tntp)"
        raise InputError(Problem(file=str(path), reason=reason, remedy="name the trip table, too"))
    beside = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    return next((one for one in beside if one.name.lower() == wanted.lower()), path.with_name(wanted))


def short_name(path: Path) -> str:
    """Return the name of a network without what tells its format.

    >>> short_name(Path("Two_Net.tntp"))
    'Two'
    """
    return _NET.sub("", path.stem + ".").rstrip(".") if path.suffix.lower() == ".tntp" else path.name


def _folder_with(*names: str) -> Callable[[Path], Path | None]:
    return lambda path: path if all((path / name).is_file() for name in names) else None


FORMATS = (
    Format(
        name="cosim CSV",
        find=_folder_with("nodes.csv", "links.csv"),
        network=read_road_network,
        trips=lambda folder: folder / "trips.csv",
    ),
    Format(
        name="GMNS",
        find=_folder_with("node.csv", "link.csv"),
        network=read_gmns_network,
        trips=lambda folder: folder / "demand.csv",
    ),
    Format(
        name="TNTP",
        find=_tntp,
        network=read_tntp_network,
        trips=_tntp_trips,
    ),
)


def read_network(path: Path | str, options: Mapping[str, Any] | None = None) -> RoadNetwork:
    """Read a road network in whatever format it stands there.

    Parameters
    ----------
    path
        A folder with nodes.csv and links.csv, a GMNS folder (node.csv, link.csv), a ``*_net.tntp`` file,
        or a folder with exactly one.
    options
        Options of the format's reader, e.g. ``toll_min`` of TNTP and GMNS.

    Raises
    ------
    InputError
        If nothing known is there, an option is unknown to the format, or the files are wrong.
    """
    form, place = _recognise(Path(path))
    if unknown := [name for name in options or {} if name not in inspect.signature(form.network).parameters]:
        raise InputError(f"a network in the format {form.name} takes no {', '.join(unknown)}")
    return form.network(place, **(options or {}))


def usual_trips(path: Path | str) -> Path:
    """Return where the trips of a network stand, if they are where its format puts them."""
    form, place = _recognise(Path(path))
    return form.trips(place)


def read_trips(path: Path | str, network_path: Path | str | None = None) -> OdDemand:
    """Read trips of one class for one period: ``*.tntp``, GMNS (o_zone_id, ...), or origin,destination,trips_vph.

    Parameters
    ----------
    path
        The file.
    network_path
        The network that it belongs to; GMNS looks up its zones there, TNTP compares their number.

    Raises
    ------
    InputError
        With file and line of every mistake.
    """
    path = Path(path)
    if path.suffix.lower() == ".tntp":
        return read_tntp_trips(path, None if network_path is None else _tntp(Path(network_path)))
    if not path.is_file():
        raise InputError(Problem(file=str(path), reason="there is no such trip table", remedy="name it"))
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    if "o_zone_id" in header:
        nodes = None if network_path is None else Path(network_path) / "node.csv"
        return read_gmns_trips(path, nodes)
    return _read_pairs(path)


def _read_pairs(path: Path) -> OdDemand:
    table = read_table(path, TRIP_COLUMNS)
    pairs = zip(table.columns["origin"], table.columns["destination"], strict=True)
    problems = table.duplicates("origin", "destination")
    for row, (pair, trips) in enumerate(zip(pairs, table.columns["trips_vph"], strict=True)):
        if pair[0] == pair[1]:
            problems.append(table.problem(row, "destination", f"the pair leads from {pair[0]!r} to itself"))
        if trips < 0:
            problems.append(table.problem(row, "trips_vph", f"{trips:g} must be >= 0"))
    if problems:
        raise InputError(problems)
    return OdDemand(
        origins=tuple(table.columns["origin"]),
        destinations=tuple(table.columns["destination"]),
        classes=("all",),
        trips_vph=np.array(table.columns["trips_vph"], dtype=np.float64).reshape(1, 1, len(table)),
    )


def _recognise(path: Path) -> tuple[Format, Path]:
    for form in FORMATS:
        if (place := form.find(path)) is not None:
            return form, place
    reason = "is no road network" if path.exists() else "is not there"
    remedy = "give a folder with nodes.csv and links.csv, or node.csv and link.csv (GMNS), or a *_net.tntp file"
    raise InputError(Problem(file=str(path), reason=reason, remedy=remedy))
