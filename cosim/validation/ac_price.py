"""Nodal prices from the AC power flow alone: what one more MWh at a bus costs in energy and losses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cosim.grid.feeder import Feeder, FloatArray
from cosim.grid.radial_flow import solve_radial

STEP_MW = 0.01


def ac_price_per_mwh(
    feeder: Feeder, p_mw: ArrayLike, q_mvar: ArrayLike, *, tariff_per_mwh: ArrayLike, loss_price_per_mwh: float
) -> FloatArray:
    """Return ``tariff + (tariff + loss price) dLoss/dLoad`` by central differences of 10 kW, setpoints fixed.

    Where no limit of the network binds this equals the dual of the dispatch; the difference is the congestion
    component (Bai, Wang, Wang, Chen, Li 2018 decompose distribution prices so).

    Parameters
    ----------
    feeder
        Feeder of n buses.
    p_mw, q_mvar
        Net injections, shape (n, T).
    tariff_per_mwh
        Price of the import, shape (T,).
    loss_price_per_mwh
        Weight of losses in the objective.

    Returns
    -------
    ndarray
        Price of each bus, shape (n, T); NaN where the AC flow has no state.
    """
    p, q = np.asarray(p_mw, dtype=np.float64), np.asarray(q_mvar, dtype=np.float64)
    tariff = np.asarray(tariff_per_mwh, dtype=np.float64)
    slope = np.column_stack([_loss_slope(feeder, p[:, k], q[:, k]) for k in range(p.shape[1])])
    return np.asarray(tariff + (tariff + loss_price_per_mwh) * slope)


def _loss_slope(feeder: Feeder, p_mw: FloatArray, q_mvar: FloatArray) -> FloatArray:
    """Return dLoss/dLoad of every bus, shape (n,)."""
    n = feeder.n_buses
    if not (np.isfinite(p_mw).all() and np.isfinite(q_mvar).all()):
        return np.full(n, np.nan)
    more = p_mw[:, None] - STEP_MW * np.eye(n)
    less = p_mw[:, None] + STEP_MW * np.eye(n)
    cases = np.concatenate([more, less], axis=1)
    loss = solve_radial(feeder, cases, np.repeat(q_mvar[:, None], 2 * n, axis=1)).loss_mw
    return np.asarray((loss[:n] - loss[n:]) / (2.0 * STEP_MW))
