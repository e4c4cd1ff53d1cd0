"""What the files of the road side hold: streets and trips, in whatever format they stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from cosim.errors import InputError, Problem
from cosim.scenario import shipped
from cosim.scenario.files import ScenarioFiles
from cosim.scenario.road_sections import OdPair, RoadSource, Traffic, TripSource, road_source
from cosim.scenario.section import ID_RULE
from cosim.tables import Table
from cosim.traffic.formats import TRIP_COLUMNS, read_network, read_trips, trip_format
from cosim.traffic.formats.sumo_roads import OWN_NET
from cosim.traffic.network import RoadNetwork

Roads = str | RoadSource


def road_place(roads: Roads, files: ScenarioFiles) -> Path:
    """Return the folder or file of the streets.

    Raises
    ------
    InputError
        If there is none, or it leaves the scenario's folder.
    """
    return files.network(road_source(roads).network, shipped.ROADS)


def read_streets(roads: Roads, capacity_column: str, files: ScenarioFiles) -> RoadNetwork:
    """Return the streets, read once; what their reader had to say stands in ``remarks``.

    Raises
    ------
    InputError
        With file, line and field of every mistake.
    """
    place, options = road_place(roads, files), road_source(roads).options(capacity_column)
    return files.once(("streets", place, *options.items()), lambda: read_network(place, options))


def own_net(roads: Roads, files: ScenarioFiles) -> Path | None:
    """Return the SUMO network that lies beside the tables of roads that were imported from it; None where none does."""
    path = road_place(roads, files) / OWN_NET
    return path if path.is_file() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """OD pairs at profile value 1, the table that they stand in if it is a CSV, and what is to be known of them."""

    pairs: tuple[OdPair, ...]
    table: Table | None = None
    remarks: tuple[str, ...] = ()


def read_demand(traffic: Traffic, roads: Roads | None, files: ScenarioFiles) -> Trips:
    """Return the OD pairs of a scenario: its own list, or those of a file.

    Raises
    ------
    InputError
        If the file is missing, a value is wrong or negative.
    """
    demand = traffic.demand
    if isinstance(demand, tuple):
        return Trips(pairs=demand)
    source = demand if isinstance(demand, TripSource) else TripSource(file=demand)
    path = files.locate(source.file)
    if trip_format(path) is None and not source.options:
        return _of_csv(source.file, files)
    place = None if roads is None else road_place(roads, files)
    return files.once(("trips", source, place), lambda: _of_file(source, path, place))


def _of_csv(file: str, files: ScenarioFiles) -> Trips:
    table = files.table(file, TRIP_COLUMNS)
    negative = [
        table.problem(row, "trips_vph", f"{value:g} must be >= 0", "check the sign")
        for row, value in enumerate(table.columns["trips_vph"])
        if value < 0
    ]
    if negative:
        raise InputError(negative)
    rows = zip(*(table.columns[name] for name in TRIP_COLUMNS), strict=True)
    return Trips(pairs=tuple(OdPair(origin=o, destination=d, trips_vph=q) for o, d, q in rows), table=table)


def _of_file(source: TripSource, path: Path, place: Path | None) -> Trips:
    found = read_trips(path, place, source.options)
    rows = zip(found.origins, found.destinations, found.trips_vph[0].sum(axis=0).tolist(), strict=True)
    try:
        pairs = tuple(OdPair(origin=o, destination=d, trips_vph=q) for o, d, q in rows)
    except ValidationError as error:
        name = str(error.errors()[0]["input"])[:40]
        raise InputError(Problem(file=str(path), reason=f"zone {name!r} is not an id", remedy=ID_RULE)) from error
    return Trips(pairs=pairs, remarks=found.remarks)


def short(remarks: tuple[str, ...], files: ScenarioFiles) -> tuple[str, ...]:
    """Return remarks with files named as the scenario names them."""
    problems = files.displayed(Problem(reason=one) for one in remarks)
    return tuple(one.reason for one in problems)
