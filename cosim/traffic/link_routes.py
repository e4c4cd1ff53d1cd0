"""Logit loading on links: the routes to each destination as an acyclic graph, never listed one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from cosim.arrays import Array, IntArray, read_only
from cosim.traffic.routes import Commodity, LogitLoad, bregman

SMALLEST_EXPONENT = -40.0
"""Arcs whose weight falls below exp(-40) of the best arc's get none: denormal numbers would be slow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dag:
    """For every class and destination one acyclic graph whose paths are the choice set (Dial 1971).

    All graphs together are one list of A arcs between S states. The level of a state is the largest
    number of arcs to the destination; an arc leads to a lower level. Logit over paths is a Markov chain
    over arcs, and a loading is one sweep up the levels and one down.

    Attributes
    ----------
    commodities, link_ids, model
        As in `PathSet`.
    origin
        State in which each commodity begins, -1 without a route, shape (W,).
    level
        Level of each state, shape (S,).
    tail, head, link
        States and network link of each arc, shape (A,), in the order of the sweep up.
    """

    commodities: tuple[Commodity, ...]
    link_ids: tuple[str, ...]
    model: str
    origin: IntArray
    level: IntArray
    tail: IntArray
    head: IntArray
    link: IntArray
    supplied: IntArray = field(init=False, repr=False)
    _up: tuple[_Block, ...] = field(init=False, repr=False)
    _down: tuple[_Block, ...] = field(init=False, repr=False)
    _by_head: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        order, up = _blocks(self.tail, self.head, self.level)
        for name, values in (
            *(("origin", self.origin), ("level", self.level)),
            *((name, getattr(self, name)[order]) for name in ("tail", "head", "link")),
        ):
            put(self, name, read_only(values, np.intp, np.shape(values), name))
        by_head, down = _blocks(self.head, self.tail, self.level)
        put(self, "supplied", np.flatnonzero(self.origin >= 0))
        put(self, "_up", up)
        put(self, "_down", down[::-1])
        put(self, "_by_head", by_head)

    def __len__(self) -> int:
        return len(self.link)

    @property
    def n_states(self) -> int:
        """Number of states S."""
        return len(self.level)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Nothing: which arcs stand here hangs on costs alone."""
        return ()

    @property
    def dense_cells(self) -> float:
        """No dense covariance is offered."""
        return float("inf")

    @property
    def offset_min(self) -> Array:
        """Arcs have no constant cost besides their links."""
        return np.zeros(len(self))

    def load(self, demand_vph: Array, theta_per_min: float, link_cost_min: Array) -> LogitLoad:
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

    def link_flow(self, route_flow_vph: Array) -> Array:
        """Return the flow of every link, veh/h, shape (L,) (Eq 5)."""
        total = np.bincount(self.link, weights=route_flow_vph, minlength=len(self.link_ids))
        return np.asarray(total, dtype=np.float64)

    def route_cost(self, link_cost_min: Array) -> Array:
        """Return the cost of every arc, min, shape (A,)."""
        return np.asarray(link_cost_min[self.link])

    def uniform(self, demand_vph: Array) -> Array:
        """Return arc flows that split every commodity evenly over its paths."""
        return self.load(demand_vph, 1.0, np.zeros(len(self.link_ids))).path_flow_vph

    def rescaled(self, demand_vph: Array, route_flow_vph: Array) -> Array:
        """Return arc flows with the splits at every node kept and the demand met (Eq 4)."""
        even = self._shares(1.0, np.zeros(len(self)))[0]
        passing = self._passing(route_flow_vph)[self.tail]
        share = np.divide(route_flow_vph, passing, out=even, where=passing > 0)
        return self._spread(demand_vph, share)

    def divergence(self, demand_vph: Array, route_flow_vph: Array, theta_per_min: float, link_cost_min: Array) -> float:
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

    def entropy(self, demand_vph: Array, route_flow_vph: Array) -> float:
        """Return ``sum_k f_k ln f_k`` over all paths, for flows that split at nodes whatever their origin."""
        used = route_flow_vph > 0
        flow, passing = route_flow_vph[used], self._passing(route_flow_vph)[self.tail[used]]
        demand = demand_vph[demand_vph > 0]
        return float((flow * np.log(flow / passing)).sum() + (demand * np.log(demand)).sum())

    def _passing(self, arc_flow: Array) -> Array:
        """Return the flow that leaves every state."""
        total = np.bincount(self.tail, weights=arc_flow, minlength=self.n_states)
        return np.asarray(total, dtype=np.float64)

    def _shares(self, theta: float, cost: Array) -> tuple[Array, Array]:
        """Return the split p of every arc and S of every state."""
        expected = np.zeros(self.n_states)
        share = np.empty(len(cost))
        for block in self._up:
            through = share[block.arcs].reshape(block.other.shape)  # a view: ends as the splits
            expected.take(block.other, out=through, mode="clip")
            through += cost[block.arcs].reshape(block.other.shape)
            if len(through) == 1:  # no choice
                expected[block.own] = through[0]
                through.fill(1.0)
                continue
            cheapest = through.min(axis=0)
            through -= cheapest
            through *= -theta
            through[through < SMALLEST_EXPONENT] = -np.inf
            np.exp(through, out=through)
            total = through.sum(axis=0)
            through /= total
            np.log(total, out=total)
            total /= theta
            expected[block.own] = cheapest - total
        return share, expected

    def _spread(self, demand: Array, share: Array) -> Array:
        """Send the demand down the arcs by their splits; return the flow of every arc."""
        passing = np.bincount(
            self.origin[self.supplied], weights=demand[self.supplied], minlength=self.n_states
        ).astype(np.float64)
        entering = share[self._by_head]
        for block in self._down:
            flow = entering[block.arcs].reshape(block.other.shape)
            flow *= passing.take(block.other, mode="clip")
            passing[block.own] += flow.sum(axis=0)
        return np.asarray(share * passing[self.tail])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """The arcs at k states of one level that have d of them each, as a (d, k) array.

    ``own``: the k states; ``other``: state at the far end of each arc.
    """

    arcs: slice
    own: IntArray | slice
    other: IntArray


def _blocks(near: IntArray, far: IntArray, level: IntArray) -> tuple[IntArray, tuple[_Block, ...]]:
    """Return the order that puts arcs into blocks by their near end, lowest level first, and the blocks."""
    order = np.argsort(near, kind="stable")
    degree = np.bincount(near, minlength=len(level))
    slot = np.arange(len(near)) - (np.cumsum(degree) - degree)[near[order]]
    ends = near[order]
    order = order[np.lexsort((ends, slot, degree[ends], level[ends]))]
    ends = near[order]
    change = (np.diff(level[ends]) != 0) | (np.diff(degree[ends]) != 0)
    bounds = [0, *(np.flatnonzero(change) + 1).tolist(), len(ends)] if len(ends) else [0]
    blocks = []
    for first, last in pairwise(bounds):
        count = (last - first) // int(degree[ends[first]])
        own = ends[first : first + count]
        whole = own[-1] - own[0] + 1 == count
        blocks.append(
            _Block(
                arcs=slice(first, last),
                own=slice(int(own[0]), int(own[-1]) + 1) if whole else own,
                other=far[order[first:last]].reshape(-1, count),
            )
        )
    return order, tuple(blocks)
