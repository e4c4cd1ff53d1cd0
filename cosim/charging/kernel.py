"""Charging load in time: a period's departures reach the station later and charge for a while.

`cosim.charging.load` books the energy of a visit in the period of departure (Eq 9). Here departures are spread evenly
over their period, reach their charger after a lag, and draw constant power over the service time. Everything is
piecewise quadratic in time, so the energy of each period follows in closed form, without sampling.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.errors import InputError


def drawn_share(elapsed_h: ArrayLike, *, lag_h: ArrayLike, service_h: ArrayLike, period_h: float) -> Array:
    """Return the share of their energy that a period's departures have drawn by a time after the period's begin.

    With departures spread evenly over ``[0, h]``, lag ``L`` and service time ``s``::

        S(x) = 1 / (h s) * integral of min(max(x - L - u, 0), s) over u from 0 to h
             = (c(x - L) - c(x - L - h)) / h,   c(v) = 0 (v <= 0), v^2 / (2 s) (0 < v < s), v - s / 2 (v >= s)

    A service time of 0 is the limit: all energy is drawn at once on arrival, ``c(v) = max(v, 0)``.

    Parameters
    ----------
    elapsed_h
        Time since the begin of the departures' period, h.
    lag_h
        Time from departure to the begin of charging, h.
    service_h
        Time of constant power, h.
    period_h
        Length of the departures' period, h.

    Returns
    -------
    ndarray
        0 to 1, of the broadcast shape of the first three.

    Raises
    ------
    InputError
        If a time is negative or not finite, or the period has no length.

    Examples
    --------
    Without lag, a service time of 20 minutes moves a sixth of an hour's energy into the next hour:

    >>> drawn_share([1.0, 2.0], lag_h=0.0, service_h=1 / 3, period_h=1.0).round(4).tolist()
    [0.8333, 1.0]
    """
    _check(lag_h=lag_h, service_h=service_h, period_h=period_h)
    since = np.asarray(elapsed_h, dtype=np.float64) - np.asarray(lag_h, dtype=np.float64)
    service = np.asarray(service_h, dtype=np.float64)
    share = (_drawn_h(since, service) - _drawn_h(since - period_h, service)) / period_h
    done = since - period_h >= service
    return np.asarray(np.where(done, 1.0, np.clip(share, 0.0, 1.0)), dtype=np.float64)


def drawn_by_period(lag_h: ArrayLike, service_h: ArrayLike, *, period_h: float, periods: int) -> Array:
    """Return `drawn_share` at the end of the departures' period and of those that follow.

    Parameters
    ----------
    lag_h, service_h
        Of any shape (they broadcast), h.
    period_h
        Length of every period, h.
    periods
        How many, the departures' own included.

    Returns
    -------
    ndarray
        Shape ``(..., periods)``, never falling along the last axis; 1 less it is what is still to be drawn.
    """
    if periods < 1:
        raise InputError(f"periods: {periods} must be at least 1: the departures' own")
    lag, service = np.broadcast_arrays(np.asarray(lag_h, dtype=np.float64), np.asarray(service_h, dtype=np.float64))
    ends = period_h * np.arange(1, periods + 1)
    share = drawn_share(ends, lag_h=lag[..., None], service_h=service[..., None], period_h=period_h)
    return np.asarray(np.maximum.accumulate(share, axis=-1))


def periods_of_load(lag_h: ArrayLike, service_h: ArrayLike, *, period_h: float, limit: int) -> int:
    """Return in how many periods, the departures' own included, some energy is drawn; at most ``limit``."""
    _check(lag_h=lag_h, service_h=service_h, period_h=period_h)
    last_h = float((np.asarray(lag_h, dtype=np.float64) + np.asarray(service_h, dtype=np.float64)).max(initial=0.0))
    return int(min(limit, np.ceil(last_h / period_h) + 1))


def _drawn_h(since_h: Array, service_h: Array) -> Array:
    """Return ``c(v)``: the integral of the drawn share of a vehicle that began to charge ``since_h`` ago."""
    late = np.maximum(since_h, 0.0)
    charging = late < service_h
    early = np.divide(late * late, 2.0 * service_h, out=np.zeros_like(late * service_h), where=charging)
    return np.where(charging, early, late - np.minimum(late, service_h) / 2.0)


def _check(*, period_h: float, **times_h: Any) -> None:  # noqa: ANN401 - any array-like
    """Refuse what is no time."""
    if not 0.0 < period_h < np.inf:
        raise InputError(f"period_h: {period_h} must be > 0 and finite")
    for name, values in times_h.items():
        time = np.asarray(values, dtype=np.float64)
        if wrong := time[~((time >= 0.0) & np.isfinite(time))].tolist():
            raise InputError(f"{name}: {wrong[0]} must be >= 0 and finite")
