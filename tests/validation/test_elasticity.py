"""Slopes from five answers: closed forms, and what a kink, a switch and noise look like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.validation.elasticity import STEPS, elasticity, slopes


def taken(function, step=0.01):
    return np.array([[function(part * step)] for part in STEPS])


def only(function, step=0.01):
    found = slopes(taken(function, step), step)
    return found.value[0], found.error[0], found.shape[0], found.left[0], found.right[0]


@given(st.floats(-6, 6), st.floats(0.1, 10))
def test_a_power_law_has_its_exponent_as_elasticity_within_the_error_told(exponent, factor):
    value, error, shape, *_ = only(lambda s: factor * (1.0 + s) ** exponent)
    assert value / factor == pytest.approx(exponent, abs=error / factor + 1e-9)
    assert shape in {"smooth", "noise"}


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_sides_that_differ_are_a_kink_and_both_are_told(left, right):
    value, _, shape, low, high = only(lambda s: 1.0 + (left if s < 0 else right) * s)
    assert (low, high) == (pytest.approx(left, abs=1e-9), pytest.approx(right, abs=1e-9))
    assert value == pytest.approx((left + right) / 2, abs=1e-9)
    if abs(left - right) > 0.11 * max(abs(left), abs(right)) and abs(left - right) > 1e-3:
        assert shape == "kink"


@given(st.floats(0.02, 0.98), st.sampled_from([-1.0, 1.0]))
def test_a_jump_inside_the_step_is_a_switch_wherever_it_is(place, side):
    found = only(lambda s: 2.0 + (side * s > place * 0.01))
    assert found[2] == "switch"


@given(st.floats(0.05, 0.75))
def test_a_limit_that_binds_inside_the_step_is_no_smooth_answer(place):
    """Close to the number itself it looks like a kink there."""
    assert only(lambda s: 1.0 + min(s, place * 0.01))[2] in {"switch", "kink"}


def test_strong_curvature_is_smooth():
    assert only(lambda s: (1.0 + s) ** 12)[2] == "smooth"


@given(st.floats(1.0, 1e3))
def test_a_parabola_is_smooth_however_bent(bend):
    """The slopes of the two sides differ by the bend times the step: half of it at half the step."""
    value, _, shape, left, right = only(lambda s: 1.0 + s + bend * s**2)
    assert shape == "smooth"
    assert value == pytest.approx(1.0, abs=1e-9)
    assert right - left == pytest.approx(bend * 0.01, abs=1e-9)


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1.0, 1e6])
def test_the_shape_does_not_hang_on_the_unit_of_the_answer(unit):
    for shape, function in (
        ("kink", lambda s: 1.0 + abs(s)),
        ("switch", lambda s: 1.0 + (s > 0.002)),
        ("smooth", np.exp),
    ):
        assert only(lambda s, function=function: unit * function(s))[2] == shape


def test_rounding_is_noise_and_no_kink():
    noise = iter([1e-9, 3e-9, 0.0, 3e-9, -1e-9])
    assert only(lambda s: 1.0 + next(noise))[2] == "noise"


def test_one_side_alone_is_second_order():
    rows = taken(lambda s: (1.0 + s) ** 3)
    rows[3:] = np.nan
    found = slopes(rows, 0.01)
    assert found.shape == ("one-sided",)
    assert found.value[0] == pytest.approx(3.0, abs=1e-3)
    assert np.isnan(found.right[0])


def test_no_side_is_no_number():
    rows = taken(lambda s: 1.0)
    rows[[0, 4]] = np.nan
    found = slopes(rows, 0.01)
    assert (found.shape, np.isnan(found.value[0])) == (("none",), True)


def test_an_answer_of_zero_has_no_elasticity():
    assert np.isnan(elasticity(np.array([1.0]), np.array([0.0])))[0]


@pytest.mark.parametrize(
    ("rows", "step", "told"),
    [
        (np.zeros((4, 1)), 0.01, "one row per step"),
        (np.zeros((5, 1)), 0.0, "must be > 0"),
        (np.array([[1.0], [1.0], [np.nan], [1.0], [1.0]]), 0.01, "own value"),
    ],
)
def test_misuse_is_told(rows, step, told):
    with pytest.raises(InputError, match=told):
        slopes(rows, step)
