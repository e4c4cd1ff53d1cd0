"""F4: a solver raises in the middle; the values of the answer before must not stand in its place."""

import cvxpy as cp
import pytest

from cosim.dispatch.backends.base import Capabilities


class Raising:
    name, capabilities = "clarabel", Capabilities()

    @staticmethod
    def solve(data):
        raise RuntimeError("panicked in the factorisation")


def test_nothing_of_the_answer_before_is_left(hour):
    problem = hour.problem()
    assert problem.solve(hour.window(), hour.states).record.usable
    variables, _ = problem.model(1).leaves()
    assert all(variable.value is not None for variable in variables)
    with pytest.raises(RuntimeError, match="panicked"):
        problem.solve(hour.window(0.3), hour.states, backend=Raising)
    assert all(variable.value is None for variable in variables)


def test_unguarded_cvxpy_keeps_status_and_values(monkeypatch):
    x, least = cp.Variable(), cp.Parameter(value=1.0)
    problem = cp.Problem(cp.Minimize(x), [x >= least])
    problem.solve(solver=cp.CLARABEL)
    least.value = 2.0
    monkeypatch.setattr(cp.Problem, "get_problem_data", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        problem.solve(solver=cp.CLARABEL)
    assert problem.status == "optimal"
    assert float(x.value) == pytest.approx(1.0)
