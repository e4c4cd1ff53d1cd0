"""Self-regulated averaging (Liu, He & He 2009): loads only, slow and robust."""

from __future__ import annotations

from cosim.traffic.methods.base import Method, full_step
from cosim.traffic.problem import Iterate, IterationRecord, SueProblem, SueResult, relative_change

GROWTH_WORSE = 1.9
GROWTH_BETTER = 0.05


class Sra(Method):
    """Averages whose step shrinks fast when the residual grew, and slowly when it fell."""

    kind = "sra"

    @staticmethod
    def run(
        problem: SueProblem,
        start: SueResult | None,
        tolerance: float,
        limit: int = 10_000,
        *,
        record_paths: bool = False,
    ) -> Iterate:
        """Average flows with the loading at their own costs, ``f += (g - f) / b``.

        ``b`` is 1 at first, then grows by 1.9 if ``||V(c(v)) - v||_1`` did not fall, else by 0.05. It
        begins with the loading at the perceived costs of ``start``, or at the costs of empty roads. Where R is within
        the tolerance, a last step of length 1 is taken, if that loading reproduces itself (`full_step`).

        Parameters
        ----------
        problem, start, tolerance, limit
            As in `cosim.traffic.equilibrium.solve`.
        record_paths
            Keep the route flows of every iteration in the history.
        """
        paths, theta = problem.paths, problem.theta_per_min
        cost = start.perceived_cost_min if start is not None else problem.empty_cost_min
        flow = problem.load(cost).path_flow_vph
        history: list[IterationRecord] = []
        divisor, before, ended, refused = 1.0, float("inf"), "limit", 0
        for iteration in range(limit + 1):
            links = paths.link_flow(flow)
            cost = problem.link_cost(links)
            target = problem.load(cost)
            residual = relative_change(target.link_flow_vph - links, links)
            kept = flow if record_paths else None
            history.append(IterationRecord(iteration, residual, 1.0 / divisor, theta, kept))
            if residual <= tolerance and iteration < limit:
                last = full_step(problem, target)
                if max(last) <= tolerance:
                    flow, ended = target.path_flow_vph, "tolerance"
                    kept = flow if record_paths else None
                    history.append(IterationRecord(iteration + 1, last[0], 1.0, theta, kept))
                    break
                refused += 1
            if iteration:
                divisor += GROWTH_BETTER if residual < before else GROWTH_WORSE
            before = residual
            if iteration < limit:
                flow = flow + (target.path_flow_vph - flow) / divisor
        return Iterate(
            path_flow_vph=flow,
            perceived_cost_min=cost,
            iterations=history[-1].iteration,
            loads=len(history) + 1 + refused,
            ended=ended,
            history=tuple(history),
        )
