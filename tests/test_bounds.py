"""Bounds stand in one place, the dataclass, and every broken one is named."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pytest
from annotated_types import Gt, Interval, Le, Lt, MinLen
from hypothesis import given
from hypothesis import strategies as st

from cosim.bounds import Efficiency, Fraction, NonNegative, Positive, check_bounds
from cosim.errors import InputError


@dataclass
class Sample:
    positive: Positive = 1.0
    non_negative: NonNegative = 0.0
    fraction: Fraction = 0.5
    efficiency: Efficiency = 1.0
    below: Annotated[float, Lt(3)] = 2.0
    at_most: Annotated[float, Le(3)] = 3.0
    inside: Annotated[float, Interval(gt=-1, lt=1)] = 0.0
    optional: Annotated[float, Gt(0)] | None = None
    row: NonNegative | tuple[float, ...] = 0.0
    free: float = -5.0
    count: Annotated[int, Gt(0)] = 1
    flag: bool = False
    word: Literal["a", "b"] = "a"
    name: Annotated[str, MinLen(1)] = "x"


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("positive", 0.0, "must be > 0"),
        ("positive", -1, "must be > 0"),
        ("non_negative", -1e-12, "must be >= 0"),
        ("fraction", -0.1, "must be >= 0"),
        ("fraction", 1.1, "must be <= 1"),
        ("efficiency", 0.0, "must be > 0"),
        ("efficiency", 1.0001, "must be <= 1"),
        ("below", 3.0, "must be < 3"),
        ("at_most", 3.1, "must be <= 3"),
        ("inside", -1.0, "must be > -1"),
        ("inside", 1.0, "must be < 1"),
        ("optional", 0.0, "must be > 0"),
        ("row", -1.0, "must be >= 0"),
        ("row", (0.0, 1.0, -2.0), "-2.0 must be >= 0"),
        ("row", (0.0, math.nan), "must be finite"),
        ("free", math.inf, "must be finite"),
        ("free", math.nan, "must be finite"),
        ("count", 0, "must be > 0"),
        ("positive", np.float32(-1.0), "must be > 0"),
        ("positive", np.int64(-1), "must be > 0"),
        ("name", "", "must not be shorter than 1"),
    ],
)
def test_wrong_value_is_named_with_field_and_rule(field, value, rule):
    with pytest.raises(InputError) as caught:
        check_bounds(Sample(**{field: value}), "mine")
    (problem,) = caught.value.problems
    assert problem.field == f"mine.{field}"
    assert rule in problem.reason


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(InputError) as caught:
        check_bounds(Sample(positive=0, fraction=2, row=(-1.0, -2.0), name=""))
    assert [problem.field for problem in caught.value.problems] == ["positive", "fraction", "row", "name"]


@pytest.mark.parametrize("values", [{}, {"flag": True}, {"word": "b"}, {"optional": 0.1}, {"row": ()}, {"fraction": 1}])
def test_right_values_pass(values):
    check_bounds(Sample(**values))


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_fraction_passes_exactly_inside_its_interval(value):
    if 0 <= value <= 1:
        check_bounds(Sample(fraction=value))
    else:
        with pytest.raises(InputError):
            check_bounds(Sample(fraction=value))
