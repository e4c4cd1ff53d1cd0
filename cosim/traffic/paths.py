"""Path sets: which routes travellers choose from, and which links each route uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from cosim.errors import InputError, Problem
from cosim.traffic.choice import Links, PathSet
from cosim.traffic.network import RoadNetwork
from cosim.traffic.route_filter import sensible
from cosim.traffic.routes import Commodity, path_id, path_name
from cosim.traffic.ties import by_length

__all__ = [
    "Commodity", "Links", "PathSet", "all_simple_paths", "node_sequence", "path_id", "path_name", "path_set",
]  # fmt: skip

Roads = list[list[tuple[int, int]]]
"""Of each node, the links at it and the nodes at their other ends."""


def node_sequence(network: RoadNetwork, links: Sequence[int]) -> tuple[str, ...]:
    """Return the ids of the nodes along a path; a station link adds none."""
    roads = [link for link in links if not network.is_station[link]]
    nodes = [network.tail[roads[0]], *(network.head[link] for link in roads)]
    return tuple(network.node_ids[node] for node in nodes)


def path_set(
    network: RoadNetwork,
    commodities: Sequence[Commodity],
    paths: Sequence[Sequence[Links]],
    model: str,
) -> PathSet:
    """Build a path set from the paths of each commodity.

    Raises
    ------
    InputError
        If a path stands twice, is broken, does not join its pair, or a commodity that needs a
        station has a path that does not meet exactly one (others: none).
    """
    problems = [
        Problem(field="paths", reason=f"{commodity}: path {position + 1} {reason}")
        for commodity, rows in zip(commodities, paths, strict=True)
        for position, reason in _path_breaches(network, commodity, rows)
    ]
    if problems:
        raise InputError(problems)
    rows = [row for group in paths for row in group]
    flat = np.array([link for row in rows for link in row], dtype=np.intp)
    stations = [next((link for link in row if network.is_station[link]), -1) for row in rows]
    return PathSet(
        commodities=tuple(commodities),
        link_ids=network.link_ids,
        commodity=np.repeat(np.arange(len(commodities)), [len(group) for group in paths]),
        row_start=np.cumsum([0, *(len(row) for row in rows)]),
        links=flat,
        station=np.array(stations, dtype=np.intp),
        offset_min=np.zeros(len(rows)),
        model=model,
    )


def all_simple_paths(
    network: RoadNetwork,
    od_pairs: Sequence[tuple[str, str]],
    classes_needing_station: Mapping[str, bool],
    limit: int = 10_000,
) -> PathSet:
    """Return every path without a repeated node, for every class and OD pair; of junctions, see `route_filter`.

    A class that needs a station gets every (simple path, one station at one of its nodes other than
    the destination); the station link is passed where the node is left. Paths are ordered by
    free-flow time, then by link positions.

    Parameters
    ----------
    network
        With the station links, if there are any.
    od_pairs
        (origin, destination) node ids.
    classes_needing_station
        The classes in order, and whether each of them visits exactly one station.
    limit
        Largest number of simple paths of one pair.

    Raises
    ------
    InputError
        Naming every unknown node, pair without a path, and pair with more than ``limit`` paths.
    """
    roads = _simple_road_paths(network, od_pairs, limit)
    stations_at: dict[int, list[int]] = {}
    for link in network.station_positions.tolist():
        stations_at.setdefault(int(network.tail[link]), []).append(link)
    commodities, paths = [], []
    for user_class, needs_station in classes_needing_station.items():
        for (origin, destination), rows in zip(od_pairs, roads, strict=True):
            commodities.append(Commodity(user_class=user_class, origin=origin, destination=destination,
                                         needs_station=needs_station))  # fmt: skip
            found = rows if not needs_station else list(_with_station(network, rows, stations_at))
            ordered = by_length(found, network.free_flow_min)[0]
            paths.append(sensible(network, ordered, network.free_flow_min))
    return path_set(network, commodities, paths, "all_simple")


def _with_station(network: RoadNetwork, rows: Sequence[Links], stations_at: Mapping[int, list[int]]) -> Iterator[Links]:
    for row in rows:
        for position, link in enumerate(row):
            for station in stations_at.get(int(network.tail[link]), ()):
                yield (*row[:position], station, *row[position:])


def _simple_road_paths(network: RoadNetwork, od_pairs: Sequence[tuple[str, str]], limit: int) -> list[list[Links]]:
    ahead, behind = _adjacent(network)
    position = {node: k for k, node in enumerate(network.node_ids)}
    closed = set(np.flatnonzero(network.is_centroid).tolist())
    problems, found = [], []
    for origin, destination in od_pairs:
        reason = _pair_breach(position, origin, destination)
        rows: list[Links] = []
        if not reason:
            start, end = position[origin], position[destination]
            between = (_reached(start, ahead) & _reached(end, behind)) - closed
            rows = list(islice(_walks(start, end, ahead, between, network.junction), limit + 1))
            rows = rows or list(islice(_walks(start, end, ahead, between, ()), limit + 1))
            if len(rows) > limit:
                reason = f"has more than {limit} simple paths"
            reason = reason or ("" if rows else "has no path")
        if reason:
            problems.append(Problem(field="od", reason=f"pair {origin!r} -> {destination!r} {reason}"))
        found.append(rows)
    if problems:
        raise InputError(problems)
    return found


def _adjacent(network: RoadNetwork) -> tuple[Roads, Roads]:
    """Return the roads (link, other end) that lead away from each node, and those that lead to it."""
    ahead: Roads = [[] for _ in network.node_ids]
    behind: Roads = [[] for _ in network.node_ids]
    for link in np.flatnonzero(~network.is_station).tolist():
        tail, head = int(network.tail[link]), int(network.head[link])
        ahead[tail].append((link, head))
        behind[head].append((link, tail))
    return ahead, behind


def reachable(network: RoadNetwork, origin: str) -> frozenset[str]:
    """Return the nodes to which ways lead from an origin, itself included; no way passes through a centroid."""
    ahead, _ = _adjacent(network)
    start = network.node_ids.index(origin)
    for closed in np.flatnonzero(network.is_centroid).tolist():
        if closed != start:
            ahead[closed] = []
    return frozenset(network.node_ids[node] for node in _reached(start, ahead))


def _reached(start: int, roads: Roads) -> set[int]:
    """Return the nodes that roads lead to from a node, itself included."""
    reached, waiting = {start}, [start]
    while waiting:
        new = {node for _, node in roads[waiting.pop()]} - reached
        reached |= new
        waiting += new
    return reached


def _walks(start: int, end: int, ahead: Roads, between: set[int], junction: Sequence[str]) -> Iterator[Links]:
    """Yield the links of every way from start to end that repeats no node and no junction, depth first.

    Over nodes of ``between``; ``junction`` names that of each node, or none.
    """
    links: list[int] = []
    nodes, open_roads = [start], [iter(ahead[start])]
    passed = [junction[start] if junction else ""]  # of each node the last junction up to it
    while open_roads:
        for link, node in open_roads[-1]:
            name = (junction[node] if junction else "") or passed[-1]
            if name != passed[-1] and name in passed:
                continue
            if node == end:
                yield (*links, link)
            elif node in between and node not in nodes:
                links.append(link)
                nodes.append(node)
                passed.append(name)
                open_roads.append(iter(ahead[node]))
                break
        else:
            open_roads.pop()
            nodes.pop()
            passed.pop()
            del links[-1:]


def _pair_breach(nodes: Container[str], origin: str, destination: str) -> str:
    if unknown := [node for node in (origin, destination) if node not in nodes]:
        return f"names node {unknown[0]!r}, which the road network does not have"
    return "leads to itself" if origin == destination else ""


def _path_breaches(network: RoadNetwork, commodity: Commodity, rows: Sequence[Links]) -> Iterator[tuple[int, str]]:
    expected = int(commodity.needs_station)
    for position, row in enumerate(rows):
        ends = [network.node_ids[network.tail[link]] for link in row] + [commodity.destination]
        heads = [commodity.origin] + [network.node_ids[network.head[link]] for link in row]
        if ends != heads:
            yield position, f"({'-'.join(network.link_ids[link] for link in row)}) does not join the pair"
        if (stations := int(network.is_station[list(row)].sum())) != expected:
            yield position, f"meets {stations} stations, must meet {expected}"
    for row, count in Counter(rows).items():
        if count > 1:
            yield rows.index(row), f"stands {count} times; a repeated path would count double"
