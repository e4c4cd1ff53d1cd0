"""Elasticities from answers at a few steps to both sides: derivative, its error, and whether it is smooth there.

Relative steps ``s`` of a parameter ``p (1 + s)``, relative answers: ``e = (dy / ds) / |y|``, the elasticity. Answers
are taken at ``-h, -h/2, 0, h/2, h``; halving the step tells the error of the derivative and what it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError

Shape = Literal["smooth", "kink", "switch", "one-sided", "noise", "none"]

STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Where the answers are taken, in units of the step."""
RESOLUTION = 1e-6
"""Relative change of an answer that solvers tell apart; over a step of 1 % it is an elasticity of 1e-4."""
SIDES_DIFFER, UNEVEN = 0.1, 0.08
"""Of the larger slope: from where on sides differ, and halving the step changes too much."""
KINK, SWITCH = 0.75, 1.4
"""Difference of the sides at half the step over that at the whole step: 0.5 for a curve, 1 for a kink, 2 for a jump."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slopes:
    """Derivatives of K answers by one relative step, in the answers' units.

    Attributes
    ----------
    value, error
        Central difference at half the step, and how far it is from that at the whole step, shape (K,).
    left, right
        One-sided differences at half the step, shape (K,); NaN where a side has no answer.
    shape
        Per answer: ``smooth``; ``kink``: left and right differ at the parameter's own value, whatever the step;
        ``switch``: a limit or a band changes inside the step, the value is a chord; ``one-sided``: the other side has
        no answer; ``noise``: left and right differ more than the answer moves, all of it below what is judged;
        ``none``: no side has one.
    """

    value: Array
    error: Array
    left: Array
    right: Array
    shape: tuple[Shape, ...]


def slopes(answers: Array, step: float, *, scale: Array | None = None) -> Slopes:
    """Differentiate answers that were taken at `STEPS`.

    Parameters
    ----------
    answers
        Shape (5, K), in the order of `STEPS`; NaN where there is no answer.
    step
        The whole step h, > 0, relative.
    scale
        What counts as one for each answer when differences are judged, shape (K,); by default its own size.

    Raises
    ------
    InputError
        If the shape is wrong, the step is not positive, or there are no answers at the parameter's own value.

    Examples
    --------
    >>> s = 0.01 * np.array(STEPS)
    >>> found = slopes(np.stack([(1 + s) ** 2, 1 + np.abs(s), 2 + (s > 0.002)], axis=1), 0.01)
    >>> found.value.round(6).tolist(), found.shape
    ([2.0, 0.0, 100.0], ('smooth', 'kink', 'switch'))
    """
    values = np.asarray(answers, dtype=np.float64)
    if len(values) != len(STEPS) or values.ndim != 2:  # noqa: PLR2004 - a matrix
        raise InputError(f"answers have shape {values.shape}, must be ({len(STEPS)}, K): one row per step")
    if not 0.0 < step < np.inf:
        raise InputError(f"step: {step} must be > 0 and finite")
    if not np.isfinite(values[2]).all():
        raise InputError("there is no answer at the parameter's own value; nothing can be compared with it")
    size = np.abs(values[2]) if scale is None else np.asarray(scale, dtype=np.float64)
    right = np.stack([values[4] - values[2], 2.0 * (values[3] - values[2])]) / step
    left = np.stack([values[2] - values[0], 2.0 * (values[2] - values[1])]) / step
    found = [_judged(left[:, k], right[:, k], RESOLUTION / step * size[k]) for k in range(values.shape[1])]
    numbers = np.array([one[:2] for one in found]).reshape(-1, 2)
    return Slopes(
        value=numbers[:, 0], error=numbers[:, 1], left=left[1], right=right[1], shape=tuple(one[2] for one in found)
    )


def _judged(left: Array, right: Array, floor: float) -> tuple[float, float, Shape]:
    """Return value, error and shape of one answer from its one-sided slopes at the whole and at half the step."""
    sides = [side for side in (left, right) if np.isfinite(side).all()]
    if not sides:
        return np.nan, np.nan, "none"
    if len(sides) == 1:
        whole, half = sides[0]
        return float(2.0 * half - whole), float(abs(half - whole)), "one-sided"
    whole, half = (left + right) / 2.0
    return float(half), float(abs(half - whole)), _shape(left, right, floor)


def _shape(left: Array, right: Array, floor: float) -> Shape:
    """Tell a curve from a kink and a switch: as the step halves, the sides' difference halves, stays, or does not."""
    largest = float(np.abs([left, right]).max())
    before, apart = np.abs(right - left)
    drift = abs(float((left + right)[1] - (left + right)[0])) / 2.0
    if largest <= floor:
        return "smooth" if apart <= largest else "noise"
    if apart > max(floor, SIDES_DIFFER * largest) and apart > KINK * before:
        return "switch" if apart > SWITCH * before else "kink"
    return "switch" if drift > max(floor, UNEVEN * largest) else "smooth"


def elasticity(slope: Array, answer: Array) -> Array:
    """Return ``slope / |answer|``, the relative change of the answer per relative change of the parameter.

    NaN where the answer is 0: then there is nothing to be relative to.

    Examples
    --------
    >>> elasticity(np.array([3.0, -1.0, 1.0]), np.array([1.5, -2.0, 0.0])).tolist()
    [2.0, -0.5, nan]
    """
    size = np.abs(np.asarray(answer, dtype=np.float64))
    some = size > 0.0
    result: Array = np.where(some, np.asarray(slope, dtype=np.float64) / np.where(some, size, 1.0), np.nan)
    return result
