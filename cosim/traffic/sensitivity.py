"""How equilibrium flows answer to small changes of demand, link constants and theta."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError
from cosim.traffic.performance import link_cost_derivative
from cosim.traffic.problem import SueProblem, SueResult


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sensitivity:
    """Derivatives of the L link flows at an equilibrium.

    Attributes
    ----------
    to_demand
        By the demand of each commodity, shape (L, W), (veh/h)/(veh/h).
    to_fixed_min
        By a constant added to each link's cost (a toll, a station's price), shape (L, L),
        (veh/h)/min.
    to_theta
        By the logit dispersion, shape (L,), (veh/h) min; the paths' constants are held (a path-size term, which is
        made for one theta, too).
    """

    to_demand: Array
    to_fixed_min: Array
    to_theta: Array


def sensitivity(problem: SueProblem, result: SueResult) -> Sensitivity:
    """Differentiate the fixed point ``v = V(c(v))``.

    With ``M = I + theta H D``: ``dv/dq = M^-1 Delta P``, ``dv/dfixed = -theta M^-1 H`` and
    ``dv/dtheta = -M^-1 sum_k Delta_k f_k (cost_k - mean cost of its commodity)``.

    Raises
    ------
    InputError
        If the result is no equilibrium.
    """
    if not result.converged:
        raise InputError(f"sensitivity needs an equilibrium; the result is {result.status!r}")
    return linearised(problem, result)


def linearised(problem: SueProblem, result: SueResult) -> Sensitivity:
    """Return the same of any flows: how they would answer if they were an equilibrium.

    The matrix has an inverse at any flows. Of flows that are none it is an estimate, for whoever only wants to know
    where to look next.
    """
    paths, theta = problem.path_set, problem.theta_per_min
    loaded = problem.load(result.link_time_min)
    covariance = paths.link_use_covariance(problem.demand_vph, loaded)
    slope = link_cost_derivative(problem.network, result.link_flow_vph)
    matrix = np.eye(len(slope)) + theta * covariance * slope
    cost = paths.route_cost(result.link_time_min)
    mean = np.bincount(paths.commodity, weights=loaded.share * cost, minlength=len(paths.commodities))
    drift = paths.link_flow(loaded.path_flow_vph * (cost - mean[paths.commodity]))
    right = np.hstack([paths.link_use(loaded.share).T, -theta * covariance, -drift[:, np.newaxis]])
    answer = np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    n_commodities = len(paths.commodities)
    return Sensitivity(
        to_demand=answer[:, :n_commodities],
        to_fixed_min=answer[:, n_commodities:-1],
        to_theta=answer[:, -1],
    )


def flow_slope(problem: SueProblem, result: SueResult, ahead: SueProblem, behind: SueProblem, width: float) -> Array:
    """Return how the equilibrium's link flows move along any change of the problem, shape (L,), (veh/h) per unit.

    For a family of problems ``p(s)`` with loading ``V(v; s)`` at the costs of flows v,
    ``dv/ds = M^-1 dV/ds`` with ``M^-1 = I + (dv/dfixed) D``; no equilibrium is solved. ``dV/ds`` at fixed flows is a
    central difference of the closed form, exact to ``width^2``; it has demand, costs, theta and paths' constants in it.

    Parameters
    ----------
    problem, result
        ``p(0)`` and its equilibrium.
    ahead, behind
        ``p(width / 2)`` and ``p(-width / 2)``, with the same paths.
    width
        The distance between the two, small against what changes.

    Raises
    ------
    InputError
        If the result is no equilibrium, or the routes are not listed as paths.
    """
    flow = result.link_flow_vph
    answer_to_cost = sensitivity(problem, result).to_fixed_min
    loaded, lower = (one.load(one.link_cost(flow)).link_flow_vph for one in (ahead, behind))
    explicit = (loaded - lower) / width
    return np.asarray(explicit + answer_to_cost @ (link_cost_derivative(problem.network, flow) * explicit))
