"""Readers of network files, one format a file; `read_network` and `read_trips` tell the format by what is there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cosim.errors import InputError, Problem
from cosim.plugins import each_module
from cosim.tables import read_table
from cosim.traffic.demand import OdDemand
from cosim.traffic.formats.base import Format, Zones
from cosim.traffic.formats.matrix import at_nodes
from cosim.traffic.network import RoadNetwork

MOST_HEADER = 10_000
"""Characters of a trip table's first line that tell its format."""
TRIP_COLUMNS: dict[str, type] = {"origin": str, "destination": str, "trips_vph": float}


def formats() -> Iterator[Format]:
    """Yield every format, ``FORMAT`` of each module of this package: one that is found early loads no others."""
    return (module.FORMAT for module in each_module(__name__) if hasattr(module, "FORMAT"))


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
    if form.network is None:
        raise InputError(Problem(file=str(path), reason=f"{form.name} holds trips alone", remedy="name a network"))
    _check_options(form.network, options or {}, f"a network in the format {form.name}")
    return form.network(place, **(options or {}))


def usual_trips(path: Path | str) -> Path:
    """Return where the trips of a network stand, if they are where its format puts them."""
    form, place = _recognise(Path(path))
    return form.usual_trips(place)


def read_trips(
    path: Path | str, network_path: Path | str | None = None, options: Mapping[str, Any] | None = None
) -> OdDemand:
    """Read trips of one class for one period, in whatever format they stand there.

    Parameters
    ----------
    path
        A CSV (origin, destination, trips_vph), a GMNS table (o_zone_id, ...), ``*.tntp``, ``*.omx``, or VISUM's ``$O``.
    network_path
        The network that it belongs to: it tells at which node a zone is. TNTP compares the number of zones, too.
    options
        Options of the format's reader, e.g. ``matrix`` of OMX.

    Raises
    ------
    InputError
        With file and line of every mistake.
    """
    path, options = Path(path), options or {}
    beside = None if network_path is None else Path(network_path)
    form = trip_format(path)
    if not path.is_file():
        raise InputError(Problem(file=str(path), reason="there is no such trip table", remedy="name it"))
    if form is None or form.trips is None:
        _check_options(_read_pairs, options, "a table of pairs")
        return _read_pairs(path)
    _check_options(form.trips, options, f"a trip table in the format {form.name}")
    found = form.trips(path, beside, **options)
    zones = _zones(beside) if form.by_zone and beside is not None else None
    return found if zones is None else at_nodes(found, zones, str(path))


def trip_format(path: Path) -> Format | None:
    """Return the format of a trip table; None of the table of pairs (origin, destination, trips_vph)."""
    header = ""
    if path.is_file():
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            header = file.readline(MOST_HEADER)
    return next((form for form in formats() if form.trips is not None and form.owns_trips(path, header)), None)


def _zones(network_path: Path) -> Zones | None:
    form, place = _recognise(network_path)
    return None if form.zones is None else form.zones(place)


def _check_options(reader: Callable[..., Any], options: Mapping[str, Any], what: str) -> None:
    if unknown := [name for name in options if name not in inspect.signature(reader).parameters]:
        raise InputError(f"{what} takes no {', '.join(unknown)}")


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
