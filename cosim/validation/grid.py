"""The relaxed branch flow against the AC state of the same setpoints, and the AC state against the limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cosim.arrays import Array
from cosim.grid.feeder import Feeder
from cosim.grid.loading import element_ids, loading_percent, most_percent, over_limit_rel
from cosim.grid.own_power import own_power_mw
from cosim.grid.state import GridState
from cosim.quantities.checks import GateLimits, relative
from cosim.units import KILO_PER_MEGA, mw_to_kw

Kind = Literal["undervoltage", "overvoltage", "overcurrent", "overload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitViolation:
    """An AC voltage or current beyond its limit by more than the tolerance.

    ``excess`` is in pu for a voltage, relative to the limit for a current (kA) or a loading (percent).
    """

    kind: Kind
    where: str
    value: float
    limit: float
    excess: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GridDifference:
    """How far relaxation and AC state are apart, and how far the AC state is beyond its limits.

    Without an AC state every number is NaN, and there are no named violations.

    Attributes
    ----------
    dv_pu, dv_bus
        Largest voltage difference and its bus.
    di_a, di_line
        Largest current difference in A and its line.
    dloss_kw, dloss_rel
        Difference of the active loss (absolute value), and relative to the AC loss, or a share of the feeder's power.
    dslack_kw, dslack_kvar
        Difference of the power drawn from the upstream grid (absolute values).
    voltage_violation_pu
        Largest AC voltage beyond a limit, 0 if none is.
    current_violation_rel
        Largest AC current beyond its limit, relative to the limit, 0 if none is.
    violations
        Those beyond the tolerances, with place and size.
    """

    dv_pu: float
    dv_bus: str
    di_a: float
    di_line: str
    dloss_kw: float
    dloss_rel: float
    dslack_kw: float
    dslack_kvar: float
    voltage_violation_pu: float
    current_violation_rel: float
    violations: tuple[LimitViolation, ...]


def compare(relaxed: GridState, ac: GridState, feeder: Feeder, limits: GateLimits) -> GridDifference:
    """Compare a relaxed solution with the AC state of its setpoints.

    Parameters
    ----------
    relaxed
        Solution of the relaxation in one period.
    ac
        AC state of the same injections.
    feeder
        Ids and limits.
    limits
        Of the gate: excess from which on a violation is listed.

    Returns
    -------
    GridDifference
        Largest differences with their places, and the limits broken.
    """
    dv = np.abs(relaxed.vm_pu - ac.vm_pu)
    di = np.abs(relaxed.i_ka - ac.i_ka)
    bus, line = int(dv.argmax()), int(di.argmax())  # argmax finds a NaN first
    dloss_mw = float(abs(relaxed.loss_mw - ac.loss_mw))
    own = own_power_mw(feeder, relaxed.slack_mw[None, None])[0]
    low, high, over = _excess(ac, feeder)
    return GridDifference(
        dv_pu=float(dv[bus]),
        dv_bus=feeder.bus_ids[bus],
        di_a=float(di[line]) * KILO_PER_MEGA,
        di_line=feeder.line_ids[line],
        dloss_kw=mw_to_kw(dloss_mw),
        dloss_rel=float(relative("dloss_rel", dloss_mw, ac.loss_mw, own)),
        dslack_kw=mw_to_kw(float(abs(relaxed.slack_mw - ac.slack_mw))),
        dslack_kvar=mw_to_kw(float(abs(relaxed.slack_mvar - ac.slack_mvar))),
        voltage_violation_pu=float(np.maximum(np.maximum(low, high), 0.0).max()),
        current_violation_rel=float(np.maximum(over, 0.0).max()),
        violations=_violations(ac, feeder, limits),
    )


def _excess(ac: GridState, feeder: Feeder) -> tuple[Array, Array, Array]:
    """Return how far voltages (pu) and currents (relative) are beyond their limits; negative inside."""
    return feeder.v_min_pu - ac.vm_pu, ac.vm_pu - feeder.v_max_pu, over_limit_rel(feeder, ac)


def _violations(ac: GridState, feeder: Feeder, limits: GateLimits) -> tuple[LimitViolation, ...]:
    """List what is beyond a limit by more than its tolerance."""
    voltage, current = limits.ac_voltage_violation_pu, limits.ac_current_violation_rel
    low, high, over = _excess(ac, feeder)
    table: tuple[tuple[Kind, Array, float, Array, Array, tuple[str, ...]], ...] = (
        ("undervoltage", low, voltage, ac.vm_pu, feeder.v_min_pu, feeder.bus_ids),
        ("overvoltage", high, voltage, ac.vm_pu, feeder.v_max_pu, feeder.bus_ids),
        ("overcurrent", over, current, ac.i_ka, feeder.i_max_ka, feeder.line_ids)
        if feeder.plain else
        ("overload", over, current, loading_percent(feeder, ac), most_percent(feeder), element_ids(feeder)),
    )  # fmt: skip
    return tuple(
        LimitViolation(kind=kind, where=ids[k], value=float(value[k]), limit=float(limit[k]), excess=float(excess[k]))
        for kind, excess, tolerance, value, limit, ids in table
        for k in np.flatnonzero(excess > tolerance)
    )
