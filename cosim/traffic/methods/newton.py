"""Newton's method on Fisk's programme, written in perceived link costs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from cosim.arrays import Array
from cosim.traffic.methods.base import Method, Point, evaluate
from cosim.traffic.performance import link_cost_derivative
from cosim.traffic.problem import Iterate, IterationRecord, SueProblem, SueResult, relative_change
from cosim.traffic.routes import LogitLoad

STAGE_RATIO = 2.5
STAGE_TOLERANCE = 1e-2
LARGEST_COLD_THETA = 1.0
TRIALS = 40
ARMIJO = 1e-4
ROUNDING = 1e-11
NEAR = 1e-3
CHECK_FACTOR = 100.0
PATIENCE = 10


@dataclass(slots=True, eq=False)
class _Progress:
    """What has been spent so far, over all stages of theta."""

    record_paths: bool
    iterations: int = 0
    loads: int = 0
    history: list[IterationRecord] = field(default_factory=list)
    lowest: float = np.inf
    idle: int = 0

    def record(self, theta: float, predicted: float, step: float, loaded: LogitLoad) -> None:
        """Note one iteration."""
        kept = loaded.path_flow_vph if self.record_paths else None
        self.history.append(IterationRecord(self.iterations, predicted, step, theta, kept))


class Newton(Method):
    """Newton's method on Fisk's programme; few iterations, each with a dense system in the links."""

    kind = "newton"
    dense = True

    @staticmethod
    def run(
        problem: SueProblem,
        start: SueResult | None,
        tolerance: float,
        limit: int = 200,
        *,
        record_paths: bool = False,
    ) -> Iterate:
        """Minimise ``F(t) = sum int_0^V(t) c - t.V(t) + sum q S(t)`` over perceived costs t.

        Its gradient is ``-theta H (c(V(t)) - t)``; the Newton step ``(I + theta D H)^-1 (c - t)`` needs one
        symmetric positive definite system in the links. A cold start with theta > 1 passes through
        smaller thetas first. A warm start takes the perceived costs of ``start``.

        Parameters
        ----------
        problem, start, tolerance, limit
            As in `cosim.traffic.equilibrium.solve`.
        record_paths
            Keep the path flows of every iteration in the history.
        """
        progress = _Progress(record_paths)
        perceived = problem.empty_cost_min
        thetas = _stages(problem.theta_per_min)
        if start is not None:
            perceived, thetas = start.perceived_cost_min, thetas[-1:]
        for theta in thetas:
            stage = replace(problem, theta_per_min=theta)
            final = theta == problem.theta_per_min
            goal = tolerance if final else max(tolerance, STAGE_TOLERANCE)
            point, ended = _minimise(stage, perceived, goal, limit, progress)
            perceived = point.perceived
            if ended == "limit":
                break
        return Iterate(
            path_flow_vph=point.loaded.path_flow_vph,
            perceived_cost_min=perceived,
            iterations=progress.iterations,
            loads=progress.loads,
            ended=ended,
            history=tuple(progress.history),
        )


def _stages(theta: float) -> list[float]:
    """Return theta / 2.5^m, ..., theta / 2.5, theta with the first <= 1."""
    stages = [theta]
    while stages[0] > LARGEST_COLD_THETA:
        stages.insert(0, stages[0] / STAGE_RATIO)
    return stages


def _minimise(
    problem: SueProblem, perceived: Array, tolerance: float, limit: int, progress: _Progress
) -> tuple[Point, str]:
    """Iterate at one theta; return the last point and why it is the last."""
    point = _evaluate(problem, perceived, progress)
    step, progress.lowest = 0.0, np.inf
    while True:
        covariance = problem.path_set.link_use_covariance(problem.demand_vph, point.loaded)
        excess = point.cost - point.perceived
        pull = covariance @ excess
        predicted = relative_change(problem.theta_per_min * pull, point.loaded.link_flow_vph)
        progress.record(problem.theta_per_min, predicted, step, point.loaded)
        _count_idle(problem, point, predicted, progress)
        if predicted <= CHECK_FACTOR * tolerance and _residual(problem, point, progress) <= tolerance:
            return point, "tolerance"
        if progress.iterations >= limit:
            return point, "limit"
        if progress.idle >= PATIENCE:
            return point, "stalled"
        direction, slope = _direction(problem, point, covariance, excess, pull)
        found = _search(problem, point, direction, slope, progress, near=predicted < NEAR)
        if found is None:
            return point, "stalled"
        point, step = found
        progress.iterations += 1


def _count_idle(problem: SueProblem, point: Point, predicted: float, progress: _Progress) -> None:
    """Count the iterations close to the solution that brought no progress.

    Where one path takes all, no other can be seen to be better and little is predicted anywhere; only the residual
    tells that from a solution.
    """
    stuck = progress.lowest <= predicted < NEAR and _residual(problem, point, progress) < NEAR
    progress.idle = progress.idle + 1 if stuck else 0
    progress.lowest = min(progress.lowest, predicted)


def _evaluate(problem: SueProblem, perceived: Array, progress: _Progress) -> Point:
    progress.loads += 1
    return evaluate(problem, perceived)


def _residual(problem: SueProblem, point: Point, progress: _Progress) -> float:
    progress.loads += 1
    flow = point.loaded.link_flow_vph
    return relative_change(problem.load(point.cost).link_flow_vph - flow, flow)


def _direction(problem: SueProblem, point: Point, covariance: Array, excess: Array, pull: Array) -> tuple[Array, float]:
    """Return ``(I + theta D H)^-1 (c - t)`` and the slope of F along it."""
    root = np.sqrt(link_cost_derivative(problem.network, point.loaded.link_flow_vph))
    matrix = problem.theta_per_min * (root[:, np.newaxis] * covariance * root)
    matrix[np.diag_indices_from(matrix)] += 1.0
    solved = np.linalg.solve(matrix, root * pull)
    direction = excess - problem.theta_per_min * (root * solved)
    return direction, float(-problem.theta_per_min * (pull @ direction))


def _search(
    problem: SueProblem,
    point: Point,
    direction: Array,
    slope: float,
    progress: _Progress,
    *,
    near: bool,
) -> tuple[Point, float] | None:
    """Return the first acceptable point along the direction, and its step; None if there is none.

    Near the solution differences of F drown in rounding; there any F equal within rounding is taken.
    """
    step = 1.0
    for _ in range(TRIALS):
        trial = _evaluate(problem, point.perceived + step * direction, progress)
        change = trial.merit - point.merit
        if change <= ARMIJO * step * slope or (near and abs(change) <= ROUNDING * abs(point.merit)):
            return trial, step
        curvature = change - slope * step
        smaller = -slope * step**2 / (2.0 * curvature) if curvature > 0 else step / 2.0
        step = min(max(smaller, 0.1 * step), 0.5 * step)
    return None
