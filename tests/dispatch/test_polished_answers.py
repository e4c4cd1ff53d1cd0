"""Answers refined to rounding: the same optimum with more digits, or the answer as it was."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from cosim.dispatch import polish
from cosim.dispatch.backends import clarabel
from cosim.dispatch.backends.base import judged
from cosim.dispatch.controller import Controller, initial_states, make_window
from cosim.dispatch.polish import polished
from cosim.dispatch.problem import DispatchProblem

LOAD = np.array([[0.3], [0.5], [0.2]])


def programme(case, periods, elastic=False):
    problem = DispatchProblem(case, periods, elastic=elastic)
    window = make_window(case, 0, periods, np.repeat(LOAD, periods, axis=1))
    return problem.scaled(problem.compiled(window, initial_states(case)), window).data


@pytest.mark.parametrize(("periods", "elastic"), [(1, False), (6, False), (6, True)])
def test_an_optimum_gains_five_digits(small_case, periods, elastic):
    data = programme(small_case().dispatch, periods, elastic)
    rough = clarabel.solve(data)
    fine = polished(data, rough)
    assert fine is not rough
    assert fine.suboptimality <= 1e-5 * rough.suboptimality
    assert fine.primal_objective == pytest.approx(rough.primal_objective, rel=1e-7)
    assert fine.primal_residual <= 1e-12
    slack, dims = data["b"] - data["A"] @ fine.solution.x, data["dims"]
    rows = slice(dims.zero, dims.zero + dims.nonneg)
    assert slack[rows].min() >= -1e-9
    assert fine.solution.z[rows].min() >= -1e-9 * np.abs(fine.solution.z).max()


@pytest.mark.parametrize(("periods", "elastic"), [(1, False), (6, False), (1, True), (6, True)])
def test_what_binds_is_read_right_at_once_and_factored_once(small_case, monkeypatch, periods, elastic):
    factored, sizes = polish.factored, []
    monkeypatch.setattr(polish, "factored", lambda matrix, n: sizes.append(n) or factored(matrix, n))
    data = programme(small_case().dispatch, periods, elastic)
    rough = clarabel.solve(data)
    assert polished(data, rough) is not rough
    assert len(sizes) == 1


def test_the_true_optimum_is_within_what_the_answer_admits(small_case):
    """The rough answer says how far it may be from the optimum; the fine one knows the optimum."""
    data = programme(small_case().dispatch, 6)
    rough = clarabel.solve(data)
    fine = polished(data, rough)
    assert abs(rough.primal_objective - fine.primal_objective) <= rough.suboptimality + 1e-9


def test_a_point_that_is_far_from_any_optimum_stays_as_it_was(small_case):
    data = programme(small_case().dispatch, 1)
    rough = clarabel.solve(data)
    random = np.random.default_rng(5)
    point = replace(rough.solution, x=random.normal(size=rough.solution.x.size), z=random.random(rough.solution.z.size))
    wrong = replace(rough, solution=point)
    assert polished(data, wrong) is wrong


def test_polishing_is_repeatable_bit_for_bit(small_case):
    data = programme(small_case().dispatch, 6)
    first, second = (polished(data, clarabel.solve(data)) for _ in range(2))
    assert (first.solution.x == second.solution.x).all()
    assert (first.solution.z == second.solution.z).all()


def test_a_polished_plan_meets_the_ac_equations_to_rounding(small_case):
    case = small_case().dispatch
    load = np.repeat(LOAD, case.periods, axis=1)
    plan, plain = (Controller(case, polish=polish).plan(0, load) for polish in (True, False))
    assert np.abs(plan.cone.gap_pu2).max() <= 1e-13
    assert plan.record.suboptimality <= 1e-7 < plain.record.suboptimality
    assert plan.total_cost.sum() == pytest.approx(plain.total_cost.sum(), rel=1e-8)


def test_a_row_that_hardly_binds_is_found_where_nothing_else_holds_the_point():
    """min x + (1 + 1e-6) y, x + y = 1, x, y >= 0: at (1, 0) y's bound has the multiplier 1e-6.

    Near it the bound looks as if it did not bind, and along (1, -1) nothing has a curvature.
    """
    data = {
        "P": None, "c": np.array([1.0, 1.0 + 1e-6]), "b": np.array([1.0, 0.0, 0.0]),
        "A": sp.csc_array(np.array([[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])),
        "dims": SimpleNamespace(zero=1, nonneg=2, soc=[]),
    }  # fmt: skip
    rough = judged(
        data, status="optimal", raw_status="", x=np.array([1.0 - 1e-4, 1e-4]), z=np.array([-1.0, 0.0, 5e-7]),
        iterations=0, seconds=0.0,
    )  # fmt: skip
    fine = polished(data, rough)
    np.testing.assert_allclose(fine.solution.x, [1.0, 0.0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(fine.solution.z, [-1.0, 0.0, 1e-6], rtol=0, atol=1e-13)
    assert fine.suboptimality <= 1e-12


def test_factors_that_do_not_serve_are_made_anew_however_small_what_is_lacking():
    """max x + y on the unit circle, near the optimum: factors that lead nowhere are given up after one step."""
    data = {
        "P": None, "c": np.array([-1.0, -1.0]), "b": np.array([1.0, 0.0, 0.0]),
        "A": sp.csc_array(np.array([[0.0, 0.0], [-1.0, 0.0], [0.0, -1.0]])),
        "dims": SimpleNamespace(zero=0, nonneg=0, soc=[3]),
    }  # fmt: skip
    x, z = np.array([0.70, 0.71]), np.array([np.sqrt(2.0), -0.99, -1.01])
    one, budget = polish.Programme.read(data), polish.Budget(8)
    binding = polish.Binding(rows=np.zeros(0, dtype=bool), cones=np.array([True]))
    equations = polish.Equations.of(one, binding)
    nowhere = SimpleNamespace(solve=np.zeros_like)
    found = polish._newton(equations, (x, z), 8, budget, nowhere)
    assert budget.left < 8
    np.testing.assert_allclose(found.x, np.sqrt(0.5), rtol=0, atol=1e-9)


def counted(monkeypatch):
    """Return the list of what is factored from now on."""
    factored, sizes = polish.factored, []
    monkeypatch.setattr(polish, "factored", lambda matrix, n: sizes.append(n) or factored(matrix, n))
    return sizes


@pytest.mark.parametrize("wrong", ["rows", "cones"])
def test_a_hopeless_answer_is_given_up_after_few_factorisations(small_case, monkeypatch, wrong):
    """Multipliers that tell nothing about what binds."""
    sizes, data = counted(monkeypatch), programme(small_case().dispatch, 6, False)
    rough = clarabel.solve(data)
    z, dims = rough.solution.z.copy(), data["dims"]
    place = slice(dims.zero, dims.zero + dims.nonneg) if wrong == "rows" else slice(dims.zero + dims.nonneg, None)
    z[place] = np.random.default_rng(1).permutation(np.abs(z[place])) + 1.0
    assert polished(data, replace(rough, solution=replace(rough.solution, z=z))).suboptimality >= 0.0
    assert len(sizes) <= len(polish.SPLITS) * polish.MOST_FACTORISATIONS + polish.MOST_PULLED


def test_a_step_that_leads_far_away_ends_a_reading_after_one_factorisation(small_case, monkeypatch):
    """Nothing is taken to bind: costs are linear along many directions, and nothing stops the first step."""
    sizes, data = counted(monkeypatch), programme(small_case().dispatch, 6, False)
    rough = clarabel.solve(data)
    free = replace(rough, solution=replace(rough.solution, z=np.zeros_like(rough.solution.z)))
    assert polished(data, free) is free
    assert len(sizes) <= len(polish.SPLITS) + polish.MOST_PULLED
