"""What is found out before SUMO starts, which takes a false map for granted and dies of an unknown station."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cosim.charging.stations import Station
from cosim.errors import InputError, Problem
from cosim.microsim.model import Lot, MicroDemand, MicroNet, MicroStation
from cosim.microsim.network import LOTS, MAP, check_foreign_net
from cosim.microsim.sections import MERGING
from cosim.tables import did_you_mean, is_count
from cosim.traffic.network import RoadNetwork
from cosim.units import SECONDS_PER_HOUR, s_to_min

TIME_TOLERANCE_MIN = 0.01
INSERTION_VPH_PER_LANE = 1950.0
"""Vehicles that one lane takes at its beginning; 3824 to 3880 per hour were measured on two."""
ROUNDED_SPEED = 3e-4
"""netconvert writes 60 km/h as 16.67 m/s."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """An edge of a network file: time at the speed limit, lengths of its lanes, and where its lanes lead."""

    tail: str
    head: str
    time_s: float
    lane_m: tuple[float, ...]
    next_edges: frozenset[str]
    entries: tuple[int, ...]


def check_net(net: MicroNet, network: RoadNetwork, stations: Sequence[Station] = ()) -> None:
    """Check that a SUMO network is the one of these roads and stations.

    Edges, times, connections and lots are read from the network file by sumolib, not taken from how it was built: every
    link takes its free-flow time within 0.01 min and joins the nodes that it should, every turn exists, no two
    connections share a lane of a merge section, and every link that leaves a station's node has its lot.

    Parameters
    ----------
    net
        The network, built by us or from elsewhere.
    network, stations
        Roads (virtual station links are passed over) and stations; a network of the variant ``plain`` has no lots.

    Raises
    ------
    InputError
        With everything that does not match.
    """
    check_foreign_net(net.net_file)
    edges = _edges(net.net_file)
    problems = list(_link_problems(net, network, edges))
    if not problems:
        problems += _turn_problems(net, network, edges)
        problems += _lot_problems(net, network, stations, edges)
    if problems:
        raise InputError(problems)


def cross_check(net: MicroNet, demand: MicroDemand, stations: Sequence[MicroStation] = ()) -> None:
    """Check everything that SUMO is given against each other.

    Parameters
    ----------
    net, demand, stations
        Network, routes with vehicles, and the stations whose lots they stop at.

    Raises
    ------
    InputError
        With every edge, lot and station that does not exist, every route that is broken, vehicles whose ids repeat or
        that are not sorted, and departures that no lane can take.
    """
    edges = _edges(net.net_file)
    problems = [
        *_route_problems(net, demand, edges),
        *_vehicle_problems(demand),
        *_station_problems(net, demand, stations),
    ]
    if not problems:
        problems += _insertion_problems(net, demand, edges)
    if problems:
        raise InputError(problems)


def _edges(net_file: Path) -> dict[str, _Edge]:
    """Read a network file by sumolib."""
    import sumolib

    try:
        read = sumolib.net.readNet(str(net_file))
    except Exception as error:  # sumolib raises whatever its parser meets
        reason = f"sumolib cannot read the network ({type(error).__name__}: {error})"
        raise InputError(Problem(file=str(net_file), reason=reason, remedy="build it again")) from error
    return {edge.getID(): _edge(edge) for edge in read.getEdges()}


def _edge(edge: Any) -> _Edge:  # noqa: ANN401 - sumolib has no types
    lanes = edge.getLanes()
    return _Edge(
        tail=edge.getFromNode().getID(),
        head=edge.getToNode().getID(),
        time_s=edge.getLength() / edge.getSpeed(),
        lane_m=tuple(lane.getLength() for lane in lanes),
        next_edges=frozenset(after.getID() for after in edge.getOutgoing()),
        entries=tuple(len(lane.getIncoming()) for lane in lanes),
    )


def _link_problems(net: MicroNet, network: RoadNetwork, edges: Mapping[str, _Edge]) -> Iterator[Problem]:
    """Yield links that are missing, foreign, drawn between wrong nodes, or as long as another time."""
    at_map = partial(Problem, file=str(net.net_file.parent / MAP), field="edge")
    roads = {network.link_ids[link]: link for link in np.flatnonzero(~network.is_station).tolist()}
    for link_id in roads.keys() - set(net.link_ids):
        yield at_map(reason=f"link {link_id!r} of the road network has no edges", remedy="build the network again")
    for link_id, own in zip(net.link_ids, net.link_edges, strict=True):
        if link_id not in roads:
            yield at_map(reason=f"link {link_id!r} is not in the road network", remedy=did_you_mean(link_id, [*roads]))
            continue
        if unknown := [name for name in own if name not in edges]:
            reason = f"link {link_id!r} maps to unknown edge {unknown[0]!r}"
            yield at_map(reason=reason, remedy=did_you_mean(unknown[0], [*edges]))
            continue
        for reason in _link_breaches(net, network, roads[link_id], [edges[name] for name in own]):
            yield at_map(reason=f"link {link_id!r} {reason}", remedy="build the network again")
        for before, after in pairwise(own):
            if after not in edges[before].next_edges:
                yield at_map(reason=f"link {link_id!r}: no lane of edge {before!r} leads to {after!r}")


def _link_breaches(net: MicroNet, network: RoadNetwork, link: int, own: Sequence[_Edge]) -> Iterator[str]:
    ends = tuple(f"N{network.node_ids[node[link]]}" for node in (network.tail, network.head))
    if (own[0].tail, own[-1].head) != ends:
        yield f"leads from {own[0].tail} to {own[-1].head}, must lead from {ends[0]} to {ends[1]}"
    expected_min = float(network.free_flow_min[link]) * net.length_scale
    found_min = s_to_min(sum(edge.time_s for edge in own))
    if not abs(found_min - expected_min) <= max(TIME_TOLERANCE_MIN, ROUNDED_SPEED * expected_min):
        yield f"takes {found_min:.3f} min at the speed limit, must take {expected_min:.3f}"


def _turn_problems(net: MicroNet, network: RoadNetwork, edges: Mapping[str, _Edge]) -> Iterator[Problem]:
    """Yield turns between links that do not exist, and lanes that two connections share before a merge section."""
    at_net = partial(Problem, file=str(net.net_file), field="connection")
    own = dict(zip(net.link_ids, net.link_edges, strict=True))
    links = np.flatnonzero(~network.is_station).tolist()
    for after in links:
        first = own[network.link_ids[after]][0]
        if net.variant in MERGING and max(edges[first].entries) > 1:
            yield at_net(reason=f"two connections share a lane of edge {first!r}", remedy="build the network again")
        if network.is_centroid[network.tail[after]]:
            continue
        for before in links:
            turns_back = network.tail[before] == network.head[after]
            if network.head[before] != network.tail[after] or turns_back:
                continue
            last = own[network.link_ids[before]][-1]
            if first not in edges[last].next_edges:
                reason = f"no lane leads from link {network.link_ids[before]!r} to {network.link_ids[after]!r}"
                yield at_net(reason=reason, remedy="build the network again")


def _lot_problems(
    net: MicroNet, network: RoadNetwork, stations: Sequence[Station], edges: Mapping[str, _Edge]
) -> Iterator[Problem]:
    """Yield lots that are missing, of unknown stations, or not where the network has a spur."""
    at_lots = partial(Problem, file=str(net.net_file.parent / LOTS))
    nodes = {station.name: station.node for station in stations}
    for lot in net.lots:
        if lot.station not in nodes:
            reason = f"lot {lot.lot_id!r} belongs to station {lot.station!r}, which is not known"
            yield at_lots(field="station", reason=reason, remedy=did_you_mean(lot.station, [*nodes] or ["none"]))
        yield from (at_lots(field="lane", reason=reason) for reason in _lot_breaches(net, lot, edges))
    if net.variant == "plain":
        return
    have = {(lot.station, lot.link_id) for lot in net.lots}
    for link in np.flatnonzero(~network.is_station).tolist():
        for name, node in nodes.items():
            if network.node_ids[network.tail[link]] == node and (name, network.link_ids[link]) not in have:
                reason = f"station {name!r} has no lot on link {network.link_ids[link]!r}, which leaves its node"
                yield at_lots(field="station", reason=reason, remedy="build the network with this station")


def _lot_breaches(net: MicroNet, lot: Lot, edges: Mapping[str, _Edge]) -> Iterator[str]:
    own = dict(zip(net.link_ids, net.link_edges, strict=True)).get(lot.link_id, ())
    lane_edge, _, lane = lot.lane_id.rpartition("_")
    if lot.bypass_edge not in own:
        yield f"lot {lot.lot_id!r}: {lot.bypass_edge!r} is no edge of link {lot.link_id!r}"
        return
    place = own.index(lot.bypass_edge)
    way = (*own[max(place - 1, 0) : place], *lot.spur_edges, *own[place + 1 : place + 2])
    if breach := _broken(way, edges):
        yield f"lot {lot.lot_id!r}: {breach}"
    elif lane_edge not in lot.spur_edges or not is_count(lane) or int(lane) >= len(edges[lane_edge].lane_m):
        yield f"lot {lot.lot_id!r} lies on lane {lot.lane_id!r}, which its spur does not have"
    elif not 0.0 <= lot.start_m < lot.end_m <= edges[lane_edge].lane_m[int(lane)]:
        length = edges[lane_edge].lane_m[int(lane)]
        yield f"lot {lot.lot_id!r} lies from {lot.start_m:g} to {lot.end_m:g} m, its lane is {length:g} m long"


def _broken(way: Sequence[str], edges: Mapping[str, _Edge]) -> str:
    """Return why a way cannot be driven, or nothing."""
    if not way:
        return "it has no edges"
    if unknown := [name for name in way if name not in edges]:
        return f"edge {unknown[0]!r} is not in the network; {did_you_mean(unknown[0], [*edges])}"
    for before, after in pairwise(way):
        if after not in edges[before].next_edges:
            return f"no lane of edge {before!r} leads to {after!r}"
    return ""


def _route_problems(net: MicroNet, demand: MicroDemand, edges: Mapping[str, _Edge]) -> Iterator[Problem]:
    lots = {lot.lot_id: lot for lot in net.lots}
    for name, count in Counter(route.route_id for route in demand.routes).items():
        if count > 1:
            yield Problem(field="id", reason=f"route {name!r} stands {count} times; ids must be unique")
    for route in demand.routes:
        if breach := _broken(route.edges, edges):
            yield Problem(field="edges", reason=f"route {route.route_id!r}: {breach}")
        if not route.lot_id:
            continue
        if route.lot_id not in lots:
            reason = f"route {route.route_id!r} stops at lot {route.lot_id!r}, which is not in the network"
            yield Problem(field="parkingArea", reason=reason, remedy=did_you_mean(route.lot_id, [*lots] or ["none"]))
        elif lots[route.lot_id].lane_id.rpartition("_")[0] not in route.edges:
            reason = f"route {route.route_id!r} does not pass lot {route.lot_id!r}, at which it stops"
            yield Problem(field="parkingArea", reason=reason, remedy="lead it over the lot's spur")


def _vehicle_problems(demand: MicroDemand) -> Iterator[Problem]:
    for name, count in Counter(demand.vehicle_ids).items():
        if count > 1:
            yield Problem(field="id", reason=f"vehicle {name!r} stands {count} times; ids must be unique")
    for position in np.flatnonzero((demand.route < 0) | (demand.route >= len(demand.routes)))[:1]:
        reason = f"vehicle {demand.vehicle_ids[position]!r} has route {demand.route[position]}, which does not exist"
        yield Problem(field="route", reason=reason)
    depart_s, end_s = demand.depart_s, demand.begin_s + demand.duration_s
    for position in np.flatnonzero(~((depart_s >= demand.begin_s) & (depart_s < end_s)))[:1]:
        reason = f"vehicle {demand.vehicle_ids[position]!r} departs at {depart_s[position]} s"
        yield Problem(field="depart", reason=reason, remedy=f"must be >= {demand.begin_s:g} and < {end_s:g} s")
    for position in np.flatnonzero(np.diff(depart_s) < 0.0)[:1]:
        name = demand.vehicle_ids[position + 1]
        reason = f"vehicle {name!r} departs at {depart_s[position + 1]:g} s, after one at {depart_s[position]:g} s"
        yield Problem(field="depart", reason=reason, remedy="sort by departure; SUMO drops what comes too late")


def _station_problems(net: MicroNet, demand: MicroDemand, stations: Sequence[MicroStation]) -> Iterator[Problem]:
    lots = {lot.lot_id: lot.station for lot in net.lots}
    for name, count in Counter(station.name for station in stations).items():
        if count > 1:
            yield Problem(field="stations", reason=f"station {name!r} stands {count} times; names must be unique")
    for station in stations:
        for lot in station.lots:
            if lots.get(lot) != station.name:
                reason = f"station {station.name!r} has lot {lot!r}, which the network does not have for it"
                yield Problem(field="lots", reason=reason, remedy=did_you_mean(lot, [*lots] or ["none"]))
    served = {lot for station in stations for lot in station.lots}
    for lot in sorted({route.lot_id for route in demand.routes if route.lot_id} - served):
        reason = f"vehicles stop at lot {lot!r}, whose station is not simulated; nobody would let them go"
        yield Problem(field="stations", reason=reason, remedy="give its station")


def _insertion_problems(net: MicroNet, demand: MicroDemand, edges: Mapping[str, _Edge]) -> Iterator[Problem]:
    """Yield first edges where more vehicles want to depart than their lanes take."""
    if not len(demand):
        return
    lanes = {own[0]: int(count) for own, count in zip(net.link_edges, net.lanes, strict=True) if own}
    counts: Counter[str] = Counter()
    for route, count in zip(demand.routes, np.bincount(demand.route, minlength=len(demand.routes)), strict=True):
        counts[route.edges[0]] += int(count)
    for edge, count in counts.items():
        wanted_vph = count * SECONDS_PER_HOUR / demand.duration_s
        limit_vph = INSERTION_VPH_PER_LANE * lanes.get(edge, len(edges[edge].lane_m))
        if wanted_vph > limit_vph:
            reason = f"{wanted_vph:.0f} veh/h depart on edge {edge!r}, its lanes take {limit_vph:.0f}"
            remedy = "lower the demand, or give the link a larger capacity, hence more lanes"
            yield Problem(field="depart", reason=reason, remedy=remedy)
