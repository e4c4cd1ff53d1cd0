"""Statistics that compare what a model says with what was measured; pure functions of arrays.

``m`` is measured (SUMO), ``x`` is said by the model (SUE). Where nothing can be compared the answer is NaN, which
passes no limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.errors import InputError

CONFIDENCE = 0.95
GEH_GOOD = 5.0
"""Usual limit of GEH below which an hourly flow counts as reproduced."""


def geh(measured_vph: ArrayLike, modelled_vph: ArrayLike) -> Array:
    """Return ``GEH = sqrt(2 (m - x)^2 / (m + x))``, (veh/h)^0.5, of hourly flows; 0 where both are 0.

    >>> float(geh(550.0, 450.0).round(3))
    4.472
    """
    m, x = np.asarray(measured_vph, dtype=np.float64), np.asarray(modelled_vph, dtype=np.float64)
    total = m + x
    return np.asarray(np.sqrt(2.0 * (m - x) ** 2 / np.where(total > 0.0, total, 1.0)))


def rmse(measured: ArrayLike, modelled: ArrayLike) -> float:
    """Return the root of the mean squared error, in the unit of the values."""
    m, x = _pair(measured, modelled)
    return math.sqrt(float(np.mean((m - x) ** 2))) if m.size else math.nan


def percent_rmse(measured: ArrayLike, modelled: ArrayLike) -> float:
    """Return the root of the mean squared error over the mean of the measured values, percent."""
    m, _ = _pair(measured, modelled)
    mean = float(m.mean()) if m.size else 0.0
    return 100.0 * rmse(measured, modelled) / mean if mean > 0.0 else math.nan


def r_squared(measured: ArrayLike, modelled: ArrayLike) -> float:
    """Return ``R^2 = 1 - sum (m - x)^2 / sum (m - mean m)^2``; negative where the mean would have said it better.

    This is about the line ``m = x``, not about a regression line: a constant error lowers it.

    >>> r_squared([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    0.0
    """
    m, x = _pair(measured, modelled)
    spread = float(np.sum((m - m.mean()) ** 2)) if m.size else 0.0
    return 1.0 - float(np.sum((m - x) ** 2)) / spread if spread > 0.0 else math.nan


def mape(measured: ArrayLike, modelled: ArrayLike) -> float:
    """Return ``mean |x - m| / m`` as a share, over the values with ``m > 0``.

    >>> round(mape([10.0, 20.0], [11.0, 19.0]), 12)
    0.075
    """
    m, x = _pair(measured, modelled)
    counted = m > 0.0
    return float(np.mean(np.abs(x[counted] - m[counted]) / m[counted])) if counted.any() else math.nan


def skill(error: float, null_error: float) -> float:
    """Return ``1 - error / error of the null model``: 1 is perfect, 0 no better than the null model, below 0 worse.

    NaN where the null model makes no error either: then nothing can be told.

    >>> skill(0.02, 0.08), skill(0.1, 0.05)
    (0.75, -1.0)
    """
    return 1.0 - error / null_error if null_error > 0.0 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Mean of a statistic over independent seeds, with its interval of confidence.

    Attributes
    ----------
    mean, low, high
        Mean and ends of the Student interval; the ends are NaN for one seed: nothing is known of the spread.
    least, most
        Smallest and largest value.
    n
        Number of seeds.
    """

    mean: float
    low: float
    high: float
    least: float
    most: float
    n: int


def estimate(values: Sequence[float] | Array, confidence: float = CONFIDENCE) -> Estimate:
    """Return mean and interval ``mean +- t(n - 1) s / sqrt(n)`` of independent values.

    Raises
    ------
    InputError
        If there is no value.

    Examples
    --------
    >>> found = estimate([1.0, 2.0, 3.0])
    >>> round(found.low, 3), found.mean, round(found.high, 3)
    (-0.484, 2.0, 4.484)
    """
    from scipy.stats import t as student

    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise InputError("an interval needs at least one value; give one seed or more")
    mean, half = float(array.mean()), math.nan
    if array.size > 1:
        half = float(student.ppf(0.5 + confidence / 2.0, array.size - 1) * array.std(ddof=1) / math.sqrt(array.size))
    return Estimate(
        mean=mean, low=mean - half, high=mean + half, least=float(array.min()), most=float(array.max()), n=array.size
    )


def prediction_half_width(values: ArrayLike, confidence: float = CONFIDENCE) -> Array:
    """Return how far a further independent run may be from the mean of the runs: ``t(n - 1) s sqrt(1 + 1/n)``.

    Parameters
    ----------
    values
        Shape (n, ...), one row per run; NaN for fewer than two runs.
    """
    from scipy.stats import t as student

    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    if n < 2:  # noqa: PLR2004 - a spread needs two values
        return np.full(array.shape[1:], math.nan)
    quantile = float(student.ppf(0.5 + confidence / 2.0, n - 1))
    return np.asarray(quantile * array.std(axis=0, ddof=1) * math.sqrt(1.0 + 1.0 / n))


def _pair(measured: ArrayLike, modelled: ArrayLike) -> tuple[Array, Array]:
    m, x = np.asarray(measured, dtype=np.float64), np.asarray(modelled, dtype=np.float64)
    if m.shape != x.shape:
        raise InputError(f"measured values have shape {m.shape}, modelled ones {x.shape}; they must be the same")
    return m, x
