#!/usr/bin/env bash
# cvxpy 1.9.3 with Clarabel 0.11.1: one parametrised problem solved again and again.
#
# Guess: an interior-point method starts from no earlier point, so a solve depends on the parameters of that solve alone;
# warm_start=True (the default of solve) does nothing here.
# Seen: cvxpy keeps the solver object and updates its data, and Clarabel keeps the scaling made for the first data. Where
# the optimum is not unique the answer depends on what was solved before: three units of the same cost per MW share 1 GW
# as 243/179/133 (each with its own factor) in a new problem, 193/117/191 after a solve with other data and 266/185/121
# after a third. After data a million times larger the objective is off by 3e-6 instead of 6e-11, still "optimal".
# A sweep told in another order, split among workers, or resumed gives other dispatch. What to do:
# solve(warm_start=False), which gives the new problem's digits, or make the optimum unique.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check cvxpy==1.9.3 clarabel==0.11.1
OPENBLAS_NUM_THREADS=1 "$work/venv/bin/python" - <<'PY'
import cvxpy as cp
import numpy as np


class Dispatch:
    def __init__(self):
        self.x = cp.Variable(3)
        self.share = cp.Parameter(3, nonneg=True)
        self.demand = cp.Parameter(nonneg=True)
        self.cost = cp.Parameter(3)
        limits = [self.x >= 0, self.x <= 1000, cp.norm(self.x) <= 1e4]
        self.problem = cp.Problem(cp.Minimize(self.cost @ self.x), [self.share @ self.x >= self.demand, *limits])

    def solve(self, share, demand, cost, **options):
        self.share.value, self.demand.value, self.cost.value = np.array(share), demand, np.array(cost)
        self.problem.solve(solver=cp.CLARABEL, **options)
        assert self.problem.status == "optimal"
        return self.x.value.copy(), self.problem.value


TIE = ([1e-3, 2e-3, 3e-3], 1.0, [1.0, 2.0, 3.0])  # every unit serves the demand at the same cost: 1000 in all
PLAIN = ([1.0, 1.0, 1.0], 1.0, [1.0, 2.0, 3.0])
SMALL = ([1e-4, 1e-4, 1e-4], 1e-3, [1.0, 2.0, 3.0])
LARGE = ([1e6, 1e6, 1e6], 1e6, [1e6, 1e6, 1e6])

fresh, value = Dispatch().solve(*TIE)
again, _ = Dispatch().solve(*TIE)
assert np.array_equal(fresh, again), "a new problem is not repeatable on this machine"
print(f"cvxpy {cp.__version__}: new problem {fresh.round(1)}, objective {value:.9g}")
for name, first in (("plain", PLAIN), ("small", SMALL), ("large", LARGE)):
    kept, cleared = Dispatch(), Dispatch()
    kept.solve(*first)
    cleared.solve(*first)
    after, after_value = kept.solve(*TIE)
    cold, _ = cleared.solve(*TIE, warm_start=False)
    print(f"after the {name} data {after.round(1)}, objective {after_value:.9g}; with warm_start=False {cold.round(1)}")
    assert np.abs(after - fresh).max() > 5, "the answer no longer depends on earlier solves"
    assert np.array_equal(cold, fresh)
    if name == "large":
        assert abs(after_value - 1000) > 1e-4 > 1e-6 > abs(value - 1000)
PY
