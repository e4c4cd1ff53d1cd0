"""What a rolling dispatch knows of the charging load of later periods; pure functions of what was told and when."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.settings import DispatchSettings
from cosim.errors import InputError


def window_load_mw(
    case: DispatchCase, *, position: int, length: int, now_mw: Array, outlook_mw: Array, first_mw: Array
) -> Array:
    """Return the charging load that a window is planned for, by the case's ``settings.forecast``.

    The first period is always the load as it is; a forecast concerns the periods after it.

    Parameters
    ----------
    position, length
        First period of the window, from 0, and how many there are.
    now_mw
        Load of the first period, shape ``(s,)``.
    outlook_mw
        Load of every period of the day as known now, shape ``(s, T)``.
    first_mw
        The same as it was known before the day.

    Returns
    -------
    ndarray
        Shape ``(s, length)``.
    """
    settings = case.settings
    later = slice(position, position + length)
    known: dict[str, Callable[[], Array]] = {
        "perfect": outlook_mw[:, later].copy,
        "day_ahead": first_mw[:, later].copy,
        "persistence": partial(persistence, now_mw, length),
        "noisy": partial(
            noisy, outlook_mw[:, later], settings.forecast_error, seed=case.seed, position=position,
            correlation=settings.forecast_correlation,
        ),
    }  # fmt: skip
    load = known[settings.forecast]()
    load[:, 0] = now_mw
    return load


def foreseen_periods(settings: DispatchSettings, periods: int) -> int:
    """Return how many periods after its first one a plan looks at, by what is known of them when it is made."""
    known_now = settings.mode == "rolling" and settings.forecast in {"perfect", "noisy"}
    return settings.window_periods(periods) - 1 if known_now else 0


def persistence(now_mw: Array, length: int) -> Array:
    """Return the current load, unchanged for all periods of the window.

    >>> persistence(np.array([0.1, 0.2]), 3)
    array([[0.1, 0.1, 0.1],
           [0.2, 0.2, 0.2]])
    """
    return np.repeat(now_mw[:, None], length, axis=1)


def noisy(load_mw: Array, error: float, *, seed: int, position: int, correlation: float = 0.0) -> Array:
    """Return the load with relative errors of standard deviation ``error``, never negative.

    Along the window the errors of each station are a stationary autoregressive process of first order, AR(1)::

        e_1 = error z_1,   e_j = phi e_(j-1) + error sqrt(1 - phi^2) z_j,   z_j standard normal

    so every period has the same standard deviation, and errors j periods apart the correlation ``phi^j``. Stations are
    independent of each other. The errors depend on seed and period of the plan alone, so a resumed run sees the same
    ones.

    Parameters
    ----------
    load_mw
        Load to be disturbed, shape ``(s, length)``, MW.
    error
        Relative standard deviation.
    seed, position
        Of the scenario, and the period in which the plan is made.
    correlation
        phi, 0 <= phi < 1; 0 makes the errors independent.

    Raises
    ------
    InputError
        If the correlation is out of range.
    """
    if not 0.0 <= correlation < 1.0:
        raise InputError(f"correlation: {correlation} must be >= 0 and < 1; 0 makes the errors independent")
    shocks = np.random.default_rng([seed, position]).standard_normal(load_mw.shape)
    errors = shocks.copy()
    fresh = np.sqrt(1.0 - correlation**2)
    for j in range(1, load_mw.shape[1]):
        errors[:, j] = correlation * errors[:, j - 1] + fresh * shocks[:, j]
    return np.asarray(load_mw * np.maximum(1.0 + error * errors, 0.0))
