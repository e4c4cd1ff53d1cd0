"""The check of a solver's answer, on programmes small enough for a hand calculation, and on wrong answers."""

from types import SimpleNamespace

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp

from cosim.dispatch.backends import clarabel
from cosim.dispatch.backends.base import empty_within, residuals


def compiled(problem: cp.Problem):
    data, chain, inverse = problem.get_problem_data(cp.CLARABEL, solver_opts={})
    return data, chain, inverse


@pytest.fixture
def linear():
    """min x + 2 y subject to x + y == 4, x <= 3, y >= 0; the answer is (3, 1), cost 5."""
    xy = cp.Variable(2)
    return compiled(cp.Problem(cp.Minimize(xy[0] + 2 * xy[1]), [xy[0] + xy[1] == 4, xy[0] <= 3, xy[1] >= 0]))


def test_hand_made_dual_of_a_linear_programme_is_accepted(linear):
    data, _, _ = linear
    a = data["A"].toarray()
    # c + A'z = 0 with multipliers 2 (balance, sign as compiled), 1 (x <= 3), 0 (y >= 0).
    z, *_ = np.linalg.lstsq(a[:2].T, -data["c"], rcond=None)
    check = residuals(data, np.array([3.0, 1.0]), np.array([*z, 0.0]))
    assert check.primal == pytest.approx(0.0, abs=1e-15)
    assert check.dual == pytest.approx(0.0, abs=1e-14)
    assert check.gap == pytest.approx(0.0, abs=1e-14)
    assert check.primal_objective == pytest.approx(5.0)
    assert check.dual_objective == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("x", "violation"),
    [
        ((3.0, 2.0), 1.0),  # balance missed by 1
        ((3.5, 0.5), 0.5),  # x beyond 3 by 0.5
        ((4.25, -0.25), 1.25),  # x beyond by 1.25, y by 0.25
        ((2.0, 2.0), 0.0),  # feasible, not optimal
    ],
)
def test_violation_of_rows_is_the_hand_computed_one(linear, x, violation):
    data, _, _ = linear
    check = residuals(data, np.array(x), np.zeros(3))
    assert check.primal == pytest.approx(violation / (1.0 + 4.0))
    assert check.primal_objective == pytest.approx(x[0] + 2 * x[1])
    assert check.dual == pytest.approx(2.0 / 3.0)  # max|c| / (1 + max|c|) with no multipliers
    assert check.gap == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("x", "violation"),
    [
        ((6.0, 8.0, 0.0), 5.0),  # radius 10 against 5
        ((3.0, 4.0, 0.0), 0.0),
        ((0.0, 0.0, 0.0), 0.0),
        ((0.0, 5.0, 12.0), 8.0),  # second cone: 13 against 5 is 8, first: 0
    ],
)
def test_violation_of_cones_is_the_hand_computed_one(x, violation):
    """||(x, y)|| <= 5 and ||(y, z)|| <= 5."""
    v = cp.Variable(3)
    cones = [cp.SOC(cp.Constant(5.0), v[:2]), cp.SOC(cp.Constant(5.0), v[1:])]
    data, _, _ = compiled(cp.Problem(cp.Minimize(cp.sum(v)), cones))
    check = residuals(data, np.array(x), np.zeros(6))
    assert check.primal == pytest.approx(violation / (1.0 + 5.0))


def test_quadratic_cost_counts_half_its_matrix_with_mixed_terms():
    """min (x + y)^2 + y^2 - 2 x at (1, 2): 9 + 4 - 2."""
    v = cp.Variable(2)
    matrix = np.array([[1.0, 1.0], [1.0, 2.0]])
    data, _, _ = compiled(cp.Problem(cp.Minimize(cp.quad_form(v, cp.psd_wrap(matrix)) - 2 * v[0]), [v >= -9]))
    point = np.array([1.0, 2.0])
    check = residuals(data, point, np.zeros(2))
    assert check.primal_objective == pytest.approx(11.0)
    # Gradient: (2 (x + y) - 2, 2 (x + y) + 2 y) = (4, 10); max|c| = 2.
    assert check.dual == pytest.approx(10.0 / 3.0)
    # Dual function without multipliers: -x'Px/2 = -13.
    assert check.dual_objective == pytest.approx(-13.0)


def test_answer_of_the_backend_passes_its_own_check(linear):
    data, chain, inverse = linear
    xy = cp.Variable(2)
    problem = cp.Problem(cp.Minimize(xy[0] + 2 * xy[1]), [xy[0] + xy[1] == 4, xy[0] <= 3, xy[1] >= 0])
    data, chain, inverse = compiled(problem)
    answer = clarabel.solve(data)
    assert answer.status == "optimal"
    assert max(answer.primal_residual, answer.dual_residual, answer.gap) <= 1e-7
    assert answer.primal_objective == pytest.approx(5.0, rel=1e-7)
    problem.unpack_results(answer.solution, chain, inverse)
    np.testing.assert_allclose(xy.value, [3.0, 1.0], atol=1e-7)


@pytest.mark.parametrize(("rule", "status"), [("infeasible", "infeasible"), ("unbounded", "unbounded")])
def test_backend_answers_what_has_no_answer_with_a_status(rule, status):
    x = cp.Variable()
    problem = cp.Problem(cp.Minimize(-x), [x >= 1, x <= 0] if rule == "infeasible" else [x >= 1])
    data, chain, _ = compiled(problem)
    answer = clarabel.solve(data)
    assert answer.status == status
    assert np.isnan([answer.primal_residual, answer.gap, answer.primal_objective]).all()


def test_a_multiplier_of_the_wrong_sign_hides_nothing():
    """min -x, 0 <= x <= 1 at x = 0: gradient and products vanish with multiplier -1 of x >= 0; the optimum is -1."""
    x = cp.Variable()
    data, _, _ = compiled(cp.Problem(cp.Minimize(-x), [x >= 0, x <= 1]))
    check = residuals(data, np.array([0.0]), np.array([-1.0, 0.0]))
    assert (check.primal, check.dual, check.gap) == (0.0, 0.0, 0.0)
    assert check.suboptimality >= 1.0


def test_a_cone_multiplier_outside_its_cone_hides_nothing():
    """min -x, |x| <= 1 at x = -1: the products cancel with the multiplier (-1, -1); the optimum is 2 away."""
    x = cp.Variable(1)
    data, _, _ = compiled(cp.Problem(cp.Minimize(-x[0]), [cp.SOC(cp.Constant(1.0), x)]))
    slack = data["b"] - data["A"].toarray() @ np.array([-1.0])
    assert slack.tolist() == [1.0, -1.0]
    check = residuals(data, np.array([-1.0]), np.array([-1.0, -1.0]))
    assert (check.primal, check.dual, check.gap) == (0.0, 0.0, 0.0)
    assert check.suboptimality >= 2.0


@pytest.mark.parametrize(("bounds", "reach"), [((0.0, 0.25), 0.25), ((0.0, None), 1.0), ((-3.0, 5.0), 5.0)])
def test_the_rest_of_a_gradient_counts_as_far_as_its_column_can_go(bounds, reach):
    """min 2 x at x = 0 without multipliers: the rest 2, times the way to the farther bound; without one, 1."""
    x, (low, high) = cp.Variable(), bounds
    rows = [x >= low] if high is None else [x >= low, x <= high]
    data, _, _ = compiled(cp.Problem(cp.Minimize(2 * x), rows))
    check = residuals(data, np.array([0.0]), np.zeros(len(rows)))
    assert check.suboptimality == pytest.approx(2.0 * reach)


def test_objectives_round_once_and_so_depend_on_no_number_of_threads():
    x = cp.Variable(3, nonneg=True)
    data, _, _ = compiled(cp.Problem(cp.Minimize(1e16 * x[0] + x[1] - 1e16 * x[2]), [x <= 1]))
    check = residuals(data, np.ones(3), np.zeros(6))
    assert check.primal_objective == 1.0  # added one after the other it is 0 or 2


@pytest.mark.parametrize(
    ("slope", "z", "within"),
    [
        (1.0, (1.0, 1.0, 0.0, 0.0), np.inf),  # x >= 1 and x <= 0.5 exclude each other
        (0.99, (1.0, 1.0, 0.0, 0.0), 50.0),  # so do x >= 1 and 0.99 x <= 0.5, but the sum says so for |x| < 50 alone
        (1.0, (1.0, -1.0, 0.0, 0.0), 1.0),  # a multiplier of the wrong sign counts as 0: x >= 1 alone
        (1.0, (0.0, 1.0, 0.0, 0.0), 0.0),  # x <= 0.5 alone is met by x = 0
        (1.0, (1.0, 1.0, 0.0, 0.1), 6.0),  # (0, 0.1) is not in the cone, (0.1, 0.1) is: 0.5 + 0.1 over 0.1
    ],
)
def test_multipliers_prove_that_no_small_point_is_feasible(slope, z, within):
    """Rows ``-x <= -1``, ``slope x <= 0.5`` and the cone ``|x| <= -1``."""
    data = {
        "A": sp.csc_array([[-1.0], [slope], [0.0], [-1.0]]), "b": np.array([-1.0, 0.5, -1.0, 0.0]),
        "dims": SimpleNamespace(zero=0, nonneg=2, soc=[2]),
    }  # fmt: skip
    assert empty_within(data, np.array(z)) == pytest.approx(within)
