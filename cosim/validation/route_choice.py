"""Would drivers stay on their routes if they saw measured times? The telling test of an equilibrium.

Fixed routes reproduce link flows almost by construction. An equilibrium claims more: that at the times which its flows
cause, the same flows are chosen again.
"""

from __future__ import annotations

import math

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError
from cosim.traffic.problem import SueProblem, relative_change
from cosim.traffic.routes import LogitLoad


def closure(problem: SueProblem, path_flow_vph: Array, link_cost_min: Array) -> float:
    """Return the share of demand that would move: ``sum_w 1/2 sum_k |q_w P_k - f_k| / sum_w q_w``.

    P is the logit choice at the measured costs. 0: nobody would move. Where there is no demand, 0.

    Parameters
    ----------
    problem
        Paths, demand and theta.
    path_flow_vph
        Flows that the model claims, shape (K,), veh/h.
    link_cost_min
        Measured cost of every link, stations and prices included, shape (L,), min.
    """
    return moved_share(problem, path_flow_vph, problem.load(link_cost_min).path_flow_vph)


def moved_share(problem: SueProblem, path_flow_vph: Array, other_vph: Array) -> float:
    """Return half the sum of the differences of two path flows over the demand: the share that is on another path.

    Raises
    ------
    InputError
        If a flow is not finite, or the shapes differ from the path set's.
    """
    shape = (len(problem.path_set),)
    for name, flow in (("path_flow_vph", path_flow_vph), ("other_vph", other_vph)):
        if np.shape(flow) != shape or not np.isfinite(flow).all():
            raise InputError(f"{name} has shape {np.shape(flow)}; it must be {shape}, one finite flow per path")
    return _over(np.abs(path_flow_vph - other_vph).sum(), problem.demand_vph.sum())


def class_closure(problem: SueProblem, path_flow_vph: Array, link_cost_min: Array, user_class: str) -> float:
    """Return the closure of one user class; NaN if the class has no demand."""
    paths = problem.path_set
    chosen = np.array([one.user_class == user_class for one in paths.commodities])
    demand = float(problem.demand_vph[chosen].sum())
    if not demand > 0.0:
        return math.nan
    own = chosen[paths.commodity]
    target = problem.load(link_cost_min).path_flow_vph
    return _over(np.abs(target - path_flow_vph)[own].sum(), demand)


def residual(problem: SueProblem, path_flow_vph: Array) -> float:
    """Return ``R = ||V(c(v)) - v||_1 / ||v||_1`` of stored path flows at the laws' own times; 0 without flow."""
    flow = problem.path_set.link_flow(path_flow_vph)
    return relative_change(problem.load(problem.link_cost(flow)).link_flow_vph - flow, flow)


def free_flow_logit(problem: SueProblem) -> LogitLoad:
    """Return the null model: the logit choice at free-flow times, which is no equilibrium at all.

    It answers no congestion; prices and other constants of links and paths count in it as in the equilibrium.
    """
    return problem.load(problem.empty_cost_min)


def delivered_flow(problem: SueProblem, path_flow_vph: Array, station_lost_share: Array) -> Array:
    """Return link flows if a share of each station's vehicles stays there: queued ones are missing downstream.

    Parameters
    ----------
    problem
        Paths.
    path_flow_vph
        Shape (K,), veh/h.
    station_lost_share
        Growth of queue and plugged vehicles over the arrivals, per link, 0 for roads; shape (L,).

    Returns
    -------
    Array
        Shape (L,), veh/h. Links behind the station on a path carry ``(1 - lost share)`` of the path's flow.
    """
    paths = problem.path_set
    weight = np.empty(len(paths.links))
    for path in range(len(paths)):
        row = slice(paths.row_start[path], paths.row_start[path + 1])
        left = np.cumprod(1.0 - station_lost_share[paths.links[row]])
        weight[row] = path_flow_vph[path] * np.concatenate([[1.0], left[:-1]])
    return np.asarray(np.bincount(paths.links, weights=weight, minlength=len(paths.link_ids)), dtype=np.float64)


def _over(twice_moved_vph: float, demand_vph: float) -> float:
    return 0.5 * float(twice_moved_vph) / float(demand_vph) if demand_vph > 0.0 else 0.0
