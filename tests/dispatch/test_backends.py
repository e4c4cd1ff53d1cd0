"""Solvers: which is chosen and why, and whether they agree where several can answer."""

import importlib.util
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from cosim.dispatch import backends
from cosim.dispatch.backends import choose, clarabel, gurobi, licences, objection, scip, scs
from cosim.dispatch.backends.base import Capabilities, Size
from cosim.dispatch.backends.licences import Licence
from cosim.dispatch.controller import Controller, initial_states, make_window
from cosim.dispatch.problem import DispatchProblem
from cosim.dispatch.solving import require_solver
from cosim.errors import DependencyError

LIMITED = Licence("gurobi", "13", "size-limited", "2000 variables, 200 with quadratic terms", 2000, 200)
NOTHING = Licence("gurobi", "", "missing", "optional: pip install gurobipy")
FULL = Licence("gurobi", "13", "full", "")


@pytest.fixture
def pretend(monkeypatch):
    """Pretend that a solver has some licence."""

    def change(name: str, licence: Licence) -> None:
        monkeypatch.setitem(backends._LICENCES, name, lambda: licence)

    return change


def test_default_solver_says_why_it_was_chosen_and_the_others_not():
    choice = choose("auto", size=Size(columns=3504))
    assert choice.name == "clarabel"
    assert "duals" in choice.reason
    assert choice.passed_over.keys() == {"gurobi", "scs", "scip"}


def test_solver_without_prices_is_no_solver_of_the_dispatch():
    with pytest.raises(DependencyError, match="no duals .*misocp"):
        choose("scip")


def test_integers_need_scip(pretend):
    pretend("scip", replace(FULL, solver="scip"))
    needs = Capabilities(integers=True, duals=False)
    choice = choose("auto", needs)
    assert choice.name == "scip"
    assert choice.passed_over["clarabel"] == "it gives no integers"
    pretend("scip", Licence("scip", "", "missing", "optional: pip install pyscipopt"))
    with pytest.raises(DependencyError, match="no solver fits: .*scip: not installed"):
        choose("auto", needs)


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        (Size(columns=200), True), (Size(columns=201), False), (Size(columns=201, quadratic=False), True),
        (Size(columns=2001, quadratic=False), False),
    ],
)  # fmt: skip
def test_size_limited_licence_ends_where_it_says(pretend, size, fits):
    pretend("gurobi", LIMITED)
    reason = objection("gurobi", Capabilities(), size)
    assert (reason == "") is fits
    if not fits:
        assert str(size.columns) in reason


def test_day_is_refused_before_anything_runs_with_count_limit_and_alternative(day, pretend):
    pretend("gurobi", LIMITED)
    case = day.case(day.feeder, settings={"solver": "gurobi"})
    with pytest.raises(DependencyError, match=r"3552 variables.* 200 .*use auto or clarabel.*single_period") as caught:
        require_solver(case)
    assert caught.value.exit_code == 4
    pretend("gurobi", FULL)
    require_solver(case)
    pretend("gurobi", NOTHING)
    with pytest.raises(DependencyError, match="not installed"):
        require_solver(case)


def test_storage_pattern_is_refused_without_scip(day, monkeypatch):
    from cosim.dispatch import solving

    monkeypatch.setattr(solving.scip, "licence", lambda: Licence("scip", "", "missing", "pip install pyscipopt"))
    with pytest.raises(DependencyError, match="needs SCIP"):
        require_solver(day.case(day.feeder, settings={"storage_exclusivity": "misocp"}))


def test_unknown_solver_is_named(day):
    with pytest.raises(DependencyError, match="'cplex' is not offered"):
        Controller(day.case(day.feeder, settings={"solver": "cplex"}))


def test_a_licence_is_probed_once(monkeypatch):
    calls = []
    monkeypatch.setattr(importlib.util, "find_spec", calls.append)
    licences.gurobi.cache_clear()
    try:
        assert licences.gurobi().kind == "missing"
        licences.gurobi()
        assert calls == ["gurobipy"]
    finally:
        licences.gurobi.cache_clear()


def test_the_size_of_gurobis_licence_is_what_gurobi_takes():
    gp = pytest.importorskip("gurobipy")
    told = licences.gurobi()
    if told.kind == "none":
        pytest.skip("no licence")

    def taken(size):
        with gp.Env(params={"OutputFlag": 0}) as env, gp.Model(env=env) as model:
            x = model.addVars(size, ub=1.0)
            model.addConstr(x[0] * x[0] + x[1] * x[1] <= 1.0)
            try:
                model.optimize()
            except gp.GurobiError:
                return False
            return True

    limit = told.limit(quadratic=True)
    assert (taken(200), taken(201)) == (True, limit is None)
    assert limit in {None, 200}


def programme(c, rows, b, dims, quadratic=None):
    zero, nonneg, *soc = dims
    return {
        "c": np.array(c), "A": sp.csc_array(np.array(rows)), "b": np.array(b),
        "dims": SimpleNamespace(zero=zero, nonneg=nonneg, soc=soc),
        "P": None if quadratic is None else sp.csc_array(np.diag(quadratic)),
    }  # fmt: skip


@pytest.mark.parametrize("backend", [clarabel, gurobi], ids=["clarabel", "gurobi"])
def test_the_length_of_a_vector_and_its_price(backend):
    """Least ``t >= |(3, 4)|`` is 5, and its prices are the direction."""
    if backend is gurobi and objection("gurobi", Capabilities(), Size(columns=3)):
        pytest.skip("no licence")
    rows = np.vstack([np.eye(3)[1:], [[-1.0, 0.0, 0.0]], -np.eye(3)])
    found = backend.solve(programme([1.0, 0.0, 0.0], rows, [3.0, 4.0, 0.0, 0.0, 0.0, 0.0], (2, 1, 3)))
    assert found.status == "optimal"
    np.testing.assert_allclose(found.solution.x, [5.0, 3.0, 4.0], atol=1e-5)
    np.testing.assert_allclose(found.solution.z, [-0.6, -0.8, 0.0, 1.0, -0.6, -0.8], atol=1e-4)
    assert found.primal_objective == pytest.approx(5.0, abs=1e-5)


def test_a_monomial_that_cancels_to_rounding_is_none():
    """``(0.3 x)^2 - ((0.1 + 0.2) x)^2`` is 0; Gurobi would call what rounding leaves of it, -6e-17, not convex."""
    left = 0.3**2 - (0.1 + 0.2) ** 2
    assert left != 0.0
    rows = [[-0.3, -1.0], [-(0.1 + 0.2), 1.0]]
    data = programme([1.0, 1.0], rows, [1e-14, 0.0], (0, 0, 2))
    matrix, linear, constant, start = next(iter(gurobi._quadratics(gurobi._rows(data))))
    assert matrix.toarray()[0, 0] == 0.0
    assert matrix.toarray()[0, 1] == pytest.approx(0.6)
    assert linear.tolist() == [0.0, 0.0]
    assert (constant, start) == (1e-28, 0)


@pytest.mark.parametrize(("quadratic", "best"), [(None, -6.0), ([2.0, 2.0], -2.25)])
def test_scip_takes_the_better_of_two_that_exclude_each_other(quadratic, best):
    """``x^2 - 2 x + y^2 - 3 y`` is least at (0, 1.5); without squares at (0, 2), the limit of both."""
    pytest.importorskip("pyscipopt")
    data = programme([-2.0, -3.0], [[-1.0, 0.0], [0.0, -1.0]], [0.0, 0.0], (0, 2), quadratic)
    found = scip.solve_exclusive(data, [scip.Pair(first=0, second=1, limit=2.0)], gap=1e-6, nodes=100)
    assert found.first == (False,)
    assert found.objective == pytest.approx(best, abs=1e-4)
    assert found.bound == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("elastic", [False, True])
@pytest.mark.parametrize("k", [3, 12, 19])
def test_gurobi_agrees_within_its_size_limited_licence(day, k, elastic):
    """1e-9 of the cost was reached; the prices are put together from its duals."""
    pytest.importorskip("gurobipy")
    if objection("gurobi", Capabilities(), Size(columns=183)):
        pytest.skip("no licence")
    case = day.case(day.feeder, mode="single_period")
    problem, states = DispatchProblem(case, 1, elastic=elastic), initial_states(case)
    assert problem.columns().columns <= 200
    window = make_window(case, k, 1, day.ev_mw[:, [k]])
    one, other = (problem.solve(window, states, backend=backend) for backend in (clarabel, gurobi))
    assert other.record.status == "optimal"
    assert other.record.primal_objective == pytest.approx(one.record.primal_objective, rel=1e-7)
    assert other.record.primal_residual <= 1e-8
    assert other.record.dual_residual <= 1e-6
    np.testing.assert_allclose(other.price_per_mwh, one.price_per_mwh, rtol=0, atol=2e-3)
    np.testing.assert_allclose(other.grid.vm_pu, one.grid.vm_pu, rtol=0, atol=1e-5)


def test_gurobi_says_that_a_window_is_infeasible(day):
    pytest.importorskip("gurobipy")
    case = day.case(day.read(slack_vm_pu=0.9), periods=slice(0, 1), mode="single_period")
    plan = DispatchProblem(case, 1, elastic=False).solve(
        make_window(case, 0, 1, day.ev_mw[:, :1]), initial_states(case), backend=gurobi
    )
    assert plan.record.status == "infeasible"


def test_scs_agrees_where_it_is_asked(day):
    case = day.case(day.feeder, periods=slice(18, 20))
    problem, states = DispatchProblem(case, 2, elastic=False), initial_states(case)
    window = make_window(case, 0, 2, day.ev_mw[:, 18:20])
    one, other = (problem.solve(window, states, backend=backend) for backend in (clarabel, scs))
    assert other.record.usable
    assert other.record.primal_objective == pytest.approx(one.record.primal_objective, rel=1e-6)
    np.testing.assert_allclose(other.grid.vm_pu, one.grid.vm_pu, rtol=0, atol=1e-4)


class Stalling:
    """A solver that fails some times before it answers; stands for numerical trouble of the real one."""

    name = "clarabel"
    capabilities = Capabilities()

    def __init__(self, failures: int, status: str = "solver_error") -> None:
        self.failures, self.status, self.calls = failures, status, 0

    def solve(self, data):
        answer = clarabel.solve(data)
        self.calls += 1
        if self.calls > self.failures:
            return answer
        return replace(answer, status=self.status, raw_status="NumericalError", primal_residual=np.nan, gap=np.nan)


@pytest.mark.parametrize(("failures", "retries"), [(1, 1), (2, 2)])
def test_stalled_solver_is_asked_again_at_other_scales(day, monkeypatch, failures, retries):
    few = slice(18, 20)
    truth = Controller(day.case(day.feeder, periods=few)).plan(0, day.ev_mw[:, few])
    assert truth.record.retries == ()
    monkeypatch.setitem(backends.CONTINUOUS, "clarabel", Stalling(failures))
    found = Controller(day.case(day.feeder, periods=few)).plan(0, day.ev_mw[:, few])
    assert found.record.status == "optimal"
    assert found.record.retries == ("clarabel: NumericalError",) * retries
    assert not found.record.elastic
    assert found.total_cost.sum() == pytest.approx(truth.total_cost.sum(), rel=1e-6)


def test_what_the_elastic_model_serves_in_full_is_the_hard_answer(day, plan, monkeypatch):
    monkeypatch.setitem(backends.CONTINUOUS, "clarabel", Stalling(3))
    found = Controller(day.case(day.feeder)).plan(0, day.ev_mw)
    assert found.record.elastic
    assert found.ev_curtailed_mw.max() <= 1e-6
    assert found.total_cost.sum() == pytest.approx(plan.total_cost.sum(), rel=1e-6)


def test_scs_has_the_last_word(day, monkeypatch):
    few = slice(18, 19)
    monkeypatch.setitem(backends.CONTINUOUS, "clarabel", Stalling(99))
    found = Controller(day.case(day.feeder, periods=few)).plan(0, day.ev_mw[:, few])
    assert found.record.usable
    assert found.record.backend == "scs" or found.record.retries[-1].startswith("scs: solved")  # then repaired
    assert len(found.record.retries) >= 5
    monkeypatch.undo()
    truth = Controller(day.case(day.feeder, periods=few)).plan(0, day.ev_mw[:, few])
    assert found.total_cost.sum() == pytest.approx(truth.total_cost.sum(), rel=1e-5)


def test_a_stale_answer_is_seen_by_its_residuals(day):
    """The solver repeats its last answer and calls it optimal."""
    few = slice(18, 19)
    case = day.case(day.feeder, periods=few)
    problem, states = DispatchProblem(case, 1, elastic=False), initial_states(case)
    window = make_window(case, 0, 1, day.ev_mw[:, few])
    old = clarabel.solve(problem.scaled(problem.compiled(window, states), window).data)

    class Stale:
        name, capabilities = "clarabel", Capabilities()

        @staticmethod
        def solve(data):
            from cosim.dispatch.backends.base import judged

            point = old.solution
            return judged(
                data, status="optimal", raw_status="Solved", x=point.x, z=point.z, iterations=0, seconds=0.0
            )  # fmt: skip

    assert problem.solve(window, states, backend=Stale).record.usable
    stale = problem.solve(make_window(case, 0, 1, 1.5 * day.ev_mw[:, few]), states, backend=Stale)
    assert stale.record.status == "not_converged"
    assert not stale.record.usable


def watched(monkeypatch, spoilt):
    """Return what the runs of Clarabel refine; of the first ``spoilt`` answers the residuals are made large."""
    solve, refined = clarabel._solve, []

    def run(data, *, spoilt, **settings):
        refined.append(settings.get("refined", True))
        answer = solve(data, **settings)
        return replace(answer, dual_residual=1e-3) if len(refined) <= spoilt else answer

    monkeypatch.setattr(clarabel, "_solve", partial(run, spoilt=spoilt))
    return refined


@pytest.mark.parametrize(("spoilt", "expected"), [(0, [False]), (1, [False, True])])
def test_linear_systems_are_refined_only_where_an_answers_own_residuals_ask_for_it(day, monkeypatch, spoilt, expected):
    few = slice(18, 20)
    case = day.case(day.feeder, periods=few)
    problem = DispatchProblem(case, 2, elastic=False)
    window, states = make_window(case, 0, 2, day.ev_mw[:, few]), initial_states(case)
    data = problem.scaled(problem.compiled(window, states), window).data
    refined = watched(monkeypatch, spoilt)
    assert clarabel.solve(data).status == "optimal"
    assert refined == expected


@pytest.mark.parametrize(("rest", "expected"), [(0.0, [False]), (1.0, [False, True])])
def test_infeasibility_counts_once_its_certificate_proves_it(monkeypatch, rest, expected):
    """``x >= 1, x <= 0``: the multipliers (1, 1) prove it; spoilt ones prove nothing, and the solver is asked again."""
    data = {
        "P": None, "c": np.array([1.0]), "b": np.array([-1.0, 0.0]), "A": sp.csc_array([[-1.0], [1.0]]),
        "dims": SimpleNamespace(zero=0, nonneg=2, soc=[]),
    }  # fmt: skip
    solve, refined = clarabel._solve, []

    def run(data, **settings):
        refined.append(settings.get("refined", True))
        answer = solve(data, **settings)
        return replace(answer, solution=replace(answer.solution, z=answer.solution.z + [rest, 0.0]))

    monkeypatch.setattr(clarabel, "_solve", run)
    assert clarabel.solve(data).status == "infeasible"
    assert refined == expected
