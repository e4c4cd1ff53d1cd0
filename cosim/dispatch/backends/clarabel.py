"""Clarabel (Apache-2.0): the default interior-point solver."""

from __future__ import annotations

import numpy as np

from cosim.dispatch.backends.base import Capabilities, ConeAnswer, Data, judged
from cosim.dispatch.backends.licences import Licence, installed

name = "clarabel"
capabilities = Capabilities()

STANDARD = 1e-8
TIGHT = 1e-9
"""Asked first, since nodal prices gain a digit; an answer that only reaches `STANDARD` is as good as before."""

FIXED = {"max_threads": 1, "direct_solve_method": "qdldl", "time_limit": 60.0, "verbose": False}
"""One thread and a fixed factorisation, so that answers repeat bit for bit."""

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
CERTIFICATES = ("infeasible", "unbounded")


def licence() -> Licence:
    """Return that it is free."""
    return installed("clarabel", "Apache-2.0")


def solve(data: Data) -> ConeAnswer:
    """Solve to 1e-9; where that ends neither there nor at 1e-8, solve to 1e-8 alone."""
    tight = _solve(data, tolerance=TIGHT, reduced=STANDARD)
    return tight if tight.status in {"optimal", *CERTIFICATES} else _solve(data, tolerance=STANDARD, reduced=None)


def _solve(data: Data, *, tolerance: float, reduced: float | None) -> ConeAnswer:
    """Run Clarabel; with ``reduced`` its word "AlmostSolved" means that this weaker tolerance is met."""
    import clarabel
    import scipy.sparse as sp

    settings = clarabel.DefaultSettings()
    for key, value in FIXED.items():
        setattr(settings, key, value)
    for kind in ("gap_abs", "gap_rel", "feas"):
        setattr(settings, f"tol_{kind}", tolerance)
        if reduced is not None:
            setattr(settings, f"reduced_tol_{kind}", reduced)
    a, b, c, dims = data["A"], data["b"], data["c"], data["dims"]
    quadratic = data.get("P")
    upper = sp.csc_array((c.size, c.size)) if quadratic is None else sp.triu(quadratic, format="csc")
    cones = [clarabel.ZeroConeT(dims.zero)] if dims.zero else []
    cones += [clarabel.NonnegativeConeT(dims.nonneg)] if dims.nonneg else []
    cones += [clarabel.SecondOrderConeT(size) for size in dims.soc]
    solution = clarabel.DefaultSolver(upper, c, sp.csc_matrix(a), b, cones, settings).solve()
    raw = str(solution.status)
    status = STATUS.get(raw, "solver_error")
    if reduced is not None and raw == "AlmostSolved":
        raw, status = f"Solved ({reduced:g})", "optimal"
    x, z = np.asarray(solution.x, dtype=float), np.asarray(solution.z, dtype=float)
    return judged(
        data, status=status, raw_status=raw, x=x, z=z,
        iterations=int(solution.iterations), seconds=float(solution.solve_time),
    )  # fmt: skip
