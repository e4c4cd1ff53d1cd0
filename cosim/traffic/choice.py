"""Logit route choice on a path set (Eq 7) and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.traffic.routes import LogitLoad, bregman

if TYPE_CHECKING:
    from cosim.traffic.paths import PathSet


def path_cost(paths: PathSet, link_cost_min: Array) -> Array:
    """Return the cost of every path, ``offset + sum of its links``, min, shape (K,) (Eq 6)."""
    summed = np.bincount(paths.entry_path, weights=link_cost_min[paths.links], minlength=len(paths))
    return summed + paths.offset_min


def link_flow(paths: PathSet, path_flow_vph: Array) -> Array:
    """Return the flow of every link, ``Delta f``, veh/h, shape (L,) (Eq 5)."""
    weights = path_flow_vph[paths.entry_path]
    return np.asarray(np.bincount(paths.links, weights=weights, minlength=len(paths.link_ids)), dtype=np.float64)


def commodity_flow(paths: PathSet, path_flow_vph: Array) -> Array:
    """Return the flow of every commodity, veh/h, shape (W,) (Eq 4)."""
    total = np.bincount(paths.commodity, weights=path_flow_vph, minlength=len(paths.commodities))
    return np.asarray(total, dtype=np.float64)


def load(paths: PathSet, demand_vph: Array, theta_per_min: float, link_cost_min: Array) -> LogitLoad:
    """Spread each commodity's demand over its paths by the logit model (Eq 7).

    ``P_k = exp(-theta c_k) / sum_l exp(-theta c_l)``, ``S = -(1/theta) ln sum_l exp(-theta c_l)``;
    the smallest cost is subtracted before the exponential.

    Parameters
    ----------
    paths
        The paths of W commodities.
    demand_vph
        Shape (W,), veh/h.
    theta_per_min
        Logit dispersion, 1/min; 0 would be a uniform choice.
    link_cost_min
        Shape (L,), min.
    """
    cost = path_cost(paths, link_cost_min)
    cheapest = np.minimum.reduceat(cost, paths.group_start)
    weight = np.exp(-theta_per_min * (cost - cheapest[paths.group]))
    total = np.add.reduceat(weight, paths.group_start)
    share = weight / total[paths.group]
    flow = share * demand_vph[paths.commodity]
    expected = np.full(len(paths.commodities), np.inf)
    expected[paths.supplied] = cheapest - np.log(total) / theta_per_min
    return LogitLoad(
        share=share,
        path_flow_vph=flow,
        link_flow_vph=link_flow(paths, flow),
        expected_min_cost_min=expected,
    )


def link_use_covariance(paths: PathSet, demand_vph: Array, loaded: LogitLoad) -> Array:
    """Return ``H = -(1/theta) dV/dt``, the demand-weighted covariance of link use, shape (L, L).

    ``H = sum_w Delta_w (diag(f_w) - f_w f_w' / q_w) Delta_w'`` in veh/h; symmetric, >= 0.
    """
    n_links, n_commodities = len(paths.link_ids), len(paths.commodities)
    second = np.bincount(
        paths.pair_cell, weights=loaded.path_flow_vph[paths.pair_path], minlength=n_links * n_links
    ).reshape(n_links, n_links)
    mean = np.bincount(
        paths.entry_cell, weights=loaded.share[paths.entry_path], minlength=n_commodities * n_links
    ).reshape(n_commodities, n_links)
    return np.asarray(second - mean.T @ (demand_vph[:, np.newaxis] * mean))


def divergence(
    paths: PathSet,
    demand_vph: Array,
    path_flow_vph: Array,
    theta_per_min: float,
    link_cost_min: Array,
) -> float:
    """Return ``sum_w q_w KL(P_w || P'_w)``, veh/h: how far path flows are from logit at the costs.

    P is the split of ``path_flow_vph``, P' the logit split at ``link_cost_min``. Each path
    contributes ``f (r + exp(-r) - 1) >= 0`` with ``r = ln(P / P')``, so nothing cancels near 0.
    """
    loaded = load(paths, demand_vph, theta_per_min, link_cost_min)
    cost = path_cost(paths, link_cost_min)
    used = path_flow_vph > 0
    flow = path_flow_vph[used]
    commodity = paths.commodity[used]
    log_share = -theta_per_min * (cost[used] - loaded.expected_min_cost_min[commodity])
    ratio = np.log(flow / demand_vph[commodity]) - log_share
    return bregman(flow, ratio, loaded.path_flow_vph[used]) + float(loaded.path_flow_vph[~used].sum())
