"""Solve a stochastic user equilibrium by any method, and certify the answer."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import InputError, PluginError, Problem
from cosim.traffic.methods import METHODS
from cosim.traffic.methods.base import DENSE_CELLS, Method
from cosim.traffic.problem import (
    Iterate,
    IterationRecord,
    SueProblem,
    SueResult,
    fisk_objective,
    relative_change,
)

__all__ = [
    "IterationRecord",
    "SueProblem",
    "SueResult",
    "duality_gap",
    "fisk_objective",
    "plan_methods",
    "residual",
    "solve",
    "solve_day",
]

SMALL_LINKS = 300
ROUNDING = 1e-12
"""Relative difference of flows below which two loadings are one."""
_SHARED = ("problem", "start", "tolerance", "limit")


def solve(
    problem: SueProblem,
    method: str = "auto",
    tolerance: float = 1e-8,
    limit: int | None = None,
    start: SueResult | None = None,
    **options: Any,  # noqa: ANN401 -- the options are the method's, checked by name
) -> SueResult:
    """Find flows with ``R = ||V(c(v)) - v||_1 / ||v||_1 <= tolerance``.

    Where a method's route flows are no logit loading (an average of several), the same norm over routes must be within
    the tolerance, too: link flows can agree while route flows do not.

    Parameters
    ----------
    problem
        Network, paths, demand and theta.
    method
        ``auto`` (see `plan_methods`) or one of `cosim.traffic.methods.METHODS`.
    tolerance
        On R; rounding allows about 1e-13.
    limit
        Iterations; None takes the method's own limit.
    start
        A result on the same path set, for a warm start; its method does not matter. One that is not finite (costs
        overflowed) is left aside, so that it spoils no later period.
    options
        Options of the method, e.g. ``msa_step``, ``paper_step_test_vph``, ``record_paths``.

    Returns
    -------
    SueResult
        Look at ``status``: a limit that was reached is not an error.

    Raises
    ------
    InputError
        If the method, an option, the tolerance, the limit or the start is wrong.
    """
    first, *others = plan_methods(problem) if method == "auto" else (method,)
    _check(problem, first, tolerance, limit, start, options)
    if limit is not None:
        options["limit"] = limit
    if start is not None and not (np.isfinite(start.perceived_cost_min) & np.isfinite(start.link_flow_vph)).all():
        start = None
    result = _certified(problem, first, tolerance, _iterate(problem, first, start, tolerance, **options))
    for name in others:
        if result.status != "stalled":
            break
        bound = {} if limit is None else {"limit": limit}
        iterate = _iterate(problem, name, result, tolerance, **bound)
        result = _joined(result, _certified(problem, name, tolerance, iterate))
    return result


def _iterate(
    problem: SueProblem,
    name: str,
    start: SueResult | None,
    tolerance: float,
    **options: Any,  # noqa: ANN401 -- the options are the method's
) -> Iterate:
    """Let a method run; refuse what is no iterate of this problem."""
    found: object = METHODS[name].run(problem, start, tolerance, **options)
    if not isinstance(found, Iterate):
        raise PluginError(f"method {name!r}", f"returned {type(found).__name__}, must return an Iterate")
    for field, size in (("path_flow_vph", len(problem.paths)), ("perceived_cost_min", len(problem.network.link_ids))):
        if (shape := np.shape(getattr(found, field))) != (size,):
            raise PluginError(f"method {name!r}", f"returned {field} of shape {shape}, must be ({size},)")
    return found


def plan_methods(problem: SueProblem) -> tuple[str, ...]:
    """Return what ``auto`` tries, one after the other, each from where the one before stalled.

    `newton` where its dense matrix is small (a path set on at most `SMALL_LINKS` links); otherwise `mirror_bb`, then
    `newton` if the matrix fits at all, else `sra`.
    """
    fits = problem.paths.dense_cells <= DENSE_CELLS
    if fits and len(problem.network.link_ids) <= SMALL_LINKS:
        return ("newton",)
    return ("mirror_bb", "newton" if fits else "sra")


def solve_day(
    problem: SueProblem,
    demand_vph: ArrayLike,
    method: str = "auto",
    tolerance: float = 1e-8,
    limit: int | None = None,
    *,
    start: SueResult | None = None,
    warm: bool = True,
    **options: Any,  # noqa: ANN401 -- the options are the method's, checked by name
) -> list[SueResult]:
    """Solve one equilibrium per period, each started from the one before.

    No traffic is carried from period to period; the start changes the effort, not the answer.

    Parameters
    ----------
    problem
        Its demand is replaced.
    demand_vph
        Shape (T, W), veh/h.
    start
        For the first period.
    warm
        False starts every period cold.
    """
    results: list[SueResult] = []
    for demand in np.asarray(demand_vph, dtype=np.float64):
        before = results[-1] if results and warm else (None if results else start)
        period = replace(problem, demand_vph=demand)
        results.append(solve(period, method, tolerance, limit, before, **options))
    return results


def _joined(before: SueResult, after: SueResult) -> SueResult:
    """Return the later result with the effort and history of both."""
    return replace(
        after,
        method=f"{before.method} then {after.method}",
        iterations=before.iterations + after.iterations,
        loads=before.loads + after.loads,
        history=before.history + after.history,
    )


def residual(problem: SueProblem, path_flow_vph: ArrayLike) -> float:
    """Return ``R = ||V(c(v)) - v||_1 / ||v||_1`` of any path flows, over road and station links."""
    flow = problem.paths.link_flow(np.asarray(path_flow_vph, dtype=np.float64))
    return relative_change(problem.load(problem.link_cost(flow)).link_flow_vph - flow, flow)


def duality_gap(problem: SueProblem, path_flow_vph: ArrayLike) -> float:
    """Return an upper bound on ``Z(f) - Z*``, veh min/h (Sheffi & Powell 1982 dual at the flow's costs).

    ``(1/theta) sum_w q_w KL(P_w || P_w(c(v)))``, where P splits the given path flows.
    """
    flow = np.asarray(path_flow_vph, dtype=np.float64)
    cost = problem.link_cost(problem.paths.link_flow(flow))
    spread = problem.paths.divergence(problem.demand_vph, flow, problem.theta_per_min, cost)
    return spread / problem.theta_per_min


def _certified(problem: SueProblem, method: str, tolerance: float, iterate: Iterate) -> SueResult:
    """Compute residual, gap and status of a method's flows, the same way for every method."""
    network, paths = problem.network, problem.paths
    path_flow = iterate.path_flow_vph
    flow = paths.link_flow(path_flow)
    time = problem.link_cost(flow)
    answer = problem.load(time)
    measured = relative_change(answer.link_flow_vph - flow, flow)
    beyond = network.is_station & (flow > network.setting("knee") * network.capacity_vph)
    by_path = relative_change(answer.path_flow_vph - path_flow, path_flow)
    reached = measured <= tolerance and (by_path <= tolerance or _is_loading(problem, iterate))
    status = "converged" if reached else iterate.ended
    return SueResult(
        link_flow_vph=flow,
        path_flow_vph=path_flow,
        link_time_min=time,
        path_cost_min=paths.route_cost(time),
        perceived_cost_min=iterate.perceived_cost_min,
        expected_min_cost_min=answer.expected_min_cost_min,
        residual=measured,
        residual_path=by_path,
        gap=duality_gap(problem, path_flow),
        iterations=iterate.iterations,
        loads=iterate.loads + 1,
        method=method,
        path_model=paths.model,
        theta_per_min=problem.theta_per_min,
        above_knee=tuple(network.link_ids[link] for link in np.flatnonzero(beyond)),
        status="stalled" if status == "tolerance" else status,
        history=iterate.history,
    )


def _is_loading(problem: SueProblem, iterate: Iterate) -> bool:
    """Whether the route flows are the logit loading at the perceived costs: then R alone tells how far they are."""
    loaded = problem.load(iterate.perceived_cost_min).path_flow_vph
    return relative_change(iterate.path_flow_vph - loaded, loaded) <= ROUNDING


def _check(
    problem: SueProblem,
    method: str,
    tolerance: float,
    limit: int | None,
    start: SueResult | None,
    options: Collection[str],
) -> None:
    if method not in METHODS:
        raise InputError(f"method: {method!r} is unknown; known: auto, {', '.join(METHODS)}")
    found = list(_unfit(METHODS[method], problem))
    if not 0 < tolerance < 1:
        found.append(Problem(field="tolerance", reason=f"{tolerance} must be between 0 and 1"))
    if limit is not None and limit < 1:
        found.append(Problem(field="limit", reason=f"{limit} must be at least 1"))
    known = [name for name in inspect.signature(METHODS[method].run).parameters if name not in _SHARED]
    for name in options:
        if name not in known:
            reason = f"method {method!r} has no option {name!r}"
            found.append(Problem(field=name, reason=reason, remedy=f"it has: {', '.join(known)}"))
    n_paths, n_links = len(problem.paths), len(problem.network.link_ids)
    if start is not None and (len(start.path_flow_vph), len(start.link_flow_vph)) != (n_paths, n_links):
        found.append(Problem(field="start", reason="the start belongs to another path set"))
    if found:
        raise InputError(found)


def _unfit(method: type[Method], problem: SueProblem) -> Iterator[Problem]:
    """Yield why a method cannot solve the problem."""
    cells, model = problem.paths.dense_cells, problem.paths.model
    if method.dense and not cells <= DENSE_CELLS:
        size = "has no dense covariance of link use" if cells == np.inf else f"needs {cells:.1e} numbers for it"
        reason = f"{method.kind!r} needs the covariance of link use; the route model {model!r} {size}"
        yield Problem(field="method", reason=reason, remedy="take 'mirror_bb' or 'sra'")
