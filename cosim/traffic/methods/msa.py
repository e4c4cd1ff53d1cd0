"""The method of successive averages on path flows, as in the paper."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError
from cosim.traffic.methods.base import Method, full_step
from cosim.traffic.problem import Iterate, IterationRecord, SueProblem, SueResult, relative_change
from cosim.traffic.routes import LogitLoad

STEPS: dict[str, Callable[[int], float]] = {"1/n": lambda n: 1.0 / n, "1/(n+1)": lambda n: 1.0 / (n + 1)}
"""Step lengths by name. With ``1/n`` the first step replaces the flows."""


class Msa(Method):
    """The paper's method of successive averages, told as it is."""

    kind = "msa"

    @staticmethod
    def run(
        problem: SueProblem,
        start: SueResult | None,
        tolerance: float,
        limit: int = 10_000,
        *,
        msa_step: str = "1/n",
        paper_step_test_vph: float | None = None,
        record_paths: bool = False,
    ) -> Iterate:
        """Average path flows with the logit loading at their own costs.

        ``f <- f + step(n) (g - f)`` with ``g = q P(cost(f))``. It begins with a uniform split, or with the
        flows of ``start`` rescaled to the demand of each commodity (uniform where it had none). Where R is within the
        tolerance, a last step of length 1 is taken, if ``g`` reproduces itself (`full_step`): the average's own route
        flows forget where they began only as 1/n.

        Parameters
        ----------
        problem, start, tolerance, limit
            As in `cosim.traffic.equilibrium.solve`.
        msa_step
            One of `STEPS`.
        paper_step_test_vph
            End also when no path flow changes by this much, veh/h (the paper's test). It measures
            step times gap and passes early; the residual alone certifies.
        record_paths
            Keep the path flows of every iteration in the history.

        Raises
        ------
        InputError
            If the step is unknown.
        """
        if msa_step not in STEPS:
            raise InputError(f"msa_step: {msa_step!r} is unknown; known: {', '.join(STEPS)}")
        threshold = -1.0 if paper_step_test_vph is None else paper_step_test_vph
        paths, demand = problem.paths, problem.demand_vph
        flow = paths.uniform(demand) if start is None else paths.rescaled(demand, start.path_flow_vph)
        history: list[IterationRecord] = []
        _, cost, target = _load(problem, flow)
        ended, refused = "limit", 0
        for iteration in range(1, limit + 1):
            step = STEPS[msa_step](iteration)
            change = step * (target.path_flow_vph - flow)
            flow = flow + change
            residual, cost, target = _load(problem, flow)
            kept = flow if record_paths else None
            history.append(IterationRecord(iteration, residual, step, problem.theta_per_min, kept))
            if residual <= tolerance and iteration < limit:
                last = full_step(problem, target)
                if max(last) <= tolerance:
                    flow, ended = target.path_flow_vph, "tolerance"
                    kept = flow if record_paths else None
                    history.append(IterationRecord(iteration + 1, last[0], 1.0, problem.theta_per_min, kept))
                    break
                refused += 1
            if np.abs(change).max(initial=0.0) < threshold:
                ended = "stalled"
                break
        return Iterate(
            path_flow_vph=flow,
            perceived_cost_min=cost,
            iterations=len(history),
            loads=len(history) + 1 + refused,
            ended=ended,
            history=tuple(history),
        )


def _load(problem: SueProblem, flow: Array) -> tuple[float, Array, LogitLoad]:
    """Return R of these path flows, the link costs at them, and the logit loading at those costs."""
    links = problem.paths.link_flow(flow)
    cost = problem.link_cost(links)
    loaded = problem.load(cost)
    return relative_change(loaded.link_flow_vph - links, links), cost, loaded
