"""Is the relaxation exact? The cone gap of every line and period (Eq 23).

The solver's status never shows it: where the upper voltage limit binds under reverse flow without reactive
power, or where energy costs nothing, the cones are slack at an "optimal" answer (Gan, Li, Topcu, Low 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.dispatch.branch_flow import FlowValues
from cosim.grid.feeder import Feeder
from cosim.quantities.checks import GateLimits, relative

COUNTING_DROP_PU = 1e-4
"""Far below what a limit of voltages is checked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConeGap:
    """Cone gap ``G = l - (P^2 + Q^2) / v`` in pu^2 and the loss that it invents.

    Attributes
    ----------
    gap_pu2
        Signed, shape ``(m, periods)``.
    relative
        ``|G|`` over l, or over the floor of the check, which is a share of the feeder's own power; same shape. In a
        feeder with a circuit it is weighted by the impedance where that is tiny.
    fictitious_loss_kw
        ``r G S_b``, same shape.
    """

    gap_pu2: Array
    relative: Array
    fictitious_loss_kw: Array


def cone_gap(flow: FlowValues, feeder: Feeder, power_mw: Array) -> ConeGap:
    """Return the cone gap with v of the sending bus (Eq 23).

    Parameters
    ----------
    flow, feeder
        The solved flow and its feeder.
    power_mw
        The feeder's own power per period, shape ``(periods,)`` (see `cosim.grid.own_power`).
    """
    gap, own = flow.current_sq - (flow.p**2 + flow.q**2) / flow.sending_voltage_sq(feeder), power_mw / feeder.base_mva
    found = relative("cone_gap_rel", gap, flow.current_sq, own=own**2)
    return ConeGap(
        gap_pu2=gap,
        relative=found if feeder.plain else found * _weight(feeder, own),
        fictitious_loss_kw=1000.0 * feeder.base_mva * feeder.r_pu[:, None] * gap,
    )


def _weight(feeder: Feeder, own: Array) -> Array:
    """Return how far a branch's gap counts: of a tiny impedance the solver knows l to no digit, and needs none.

    A gap G invents the power ``|z| G``, and counts in full where the feeder's own power makes a drop of
    `COUNTING_DROP_PU` or more over the branch.
    """
    return np.minimum(1.0, np.hypot(feeder.r_pu, feeder.x_pu)[:, None] * own / COUNTING_DROP_PU)


def exact_periods(gap: ConeGap, limits: GateLimits) -> BoolArray:
    """Return for each period whether all cones are tight by the gate's limit, shape ``(periods,)``; NaN is not.

    What lies below zero within the limit is the solver's rounding, not inexactness.
    """
    return np.asarray((gap.relative <= limits.cone_gap_rel).all(axis=0))
