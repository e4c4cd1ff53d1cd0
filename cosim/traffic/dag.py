"""Which links lead towards a destination: the choice sets of link-based loading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cosim.arrays import Array, BoolArray, IntArray
from cosim.errors import InputError
from cosim.traffic.cheapest import commodities_of, require_routes
from cosim.traffic.layers import Distances, TravelGraph, travel_graph
from cosim.traffic.link_routes import Dag
from cosim.traffic.network import RoadNetwork
from cosim.traffic.performance import link_cost
from cosim.traffic.routes import Commodity
from cosim.traffic.ties import TIE_REL, equally_long

__all__ = ["Dag", "acyclic_dag", "frozen_dag"]

Select = Callable[[int], BoolArray]
"""Tells which arcs of a travel graph lead towards a destination (a node)."""


def frozen_dag(
    network: RoadNetwork,
    od_pairs: Sequence[tuple[str, str]],
    classes_needing_station: Mapping[str, bool],
) -> Dag:
    """Return, for every class and destination, the links that lead closer to it at the costs of empty roads.

    A link (u, v) stays if v is closer to the destination than u. Between nodes that are equally far
    (`cosim.traffic.ties`) none stays in either direction, but one without a cost of its own does if fewer
    links lead on from v, so that every node keeps a way. No node's number and no unit of time enters.
    Paths pass no centroid. The graphs do not change with congestion: recomputing them would make the
    loading discontinuous.

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

    def closer(graph: TravelGraph) -> Select:
        distances = Distances(graph, empty[graph.link])

        def select(destination: int) -> BoolArray:
            open_arcs = graph.open_arcs(destination)
            goal = graph.goal(destination)
            return _closer(graph, empty[graph.link], open_arcs, distances.to(goal, open_arcs), goal)

        return select

    return _build(network, od_pairs, classes_needing_station, closer, "frozen_dag")


def _closer(graph: TravelGraph, cost_min: Array, open_arcs: BoolArray, distance_min: Array, goal: int) -> BoolArray:
    """Return the arcs that lead closer to the goal, by the rule of `frozen_dag`.

    From every state some cheapest way leads on, with arcs that never raise the rank; the first arc of the one with the
    fewest links lowers the rank or, on the same rank, the number of links, and so it stays. Every arc that stays lowers
    (rank, links): there is no cycle.
    """
    tail, head = graph.tail, graph.head
    usable = open_arcs & np.isfinite(distance_min[tail]) & np.isfinite(distance_min[head])
    rank = equally_long(distance_min)
    closer = usable & (rank[head] < rank[tail])
    level = usable & (rank[head] == rank[tail])
    cheapest = (closer | level) & (distance_min[head] + cost_min <= distance_min[tail] * (1.0 + TIE_REL))
    free = level & cheapest
    if free.any():
        links = _fewest_links(graph, cheapest, goal)
        closer |= free & (links[head] < links[tail])
    return np.asarray(closer)


def _fewest_links(graph: TravelGraph, arcs: BoolArray, goal: int) -> IntArray:
    """Return the smallest number of the arcs that lead from every state to the goal; 0 also where none do."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order

    ends = (graph.head[arcs], graph.tail[arcs])
    against = coo_array((np.ones(len(ends[0])), ends), shape=(graph.n_states, graph.n_states)).tocsr()
    before = breadth_first_order(against, goal)[1]
    jump = np.where(before < 0, goal, before)
    links = (before >= 0).astype(np.intp)
    while np.any(jump != goal):
        links, jump = links + links[jump], jump[jump]
    return links


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

    def leading(graph: TravelGraph) -> Select:
        distances = Distances(graph, np.ones(len(graph.link)))

        def select(destination: int) -> BoolArray:
            open_arcs = graph.open_arcs(destination)
            known = np.isfinite(distances.to(graph.goal(destination), open_arcs))
            return np.asarray(open_arcs & known[graph.tail] & known[graph.head])

        return select

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
    nodes = np.flatnonzero(np.isin(component, shared[:1]))
    return [network.node_ids[node] for node in nodes[:5]]


def _build(
    network: RoadNetwork,
    od_pairs: Sequence[tuple[str, str]],
    classes_needing_station: Mapping[str, bool],
    rule: Callable[[TravelGraph], Select],
    model: str,
) -> Dag:
    commodities = commodities_of(network, od_pairs, classes_needing_station)
    position = {node: number for number, node in enumerate(network.node_ids)}
    members: dict[tuple[str, int], list[int]] = {}
    for number, one in enumerate(commodities):
        members.setdefault((one.user_class, position[one.destination]), []).append(number)
    graphs = {need: travel_graph(network, needs_station=need) for need in set(classes_needing_station.values())}
    select = {need: rule(graph) for need, graph in graphs.items()}
    size = 2 * len(network.node_ids)
    origin = np.full(len(commodities), -1, dtype=np.intp)
    parts: list[tuple[IntArray, IntArray, IntArray]] = []
    for tree, ((user_class, destination), numbers) in enumerate(members.items()):
        graph = graphs[need := classes_needing_station[user_class]]
        origins = np.array([position[commodities[number].origin] for number in numbers])
        arcs, reached = _useful(graph, np.flatnonzero(select[need](destination)), origins)
        parts.append((graph.tail[arcs] + tree * size, graph.head[arcs] + tree * size, graph.link[arcs]))
        origin[numbers] = np.where(reached, origins + tree * size, -1)
    require_routes(commodities, (origin >= 0).tolist())
    tail, head, link = (np.concatenate([part[k] for part in parts] or [np.zeros(0, dtype=np.intp)]) for k in range(3))
    return _ordered(commodities, network.link_ids, model, origin, (tail, head, link), len(members) * size)


def _useful(graph: TravelGraph, arcs: IntArray, origins: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the arcs that some origin reaches, and which origins have any."""
    tail, head = graph.tail[arcs], graph.head[arcs]
    leaves = np.zeros(graph.n_states, dtype=np.bool_)
    leaves[tail] = True
    seen = np.zeros(graph.n_states, dtype=np.bool_)
    seen[origins] = True
    count = 0
    while count < seen.sum():
        count = int(seen.sum())
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
    """Return the arcs of states that are numbered in the order of the sweep up."""
    tail, head, link = arcs
    states, ends = np.unique(np.concatenate([tail, head]), return_inverse=True)
    tail, head = ends[: len(link)], ends[len(link) :]
    level = _longest(tail, head, len(states))
    order = np.lexsort((np.bincount(tail, minlength=len(states)), level))
    number = np.empty(len(states), dtype=np.intp)
    number[order] = np.arange(len(states))
    new = np.full(size + 1, -1, dtype=np.intp)
    new[states] = number
    return Dag(
        commodities=commodities,
        link_ids=link_ids,
        model=model,
        origin=new[origin],
        level=level[order],
        tail=number[tail],
        head=number[head],
        link=link,
    )


def _longest(tail: IntArray, head: IntArray, size: int) -> IntArray:
    """Return the largest number of arcs from every state to one without arcs."""
    order = np.argsort(tail, kind="stable")
    own, start = np.unique(tail[order], return_index=True)
    far = head[order]
    level: IntArray = np.zeros(size, dtype=np.intp)
    while len(own):
        longer = np.maximum.reduceat(level[far], start) + 1
        if np.array_equal(longer, level[own]):
            break
        level[own] = longer
    return level
