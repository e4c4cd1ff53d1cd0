"""Nodal prices from the AC power flow alone: what one more MWh at a bus costs in energy and losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array, IntArray
from cosim.grid.feeder import Feeder
from cosim.grid.radial_flow import solve_radial

STEP_MW = 0.01


def ac_price_per_mwh(
    feeder: Feeder, p_mw: ArrayLike, q_mvar: ArrayLike, *, tariff_per_mwh: ArrayLike, loss_price_per_mwh: float
) -> Array:
    """Return ``tariff + (tariff + loss price) dLoss/dLoad`` by central differences of 10 kW, setpoints fixed.

    What shunts at buses draw is paid, and no loss.

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
    slopes = [_slopes(feeder, p[:, k], q[:, k], np.arange(feeder.n_buses)) for k in range(p.shape[1])]
    lost, drawn = (np.column_stack(part) for part in zip(*slopes, strict=True))
    return np.asarray(tariff + (tariff + loss_price_per_mwh) * lost + tariff * drawn)


def marginal_loss(feeder: Feeder, p_mw: Array, q_mvar: Array, buses: Sequence[int] | None = None) -> Array:
    """Return dLoss/dLoad of buses by central differences of 10 kW, balanced at the slack, setpoints fixed.

    Parameters
    ----------
    p_mw, q_mvar
        Net injections of one period, shape (n,).
    buses
        Positions of the b buses that are asked for; None takes all.

    Returns
    -------
    ndarray
        Shape (b,), MW per MW; NaN where the AC flow has no state.
    """
    at = np.arange(feeder.n_buses) if buses is None else np.asarray(buses, dtype=np.intp)
    return _slopes(feeder, p_mw, q_mvar, at)[0]


def _slopes(feeder: Feeder, p_mw: Array, q_mvar: Array, at: IntArray) -> tuple[Array, Array]:
    """Return the derivatives of the loss and of what shunts draw by the loads of some buses."""
    if not (np.isfinite(p_mw).all() and np.isfinite(q_mvar).all()):
        return np.full(len(at), np.nan), np.full(len(at), np.nan)
    step = STEP_MW * np.eye(feeder.n_buses)[:, at]
    cases = np.concatenate([p_mw[:, None] - step, p_mw[:, None] + step], axis=1)
    found = solve_radial(feeder, cases, np.repeat(q_mvar[:, None], 2 * len(at), axis=1))
    loss, shunts = found.loss_mw, np.broadcast_to(found.shunt_mw, found.loss_mw.shape)
    lost, drawn = ((power[: len(at)] - power[len(at) :]) / (2.0 * STEP_MW) for power in (loss, shunts))
    return np.asarray(lost), np.asarray(drawn)
