"""The graph that a class travels on: the roads, or two layers of them with the stations between.

A class that must charge begins in layer 0 and ends in layer 1; only station links lead from one to the other, so every
route meets exactly one station, on cyclic networks too. Both copies of a road are the same link: one cost, one flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.traffic.network import BoolArray, IntArray, RoadNetwork
from cosim.traffic.performance import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TravelGraph:
    """Arcs between states (node, layer); the state of node n in layer 1 is ``n_nodes + n``.

    Attributes
    ----------
    n_nodes, n_layers
        Size of the road network; 2 layers for a class that must charge, else 1.
    tail, head, link
        States and network link of each arc, shape (A,).
    closed
        Whether an arc leads into a node that is closed to through traffic, shape (A,).
    """

    n_nodes: int
    n_layers: int
    tail: IntArray
    head: IntArray
    link: IntArray
    closed: BoolArray

    @property
    def n_states(self) -> int:
        """Number of states."""
        return self.n_nodes * self.n_layers

    def goal(self, destination: int) -> int:
        """Return the state in which trips to a node end."""
        return destination + self.n_nodes * (self.n_layers - 1)

    def open_arcs(self, destination: int) -> BoolArray:
        """Return which arcs a trip to the destination may use.

        None leaves the destination (no charging there either), and none enters another closed node.
        """
        return (self.tail % self.n_nodes != destination) & (~self.closed | (self.head % self.n_nodes == destination))


def travel_graph(network: RoadNetwork, *, needs_station: bool) -> TravelGraph:
    """Return the graph of a class that must charge exactly once, or never."""
    n_nodes = len(network.node_ids)
    roads, stations = np.flatnonzero(~network.is_station), network.station_positions
    tail, head, link = network.tail[roads], network.head[roads], roads
    if needs_station:
        site = network.tail[stations]
        tail = np.concatenate([tail, site, tail + n_nodes])
        head = np.concatenate([head, site + n_nodes, head + n_nodes])
        link = np.concatenate([roads, stations, roads])
    closed = network.is_centroid[head % n_nodes] & ~network.is_station[link]
    layers = 2 if needs_station else 1
    return TravelGraph(n_nodes=n_nodes, n_layers=layers, tail=tail, head=head, link=link, closed=closed)


def distances_to(graph: TravelGraph, goal: int, cost_min: FloatArray, arcs: IntArray) -> tuple[FloatArray, IntArray]:
    """Return the smallest cost from every state to the goal over these arcs, and the arcs on the way.

    Parameters
    ----------
    cost_min
        Cost of every arc of the graph, >= 0, shape (A,).
    arcs
        Positions of the arcs that may be used.

    Returns
    -------
    tuple
        Costs, inf where there is no way, and numbers of arcs of one cheapest way, shape (n_states,).
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    tail, head, cost = graph.tail[arcs], graph.head[arcs], cost_min[arcs]
    order = np.lexsort((cost, tail, head))
    tail, head, cost = tail[order], head[order], cost[order]
    cheapest = np.ones(len(order), dtype=np.bool_)  # of parallel arcs
    cheapest[1:] = (np.diff(tail) != 0) | (np.diff(head) != 0)
    size = graph.n_states
    start = np.searchsorted(head[cheapest], np.arange(size + 1))
    reversed_arcs = csr_array((cost[cheapest], tail[cheapest], start), shape=(size, size))
    distance, before = dijkstra(reversed_arcs, indices=goal, return_predecessors=True)
    jump = np.where(before < 0, goal, before)
    hops = (before >= 0).astype(np.intp)
    while np.any(jump != goal):
        hops, jump = hops + hops[jump], jump[jump]
    return distance, hops
