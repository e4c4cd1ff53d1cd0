"""The paper's "several iterations in period 1, two in period 2" of its method of successive averages, for what it is.

    .venv/bin/python benchmarks/paper_msa.py

The default day (Nguyen-Dupuis, three stations, theta 0.1), each hour started from the hour before (warm) or from a
uniform split (cold), with both readings of the step and three stop tests: the step, max |f_new - f| < 1 veh/h (the
paper's); the gap that the step is a fraction of, max |g - f| < 1 veh/h; the residual R <= 1e-4. One iteration is one
update of the path flows. For comparison the last row solves the same day by Newton's method to R <= 1e-8.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.traffic.equilibrium import solve
from cosim.traffic.methods.msa import STEPS

GAP_VPH = 1.0
MOST = 3_000


def by_step(problem, before, step):
    return solve(problem, "msa", 1e-12, start=before, msa_step=step, paper_step_test_vph=1.0)


def by_residual(problem, before, step):
    return solve(problem, "msa", 1e-4, start=before, msa_step=step)


def by_gap(problem, before, step):
    """End after the first iteration whose whole gap, step length taken out, is below the threshold."""
    paths, demand = problem.paths, problem.demand_vph
    first = paths.uniform(demand) if before is None else paths.rescaled(demand, before.path_flow_vph)
    tried = solve(problem, "msa", 1e-12, MOST, before, msa_step=step, record_paths=True)
    flows = [first, *(record.path_flow_vph for record in tried.history)]
    for n, (old, new) in enumerate(zip(flows, flows[1:], strict=False), start=1):
        if np.abs(new - old).max() / STEPS[step](n) < GAP_VPH:
            return solve(problem, "msa", 1e-12, n, before, msa_step=step)
    return tried


def by_newton(problem, before, step):
    return solve(problem, "newton", 1e-8, start=before)


TESTS = {"step < 1 veh/h": by_step, "gap < 1 veh/h": by_gap, "R <= 1e-4": by_residual}


def day(problem, demand, solver, *, warm):
    results = []
    for row in demand:
        before = results[-1] if results and warm else None
        results.append(solver(replace(problem, demand_vph=row), before))
    return results


def row(label, problem, demand, solver):
    warm, cold = (day(problem, demand, solver, warm=kind) for kind in (True, False))
    counts = [result.iterations for result in warm]
    worst = max(result.residual for result in warm)
    first = ", ".join(str(count) for count in counts[:3])
    total = f"{sum(counts)} / {sum(result.iterations for result in cold)}"
    print(f"{label:<26} {first:>12} {max(counts):>6} {int(np.argmax(counts)) + 1:>5} {total:>14} {worst:>9.0e}")


def main():
    for scenario in ("nguyen_ieee33", "nguyen_ieee33_congested"):
        roads = build_case(load(scenario)).roads
        print(f"\n{scenario}: iterations of the day by stop test; worst R over the warm day")
        print(f"{'step, test':<26} {'t = 1, 2, 3':>12} {'worst':>6} {'at t':>5} {'warm / cold':>14} {'worst R':>9}")
        for name, test in TESTS.items():
            for step in STEPS:
                row(f"{step}, {name}", roads.problem, roads.demand_vph, partial(test, step=step))
        row("newton, R <= 1e-8", roads.problem, roads.demand_vph, partial(by_newton, step=None))


if __name__ == "__main__":
    main()
