"""Cross-checks of the road side: network, stations at nodes, OD pairs and whether a path joins them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cosim.errors import InputError
from cosim.scenario.checking import Check, unknown
from cosim.scenario.files import ScenarioFiles
from cosim.scenario.road_files import read_demand, read_streets, road_place, short
from cosim.scenario.road_sections import OdPair, Traffic, is_csv, road_source
from cosim.tables import Table, did_you_mean, read_table
from cosim.traffic.calibration import LAW_COLUMNS, LinkLaw, law_of_rows
from cosim.traffic.formats.csv import LINK_COLUMNS, optional_link_columns
from cosim.traffic.laws import LAWS
from cosim.traffic.methods import METHODS
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import reachable
from cosim.traffic.route_models import lists_paths
from cosim.units import min_to_h

_MANY_TIMES = 100.0
AS_CHARGERS = "give chargers, charger_kw, access_min in place of free_flow_min, capacity_vph"
MOST_PER_LANE_VPH = 3000.0
_FASTEST_KMH, _SLOWEST_KMH = 200.0, 3.0


def check(found: Check) -> None:
    """Check everything that needs the road network."""
    scenario = found.scenario
    if scenario.roads is None:
        return
    _capabilities(found)
    network = read_network(found)
    if network is None:
        return
    found.network = network
    for number, station in enumerate(scenario.stations):
        path = f"stations.{number}"
        if station.node is None:
            found.at(path, f"station {station.name!r} has no node", "add 'node: ...', its road node")
        elif station.node not in network.node_ids:
            place = road_source(scenario.roads).network
            reason = f"station {station.name!r} is at node {station.node}, which network {place!r} lacks"
            found.at(f"{path}.node", reason, unknown(station.node, network.node_ids))
        if station.name in network.link_ids:
            found.at(f"{path}.name", f"{station.name!r} is also a road link's id", "rename the station")
    if scenario.traffic is not None:
        _demand(found, scenario.traffic, network)
        if (file := scenario.traffic.link_law_file) is not None:
            found.attempt("traffic.link_law_file", lambda: read_link_law(file, found.files))


def read_network(found: Check) -> RoadNetwork | None:
    """Return the road network, or None after noting why it cannot be read."""
    roads, traffic = found.scenario.roads, found.scenario.traffic
    if roads is None:
        return None
    column = traffic.capacity_column if traffic is not None else "capacity_vph"
    place = found.attempt("roads", lambda: road_place(roads, found.files))
    if place is None:
        return None
    before = len(found.mistakes)
    network: RoadNetwork | None = found.attempt("roads", lambda: read_streets(roads, column, found.files))
    if network is not None and is_csv(place):
        found.attempt("roads", lambda: _check_plausible(place, column))
    for number, problem in enumerate(found.mistakes[before:], start=before):
        if problem.field == column and problem.line == 1 and "no such" in problem.reason:
            found.mistakes.pop(number)
            found.at("traffic.capacity_column", f"{column!r}: {problem.reason} in links.csv", problem.remedy)
    return network


def _check_plausible(folder: Path, capacity_column: str) -> None:
    """Refuse links whose lanes cannot carry their capacity, or whose length and time imply an odd speed."""
    links = read_table(folder / "links.csv", LINK_COLUMNS, optional_link_columns())
    rows = range(len(links))
    nothing = [None] * len(links)
    capacity, time = links.columns[capacity_column], links.columns["free_flow_min"]
    lanes, length = links.columns.get("lanes", nothing), links.columns.get("length_km", nothing)
    problems = [
        links.problem(row, capacity_column, f"{capacity[row]:g} on {lanes[row]} lanes exceeds 3000 each", "veh/day?")
        for row in rows
        if lanes[row] and capacity[row] > MOST_PER_LANE_VPH * lanes[row]
    ]
    for row in rows:
        if length[row] and time[row] > 0.0:
            speed_kmh = length[row] / min_to_h(time[row])
            if not _SLOWEST_KMH <= speed_kmh <= _FASTEST_KMH:
                remedy = "is the time in seconds?" if speed_kmh < _SLOWEST_KMH else "is the length in m?"
                reason = f"{time[row]:g} min for {length[row]:g} km means {speed_kmh:.3g} km/h"
                problems.append(links.problem(row, "free_flow_min", reason, remedy))
    if problems:
        raise InputError(problems)


def _capabilities(found: Check) -> None:
    traffic = found.scenario.traffic
    known = ["auto", *METHODS]
    if traffic is not None and traffic.method not in known:
        found.at("traffic.method", f"{traffic.method!r} is unknown", did_you_mean(traffic.method, known))
    if traffic is not None and not lists_paths(traffic.paths):
        found.at("traffic.paths", f"{traffic.paths!r} is unknown", "known: all, k=NUMBER such as k=10")
    if traffic is not None and traffic.method != "msa" and traffic.paper_step_test_vph is not None:
        reason = "only the method msa has this test"
        found.at("traffic.paper_step_test_vph", reason, "set traffic.method to msa, or remove the test")
    ev = found.scenario.ev
    for place, station in enumerate(found.scenario.stations):
        if LAWS[station.law.kind].needs_servers and station.chargers is None:
            reason, remedy = f"{station.law.kind!r} needs the number of chargers", AS_CHARGERS
            found.at(f"stations.{place}.law", reason, remedy)
        if ev is not None and ev.charging_load == "kernel" and station.charger_kw is None:
            reason = f"station {station.name!r}: 'charging_load: kernel' needs its access and service time apart"
            found.at(f"stations.{place}", reason, AS_CHARGERS)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """OD pairs with the way to point at one of them."""

    pairs: tuple[OdPair, ...]
    table: Table | None

    def note(self, found: Check, row: int, key: str, reason: str, remedy: str, *, warn: bool = False) -> None:
        """Note a mistake at a pair, in the YAML or in its CSV file."""
        if self.table is None:
            found.at(f"traffic.demand.{row}.{key}", reason, remedy, warn=warn)
        else:
            (found.warnings if warn else found.mistakes).append(self.table.problem(row, key, reason, remedy))


def read_link_law(file: str, files: ScenarioFiles) -> LinkLaw:
    """Return the fitted law of a file with the columns ``parameter`` and ``value``.

    Raises
    ------
    InputError
        If the file is missing, or a parameter is unknown, missing or outside its bounds.
    """
    table = files.table(file, LAW_COLUMNS)
    try:
        return law_of_rows(table.columns["parameter"], table.columns["value"])
    except InputError as error:
        raise InputError([replace(problem, file=table.file) for problem in error.problems]) from error


def _demand(found: Check, traffic: Traffic, network: RoadNetwork) -> None:
    read = found.attempt("traffic.demand", lambda: read_demand(traffic, found.scenario.roads, found.files))
    if read is None:
        return
    for remark in short(read.remarks, found.files):
        found.at("traffic.demand", remark, warn=True)
    od = _Pairs(read.pairs, read.table)
    found.pairs = od.pairs
    if not od.pairs:
        if found.whole("traffic"):
            found.at("traffic.demand", "there is no OD pair", "add one")
        return
    first: dict[tuple[str, str], int] = {}
    reached: dict[str, frozenset[str]] = {}
    for row, pair in enumerate(od.pairs):
        _pair(found, od, row, network, reached)
        seen = first.setdefault((pair.origin, pair.destination), row)
        if seen != row:
            reason = f"the pair {pair.origin!r} to {pair.destination!r} stands twice (also number {seen + 1})"
            od.note(found, row, "origin", reason, "merge them")
    total = sum(pair.trips_vph for pair in od.pairs)
    if total == 0 and found.whole("traffic"):
        found.at("traffic.demand", "all trips are 0", "check the period", warn=True)
    capacity = float(network.capacity_vph.sum())
    if total > _MANY_TIMES * capacity:
        largest = int(np.argmax([pair.trips_vph for pair in od.pairs]))
        reason = f"{total:g} trips per hour in all are {total / capacity:.0f} times the capacity of all links"
        od.note(found, largest, "trips_vph", reason, "are the units veh/h?")


def _pair(found: Check, od: _Pairs, row: int, network: RoadNetwork, reached: dict[str, frozenset[str]]) -> None:
    pair = od.pairs[row]
    ends = {"origin": pair.origin, "destination": pair.destination}
    lacking = [key for key, node in ends.items() if node not in network.node_ids]
    for key in lacking:
        reason = f"node {ends[key]!r} is not in network {road_source(found.scenario.roads or '').network!r}"
        od.note(found, row, key, reason, unknown(ends[key], network.node_ids))
    if lacking:
        return
    if pair.origin == pair.destination:
        od.note(found, row, "destination", f"{pair.destination!r} is also the origin", "remove the pair")
        return
    if pair.origin not in reached:
        reached[pair.origin] = reachable(network, pair.origin)
    if pair.destination not in reached[pair.origin]:
        reason = f"no path leads from {pair.origin!r} to {pair.destination!r}"
        od.note(found, row, "destination", reason, "add links, or remove the pair")
