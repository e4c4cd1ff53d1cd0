"""Is the cone relaxation exact before anything is solved? The linear condition of Gan, Li, Topcu and Low (2015).

L. Gan, N. Li, U. Topcu, S. H. Low, "Exact convex relaxation of optimal power flow in radial networks", IEEE
Transactions on Automatic Control 60(1), 2015, theorem 1. Lines point towards the root there; for the line that
leaves bus i, with impedance ``u = (r, x)``, upper bounds ``P+, Q+`` (positive parts) of the loss-free flow
towards the root, and the lower limit ``v`` of the squared voltage at bus i::

    A = I - (2 / v) u [P+  Q+]

C1 asks that ``A_s A_(s+1) ... A_(t-1) u_t > 0`` in both components for all lines s <= t on a way from the root to
a leaf. C2 asks that the loss-free voltage keeps its upper limit. Under both, with a cost that grows with the
import, every answer of the relaxation is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.grid.feeder import Feeder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sufficient:
    """The sufficient condition in each of T periods.

    Attributes
    ----------
    c1_margin
        Smallest component of the products over that of ``u`` of the same line; C1 holds where it is > 0. Without
        reverse flow it is 1.
    c2_excess_pu
        Largest loss-free voltage above its upper limit, with all injections at their bounds; C2 holds at <= 0.
    c3_excess_mw
        How far the loss-free import can fall below the least one allowed; the theorem knows no such limit.
    cost_grows
        Whether the cost grows with the import.
    limits_covered
        Whether all limits and branches are known to the theorem; it knows no current limits, no ratios and no shunts
        (line charging, magnetisation), and says nothing of a feeder that has them.
    """

    c1_margin: Array
    c2_excess_pu: Array
    c3_excess_mw: Array
    cost_grows: Array
    limits_covered: bool

    @property
    def proved(self) -> Array:
        """Whether the relaxation is exact whatever the answer, shape (T,), bool."""
        holds = (self.c1_margin > 0.0) & (self.c2_excess_pu <= 0.0) & (self.c3_excess_mw <= 0.0)
        return np.asarray(holds & (self.cost_grows > 0.0) & self.limits_covered)


def sufficient_condition(
    feeder: Feeder,
    p_max_mw: ArrayLike,
    q_max_mvar: ArrayLike,
    *,
    import_price_per_mwh: ArrayLike,
    import_min_mw: float | None = None,
) -> Sufficient:
    """Check the condition for upper bounds of the net injections.

    Parameters
    ----------
    feeder
        Feeder of n buses.
    p_max_mw, q_max_mvar
        Largest net injection of each bus, shape (n, T); infinite or NaN where none is known, which proves nothing.
    import_price_per_mwh
        Derivative of the cost by the import at fixed injections: tariff plus loss price, shape (T,).
    import_min_mw
        Least import allowed (0 without export, minus the export limit); None if there is none.
    """
    if not feeder.plain:
        return _not_covered(np.atleast_2d(p_max_mw).shape[1], import_price_per_mwh)
    p = np.atleast_2d(np.asarray(p_max_mw, dtype=np.float64))
    q = np.atleast_2d(np.asarray(q_max_mvar, dtype=np.float64))
    known = np.isfinite(p).all(axis=0) & np.isfinite(q).all(axis=0)
    p, q = np.where(known, p, 0.0), np.where(known, q, 0.0)
    voltage = np.column_stack([feeder.loss_free_voltage_pu(-p[:, k], -q[:, k]) for k in range(p.shape[1])])
    excess = np.max(voltage[feeder.child] - feeder.v_max_pu[feeder.child, None], axis=0)
    below = np.full(p.shape[1], -np.inf) if import_min_mw is None else import_min_mw + p.sum(axis=0)
    return Sufficient(
        c1_margin=np.where(known, _c1_margin(feeder, p, q), np.nan),
        c2_excess_pu=np.where(known, excess, np.nan),
        c3_excess_mw=np.where(known, below, np.nan),
        cost_grows=np.asarray(np.asarray(import_price_per_mwh, dtype=np.float64) > 0.0, dtype=np.float64),
        limits_covered=bool(np.isinf(feeder.i_max_ka).all()),
    )


def _not_covered(periods: int, import_price_per_mwh: ArrayLike) -> Sufficient:
    """Return that nothing is known."""
    nothing = np.full(periods, np.nan)
    grows = np.asarray(np.asarray(import_price_per_mwh, dtype=np.float64) > 0.0, dtype=np.float64)
    return Sufficient(
        c1_margin=nothing, c2_excess_pu=nothing, c3_excess_mw=nothing, cost_grows=grows, limits_covered=False
    )


def _c1_margin(feeder: Feeder, p_mw: Array, q_mvar: Array) -> Array:
    """Return the least component of all products, relative to the line's impedance, shape (T,)."""
    upstream = feeder.line_of_bus[feeder.parent]
    flow_p, flow_q = _towards_root(feeder, p_mw, upstream), _towards_root(feeder, q_mvar, upstream)
    weight = 2.0 / feeder.v_min_pu[feeder.child] ** 2
    margin = np.full(p_mw.shape[1], np.inf)
    for t in range(feeder.n_lines):
        u = np.array([feeder.r_pu[t], feeder.x_pu[t]])
        if not (u > 0.0).all():
            return np.zeros_like(margin)  # the theorem needs r > 0 and x > 0
        product = np.repeat(u[:, None], margin.size, axis=1)
        s = t
        while True:
            margin = np.minimum(margin, (product / u[:, None]).min(axis=0))
            s = int(upstream[s])
            if s < 0:
                break
            scale = weight[s] * (flow_p[s] * product[0] + flow_q[s] * product[1])
            product = product - np.array([[feeder.r_pu[s]], [feeder.x_pu[s]]]) * scale
    return margin


def _towards_root(feeder: Feeder, injection: Array, upstream: np.ndarray) -> Array:
    """Return the positive part of each line's loss-free flow towards the root, pu, shape (m, T)."""
    flow = injection[feeder.child] / feeder.base_mva
    for k in range(feeder.n_lines - 1, -1, -1):
        if upstream[k] >= 0:
            flow[upstream[k]] += flow[k]
    return np.maximum(flow, 0.0)
