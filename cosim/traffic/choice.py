"""Logit route choice on a path set (Eq 7) and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cosim.arrays import Array, BoolArray, IntArray, read_only
from cosim.errors import InputError
from cosim.traffic.routes import Commodity, LogitLoad, bregman, path_id, path_name

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
    closed
        Paths that nobody can take, shape (K,): they keep their place and carry nothing. None: all are open.
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
    closed: BoolArray | None = None
    entry_path: IntArray = field(init=False, repr=False)
    entry_cell: IntArray = field(init=False, repr=False)
    _pairs: list[tuple[IntArray, IntArray]] = field(init=False, repr=False, default_factory=list)
    _named: list[tuple[str, ...]] = field(init=False, repr=False, default_factory=list)
    _identified: list[tuple[str, ...]] = field(init=False, repr=False, default_factory=list)
    supplied: IntArray = field(init=False, repr=False)
    grouped: IntArray = field(init=False, repr=False)
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
        self._store("supplied", supplied if self.closed is None else np.unique(self.commodity[~self.closed]))
        self._store("grouped", supplied)
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

    def without(self, station_closed: BoolArray) -> PathSet:
        """Return the set with the paths past some stations closed; over the L links, True where one is closed."""
        closed = np.where(self.station >= 0, station_closed[self.station], False)
        return replace(self, closed=closed) if closed.any() else self

    def _open(self, route_flow_vph: Array) -> Array:
        """Return flows with nothing on closed paths."""
        return route_flow_vph if self.closed is None else np.where(self.closed, 0.0, route_flow_vph)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each path, unique within its class (`path_name`); made when first asked for."""
        if not self._named:
            self._named.append(tuple(path_name(self.path_link_ids(path)) for path in range(len(self))))
        return self._named[0]

    @property
    def ids(self) -> tuple[str, ...]:
        """Name of each path with its class, unique in the set (`path_id`); made when first asked for."""
        if not self._identified:
            classes = (self.commodities[number].user_class for number in self.commodity.tolist())
            named = tuple(path_id(user_class, name) for user_class, name in zip(classes, self.names, strict=True))
            self._identified.append(named)
        return self._identified[0]

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
        """Spread each commodity's demand over its paths by the logit model (Eq 7).

        ``P_k = exp(-theta c_k) / sum_l exp(-theta c_l)``, ``S = -(1/theta) ln sum_l exp(-theta c_l)``;
        the smallest cost is subtracted before the exponential.

        Parameters
        ----------
        demand_vph
            Shape (W,), veh/h.
        theta_per_min
            Logit dispersion, 1/min; 0 would be a uniform choice.
        link_cost_min
            Shape (L,), min.
        """
        return _logit(self, demand_vph, theta_per_min, link_cost_min)

    def link_flow(self, route_flow_vph: Array) -> Array:
        """Return the flow of every link, ``Delta f``, veh/h, shape (L,) (Eq 5)."""
        weights = route_flow_vph[self.entry_path]
        return np.asarray(np.bincount(self.links, weights=weights, minlength=len(self.link_ids)), dtype=np.float64)

    def route_cost(self, link_cost_min: Array) -> Array:
        """Return the cost of every path, ``offset + sum of its links``, min, shape (K,) (Eq 6)."""
        summed = np.bincount(self.entry_path, weights=link_cost_min[self.links], minlength=len(self))
        return summed + self.offset_min

    def commodity_flow(self, route_flow_vph: Array) -> Array:
        """Return the flow of every commodity, veh/h, shape (W,) (Eq 4)."""
        total = np.bincount(self.commodity, weights=route_flow_vph, minlength=len(self.commodities))
        return np.asarray(total, dtype=np.float64)

    def uniform(self, demand_vph: Array) -> Array:
        """Return path flows that split every commodity evenly, veh/h, shape (K,)."""
        counts = np.bincount(self.commodity, weights=self._open(np.ones(len(self))), minlength=len(self.commodities))
        return self._open(np.asarray(demand_vph[self.commodity] / np.maximum(counts, 1.0)[self.commodity]))

    def rescaled(self, demand_vph: Array, route_flow_vph: Array) -> Array:
        """Scale flows to the demand of each commodity (Eq 4); evenly where it had none."""
        route_flow_vph = self._open(route_flow_vph)
        before = self.commodity_flow(route_flow_vph)
        ratio = np.divide(demand_vph, before, out=np.zeros_like(before), where=before > 0)
        fallback = (before <= 0)[self.commodity]
        return np.where(fallback, self.uniform(demand_vph), route_flow_vph * ratio[self.commodity])

    def divergence(
        self,
        demand_vph: Array,
        route_flow_vph: Array,
        theta_per_min: float,
        link_cost_min: Array,
    ) -> float:
        """Return ``sum_w q_w KL(P_w || P'_w)``, veh/h: how far path flows are from logit at the costs.

        P is the split of ``route_flow_vph``, P' the logit split at ``link_cost_min``. Each path
        contributes ``f (r + exp(-r) - 1) >= 0`` with ``r = ln(P / P')``, so nothing cancels near 0.
        """
        loaded = _logit(self, demand_vph, theta_per_min, link_cost_min)
        cost = self.route_cost(link_cost_min)
        used = route_flow_vph > 0
        flow = route_flow_vph[used]
        commodity = self.commodity[used]
        log_share = -theta_per_min * (cost[used] - loaded.expected_min_cost_min[commodity])
        ratio = np.log(flow / demand_vph[commodity]) - log_share
        return bregman(flow, ratio, loaded.path_flow_vph[used]) + float(loaded.path_flow_vph[~used].sum())

    def link_use(self, share: Array) -> Array:
        """Return how often a traveller of each commodity uses each link, by the shares of its paths, shape (W, L)."""
        shape = (len(self.commodities), len(self.link_ids))
        used = np.bincount(self.entry_cell, weights=share[self.entry_path], minlength=shape[0] * shape[1])
        return np.asarray(used, dtype=np.float64).reshape(shape)

    def link_use_covariance(self, demand_vph: Array, loaded: LogitLoad) -> Array:
        """Return ``H = -(1/theta) dV/dt``, the demand-weighted covariance of link use, shape (L, L).

        ``H = sum_w Delta_w (diag(f_w) - f_w f_w' / q_w) Delta_w'`` in veh/h; symmetric, >= 0.
        """
        n_links = len(self.link_ids)
        second = np.bincount(
            self.pair_cell, weights=loaded.path_flow_vph[self.pair_path], minlength=n_links * n_links
        ).reshape(n_links, n_links)
        mean = self.link_use(loaded.share)
        return np.asarray(second - mean.T @ (demand_vph[:, np.newaxis] * mean))

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


def _logit(paths: PathSet, demand_vph: Array, theta_per_min: float, link_cost_min: Array) -> LogitLoad:
    cost = paths.route_cost(link_cost_min)
    if paths.closed is None:
        cheapest = np.minimum.reduceat(cost, paths.group_start)
        weight = np.exp(-theta_per_min * (cost - cheapest[paths.group]))
        total = np.add.reduceat(weight, paths.group_start)
    else:
        lowest = np.minimum.reduceat(np.where(paths.closed, np.inf, cost), paths.group_start)
        cheapest = np.where(np.isfinite(lowest), lowest, 0.0)  # nobody wants what is closed altogether
        weight = np.where(paths.closed, 0.0, np.exp(-theta_per_min * (cost - cheapest[paths.group])))
        total = np.where(np.isfinite(lowest), np.add.reduceat(weight, paths.group_start), 1.0)
        cheapest = lowest
    share = weight / total[paths.group]
    flow = share * demand_vph[paths.commodity]
    expected = np.full(len(paths.commodities), np.inf)
    expected[paths.grouped] = cheapest - np.log(total) / theta_per_min
    return LogitLoad(
        share=share,
        path_flow_vph=flow,
        link_flow_vph=paths.link_flow(flow),
        expected_min_cost_min=expected,
    )


def _entry_pairs(lengths: IntArray, row_start: IntArray) -> tuple[IntArray, IntArray]:
    """Return all pairs of entries (first, second) that lie in the same row."""
    sizes = np.repeat(lengths, lengths)
    first = np.repeat(np.arange(len(sizes)), sizes)
    pair_start = np.cumsum(sizes) - sizes
    within = np.arange(len(first)) - np.repeat(pair_start, sizes)
    second = np.repeat(np.repeat(row_start[:-1], lengths), sizes) + within
    return first, second
