"""Link-based logit loading: the routes to each destination as an acyclic graph, never listed one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.errors import InputError
from cosim.traffic.cheapest import commodities_of, require_routes
from cosim.traffic.layers import TravelGraph, distances_to, travel_graph
from cosim.traffic.network import BoolArray, IntArray, RoadNetwork, read_only
from cosim.traffic.performance import FloatArray, link_cost
from cosim.traffic.routes import Commodity, LogitLoad, bregman

Select = Callable[[TravelGraph, int], BoolArray]
"""Says which arcs of a travel graph lead towards a destination (a node)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dag:
    """For every class and destination one acyclic graph whose paths are the choice set (Dial 1971).

    All graphs together are one list of A arcs between S states, ordered by level: the largest number
    of arcs to the destination. States of level 0 are the destinations; an arc leads to a lower level.
    Logit over paths is then a Markov chain over arcs, and a loading is one sweep up and one down.

    Attributes
    ----------
    commodities, link_ids, model
        As in `PathSet`.
    origin
        State in which each commodity begins, -1 without a route, shape (W,).
    level_state
        Level l holds the states ``level_state[l]:level_state[l + 1]``.
    tail, head, link
        States and network link of each arc, shape (A,); ascending in ``tail``.
    """

    commodities: tuple[Commodity, ...]
    link_ids: tuple[str, ...]
    model: str
    origin: IntArray
    level_state: IntArray
    tail: IntArray
    head: IntArray
    link: IntArray
    supplied: IntArray = field(init=False, repr=False)
    _up: tuple[_Level, ...] = field(init=False, repr=False)
    _down: tuple[_Level, ...] = field(init=False, repr=False)
    _by_head: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("origin", "level_state", "tail", "head", "link"):
            values = getattr(self, name)
            put(self, name, read_only(values, np.intp, np.shape(values), name))
        by_head = np.argsort(self.head, kind="stable")
        put(self, "supplied", np.flatnonzero(self.origin >= 0))
        put(self, "_by_head", by_head)
        put(self, "_up", _levels(self.tail, self.head, self.level_state))
        put(self, "_down", _levels(self.head[by_head], self.tail[by_head], self.level_state)[::-1])

    def __len__(self) -> int:
        return len(self.link)

    @property
    def n_states(self) -> int:
        """Number of states S."""
        return int(self.level_state[-1])

    @property
    def dense_cells(self) -> float:
        """No dense covariance is offered."""
        return float("inf")

    @property
    def offset_min(self) -> FloatArray:
        """Arcs have no constant cost besides their links."""
        return np.zeros(len(self))

    def load(self, demand_vph: FloatArray, theta_per_min: float, link_cost_min: FloatArray) -> LogitLoad:
        """Spread demand over all paths of the graphs by the logit model (Eq 7).

        Up the levels, ``S(u) = -(1/theta) ln sum exp(-theta (c_uv + S(v)))`` and
        ``p_uv = exp(-theta (c_uv + S(v) - S(u)))``; down the levels, ``y_uv = X(u) p_uv`` with X(u) the
        demand that begins at u and the arcs that end there.
        """
        share, expected = self._shares(theta_per_min, link_cost_min[self.link])
        flow = self._spread(demand_vph, share)
        cost = np.full(len(self.commodities), np.inf)
        cost[self.supplied] = expected[self.origin[self.supplied]]
        return LogitLoad(
            share=share,
            path_flow_vph=flow,
            link_flow_vph=self.link_flow(flow),
            expected_min_cost_min=cost,
        )

    def link_flow(self, route_flow_vph: FloatArray) -> FloatArray:
        """Return the flow of every link, veh/h, shape (L,) (Eq 5)."""
        total = np.bincount(self.link, weights=route_flow_vph, minlength=len(self.link_ids))
        return np.asarray(total, dtype=np.float64)

    def route_cost(self, link_cost_min: FloatArray) -> FloatArray:
        """Return the cost of every arc, min, shape (A,)."""
        return np.asarray(link_cost_min[self.link])

    def uniform(self, demand_vph: FloatArray) -> FloatArray:
        """Return arc flows that split every commodity evenly over its paths."""
        return self.load(demand_vph, 1.0, np.zeros(len(self.link_ids))).path_flow_vph

    def rescaled(self, demand_vph: FloatArray, route_flow_vph: FloatArray) -> FloatArray:
        """Return arc flows with the splits at every node kept and the demand met (Eq 4)."""
        even = self._shares(1.0, np.zeros(len(self)))[0]
        passing = self._passing(route_flow_vph)[self.tail]
        share = np.divide(route_flow_vph, passing, out=even, where=passing > 0)
        return self._spread(demand_vph, share)

    def divergence(
        self, demand_vph: FloatArray, route_flow_vph: FloatArray, theta_per_min: float, link_cost_min: FloatArray
    ) -> float:
        """Return ``sum_w q_w KL(P_w || P'_w)``, veh/h, P from the splits of the flows, P' logit at the costs.

        By the chain rule this is ``sum_arcs y ln(p / p')``.
        """
        del demand_vph  # the flows meet it
        cost = link_cost_min[self.link]
        other, expected = self._shares(theta_per_min, cost)
        passing = self._passing(route_flow_vph)[self.tail]
        used = route_flow_vph > 0
        log_other = -theta_per_min * (cost[used] + expected[self.head[used]] - expected[self.tail[used]])
        ratio = np.log(route_flow_vph[used] / passing[used]) - log_other
        rest = float(passing[~used] @ other[~used])
        return bregman(route_flow_vph[used], ratio, passing[used] * other[used]) + rest

    def entropy(self, demand_vph: FloatArray, route_flow_vph: FloatArray) -> float:
        """Return ``sum_k f_k ln f_k`` over all paths, for flows that split at nodes whatever their origin."""
        used = route_flow_vph > 0
        flow, passing = route_flow_vph[used], self._passing(route_flow_vph)[self.tail[used]]
        demand = demand_vph[demand_vph > 0]
        return float((flow * np.log(flow / passing)).sum() + (demand * np.log(demand)).sum())

    def _passing(self, arc_flow: FloatArray) -> FloatArray:
        """Return the flow that leaves every state."""
        total = np.bincount(self.tail, weights=arc_flow, minlength=self.n_states)
        return np.asarray(total, dtype=np.float64)

    def _shares(self, theta: float, cost: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the split p of every arc and S of every state."""
        expected = np.zeros(self.n_states)
        share = np.empty(len(cost))
        for level in self._up:
            through = cost[level.arcs] + expected[level.other]
            cheapest = np.minimum.reduceat(through, level.group_start)
            weight = np.exp(-theta * (through - cheapest[level.group]))
            total = np.add.reduceat(weight, level.group_start)
            expected[level.own] = cheapest - np.log(total) / theta
            share[level.arcs] = weight / total[level.group]
        return share, expected

    def _spread(self, demand: FloatArray, share: FloatArray) -> FloatArray:
        """Send the demand down the arcs by their splits; return the flow of every arc."""
        passing = np.bincount(
            self.origin[self.supplied], weights=demand[self.supplied], minlength=self.n_states
        ).astype(np.float64)
        entering = share[self._by_head]
        for level in self._down:
            passing[level.own] += np.add.reduceat(entering[level.arcs] * passing[level.other], level.group_start)
        return np.asarray(share * passing[self.tail])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Level:
    """Arcs whose near end lies on one level, grouped by that end.

    ``own``: states of the groups; ``other``: state at the far end of each arc.
    """

    arcs: slice
    own: IntArray | slice
    other: IntArray
    group: IntArray
    group_start: IntArray


def _levels(near: IntArray, far: IntArray, level_state: IntArray) -> tuple[_Level, ...]:
    bounds = np.searchsorted(near, level_state)
    levels = []
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if first == last:
            continue
        own, start, group = np.unique(near[first:last], return_index=True, return_inverse=True)
        whole = own[-1] - own[0] + 1 == len(own)
        levels.append(
            _Level(
                arcs=slice(first, last),
                own=slice(int(own[0]), int(own[-1]) + 1) if whole else own,
                other=far[first:last],
                group=group,
                group_start=start,
            )
        )
    return tuple(levels)


def frozen_dag(
    network: RoadNetwork,
    od_pairs: Sequence[tuple[str, str]],
    classes_needing_station: Mapping[str, bool],
) -> Dag:
    """Return, for every class and destination, the links that lead closer to it at the costs of empty roads.

    A link (u, v) stays if v is closer to the destination than u, or as close and on a way with fewer
    links; paths pass no centroid. The graphs do not change with congestion: recomputing them would
    make the loading discontinuous.

    Parameters
    ----------
    network
        With the station links, if there are any.
    od_pairs
        (origin, destination) node ids.
    classes_needing_station
        The classes in order, and whether each of them visits exactly one station (on the layered
        graph, see `cosim.traffic.layers`).

    Raises
    ------
    InputError
        Naming every unknown node and every pair without a path.
    """
    empty = link_cost(network, np.zeros(len(network.link_ids)))
    if not np.all(empty >= 0):
        raise InputError("the costs of empty roads must be >= 0 to tell what is closer to a destination")

    def closer(graph: TravelGraph, destination: int) -> BoolArray:
        open_arcs = graph.open_arcs(destination)
        usable = np.flatnonzero(open_arcs)
        distance, hops = distances_to(graph, graph.goal(destination), empty[graph.link], usable)
        rank = np.empty(graph.n_states, dtype=np.intp)
        rank[np.lexsort((hops, distance))] = np.arange(graph.n_states)
        known = np.isfinite(distance)
        return np.asarray(open_arcs & known[graph.tail] & known[graph.head] & (rank[graph.head] < rank[graph.tail]))

    return _build(network, od_pairs, classes_needing_station, closer, "frozen_dag")


def acyclic_dag(
    network: RoadNetwork,
    od_pairs: Sequence[tuple[str, str]],
    classes_needing_station: Mapping[str, bool],
) -> Dag:
    """Return all paths of an acyclic network, unlisted: the same choice sets as `all_simple_paths`.

    Raises
    ------
    InputError
        If the roads have a cycle; also as `frozen_dag`.
    """
    if cycle := _cycle(network):
        raise InputError(f"acyclic_dag needs roads without a cycle; nodes {', '.join(cycle)} lie on one")

    def leading(graph: TravelGraph, destination: int) -> BoolArray:
        open_arcs = graph.open_arcs(destination)
        distance, _ = distances_to(graph, graph.goal(destination), np.ones(len(graph.tail)), np.flatnonzero(open_arcs))
        known = np.isfinite(distance)
        return np.asarray(open_arcs & known[graph.tail] & known[graph.head])

    return _build(network, od_pairs, classes_needing_station, leading, "acyclic_dag")


def _cycle(network: RoadNetwork) -> list[str]:
    """Return some nodes that lie on a cycle of roads, at most five."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    roads = ~network.is_station
    ends = (network.tail[roads], network.head[roads])
    size = len(network.node_ids)
    matrix = coo_array((np.ones(len(ends[0])), ends), shape=(size, size)).tocsr()
    _, component = connected_components(matrix, directed=True, connection="strong")
    shared = np.flatnonzero(np.bincount(component) > 1)
    nodes = np.flatnonzero(component == shared[0]) if len(shared) else []
    return [network.node_ids[node] for node in nodes[:5]]


def _build(
    network: RoadNetwork,
    od_pairs: Sequence[tuple[str, str]],
    classes_needing_station: Mapping[str, bool],
    select: Select,
    model: str,
) -> Dag:
    commodities = commodities_of(network, od_pairs, classes_needing_station)
    position = {node: number for number, node in enumerate(network.node_ids)}
    members: dict[tuple[str, int], list[int]] = {}
    for number, one in enumerate(commodities):
        members.setdefault((one.user_class, position[one.destination]), []).append(number)
    graphs = {need: travel_graph(network, needs_station=need) for need in set(classes_needing_station.values())}
    size = 2 * len(network.node_ids)
    origin = np.full(len(commodities), -1, dtype=np.intp)
    parts: list[tuple[IntArray, IntArray, IntArray]] = []
    goals = []
    for tree, ((user_class, destination), numbers) in enumerate(members.items()):
        graph = graphs[classes_needing_station[user_class]]
        origins = np.array([position[commodities[number].origin] for number in numbers])
        arcs, reached = _useful(graph, np.flatnonzero(select(graph, destination)), origins)
        parts.append((graph.tail[arcs] + tree * size, graph.head[arcs] + tree * size, graph.link[arcs]))
        origin[numbers] = np.where(reached, origins + tree * size, -1)
        goals.append(graph.goal(destination) + tree * size)
    require_routes(commodities, (origin >= 0).tolist())
    tail, head, link = (np.concatenate([part[k] for part in parts] or [np.zeros(0, dtype=np.intp)]) for k in range(3))
    return _ordered(commodities, network.link_ids, model, origin, (tail, head, link), len(goals) * size)


def _useful(graph: TravelGraph, arcs: IntArray, origins: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the arcs that some origin reaches, and which origins have any."""
    tail, head = graph.tail[arcs], graph.head[arcs]
    leaves = np.zeros(graph.n_states, dtype=np.bool_)
    leaves[tail] = True
    seen = np.zeros(graph.n_states, dtype=np.bool_)
    seen[origins] = True
    count = 0
    while count != (count := int(seen.sum())):
        seen[head[seen[tail]]] = True
    return arcs[seen[tail]], leaves[origins]


def _ordered(
    commodities: tuple[Commodity, ...],
    link_ids: tuple[str, ...],
    model: str,
    origin: IntArray,
    arcs: tuple[IntArray, IntArray, IntArray],
    size: int,
) -> Dag:
    """Number the states by level and sort the arcs."""
    tail, head, link = arcs
    states, ends = np.unique(np.concatenate([tail, head]), return_inverse=True)
    tail, head = ends[: len(link)], ends[len(link) :]
    level = _longest(tail, head, len(states))
    order = np.argsort(level, kind="stable")
    number = np.empty(len(states), dtype=np.intp)
    number[order] = np.arange(len(states))
    new = np.full(size + 1, -1, dtype=np.intp)
    new[states] = number
    sorted_arcs = np.lexsort((link, number[tail]))
    counts = np.bincount(level)
    return Dag(
        commodities=commodities,
        link_ids=link_ids,
        model=model,
        origin=new[origin],
        level_state=np.concatenate([[0], np.cumsum(counts)]),
        tail=number[tail][sorted_arcs],
        head=number[head][sorted_arcs],
        link=link[sorted_arcs],
    )


def _longest(tail: IntArray, head: IntArray, size: int) -> IntArray:
    """Return the largest number of arcs from every state to one without arcs."""
    order = np.argsort(tail, kind="stable")
    own, start = np.unique(tail[order], return_index=True)
    far = head[order]
    level: NDArray[np.intp] = np.zeros(size, dtype=np.intp)
    while len(own):
        longer = np.maximum.reduceat(level[far], start) + 1
        if np.array_equal(longer, level[own]):
            break
        level[own] = longer
    return level
