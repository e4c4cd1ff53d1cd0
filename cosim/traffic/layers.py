"""The graph that a class travels on: the roads, or two layers of them with the stations between.

A class that must charge begins in layer 0 and ends in layer 1; only station links lead from one to the other, so every
route meets exactly one station, on cyclic networks too. Both copies of a road are the same link: one cost, one flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.arrays import Array, BoolArray, IntArray
from cosim.traffic.network import RoadNetwork


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
        here = self.head % self.n_nodes == destination
        return np.asarray((self.tail % self.n_nodes != destination) & (~self.closed | here))


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


class Distances:
    """Cheapest ways through a travel graph towards any goal.

    Parameters
    ----------
    graph
        The graph.
    cost_min
        Cost of every arc, >= 0, shape (A,).
    """

    def __init__(self, graph: TravelGraph, cost_min: Array) -> None:
        order = np.lexsort((cost_min, graph.tail, graph.head))
        tail, head = graph.tail[order], graph.head[order]
        cheapest = np.ones(len(order), dtype=np.bool_)  # of parallel arcs
        cheapest[1:] = (np.diff(tail) != 0) | (np.diff(head) != 0)
        self._arcs = order[cheapest]
        self._tail = tail[cheapest].astype(np.int32)
        self._row_start = np.searchsorted(head[cheapest], np.arange(graph.n_states + 1)).astype(np.int32)
        self._cost = cost_min[self._arcs]

    def to(self, goal: int, open_arcs: BoolArray) -> Array:
        """Return the smallest cost from every state to the goal, inf where no way leads over the open arcs."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import dijkstra

        size = len(self._row_start) - 1
        cost = np.where(open_arcs[self._arcs], self._cost, np.inf)
        reversed_arcs: Any = csr_array((cost, self._tail, self._row_start), shape=(size, size))
        return np.asarray(dijkstra(reversed_arcs, indices=[goal])[0], dtype=np.float64)
