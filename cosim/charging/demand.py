"""Charging demand: the share of trips that contain a fast charge (Eq 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.errors import InputError, Problem

_DIMENSIONS = 2  # periods, OD pairs


def split_by_class(trips_vph: ArrayLike, ev_share: float, fast_charge_share: ArrayLike) -> tuple[Array, Array]:
    """Split trips into charging electric vehicles and everybody else (Eq 2).

    ``charging = ev_share * fast_charge_share * trips``, ``other = trips - charging``.

    Parameters
    ----------
    trips_vph
        Trips per period and OD pair, shape (T, W), veh/h.
    ev_share
        Share of trips made by electric vehicles (eta), 0..1.
    fast_charge_share
        Share of their trips that contain a fast charge (p_z), 0..1: one number, or one per period (T).

    Returns
    -------
    charging_vph, other_vph
        Both of shape (T, W), veh/h.

    Raises
    ------
    InputError
        If a share lies outside 0..1, trips are negative or not finite, or shapes do not fit.

    Examples
    --------
    >>> charging, other = split_by_class([[400.0, 800.0]], 0.2, 0.12)
    >>> charging.round(3).tolist(), other.round(3).tolist()
    ([[9.6, 19.2]], [[390.4, 780.8]])
    """
    trips = np.array(trips_vph, dtype=np.float64)
    share = np.array(fast_charge_share, dtype=np.float64)
    rules = [
        ("trips_vph", trips.ndim == _DIMENSIONS, f"has shape {trips.shape}, must be (periods, OD pairs)"),
        ("trips_vph", bool(np.all((trips >= 0) & np.isfinite(trips))), "must be >= 0 and finite"),
        ("ev_share", 0 <= ev_share <= 1, f"{ev_share} must lie in 0..1"),
        ("fast_charge_share", bool(np.all((share >= 0) & (share <= 1))), "must lie in 0..1"),
        (
            "fast_charge_share",
            share.ndim == 0 or share.shape == trips.shape[:1],
            f"has shape {share.shape}; give one number, or one for each of the {trips.shape[:1]} periods",
        ),
    ]
    if broken := [Problem(field=name, reason=reason) for name, holds, reason in rules if not holds]:
        raise InputError(broken)
    charging = trips * (ev_share * share.reshape(-1, 1))
    return charging, trips - charging
