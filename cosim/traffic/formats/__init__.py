"""Readers of network files, one format a file; `read_network` and `read_trips` tell the format by what is there."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cosim.errors import InputError, Problem
from cosim.plugins import modules
from cosim.tables import read_table
from cosim.traffic.demand import OdDemand
from cosim.traffic.formats.base import Format
from cosim.traffic.network import RoadNetwork

TRIP_COLUMNS: dict[str, type] = {"origin": str, "destination": str, "trips_vph": float}


def formats() -> tuple[Format, ...]:
    """Return every format: ``FORMAT`` of each module of this package."""
    return tuple(module.FORMAT for module in modules(__name__).values() if hasattr(module, "FORMAT"))


def is_network(path: Path) -> bool:
    """Whether a path is a road network in a known format."""
    return any(form.find(path) is not None for form in formats())


def short_name(path: Path) -> str:
    """Return the name of a network without what tells its format.

    >>> short_name(Path("Two_Net.tntp"))
    'Two'
    """
    return next((form.short_name(path) for form in formats() if form.find(path) is not None), path.name)


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
    return form.usual_trips(place)


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
    beside = None if network_path is None else Path(network_path)
    header = ""
    if path.is_file():
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            header = file.readline()
    for form in formats():
        if form.trips is not None and form.owns_trips(path, header):
            return form.trips(path, beside)
    if not path.is_file():
        raise InputError(Problem(file=str(path), reason="there is no such trip table", remedy="name it"))
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
    for form in formats():
        if (place := form.find(path)) is not None:
            return form, place
    reason = "is no road network" if path.exists() else "is not there"
    remedy = "give a folder with nodes.csv and links.csv, or node.csv and link.csv (GMNS), or a *_net.tntp file"
    raise InputError(Problem(file=str(path), reason=reason, remedy=remedy))
