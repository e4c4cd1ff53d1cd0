"""Bring the roads and the demand of a SUMO network into our tables, with the network beside them."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cosim.errors import InputError, StorageError, UsageError
from cosim.microsim.osm import osm_to_net
from cosim.microsim.scratch import Scratch
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.formats.osm import MOST_AWAY_M, nearest_edges, read_chargers
from cosim.traffic.formats.sumo_demand import read_demand, read_districts
from cosim.traffic.formats.sumo_net import PASSENGER, SumoNet, read_sumo_net
from cosim.traffic.formats.sumo_roads import (
    ALPHA,
    BETA,
    OWN_NET,
    OWN_SIGNALS,
    SHORTEST_STATION_M,
    SumoRoads,
    plain_names,
    roads_of,
)
from cosim.traffic.formats.sumo_signals import write_programs
from cosim.traffic.formats.sumo_stations import read_stations
from cosim.traffic.network import RoadNetwork

NODES, LINKS, TRIPS, LEFT_OUT, STATIONS = "nodes.csv", "links.csv", "trips.csv", "left_out.csv", "stations.csv"
_DIGITS = ".9g"
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadSource:
    """What belongs to a network, and what of it is wanted.

    Attributes
    ----------
    trips
        Files of trips, routes, flows or tazRelations.
    additional
        Additional files: districts, signal programs, charging stations and parking areas.
    stations
        Edges on which further stations stand.
    vclass
        SUMO's class of vehicles.
    begin_s, end_s
        Stretch of the demand, s; None: all of it.
    step_s
        Step of SUMO that the capacities hold for, s.
    """

    trips: tuple[Path, ...] = ()
    additional: tuple[Path, ...] = ()
    stations: tuple[str, ...] = ()
    vclass: str = PASSENGER
    begin_s: float | None = None
    end_s: float | None = None
    step_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImportedRoads:
    """Roads that were written.

    Attributes
    ----------
    folder
        Where the tables lie.
    roads, network
        What was read, and the roads as a scenario will see them.
    stations
        Names of the stations, and the nodes at which they stand.
    remarks
        What should be known of it all.
    """

    folder: Path
    roads: SumoRoads
    network: RoadNetwork
    stations: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]

    @property
    def scenario_lines(self) -> tuple[str, ...]:
        """Lines of a scenario that uses the roads."""
        name = self.folder.name
        demand = (f"traffic: {{demand: {name}/{TRIPS}, theta_per_min: 0.5}}",) if self.roads.trips_vph else ()
        nodes = ", ".join(f"{{name: {one}, node: {node!r}, ...}}" for one, node in self.stations)
        return (f"roads: {name}", *demand, *((f"stations: [{nodes}]",) if nodes else ()))


def import_sumo(net_file: Path | str, out: Path | str, source: RoadSource | None = None) -> ImportedRoads:
    """Read a SUMO network with its demand, and write our tables, the demand and the network into a folder.

    Parameters
    ----------
    net_file
        The network, ``*.net.xml``; read as data.
    out
        New or empty folder.
    source
        Demand, additional files, stations.

    Raises
    ------
    InputError
        With file and line of what is wrong, and if nothing is left to drive on.
    UsageError
        If the folder holds anything.
    StorageError
        If it cannot be written.
    """
    source = source or RoadSource()
    _check_free(Path(out))
    net = read_sumo_net(net_file, vclass=source.vclass, additional=source.additional)
    return _imported(net, Path(out), source, read_stations(source.additional))


def import_osm(
    osm_file: Path | str, out: Path | str, source: RoadSource | None = None, *, service_cars: bool = False
) -> ImportedRoads:
    """Make a SUMO network of an extract of OpenStreetMap, and go on as `import_sumo`; its chargers are stations.

    Parameters
    ----------
    osm_file
        The extract, OSM's XML.
    out, source
        As for `import_sumo`; edges are named after their ways.
    service_cars
        Whether cars may use ``highway=service``.

    Raises
    ------
    InputError
        If the file is no extract, or holds no road for cars.
    UsageError
        If the folder holds anything, or the file is packed.
    """
    source, osm_file = source or RoadSource(), Path(osm_file)
    _check_free(Path(out))
    with Scratch() as name:
        net_file = Path(name) / OWN_NET
        told = osm_to_net(osm_file, net_file, service_cars=service_cars)
        try:
            net = read_sumo_net(net_file, vclass=source.vclass, additional=source.additional)
        except InputError as error:  # of a file that the user never saw
            raise InputError([replace(problem, file=str(osm_file)) for problem in error.problems]) from error
        chargers, lost = nearest_edges(net, read_chargers(osm_file), least_m=SHORTEST_STATION_M)
        if lost:
            shown = ", ".join(lost[:_SHOWN])
            far = f"{len(lost)} charging stations stand within {MOST_AWAY_M:g} m of no edge for cars: nodes {shown}"
            told = (*told, far)
        stations = {f"osm_{node}": edge for node, edge in chargers.items()} | read_stations(source.additional)
        return _imported(net, Path(out), source, stations, told)


def _imported(
    net: SumoNet, out: Path, source: RoadSource, named: Mapping[str, str], told: tuple[str, ...] = ()
) -> ImportedRoads:
    demand = None
    if source.trips:
        demand = read_demand(source.trips, vclass=source.vclass, begin_s=source.begin_s, end_s=source.end_s)
    places = _places(net, source, named)
    lost = [name for name, edge in named.items() if edge not in net.edges]
    if lost:
        shown = ", ".join(lost[:_SHOWN])
        told = (*told, f"{len(lost)} stations on no edge open to {source.vclass} are left out: {shown}")
    roads = roads_of(
        net, demand, districts=read_districts(source.additional), step_s=source.step_s,
        stations=tuple(edge for _, edge in places),
    )  # fmt: skip
    stations = [(name, roads.node_of[edge]) for name, edge in places]
    network = _written(roads, out, net.path, source.additional, stations)
    return ImportedRoads(
        folder=out, roads=roads, network=network, stations=tuple(stations), remarks=(*told, *roads.remarks)
    )


def _places(net: SumoNet, source: RoadSource, named: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return name and edge of the stations; of several on one edge the first."""
    first: dict[str, str] = {}
    for name, edge in (*named.items(), *((edge, edge) for edge in source.stations)):
        if edge in net.edges or name == edge:
            first.setdefault(edge, name)
    plain = plain_names(first.values())
    return [(plain[name], edge) for edge, name in first.items()]


def _check_free(folder: Path) -> None:
    """Refuse a folder that holds anything."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"'{folder}' is not an empty folder; choose another")


def _written(
    roads: SumoRoads, folder: Path, net_file: Path, additional: Sequence[Path], places: Sequence[tuple[str, str]]
) -> RoadNetwork:
    """Write everything beside the target, read the roads back, and only then move it there."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".import-") as temporary:
            staged = Path(temporary) / "roads"
            staged.mkdir()
            for name, rows in _tables(roads, places):
                with (staged / name).open("w", encoding="utf-8", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerows(rows)
            shutil.copyfile(net_file, staged / OWN_NET)
            write_programs(additional, staged / OWN_SIGNALS)
            network = read_road_network(staged)
            folder.mkdir(exist_ok=True)
            for path in sorted(staged.iterdir()):
                shutil.move(path, folder / path.name)
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be written: {error.strerror}") from error
    return network


Rows = list[list[str]]


def _tables(roads: SumoRoads, places: Sequence[tuple[str, str]]) -> Iterable[tuple[str, Rows]]:
    nodes = [[one.id, f"{one.x:.2f}", f"{one.y:.2f}", str(int(one.zone)), one.junction] for one in roads.nodes]
    yield NODES, [["id", "x", "y", "zone", "junction"], *nodes]
    links = [
        [
            one.id, one.from_node, one.to_node,
            *(_number(value) for value in (one.free_flow_min, one.capacity_vph, ALPHA, BETA)),
            *(_number(value) for value in (one.length_km, one.lanes, one.speed_kmh)), one.edge,
        ]
        for one in roads.links
    ]  # fmt: skip
    header = ["id", "from_node", "to_node", "free_flow_min", "capacity_vph", "alpha", "beta"]
    yield LINKS, [[*header, "length_km", "lanes", "speed_kmh", "edge"], *links]
    if roads.trips_vph:
        trips = [[*pair, format(vph, _DIGITS)] for pair, vph in roads.trips_vph.items()]
        yield TRIPS, [["origin", "destination", "trips_vph"], *trips]
    yield LEFT_OUT, [["edge", "reason"], *(list(row) for row in roads.left_out)]
    if places:
        yield STATIONS, [["name", "node"], *(list(row) for row in places)]


def _number(value: float | None) -> str:
    return "" if value is None else format(value, _DIGITS)
