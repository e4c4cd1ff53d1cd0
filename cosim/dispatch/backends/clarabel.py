"""Clarabel (Apache-2.0): the default interior-point solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosim.dispatch.backends.base import Capabilities, ConeAnswer, Data, Pulse, empty_within, judged
from cosim.dispatch.backends.licences import Licence, installed

name = "clarabel"
capabilities = Capabilities()

STANDARD = 1e-8
TIGHT = 1e-9
"""Asked first, since nodal prices gain a digit; an answer that only reaches `STANDARD` is as good as before."""
STALLED_MONEY = 1e-3
"""Factor of costs with which a stalled solve is tried again: last resorts cost a thousand times what energy does."""

LARGEST_FACTOR = 1e3
"""By which the solver may scale a row or a column on its own. With its 1e4 every second feeder of 1,000 buses stalls
short of 1e-9, as do answers whose linear systems are not refined; without any, small feeders need 200 iterations."""
LARGE = range(8_000, 2_000_000)
"""Columns with which another solve takes long: an answer that is not feasible enough is then taken at the feasible
point next to it, if that is as good. A day of 33 buses is solved again in hundredths of a second; of what is larger
than a day of 10,000 buses nothing is known."""
VAST = 150_000
"""Columns from which on so is an answer that the solver stalled at: for a day of 10,000 buses the steps to a feasible
point take 10 s, a solve 43 s, and one whose linear systems are refined 109 s, to stall at the same digit."""
FEASIBLE_GAP = 1e-7
"""Gap of an answer at the feasible point next to it: there it is the whole price of feasibility, which the objective of
a point that is not feasible hides. A tenth of what the gate lets pass."""
EMPTY_WITHIN = 1e5
"""Size of the variables, in their own units, within which a certificate must leave no feasible point."""

FIXED = {
    "max_threads": 1, "direct_solve_method": "qdldl", "max_iter": 200, "verbose": False,
    "equilibrate_min_scaling": 1.0 / LARGEST_FACTOR, "equilibrate_max_scaling": LARGEST_FACTOR,
}  # fmt: skip
"""One thread and a fixed factorisation, so that answers repeat bit for bit; iterations and no clock end a solve."""

STATUS = {
    "Solved": "optimal",
    "AlmostSolved": "optimal_inaccurate",
    "PrimalInfeasible": "infeasible",
    "AlmostPrimalInfeasible": "infeasible",
    "DualInfeasible": "unbounded",
    "AlmostDualInfeasible": "unbounded",
    "MaxIterations": "user_limit",
}
CERTIFICATES = ("infeasible", "unbounded")


def licence() -> Licence:
    """Return that it is free."""
    return installed("clarabel", "Apache-2.0")


def solve(data: Data) -> ConeAnswer:
    """Solve to 1e-9; where that ends neither there nor at 1e-8, solve to 1e-8 alone, at last with smaller costs.

    To refine the solution of every linear system doubles the time of a solve and seldom changes its answer; an answer
    that our own residuals do not bear out is sought again with it. Where the solver stalls on its way to 1e-9, our own
    residuals say whether the point is good to 1e-8. What is left of the equations is closed afterwards.
    """
    quick = _solve(data, tolerance=TIGHT, refined=False)
    borne_out = _borne_out(data, quick)
    if borne_out is not None:
        return borne_out
    if data["c"].size >= VAST and quick.status == "optimal_inaccurate":
        stalled = _made_feasible(data, quick)
        if stalled is not None:
            return _reached(stalled, quick.solve_time_s)
    tight = _solve(data, tolerance=TIGHT)
    seconds = quick.solve_time_s + tight.solve_time_s
    if tight.status in {"optimal", *CERTIFICATES}:
        return replace(tight, solve_time_s=seconds)
    good = max(tight.primal_residual, tight.dual_residual, tight.gap) <= STANDARD
    stalled = tight if good else _made_feasible(data, tight)
    if stalled is not None:
        return _reached(stalled, seconds)
    found = _solve(data, tolerance=STANDARD)
    seconds += found.solve_time_s
    if found.status not in {"optimal", *CERTIFICATES}:
        cheap = _solve(data, tolerance=TIGHT, money=STALLED_MONEY)
        found, seconds = cheap if cheap.status == "optimal" else found, seconds + cheap.solve_time_s
    return replace(found, solve_time_s=seconds)


def _reached(stalled: ConeAnswer, seconds: float) -> ConeAnswer:
    """Return as solved an answer that the solver stalled at, but that our own residuals call good."""
    limit = STANDARD if stalled.gap <= STANDARD else FEASIBLE_GAP
    raw = f"Solved to {limit:g} ({stalled.raw_status})"
    return replace(stalled, status="optimal", raw_status=raw, solve_time_s=seconds)


def _borne_out(data: Data, answer: ConeAnswer) -> ConeAnswer | None:
    """Return the answer if its own residuals, or its certificate of infeasibility, say what the solver says."""
    if answer.status == "infeasible":
        return answer if empty_within(data, answer.solution.z) >= EMPTY_WITHIN else None
    if answer.status != "optimal" or answer.dual_residual > STANDARD:
        return None
    if answer.primal_residual <= TIGHT:
        return answer
    from cosim.dispatch.closing import closes  # whose scaling knows the backends

    # Beyond 1e-9 it is good only if what is left of the equations can be closed: a must-take power would be off.
    if answer.primal_residual <= STANDARD and closes(data, answer):
        return answer
    return _made_feasible(data, answer)


def _made_feasible(data: Data, answer: ConeAnswer) -> ConeAnswer | None:
    """Return a large answer at the feasible point next to it; None if there is none, or it is not as good."""
    if data["c"].size not in LARGE or not answer.dual_residual <= STANDARD:
        return None
    from cosim.dispatch.closing import feasible  # whose scaling knows the backends

    found = feasible(data, answer)
    good = found is not None and found.dual_residual <= STANDARD and found.gap <= FEASIBLE_GAP
    return found if good else None


def _solve(data: Data, *, tolerance: float, money: float = 1.0, refined: bool = True) -> ConeAnswer:
    """Run Clarabel with costs times ``money``; a stalled run still hands out its point: it may be good enough."""
    import clarabel
    import scipy.sparse as sp

    settings = clarabel.DefaultSettings()
    for key, value in FIXED.items():
        setattr(settings, key, value)
    settings.iterative_refinement_enable = refined
    for kind in ("gap_abs", "gap_rel", "feas"):
        setattr(settings, f"tol_{kind}", tolerance)
    a, b, c, dims = data["A"], data["b"], money * data["c"], data["dims"]
    quadratic = data.get("P")
    upper = sp.csc_array((c.size, c.size)) if quadratic is None else money * sp.triu(quadratic, format="csc")
    cones = [clarabel.ZeroConeT(dims.zero)] if dims.zero else []
    cones += [clarabel.NonnegativeConeT(dims.nonneg)] if dims.nonneg else []
    cones += [clarabel.SecondOrderConeT(size) for size in dims.soc]
    solver, pulse = clarabel.DefaultSolver(upper, c, sp.csc_matrix(a), b, cones, settings), Pulse(name)
    solver.set_termination_callback(lambda _info: pulse.stops())
    solution = solver.solve()
    pulse.settle()
    raw = str(solution.status)
    status = STATUS.get(raw, "solver_error")
    x, z = np.asarray(solution.x, dtype=float), np.asarray(solution.z, dtype=float) / money
    return judged(
        data, status=status, raw_status=raw, x=x, z=z,
        iterations=int(solution.iterations), seconds=float(solution.solve_time),
    )  # fmt: skip
