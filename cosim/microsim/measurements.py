"""What SUMO wrote: read, counted against what it told us while it ran, and turned into flows and times.

On a full disk SUMO ends with return code 0 and truncated files, so nothing is used before it is whole.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.errors import InputError, StorageError
from cosim.microsim.chargers import arrivals_vph, late_vehicles
from cosim.microsim.model import MicroDemand, MicroNet
from cosim.microsim.network import xml_text
from cosim.microsim.own_net import own_slice
from cosim.microsim.states import LinkSlice, MicroState, RunQuality, Session, StationSeries
from cosim.microsim.stations import StationQueues
from cosim.units import SECONDS_PER_HOUR, s_to_min
from cosim.xml_input import read_xml

EDGES, SLICES, TRIPS, STATISTICS = "edges.xml", "slices.xml", "trips.xml", "statistics.xml"
MOST_MB = 4096
ALL_EDGES: dict[str, object] = {"excludeEmpty": "defaults"}
"""Edges without vehicles are written too, with their free-flow time."""
Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What TraCI told while SUMO ran."""

    departed: int
    arrived: int
    teleports: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A vehicle's journey, s; ``arrival_s`` is negative if it did not arrive, ``stop_s`` the time it was parked."""

    depart_s: float
    arrival_s: float
    duration_s: float
    stop_s: float


def read_elements(path: Path) -> Iterator[tuple[str, Attributes]]:
    """Yield name and attributes of every element of a file that SUMO wrote.

    Raises
    ------
    StorageError
        If the file is missing, truncated, or no plain XML.
    """
    try:
        found = read_xml(path, most_mb=MOST_MB)
    except InputError as error:
        raise _incomplete(path, f"is not whole ({'; '.join(one.reason for one in error.problems)})") from error
    for element in found:
        yield element.tag, element.attributes


def _incomplete(path: Path, what: str) -> StorageError:
    free = shutil.disk_usage(path.parent).free if path.parent.exists() else 0
    return StorageError(
        f"SUMO's output '{path.name}' in '{path.parent}' {what}; nothing of this run is used; "
        f"{free / 2**20:.0f} MiB are free there: make room, or point TMPDIR to another disk"
    )


def write_measured(
    path: Path, *, window_s: tuple[float, float] | None, slice_s: float, junctions: bool = False
) -> None:
    """Tell SUMO what to measure.

    Parameters
    ----------
    path
        The file.
    window_s
        Begin and end of the measured time, s; None measures slices only.
    slice_s
        Length of the intervals that are measured besides, s; 0 for none.
    junctions
        Whether the ways across junctions are measured, too.
    """
    wanted = ALL_EDGES | ({"withInternal": "true"} if junctions else {})
    rows: list[tuple[str, dict[str, object]]] = []
    if window_s is not None:
        begin_s, end_s = (f"{one:.2f}" for one in window_s)
        rows.append(("edgeData", {"id": "window", "file": EDGES, "begin": begin_s, "end": end_s} | wanted))
    if slice_s > 0.0:
        rows.append(("edgeData", {"id": "slices", "file": SLICES, "begin": "0", "period": f"{slice_s:.2f}"} | wanted))
    path.write_text(xml_text("additional", rows), encoding="utf-8")


def read_slices(path: Path, net: MicroNet, bounds_s: Sequence[tuple[float, float]]) -> tuple[LinkSlice, ...]:
    """Return flows and times of the links in each interval of an edge data file.

    Parameters
    ----------
    path
        Output of ``edgeData`` with ``excludeEmpty="defaults"``.
    net
        Says which edges make up a link.
    bounds_s
        Begin and end of the intervals that must be there, s.

    Notes
    -----
    ``flow = (left + arrived) / duration`` on the last edge of a link (``left`` alone is 0 where trips end);
    ``time = sum of traveltime`` over its edges, the spur of a station not counted.
    """
    rows: list[tuple[float, float, dict[str, Attributes]]] = []
    for name, attributes in read_elements(path):
        if name == "interval":
            rows.append((float(attributes["begin"]), float(attributes["end"]), {}))
        elif name == "edge":
            rows[-1][2][attributes["id"]] = attributes
    have = [(begin, end) for begin, end, _ in rows]
    if have != [(round(begin, 2), round(end, 2)) for begin, end in bounds_s]:
        raise _incomplete(path, f"has the intervals {have}, not {list(bounds_s)}")
    return tuple(_slice(path, net, begin, end, edges) for begin, end, edges in rows)


def _slice(path: Path, net: MicroNet, begin_s: float, end_s: float, edges: Mapping[str, Attributes]) -> LinkSlice:
    measured = {edge for link in net.link_edges for edge in link}
    if missing := sorted(measured - set(edges)):
        raise _incomplete(path, f"lacks edge {', '.join(missing[:5])}")
    if net.own is not None:
        return own_slice(net, begin_s, end_s, edges)
    last = [edges[link[-1]] for link in net.link_edges]
    count = np.array([float(edge["left"]) + float(edge["arrived"]) for edge in last])
    times = [sum(float(edges[edge].get("traveltime", "nan")) for edge in link) for link in net.link_edges]
    return LinkSlice(
        begin_s=begin_s,
        end_s=end_s,
        link_flow_vph=count * SECONDS_PER_HOUR / (end_s - begin_s),
        link_time_min=np.where(count > 0, [s_to_min(time_s) for time_s in times], np.nan),
        link_time_n=count,
    )


def read_trips(path: Path) -> dict[str, Trip]:
    """Return the journeys of all vehicles that departed."""
    return {
        row["id"]: Trip(
            depart_s=float(row["depart"]),
            arrival_s=float(row["arrival"]),
            duration_s=float(row["duration"]),
            stop_s=float(row["stopTime"]),
        )
        for name, row in read_elements(path)
        if name == "tripinfo"
    }


def read_quality(path: Path, *, loaded: int, counted: Counted, parked: int) -> RunQuality:
    """Return the counters of a run, after comparing them with what TraCI told."""
    sections = dict(read_elements(path))
    try:
        vehicles, safety = sections["vehicles"], sections["safety"]
        teleports = int(sections["teleports"]["total"])
        inserted, running = int(vehicles["inserted"]), int(vehicles["running"])
        collisions, stops = int(safety["collisions"]), int(safety["emergencyStops"])
    except KeyError as error:
        raise _incomplete(path, f"lacks {error}") from None
    told = (counted.departed, counted.arrived, counted.teleports)
    if told != (inserted, inserted - running, teleports):
        wrote = f"{inserted} inserted, {inserted - running} arrived, {teleports} teleports"
        raise _incomplete(path, f"says {wrote}, while SUMO told {told[0]}, {told[1]}, {told[2]} as it ran")
    return RunQuality(
        loaded=loaded,
        inserted=inserted,
        arrived=inserted - running,
        running=running,
        never_inserted=loaded - inserted,
        teleports=teleports,
        collisions=collisions,
        emergency_stops=stops,
        parked=parked,
    )


def check_trips(path: Path, trips: Mapping[str, Trip], counted: Counted) -> None:
    """Refuse a trip file that does not have every vehicle that departed."""
    arrived = sum(trip.arrival_s >= 0.0 for trip in trips.values())
    if (len(trips), arrived) != (counted.departed, counted.arrived):
        has = f"has {len(trips)} vehicles, {arrived} of which arrived"
        raise _incomplete(path, f"{has}, while SUMO told {counted.departed} and {counted.arrived} as it ran")


def per_route(demand: MicroDemand, trips: Mapping[str, Trip], begin_s: float, end_s: float) -> tuple[Array, IntArray]:
    """Return mean time [min] and number of vehicles of each route that arrived in ``[begin, end)``, shape (R,).

    Time parked is not counted.
    """
    number = np.zeros(len(demand.routes), dtype=np.intp)
    total = np.zeros(len(demand.routes))
    for vehicle, route in zip(demand.vehicle_ids, demand.route.tolist(), strict=True):
        trip = trips.get(vehicle)
        if trip is None:
            continue
        if begin_s <= trip.arrival_s < end_s:
            number[route] += 1
            total[route] += s_to_min(trip.duration_s - trip.stop_s)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan), number


def window_state(
    demand: MicroDemand,
    links: LinkSlice,
    slices: tuple[LinkSlice, ...],
    trips: Mapping[str, Trip],
    queues: StationQueues,
    quality: RunQuality,
    *,
    spur_s: float,
    seed: int,
    cpu_s: float,
) -> MicroState:
    """Return a window's state from its links, journeys and stations."""
    path_time, path_n = per_route(demand, trips, links.begin_s, links.end_s)
    series, sessions = queues.series(), queues.sessions()
    return MicroState(
        links=links,
        stations=series if queues.banks else None,
        sessions=sessions,
        quality=quality,
        late_vehicles=late_vehicles(quality, links, arrivals_vph(series, links), spur_s),
        seed=seed,
        path_time_min=path_time,
        path_time_n=path_n,
        slices=slices,
        digest=digest((links, *slices), trips, series, sessions, quality),
        cpu_s=cpu_s,
    )


def digest(
    slices: Sequence[LinkSlice],
    trips: Mapping[str, Trip],
    stations: StationSeries,
    sessions: Sequence[Session],
    quality: RunQuality,
) -> str:
    """Return the SHA-256 of everything measured, in a form that does not depend on files or machines."""
    total = hashlib.sha256()
    for one in slices:
        for values in ((one.begin_s, one.end_s), one.link_flow_vph, one.link_time_min, one.link_time_n):
            total.update(np.asarray(values, dtype="<f8").tobytes())
    for name in StationSeries.__dataclass_fields__:
        if name != "names":
            total.update(np.ascontiguousarray(getattr(stations, name), dtype="<f8").tobytes())
    for rows in (sorted((vehicle, repr(trip)) for vehicle, trip in trips.items()), [repr(s) for s in sessions]):
        total.update(repr(rows).encode())
    total.update(repr((stations.names, quality)).encode())
    return total.hexdigest()
