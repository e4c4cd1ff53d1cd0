"""What an answer that could not be polished leaves of its equations is removed by the least change of its point."""

import numpy as np
import pytest
import scipy.sparse as sp

from cosim.dispatch import problem as of_problem
from cosim.dispatch.backends import clarabel
from cosim.dispatch.backends.base import Cones, judged
from cosim.dispatch.closing import closed, feasible
from cosim.dispatch.controller import Controller, initial_states, make_window
from cosim.dispatch.polish import polished
from cosim.dispatch.problem import DispatchProblem

LOAD = np.array([[0.3], [0.5], [0.2]])


def answer_at(data, x, z):
    return judged(data, status="optimal", raw_status="", x=x, z=z, iterations=1, seconds=0.0)


def test_the_change_is_the_projection_on_the_plane():
    """The nearest point to (1, 1, 1) with x + y + z = 3 + 3e-7 is 1e-7 further in each direction."""
    data = {
        "A": sp.csc_array(np.array([[1.0, 1.0, 1.0], [-1.0, 0.0, 0.0]])), "b": np.array([3.0 + 3e-7, 0.0]),
        "c": np.ones(3), "dims": Cones(zero=1, nonneg=1, soc=[]),
    }  # fmt: skip
    found = closed(data, answer_at(data, np.ones(3), np.array([-1.0, 0.0])))
    assert found.solution.x == pytest.approx(np.full(3, 1.0 + 1e-7), abs=1e-15)
    assert found.primal_objective == pytest.approx(3.0 + 3e-7, abs=1e-15)


def programme(case):
    problem = DispatchProblem(case, 6, elastic=False)
    window = make_window(case, 0, 6, np.repeat(LOAD, 6, axis=1))
    return problem.scaled(problem.compiled(window, initial_states(case)), window).data


@pytest.mark.parametrize("rest", [1e-6, 1e-7])
def test_equations_hold_and_nothing_moves_further_than_the_rest(small_case, rest):
    data = programme(small_case().dispatch)
    old = polished(data, clarabel.solve(data)).solution
    x = old.x + rest * np.random.default_rng(3).uniform(-1.0, 1.0, old.x.size)
    found = closed(data, answer_at(data, x, old.z))
    zero = data["dims"].zero
    assert np.abs(data["b"] - data["A"] @ found.solution.x)[:zero].max() <= 1e-13
    assert np.linalg.norm(found.solution.x - x) <= np.linalg.norm(old.x - x)  # the old point closes, too
    assert (found.solution.z == old.z).all()


def test_an_answer_that_closes_stays_as_it_is(small_case):
    data = programme(small_case().dispatch)
    given = polished(data, clarabel.solve(data))
    assert closed(data, given) is given


def test_a_point_that_no_change_makes_better_stays_as_it_is():
    """x = 1 and x = 2 at once: the mean would break both."""
    data = {
        "A": sp.csc_array(np.array([[1.0], [1.0]])), "b": np.array([1.0, 2.0]), "c": np.ones(1),
        "dims": Cones(zero=2, nonneg=0, soc=[]),
    }  # fmt: skip
    given = answer_at(data, np.array([1.5]), np.zeros(2))
    assert closed(data, given).solution.x == pytest.approx(given.solution.x)


def circle(point):
    """The disk |(x, y)| <= r with r = 1, and x >= 0.5: an answer at a point (r, x, y)."""
    data = {
        "A": sp.csc_array(np.array([[1.0, 0, 0], [0, -1.0, 0], [-1.0, 0, 0], [0, -1.0, 0], [0, 0, -1.0]])),
        "b": np.array([1.0, -0.5, 0.0, 0.0, 0.0]), "c": np.array([0.0, 1.0, 0.0]),
        "dims": Cones(zero=1, nonneg=1, soc=[3]),
    }  # fmt: skip
    return data, answer_at(data, np.array(point), np.array([0.0, 1.0, 0.0, 0.0, 0.0]))


@pytest.mark.parametrize(
    ("point", "nearest"),
    [
        ((1.0, 0.6 + 6e-8, 0.8 + 8e-8), (1.0, 0.6, 0.8)),  # along the radius
        ((1.0, 0.5 - 3e-8, 0.1), (1.0, 0.5, 0.1)),  # a bound alone
        ((1.0 + 2e-8, 0.7, 0.1), (1.0, 0.7, 0.1)),  # an equation alone
        ((1.0, 0.5 - 3e-8, np.sqrt(0.75) + 1e-8), (1.0, 0.5, np.sqrt(0.75))),  # a corner
    ],
)
def test_a_point_that_violates_rows_and_cones_moves_to_the_nearest_feasible_one(point, nearest):
    data, given = circle(point)
    found = feasible(data, given)
    assert found.solution.x == pytest.approx(np.array(nearest), abs=1e-14)
    assert found.primal_residual <= 1e-10
    assert (found.solution.z == given.solution.z).all()
    assert found.dual_residual == given.dual_residual  # the objective is linear: the multipliers say what they said


def test_a_point_below_the_tip_of_a_cone_goes_to_the_tip():
    """There the cone has no slope of its own: its axis serves."""
    data = {
        "A": sp.csc_array(-np.eye(3)),
        "b": np.zeros(3),
        "c": np.eye(3)[0],
        "dims": Cones(zero=0, nonneg=0, soc=[3]),
    }
    found = feasible(data, answer_at(data, np.array([-1e-8, 0.0, 0.0]), np.eye(3)[0]))
    assert found.solution.x == pytest.approx(np.zeros(3), abs=1e-15)


def test_where_nothing_is_feasible_no_point_is_found():
    data, given = circle((1.0, 0.6, 0.8))
    data = {**data, "b": np.array([1.0, -1.5, 0.0, 0.0, 0.0])}  # x >= 1.5 within the disk
    assert feasible(data, answer_at(data, given.solution.x, given.solution.z)) is None


def test_powers_and_stored_energy_of_an_unpolished_plan_close(small_case, monkeypatch):
    """The solver stops at 1e-7 of its equations; what is told of the plan adds up to rounding all the same."""
    case = small_case().dispatch

    def rough(posed, answer):
        x = answer.solution.x + 1e-7 * np.random.default_rng(1).uniform(-1.0, 1.0, answer.solution.x.size)
        return answer_at(posed, x, answer.solution.z)

    monkeypatch.setattr(of_problem, "polished", rough)
    plan = Controller(case).plan(0, np.repeat(LOAD, case.periods, axis=1))
    assert np.abs(plan.energy_balance_mw()).max() <= 1e-11
    assert max(plan.recursion_error_mwh(k) for k in range(case.periods)) <= 1e-11
