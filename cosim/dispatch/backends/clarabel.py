"""Clarabel (Apache-2.0): the default interior-point solver."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cosim.dispatch.backends.base import ConeAnswer, Residuals, residuals

SETTINGS = {
    "tol_gap_abs": 1e-8,
    "tol_gap_rel": 1e-8,
    "tol_feas": 1e-8,
    "max_threads": 1,
    "direct_solve_method": "qdldl",
    "time_limit": 60.0,
}
"""Tolerances that end `Solved`; one thread and a fixed factorisation, so that answers repeat bit for bit."""

STATUS = {
    "Solved": "optimal",
    "AlmostSolved": "optimal_inaccurate",
    "PrimalInfeasible": "infeasible",
    "AlmostPrimalInfeasible": "infeasible",
    "DualInfeasible": "unbounded",
    "AlmostDualInfeasible": "unbounded",
    "MaxIterations": "user_limit",
    "MaxTime": "user_limit",
}
HAS_POINT = {"optimal", "optimal_inaccurate", "user_limit"}

name = "clarabel"
cvxpy_name = "CLARABEL"


def solve(problem: Any, data: dict[str, Any], chain: Any) -> ConeAnswer:  # noqa: ANN401 - cvxpy objects
    """Solve the compiled problem without warm start, and judge the answer ourselves."""
    solution = chain.solve_via_data(problem, data, False, False, dict(SETTINGS))  # noqa: FBT003 - cvxpy's signature
    raw = str(solution.status)
    status = STATUS.get(raw, "solver_error")
    x, z = np.asarray(solution.x, dtype=float), np.asarray(solution.z, dtype=float)
    usable = status in HAS_POINT and np.isfinite(x).all() and np.isfinite(z).all()
    nothing = Residuals(
        primal=math.nan, dual=math.nan, gap=math.nan, primal_objective=math.nan, dual_objective=math.nan
    )
    check = residuals(data, x, z) if usable else nothing
    return ConeAnswer(
        status=status if usable or status not in HAS_POINT else "solver_error",
        raw_status=raw,
        solution=solution,
        primal_residual=check.primal,
        dual_residual=check.dual,
        gap=check.gap,
        primal_objective=check.primal_objective,
        dual_objective=check.dual_objective,
        iterations=int(solution.iterations),
        solve_time_s=float(solution.solve_time),
    )
