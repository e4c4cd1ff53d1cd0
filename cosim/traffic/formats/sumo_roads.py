"""From a SUMO network and its demand to our roads: a link an edge, a link a movement, and what lies between the trips.

Every edge has a node where it begins and one where it ends, and a turn link leads from the end of one to the beginning
of another, where a movement exists: no route leaves the connections of the network. Edges on which trips begin or end,
or a station stands, are cut in half; the node between, on which they do, is named after the edge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.errors import InputError, Problem
from cosim.tables import did_you_mean
from cosim.traffic.formats.sumo_demand import DISTRICT, District, Pair, SumoDemand
from cosim.traffic.formats.sumo_net import Edge, Lane, Movement, SumoNet
from cosim.traffic.formats.sumo_reach import Reach, between, needed_turnarounds, reach_of
from cosim.units import KILO_PER_MEGA, SECONDS_PER_HOUR, s_to_min

OWN_NET, OWN_SIGNALS = "net.net.xml", "signals.add.xml"
"""What lies beside the tables: the network, and the signal programs that replace its own."""
ALPHA, BETA = 0.15, 4.0
LEAST_TURN_S = 0.1
"""Turn links take at least this: link-based routes need progress."""
SATURATION_KMH, SATURATION_VPH = (30.0, 50.0, 70.0), (1600.0, 2000.0, 2240.0)
"""What a lane of green takes straight on, veh/h, by speed: SUMO's default car at a step of 0.5 s."""
TURNING_VPH = 1575.0
"""What a lane of green takes that turns."""
YIELDING_VPH = 930.0
"""What a lane takes that gives way, at 600 conflicting veh/h (at 200 it is 1,395, at 1,000 605)."""
OF_STEP = {0.1: 2180.0 / 2000.0, 0.5: 1.0, 1.0: 1800.0 / 2000.0}
"""Saturation at a step of SUMO, s, over that at 0.5 s."""
STRAIGHT = "s"
"""Direction of a movement that turns nowhere."""
SHORTEST_STATION_M = 20.0
_SHOWN, _LONGEST = 5, 56


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A row of ``links.csv``; ``edge`` is the edge of SUMO, or the internal edges of a turn, empty for a connector."""

    id: str
    from_node: str
    to_node: str
    free_flow_min: float
    capacity_vph: float
    edge: str
    length_km: float | None = None
    lanes: int | None = None
    speed_kmh: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """A row of ``nodes.csv``."""

    id: str
    x: float
    y: float
    junction: str = ""
    zone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SumoRoads:
    """What goes into the tables.

    Attributes
    ----------
    nodes, links
        Their rows.
    trips_vph
        By the nodes of origin and destination.
    node_of
        Node at which trips of each edge or district begin and end.
    left_out
        Edges, and why each is left out.
    remarks
        What should be known.
    """

    nodes: tuple[NodeRow, ...]
    links: tuple[LinkRow, ...]
    trips_vph: Mapping[Pair, float]
    node_of: Mapping[str, str]
    left_out: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]


def roads_of(
    net: SumoNet,
    demand: SumoDemand | None,
    *,
    districts: Mapping[str, District] | None = None,
    stations: Sequence[str] = (),
    step_s: float = 1.0,
) -> SumoRoads:
    """Return the roads of a network.

    Parameters
    ----------
    net
        The network.
    demand
        Trips between edges or districts; None keeps every edge, and cuts all of them, so that trips may begin anywhere.
    districts
        By the names that the demand uses.
    stations
        Edges on which stations stand.
    step_s
        Step of SUMO that the capacities hold for, s: 0.1, 0.5 or 1.

    Raises
    ------
    InputError
        Naming every station's edge that is not there or too short, and if no trip has a way.
    """
    if step_s not in OF_STEP:
        reason = f"capacities are known at steps of {', '.join(f'{step:g}' for step in OF_STEP)} s"
        raise InputError(Problem(field="step", reason=reason, remedy="take one of them"))
    _check_stations(net, stations)
    zones = _zones(net, demand, districts or {})
    trips, reasons = _possible(net, demand, zones)
    reach = reach_of(net, trips, zones)
    kept = between(net, reach)
    back = needed_turnarounds(reach)
    trips, lost = _with_way(trips, reach, back)
    if demand is not None and not trips:
        reason = "no trip of the demand has a way over edges and connections open to it"
        raise InputError(Problem(file=net.path.name, reason=reason, remedy="; ".join((*reasons, *lost)) or "check it"))
    _check_reached(net, stations, kept)
    names = plain_names([*net.edges, *zones])
    rows = _Rows(net=net, kept=kept, names=names, factor=OF_STEP[step_s])
    ways = [one for pair, one in net.movements.items() if kept.issuperset(pair)] + [
        net.turnarounds[one] for one in back
    ]
    used = dict.fromkeys(end for pair in trips for end in pair) if demand is not None else dict.fromkeys(kept)
    cut = {edge for zone in used for edge in _edges_of(zone, zones)} | set(stations)
    nodes, links = rows.tables(ways, cut & kept, [zones[zone] for zone in used if zone in zones])
    return SumoRoads(
        nodes=nodes,
        links=links,
        trips_vph={(names[origin], names[destination]): vph for (origin, destination), vph in trips.items()},
        node_of=names,
        left_out=tuple(_left_out(net, kept)),
        remarks=(*net.remarks, *(() if demand is None else demand.remarks), *reasons, *lost, *_told(net, kept, back)),
    )


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Return names of letters, digits, ``_``, ``.`` and ``-`` alone, at most 64, as scenarios have them; all different.

    >>> plain_names(["-101#0", "taz:1", "a b", "a:b"])
    {'-101#0': '-101.0', 'taz:1': 'taz.1', 'a b': 'a.b', 'a:b': 'a.b.2'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_.-]", ".", name)[:_LONGEST]
        tried, number = plain, 1
        while tried in taken:
            number += 1
            tried = f"{plain}.{number}"
        taken.add(tried)
        found[name] = tried
    return found


def _zones(net: SumoNet, demand: SumoDemand | None, districts: Mapping[str, District]) -> dict[str, District]:
    """Return the districts that the demand names, with the edges that are open."""
    ends = dict.fromkeys(end for pair in (demand.trips_vph if demand else ()) for end in pair)
    unknown = [end for end in ends if end.startswith(DISTRICT) and end not in districts]
    if unknown:
        name = unknown[0].removeprefix(DISTRICT)
        reason = f"district {name!r} of the demand is in no additional file ({len(unknown)} in all)"
        raise InputError(Problem(file=net.path.name, reason=reason, remedy="name the file of its <taz> with --with"))
    return {
        name: District(
            name=name,
            sources=tuple(edge for edge in districts[name].sources if edge in net.edges),
            sinks=tuple(edge for edge in districts[name].sinks if edge in net.edges),
        )
        for name in ends
        if name in districts
    }


def _edges_of(zone: str, zones: Mapping[str, District]) -> tuple[str, ...]:
    return (*zones[zone].sources, *zones[zone].sinks) if zone in zones else (zone,)


def _possible(
    net: SumoNet, demand: SumoDemand | None, zones: Mapping[str, District]
) -> tuple[dict[Pair, float], list[str]]:
    """Return the trips whose ends are edges open to the class, and what is left out."""
    kept, lost = dict[Pair, float](), dict[str, float]()
    for (origin, destination), trips in (demand.trips_vph if demand else {}).items():
        begins = zones[origin].sources if origin in zones else (origin,)
        ends = zones[destination].sinks if destination in zones else (destination,)
        if origin == destination:
            why = "that begin and end on one edge or in one district"
        elif not any(edge in net.edges for edge in begins) or not any(edge in net.edges for edge in ends):
            why = f"with an end that is no edge open to {net.vclass}"
        else:
            kept[origin, destination] = trips
            continue
        lost[why] = lost.get(why, 0.0) + trips
    return kept, [f"{trips:.6g} veh/h {why} are left out" for why, trips in lost.items()]


def _with_way(trips: Mapping[Pair, float], reach: Reach, back: Iterable[Pair]) -> tuple[dict[Pair, float], list[str]]:
    kept = {pair: one for pair, one in trips.items() if pair in reach.joined or pair in reach.turning}
    lost = [pair for pair in trips if pair not in kept]
    words = []
    if lost:
        share = sum(trips[pair] for pair in lost) / sum(trips.values())
        shown = ", ".join(f"{a} to {b}" for a, b in lost[:_SHOWN])
        words.append(f"{100.0 * share:.3g} % of the trips ({len(lost)} pairs) have no way: {shown}")
    if turned := [pair for pair in kept if pair not in reach.joined]:
        shown = ", ".join(f"{a} to {b}" for a, b in list(back)[:_SHOWN])
        words.append(f"{len(turned)} pairs can only turn back; {len(list(back))} turnarounds are kept: {shown}")
    return kept, words


def _check_stations(net: SumoNet, stations: Sequence[str]) -> None:
    problems = []
    for name in stations:
        if name not in net.edges:
            reason = f"a station is on edge {name!r}, which is no edge open to {net.vclass}"
            problems.append(Problem(file=net.path.name, reason=reason, remedy=did_you_mean(name, list(net.edges))))
        elif net.edges[name].length_m < SHORTEST_STATION_M:
            reason = f"a station is on edge {name!r}, which is {net.edges[name].length_m:g} m long"
            remedy = f"name an edge of at least {SHORTEST_STATION_M:g} m"
            problems.append(Problem(file=net.path.name, reason=reason, remedy=remedy))
    if problems:
        raise InputError(problems)


def _check_reached(net: SumoNet, stations: Sequence[str], kept: set[str]) -> None:
    lost = [name for name in stations if name not in kept]
    if not lost:
        return
    shown = ", ".join(map(repr, lost[:_SHOWN]))
    all_lost = len(lost) == len(stations)
    reason = f"{'no station' if all_lost else f'{len(lost)} stations'} can be reached by any trip: {shown}"
    raise InputError(
        Problem(file=net.path.name, reason=reason, remedy="name edges between an origin and a destination")
    )


def _left_out(net: SumoNet, kept: set[str]) -> Iterator[tuple[str, str]]:
    yield from ((edge, f"closed to {net.vclass}") for edge in net.closed)
    yield from ((edge, "between no origin and destination") for edge in net.edges if edge not in kept)


def _told(net: SumoNet, kept: set[str], back: Sequence[Pair]) -> Iterator[str]:
    yield f"{len(kept)} of {len(net.edges)} edges open to {net.vclass} lie between an origin and a destination"
    if left := len(net.turnarounds) - len(back):
        yield f"{left} turnarounds are left out: no pair needs them"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Makes the rows of both tables."""

    net: SumoNet
    kept: set[str]
    names: Mapping[str, str]
    factor: float

    def tables(
        self, ways: Sequence[Movement], cut: set[str], zones: Sequence[District]
    ) -> tuple[tuple[NodeRow, ...], tuple[LinkRow, ...]]:
        """Return nodes and links."""
        nodes, links = list[NodeRow](), list[LinkRow]()
        at_end: dict[str, dict[int, float]] = {}
        for way in ways:
            own = at_end.setdefault(way.before, {})
            for lane in way.lanes:
                own[lane.lane] = max(own.get(lane.lane, 0.0), self._lane_vph(way, lane))
        for name, edge in self.net.edges.items():
            if name in self.kept:
                nodes += list(self._nodes(edge, cut=name in cut))
                links += list(self._edge_links(edge, at_end.get(name, {}), cut=name in cut))
        links += list(self._turns(ways))
        for zone in zones:
            nodes.append(self._zone(zone))
            links += list(self._connectors(zone))
        return tuple(nodes), tuple(links)

    def _nodes(self, edge: Edge, *, cut: bool) -> Iterator[NodeRow]:
        name = self.names[edge.name]
        yield NodeRow(id=f"{name}:begin", x=edge.shape[0][0], y=edge.shape[0][1], junction=edge.tail)
        if cut:
            yield NodeRow(id=name, x=edge.middle[0], y=edge.middle[1])
        yield NodeRow(id=f"{name}:end", x=edge.shape[-1][0], y=edge.shape[-1][1], junction=edge.head)

    def _edge_links(self, edge: Edge, lane_vph: Mapping[int, float], *, cut: bool) -> Iterator[LinkRow]:
        """Yield the links of an edge; what its lanes let through at the end, each counted once, bounds the last."""
        own = self.names[edge.name]
        begin, end = f"{own}:begin", f"{own}:end"
        parts = ((f"{own}:first", begin, own), (f"{own}:second", own, end)) if cut else ((own, begin, end),)
        run_vph = len(edge.lanes) * self._straight_vph(edge)
        end_vph = min(run_vph, sum(lane_vph.values())) if lane_vph else run_vph
        for name, tail, head in parts:
            yield LinkRow(
                id=name, from_node=tail, to_node=head, edge=edge.name,
                free_flow_min=s_to_min(edge.time_s) / len(parts),
                capacity_vph=end_vph if head == end else run_vph,
                length_km=edge.length_m / KILO_PER_MEGA / len(parts), lanes=len(edge.lanes),
                speed_kmh=edge.speed_mps * SECONDS_PER_HOUR / KILO_PER_MEGA,
            )  # fmt: skip

    def _straight_vph(self, edge: Edge) -> float:
        speed_kmh = edge.speed_mps * SECONDS_PER_HOUR / KILO_PER_MEGA
        return self.factor * float(np.interp(speed_kmh, SATURATION_KMH, SATURATION_VPH))

    def _lane_vph(self, way: Movement, lane: Lane) -> float:
        """Return what a lane lets through on one of its movements."""
        straight = way.direction == STRAIGHT
        green_vph = self._straight_vph(self.net.edges[way.before]) if straight else self.factor * TURNING_VPH
        if lane.yields and not lane.signal:
            green_vph = min(green_vph, self.factor * YIELDING_VPH)
        return green_vph * lane.green

    def _turns(self, ways: Sequence[Movement]) -> Iterator[LinkRow]:
        for way in ways:
            own = {lane.lane: self._lane_vph(way, lane) for lane in way.lanes}
            before, after = self.names[way.before], self.names[way.after]
            yield LinkRow(
                id=f"{before}>{after}", from_node=f"{before}:end", to_node=f"{after}:begin",
                free_flow_min=s_to_min(max(LEAST_TURN_S, way.time_s)), capacity_vph=sum(own.values()),
                edge=" ".join(way.inner),
            )  # fmt: skip

    def _zone(self, zone: District) -> NodeRow:
        own = [self.net.edges[edge].middle for edge in (*zone.sources, *zone.sinks)]
        return NodeRow(
            id=self.names[zone.name],
            x=sum(x for x, _ in own) / len(own),
            y=sum(y for _, y in own) / len(own),
            zone=True,
        )

    def _connectors(self, zone: District) -> Iterator[LinkRow]:
        pairs = [(zone.name, edge, edge) for edge in zone.sources] + [(edge, zone.name, edge) for edge in zone.sinks]
        for origin, destination, edge in pairs:
            if edge in self.kept:
                own, tail, head = self.net.edges[edge], self.names[origin], self.names[destination]
                yield LinkRow(
                    id=f"{tail}>{head}", from_node=tail, to_node=head, free_flow_min=s_to_min(LEAST_TURN_S),
                    capacity_vph=len(own.lanes) * self._straight_vph(own), edge="",
                )  # fmt: skip
