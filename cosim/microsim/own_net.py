"""The user's own SUMO network: which of its edges our links are, where its stations' lots lie, and what it measures.

Nothing is built. A station is a parking area beside the road on the edge after which its node is named, and who charges
there is up to our queue, as on every other network.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cosim.arrays import Array
from cosim.charging.stations import Station
from cosim.errors import InputError, Problem
from cosim.microsim.model import CHARGING_TYPE, OTHER_TYPE, Lot, MicroNet, MicroRoute, OwnLinks, Part
from cosim.microsim.network import check_foreign_net
from cosim.microsim.states import LinkSlice
from cosim.traffic.formats.sumo_net import SumoNet, read_sumo_net
from cosim.traffic.formats.sumo_roads import OWN_SIGNALS
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet
from cosim.units import SECONDS_PER_HOUR, min_to_s

LOT_FROM, LOT_TO = 0.5, 0.9
"""Where the lot of a station lies on its edge."""
PERCENT = 100.0
LEAST_RUN = 0.5
"""Of the time on an edge at least this share of its time without traffic is running; the rest may be waiting."""
OF_EDGES: frozenset[Part] = frozenset(("whole", "first", "second"))
Attributes = Mapping[str, str]


def read_own_net(net_file: Path, streets: RoadNetwork, stations: Sequence[Station]) -> MicroNet:
    """Return the network that roads were imported from, as the simulation takes it.

    Parameters
    ----------
    net_file
        The network; signal programs that replace its own lie beside it.
    streets
        The roads with the column ``edge``, as they were imported.
    stations
        Each stands at a node in the middle of an edge.

    Raises
    ------
    InputError
        With every link whose edge the network does not have, and every station that stands on no edge.
    """
    check_foreign_net(net_file)
    signals = net_file.parent / OWN_SIGNALS
    additional = [signals] if signals.is_file() else []
    net = read_sumo_net(net_file, additional=additional)
    if not streets.edge:
        reason, remedy = "its links.csv has no column 'edge'", "import the network again"
        raise InputError(Problem(file=str(net_file.parent), reason=reason, remedy=remedy))
    parts = link_parts(streets)
    _check_links(net, streets, parts)
    edges = tuple(tuple(edge.split()) for edge in streets.edge)
    return MicroNet(
        net_file=net_file,
        variant="own",
        length_scale=1.0,
        link_ids=streets.link_ids,
        link_edges=edges,
        lanes=np.array([
            len(net.edges[own[0]].lanes) if part in OF_EDGES else 1 for own, part in zip(edges, parts, strict=True)
        ]),
        lots=_lots(net, streets, parts, stations),
        sha256=hashlib.sha256(net_file.read_bytes()).hexdigest(),
        own=OwnLinks(
            parts=parts,
            counted=_counted(streets, parts, edges),
            turns=_turns(streets, parts),
            first=_first_halves(streets, parts),
            free_s=min_to_s(1.0) * streets.free_flow_min,
            wait_s=_waits_s(net, streets, parts),
            length_m={name: edge.length_m for name, edge in net.edges.items()},
            signals=signals if additional else None,
        ),
    )  # fmt: skip


def _at_nodes(nodes: Sequence[int], parts: Sequence[Part], which: Part) -> dict[int, list[int]]:
    """Return the links of a kind by the node of theirs that is given."""
    found: dict[int, list[int]] = {}
    for link, part in enumerate(parts):
        if part == which:
            found.setdefault(nodes[link], []).append(link)
    return found


def _turns(streets: RoadNetwork, parts: Sequence[Part]) -> tuple[tuple[int, ...], ...]:
    leaving = _at_nodes(streets.tail.tolist(), parts, "turn")
    return tuple(
        tuple(leaving.get(int(streets.head[k]), ())) if part in ("whole", "second") else ()
        for k, part in enumerate(parts)
    )


def _first_halves(streets: RoadNetwork, parts: Sequence[Part]) -> tuple[int, ...]:
    ending = _at_nodes(streets.head.tolist(), parts, "first")
    return tuple(ending[int(streets.tail[k])][0] if part == "second" else -1 for k, part in enumerate(parts))


def _counted(
    streets: RoadNetwork, parts: Sequence[Part], edges: Sequence[tuple[str, ...]]
) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Return what to add up of each link.

    SUMO counts who parks as left and who comes back as entered, so halves are counted by the turns before or behind.
    """
    entering = _at_nodes(streets.head.tolist(), parts, "turn")
    leaving = _at_nodes(streets.tail.tolist(), parts, "turn")
    middle = {int(streets.tail[k]): edges[k][0] for k, part in enumerate(parts) if part == "second"}
    found: list[tuple[tuple[str, str], ...]] = []
    for link, part in enumerate(parts):
        turns = [link] if part == "turn" else []
        if part == "first":
            turns = entering.get(int(streets.tail[link]), [])
        elif part == "second":
            turns = leaving.get(int(streets.head[link]), [])
        rows = [(inner, "entered") for turn in turns for inner in edges[turn]]
        if part == "whole":
            rows = [(edges[link][0], "left"), (edges[link][0], "arrived")]
        elif part in ("begin", "finish"):
            node = int(streets.head[link] if part == "begin" else streets.tail[link])
            rows = [(middle[node], "departed" if part == "begin" else "arrived")]
        found.append(tuple(rows))
    return tuple(found)


def link_parts(streets: RoadNetwork) -> tuple[Part, ...]:
    """Return what each link is of its edge, from how the links join."""
    shared = Counter(edge for edge in streets.edge if edge and not edge.startswith(":"))
    tails = {(streets.edge[k], int(streets.tail[k])) for k in range(len(streets.edge))}
    parts: list[Part] = []
    for link, edge in enumerate(streets.edge):
        if edge.startswith(":") or (not edge and _is_turn(streets, link)):
            parts.append("turn")
        elif not edge:
            parts.append("begin" if streets.is_centroid[streets.tail[link]] else "finish")
        elif shared[edge] == 1:
            parts.append("whole")
        else:
            parts.append("first" if (edge, int(streets.head[link])) in tails else "second")
    return tuple(parts)


def _is_turn(streets: RoadNetwork, link: int) -> bool:
    """Return whether a link joins two ends of edges; in a network without internal lanes a turn has no edge."""
    return not (streets.is_centroid[streets.tail[link]] or streets.is_centroid[streets.head[link]])


def _check_links(net: SumoNet, streets: RoadNetwork, parts: Sequence[Part]) -> None:
    problems = []
    for link, (edge, part) in enumerate(zip(streets.edge, parts, strict=True)):
        name = streets.link_ids[link]
        if part in OF_EDGES and edge not in net.edges:
            reason = f"link {name!r} is of edge {edge!r}, which the network does not have for cars"
            problems.append(Problem(file=str(net.path), field="edge", reason=reason, remedy="import it again"))
        elif part == "turn" and not edge:
            reason = f"turn {name!r} has no internal edge: flows across junctions cannot be measured"
            remedy = "build the network with internal lanes (netconvert without --no-internal-links)"
            raise InputError(Problem(file=str(net.path), field="edge", reason=reason, remedy=remedy))
    mids = Counter(
        (int(streets.head[k] if part == "begin" else streets.tail[k]), part)
        for k, part in enumerate(parts)
        if part in ("begin", "finish")
    )
    for (node, part), count in mids.items():
        if count > 1:
            reason = f"trips of {count} districts {part} on edge {streets.node_ids[node]!r}; they cannot be told apart"
            problems.append(Problem(file=str(net.path), reason=reason, remedy="give each district edges of its own"))
    if problems:
        raise InputError(problems)


def _waits_s(net: SumoNet, streets: RoadNetwork, parts: Sequence[Part]) -> Array:
    """Return how long each turn waits without traffic, s: at red, and for giving way."""
    by_inner = {
        inner: sum(lane.delay_s for lane in way.lanes) / len(way.lanes)
        for way in (*net.movements.values(), *net.turnarounds.values())
        for inner in way.inner
    }
    waits = np.zeros(len(parts))
    for link, part in enumerate(parts):
        if part != "turn":
            continue
        inner = streets.edge[link].split()[0]
        if inner not in by_inner:
            reason = f"turn {streets.link_ids[link]!r} passes {inner!r}, which the network does not have for cars"
            raise InputError(Problem(file=str(net.path), field="edge", reason=reason, remedy="import it again"))
        waits[link] = by_inner[inner]
    return waits


def _lots(net: SumoNet, streets: RoadNetwork, parts: Sequence[Part], stations: Sequence[Station]) -> tuple[Lot, ...]:
    """Return one lot a station, beside its edge."""
    second = {streets.node_ids[streets.tail[k]]: streets.edge[k] for k, part in enumerate(parts) if part == "second"}
    lots, problems = [], []
    for station in stations:
        if station.node not in second:
            reason = f"station {station.name!r} is at node {station.node!r}, which is in the middle of no edge"
            remedy = "import the network with --station EDGE, and name that node"
            problems.append(Problem(field="stations", reason=reason, remedy=remedy))
            continue
        edge = net.edges[second[station.node]]
        lots.append(
            Lot(
                lot_id=f"lot_{station.name}", station=station.name, link_id=edge.name, bypass_edge="", spur_edges=(),
                lane_id=f"{edge.name}_{edge.lanes[0]}", start_m=round(LOT_FROM * edge.length_m, 2),
                end_m=round(LOT_TO * edge.length_m, 2),
            )
        )  # fmt: skip
    if problems:
        raise InputError(problems)
    return tuple(lots)


def own_routes(net: MicroNet, paths: PathSet) -> tuple[MicroRoute, ...]:
    """Return one route a path: the edges that it passes, each once, from where it begins on the first to the last.

    Raises
    ------
    InputError
        If a path begins or ends where an edge does, which is cut: its vehicles could not be told from those that pass.
    """
    lots = {lot.station: lot.lot_id for lot in net.lots}
    own = net.own
    if own is None:
        raise InputError("the network is none of one's own")
    routes = []
    for path, commodity in enumerate(paths.commodity.tolist()):
        whose, station = paths.commodities[commodity], int(paths.station[path])
        links = [k for k in paths.path_links(path) if k != station and own.parts[k] in OF_EDGES]
        ways = [net.link_edges[k][0] for k in links]
        edges = [edge for at, edge in enumerate(ways) if at == 0 or edge != ways[at - 1]]
        first, last = own.parts[links[0]], own.parts[links[-1]]
        if first == "first" or last == "second":
            reason = f"trips {whose.origin!r} to {whose.destination!r} begin or end where a cut edge does"
            remedy = "name the node in the middle of the edge"
            raise InputError(Problem(field="traffic.demand", reason=reason, remedy=remedy))
        name = paths.link_ids[station] if station >= 0 else ""
        at_own_station = bool(name) and paths.path_links(path)[0] == station
        routes.append(
            MicroRoute(
                route_id=f"r{path + 1}",
                edges=tuple(edges),
                user_class=whose.user_class,
                vehicle_type=CHARGING_TYPE if whose.needs_station else OTHER_TYPE,
                commodity=commodity,
                path=path,
                lot_id=lots[name] if name else "",
                depart_pos=f"{own.length_m[edges[0]] / 2.0:.2f}"
                if first == "second" and not at_own_station
                else "base",
                arrive_pos=f"{own.length_m[edges[-1]] / 2.0:.2f}" if last == "first" else "max",
            )
        )
    return tuple(routes)


def own_slice(net: MicroNet, begin_s: float, end_s: float, edges: Mapping[str, Attributes]) -> LinkSlice:
    """Return flows and times of the links from what SUMO measured of its edges.

    The time of an edge holds the wait before the junction. As far as there is room beside the run, what each turn
    waits without traffic is told of the turn: so links can be held against their own times, and routes take what was
    measured.

    Parameters
    ----------
    net
        The network, of the variant ``own``.
    begin_s, end_s
        The stretch.
    edges
        Attributes of every edge, internal ones too.
    """
    own = net.own
    if own is None:
        raise InputError("the network is none of one's own")
    count = np.array([sum(float(edges[edge][name]) for edge, name in rows) for rows in own.counted])
    passed_s = np.array([float(edges[one[0]].get("traveltime", "nan")) if one else 0.0 for one in net.link_edges])
    share = [max((float(edges[edge].get("occupancy", "0")) for edge in one), default=0.0) for one in net.link_edges]
    return LinkSlice(
        begin_s=begin_s,
        end_s=end_s,
        link_flow_vph=count * SECONDS_PER_HOUR / (end_s - begin_s),
        link_time_min=np.where(count > 0, _told_apart_s(own, count, passed_s) / min_to_s(1.0), np.nan),
        link_time_n=count,
        occupancy=np.array(share) / PERCENT,
    )


def _told_apart_s(own: OwnLinks, count: Array, passed_s: Array) -> Array:
    """Return the time of every link, s, from the times of whole edges and internal ones."""
    time_s = np.where([part in ("begin", "finish") for part in own.parts], own.free_s, passed_s)
    for link, part in enumerate(own.parts):
        if part not in ("whole", "second"):
            continue
        first, turns = own.first[link], list(own.turns[link])
        free_s = own.free_s[link] + (own.free_s[first] if first >= 0 else 0.0)
        left = count[turns].sum()
        wait_s = float((count[turns] * own.wait_s[turns]).sum() / left) if left > 0 else 0.0
        share = min(1.0, max(0.0, passed_s[link] - LEAST_RUN * free_s) / wait_s) if wait_s > 0.0 else 0.0
        time_s[turns] += share * own.wait_s[turns]
        run_s = passed_s[link] - share * wait_s
        time_s[link] = run_s
        if first >= 0:
            time_s[first] = min(own.free_s[first], run_s / 2.0)
            time_s[link] = run_s - time_s[first]
    return time_s
