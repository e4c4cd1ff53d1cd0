"""Mirror descent in perceived costs with Barzilai-Borwein steps: loads only."""

from __future__ import annotations

import numpy as np

from cosim.traffic.methods.base import Method, Point, evaluate
from cosim.traffic.problem import Iterate, IterationRecord, SueProblem, SueResult, relative_change

FIRST_STEP = 0.3
SHORTEST_STEP = 1e-3
MEMORY = 6
TRIALS = 25
SHRINK = 0.4
ARMIJO = 1e-4
ROUNDING = 1e-12
CHECK_FACTOR = 3.0
PATIENCE = 300


class MirrorBb(Method):
    """The perceived costs move towards the costs of their own loading; the step learns their curvature."""

    kind = "mirror_bb"

    @staticmethod
    def run(
        problem: SueProblem,
        start: SueResult | None,
        tolerance: float,
        limit: int = 3_000,
        *,
        record_paths: bool = False,
    ) -> Iterate:
        """Repeat ``t += s (c(V(t)) - t)``.

        The step is ``s = dt.dv / ((dt - dc).dv)`` (Barzilai & Borwein 1988 in the pairing of costs and
        flows), shortened until the merit falls below the largest of the last six. It begins with the
        perceived costs of ``start``, or the costs of empty roads.

        Parameters
        ----------
        problem, start, tolerance, limit
            As in `cosim.traffic.equilibrium.solve`.
        record_paths
            Keep the route flows of every iteration in the history.
        """
        perceived = start.perceived_cost_min if start is not None else problem.empty_cost_min
        point = evaluate(problem, perceived)
        merits, step, loads = [point.merit], FIRST_STEP, 1
        history: list[IterationRecord] = []
        lowest, idle, ended = point.merit, 0, "limit"
        while len(history) < limit:
            found, tried, trials = _search(problem, point, step, max(merits[-MEMORY:]))
            loads += trials
            if found is None:
                ended = "stalled"
                break
            change = found.loaded.link_flow_vph - point.loaded.link_flow_vph
            estimate = relative_change(change, found.loaded.link_flow_vph) / tried
            kept = found.loaded.path_flow_vph if record_paths else None
            history.append(IterationRecord(len(history) + 1, estimate, tried, problem.theta_per_min, kept))
            step = _barzilai_borwein(point, found)
            point = found
            merits.append(point.merit)
            if estimate <= CHECK_FACTOR * tolerance:
                loads += 1
                if _residual(problem, point) <= tolerance:
                    ended = "tolerance"
                    break
            idle = idle + 1 if point.merit >= lowest else 0
            lowest = min(lowest, point.merit)
            if idle >= PATIENCE:
                ended = "stalled"
                break
        return Iterate(
            path_flow_vph=point.loaded.path_flow_vph,
            perceived_cost_min=point.perceived,
            iterations=len(history),
            loads=loads,
            ended=ended,
            history=tuple(history),
        )


def _search(problem: SueProblem, point: Point, step: float, ceiling: float) -> tuple[Point | None, float, int]:
    """Return the first acceptable point towards the costs, its step, and the number of loads."""
    pull = point.cost - point.perceived
    for trial in range(1, TRIALS + 1):
        found = evaluate(problem, point.perceived + step * pull)
        descent = float(pull @ (found.loaded.link_flow_vph - point.loaded.link_flow_vph))
        level = abs(found.merit - point.merit) <= ROUNDING * abs(point.merit)
        if found.merit <= ceiling + ARMIJO * descent or level:
            return found, step, trial
        step *= SHRINK
    return None, step, TRIALS


def _barzilai_borwein(before: Point, after: Point) -> float:
    moved = after.perceived - before.perceived
    answered = after.cost - before.cost
    flow = after.loaded.link_flow_vph - before.loaded.link_flow_vph
    curvature = float((moved - answered) @ flow)
    if curvature == 0.0:
        return 1.0
    return float(np.clip(float(moved @ flow) / curvature, SHORTEST_STEP, 1.0))


def _residual(problem: SueProblem, point: Point) -> float:
    flow = point.loaded.link_flow_vph
    return relative_change(problem.load(point.cost).link_flow_vph - flow, flow)
