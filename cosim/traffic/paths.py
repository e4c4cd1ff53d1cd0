"""Path sets: which routes travellers choose from, and which links each route uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.arrays import Array, IntArray, read_only
from cosim.errors import InputError, Problem
from cosim.traffic import choice
from cosim.traffic.network import RoadNetwork
from cosim.traffic.routes import Commodity, LogitLoad
from cosim.traffic.ties import by_length

__all__ = [
    "Commodity", "Links", "PathSet", "all_simple_paths", "node_sequence", "path_id", "path_name", "path_set",
]  # fmt: skip

Links = tuple[int, ...]
"""A path as the positions of its links, in travel order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathSet:
    """K paths of W commodities in compressed rows, frozen during a solve.

    Paths of one commodity stand together, commodities in order of (class, OD pair).

    Attributes
    ----------
    commodities
        The W commodities; one without a path may only carry zero demand.
    link_ids
        Ids of the L links of the network that the paths belong to.
    commodity
        Position of each path's commodity, shape (K,), ascending.
    row_start, links
        Path k uses the link positions ``links[row_start[k]:row_start[k + 1]]``, in travel order.
    station
        Position of the station link of each path, -1 without, shape (K,).
    offset_min
        Constant cost of each path besides its links, min, shape (K,).
    model
        Name of the rule that made the set; results carry it.
    remarks
        What its user should know of it.
    """

    commodities: tuple[Commodity, ...]
    link_ids: tuple[str, ...]
    commodity: IntArray
    row_start: IntArray
    links: IntArray
    station: IntArray
    offset_min: Array
    model: str
    remarks: tuple[str, ...] = ()
    entry_path: IntArray = field(init=False, repr=False)
    entry_cell: IntArray = field(init=False, repr=False)
    _pairs: list[tuple[IntArray, IntArray]] = field(init=False, repr=False, default_factory=list)
    supplied: IntArray = field(init=False, repr=False)
    group_start: IntArray = field(init=False, repr=False)
    group: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n_paths, n_links = len(self.commodity), len(self.link_ids)
        for name, dtype in (("commodity", np.intp), ("station", np.intp), ("offset_min", np.float64)):
            self._store(name, read_only(getattr(self, name), dtype, (n_paths,), name))
        self._store("row_start", read_only(self.row_start, np.intp, (n_paths + 1,), "row_start"))
        self._store("links", read_only(self.links, np.intp, (int(self.row_start[-1]),), "links"))
        for path in np.flatnonzero(~np.isfinite(self.offset_min)):
            whose = self.commodities[self.commodity[path]]
            raise InputError(f"offset_min of path {path}, {whose}: {self.offset_min[path]} must be finite")
        lengths = np.diff(self.row_start)
        entry_path = np.repeat(np.arange(n_paths), lengths)
        self._store("entry_path", entry_path)
        self._store("entry_cell", self.commodity[entry_path] * n_links + self.links)
        supplied, group_start, group = np.unique(self.commodity, return_index=True, return_inverse=True)
        self._store("supplied", supplied)
        self._store("group_start", group_start)
        self._store("group", group)

    def _store(self, name: str, array: NDArray[np.generic]) -> None:
        array.setflags(write=False)
        object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.commodity)

    def path_links(self, path: int) -> Links:
        """Return the positions of the links of one path, in travel order."""
        return tuple(self.links[self.row_start[path] : self.row_start[path + 1]].tolist())

    def path_link_ids(self, path: int) -> tuple[str, ...]:
        """Return the ids of the links of one path, in travel order."""
        return tuple(self.link_ids[position] for position in self.path_links(path))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each path, unique within its class (`path_name`)."""
        return tuple(path_name(self.path_link_ids(path)) for path in range(len(self)))

    @property
    def ids(self) -> tuple[str, ...]:
        """Name of each path with its class, unique in the set (`path_id`)."""
        classes = (self.commodities[number].user_class for number in self.commodity.tolist())
        return tuple(path_id(user_class, name) for user_class, name in zip(classes, self.names, strict=True))

    def paths_of(self, commodity: int) -> IntArray:
        """Return the positions of the paths of one commodity."""
        return np.flatnonzero(self.commodity == commodity)

    @property
    def pair_path(self) -> IntArray:
        """Path of every pair of entries that stand in one path."""
        return self._entry_pairs()[0]

    @property
    def pair_cell(self) -> IntArray:
        """Cell of an (L, L) matrix, counted row by row, of every such pair."""
        return self._entry_pairs()[1]

    def _entry_pairs(self) -> tuple[IntArray, IntArray]:
        """Return the pairs; made when they are first asked for, because large sets never need them."""
        if not self._pairs:
            first, second = _entry_pairs(np.diff(self.row_start), self.row_start)
            cell = self.links[first] * len(self.link_ids) + self.links[second]
            self._pairs.append((self.entry_path[first], cell))
        return self._pairs[0]

    @property
    def dense_cells(self) -> float:
        """Numbers that the dense covariance of link use takes."""
        n_links = len(self.link_ids)
        pairs = float((np.diff(self.row_start).astype(np.float64) ** 2).sum())
        return pairs + float(n_links) * (n_links + len(self.commodities))

    def load(self, demand_vph: Array, theta_per_min: float, link_cost_min: Array) -> LogitLoad:
        """Return one logit loading; see `cosim.traffic.choice.load`."""
        return choice.load(self, demand_vph, theta_per_min, link_cost_min)

    def link_flow(self, route_flow_vph: Array) -> Array:
        """Return the flow of every link, veh/h, shape (L,) (Eq 5)."""
        return choice.link_flow(self, route_flow_vph)

    def route_cost(self, link_cost_min: Array) -> Array:
        """Return the cost of every path, min, shape (K,) (Eq 6)."""
        return choice.path_cost(self, link_cost_min)

    def uniform(self, demand_vph: Array) -> Array:
        """Return path flows that split every commodity evenly, veh/h, shape (K,)."""
        counts = np.bincount(self.commodity, minlength=len(self.commodities))
        return np.asarray(demand_vph[self.commodity] / counts[self.commodity])

    def rescaled(self, demand_vph: Array, route_flow_vph: Array) -> Array:
        """Scale flows to the demand of each commodity (Eq 4); evenly where it had none."""
        before = choice.commodity_flow(self, route_flow_vph)
        ratio = np.divide(demand_vph, before, out=np.zeros_like(before), where=before > 0)
        fallback = (before <= 0)[self.commodity]
        return np.where(fallback, self.uniform(demand_vph), route_flow_vph * ratio[self.commodity])

    def divergence(self, demand_vph: Array, route_flow_vph: Array, theta_per_min: float, link_cost_min: Array) -> float:
        """Return how far path flows are from logit at the costs; see `cosim.traffic.choice.divergence`."""
        return choice.divergence(self, demand_vph, route_flow_vph, theta_per_min, link_cost_min)

    def entropy(self, demand_vph: Array, route_flow_vph: Array) -> float:
        """Return ``sum_k f_k ln f_k``."""
        used = route_flow_vph[route_flow_vph > 0]
        return float((used * np.log(used)).sum())

    @property
    def incidence(self) -> Array:
        """Link-path incidence (Delta), shape (L, K): how often each path uses each link."""
        cells = self.links * len(self) + self.entry_path
        shape = (len(self.link_ids), len(self))
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def path_name(link_ids: Sequence[str]) -> str:
    r"""Return the name of a path: the ids of its links in travel order, that of a station where it charges.

    Nodes would not do: two links may lead from one node to the next, and a path may charge at one of several nodes. No
    two paths have one name, because a ``>`` within an id is written ``\>`` and a backslash twice.

    Examples
    --------
    >>> path_name(["1-5", "5-6", "S6", "6-10"])
    '1-5>5-6>S6>6-10'
    """
    return ">".join(_escaped(one, ">") for one in link_ids)


def path_id(user_class: str, name: str) -> str:
    """Return the name of a path with its class before it.

    Examples
    --------
    >>> path_id("charging", "1-5>S5>5-6")
    'charging:1-5>S5>5-6'
    """
    return f"{_escaped(user_class, ':')}:{name}"


def _escaped(text: str, mark: str) -> str:
    return text.replace("\\", "\\\\").replace(mark, f"\\{mark}")


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
    """Return every path without a repeated node, for every class and OD pair.

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
            paths.append(by_length(found, network.free_flow_min)[0])
    return path_set(network, commodities, paths, "all_simple")


def _with_station(network: RoadNetwork, rows: Sequence[Links], stations_at: Mapping[int, list[int]]) -> Iterator[Links]:
    for row in rows:
        for position, link in enumerate(row):
            for station in stations_at.get(int(network.tail[link]), ()):
                yield (*row[:position], station, *row[position:])


def _simple_road_paths(network: RoadNetwork, od_pairs: Sequence[tuple[str, str]], limit: int) -> list[list[Links]]:
    import networkx as nx

    graph = nx.MultiDiGraph()
    graph.add_nodes_from(network.node_ids)
    for link in np.flatnonzero(~network.is_station).tolist():
        graph.add_edge(network.node_ids[network.tail[link]], network.node_ids[network.head[link]], key=link)
    problems, found = [], []
    closed = {network.node_ids[node] for node in np.flatnonzero(network.is_centroid)}
    for origin, destination in od_pairs:
        reason = _pair_breach(graph.nodes, origin, destination)
        rows: list[Links] = []
        if not reason:
            between = nx.descendants(graph, origin) & nx.ancestors(graph, destination)
            part = graph.subgraph((between - closed) | {origin, destination})
            for edges in nx.all_simple_edge_paths(part, origin, destination):
                rows.append(tuple(key for _, _, key in edges))
                if len(rows) > limit:
                    reason = f"has more than {limit} simple paths"
                    break
            reason = reason or ("" if rows else "has no path")
        if reason:
            problems.append(Problem(field="od", reason=f"pair {origin!r} -> {destination!r} {reason}"))
        found.append(rows)
    if problems:
        raise InputError(problems)
    return found


def _pair_breach(nodes: Sequence[str], origin: str, destination: str) -> str:
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


def _entry_pairs(lengths: IntArray, row_start: IntArray) -> tuple[IntArray, IntArray]:
    """Return all pairs of entries (first, second) that lie in the same row."""
    sizes = np.repeat(lengths, lengths)
    first = np.repeat(np.arange(len(sizes)), sizes)
    pair_start = np.cumsum(sizes) - sizes
    within = np.arange(len(first)) - np.repeat(pair_start, sizes)
    second = np.repeat(np.repeat(row_start[:-1], lengths), sizes) + within
    return first, second
