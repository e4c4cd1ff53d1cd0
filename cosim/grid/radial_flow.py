"""Our own AC power flow of a radial feeder: sweeps over the tree, many injections at once.

It serves where thousands of flows are needed, for example differences for prices; the authority stays
`cosim.grid.ac_flow`, which shares no code with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import BoolArray, ComplexArray
from cosim.errors import InputError
from cosim.grid.feeder import Feeder
from cosim.grid.state import GridState

TOLERANCE_PU = 1e-14
MAX_ITERATIONS = 300


def solve_radial(feeder: Feeder, p_mw: ArrayLike, q_mvar: ArrayLike) -> GridState:
    """Solve the AC equations by backward and forward sweeps (Shirmohammadi et al. 1988).

    Parameters
    ----------
    feeder
        The feeder; its slack holds ``slack_vm_pu``.
    p_mw, q_mvar
        Net injections of each bus (generation positive), shape (n, K).

    Returns
    -------
    GridState
        One state per column; NaN where the sweeps did not end.

    Raises
    ------
    InputError
        If the injections do not have one finite value per bus.
    """
    power = np.asarray(p_mw, dtype=np.float64) + 1j * np.asarray(q_mvar, dtype=np.float64)
    if power.ndim != 2 or len(power) != feeder.n_buses:  # noqa: PLR2004 - rows are buses, columns are cases
        raise InputError(f"injections have shape {power.shape}; feeder {feeder.name!r} has {feeder.n_buses} buses")
    if not np.isfinite(power).all():
        raise InputError(f"an injection of feeder {feeder.name!r} is not finite")
    power = np.asarray(power / feeder.base_mva, dtype=np.complex128)
    impedance = feeder.r_pu + 1j * feeder.x_pu
    voltage = np.full(power.shape, feeder.slack_vm_pu, dtype=np.complex128)
    change = np.full(power.shape[1], np.inf)
    with np.errstate(all="ignore"):  # a case without a state overflows on its way; it is judged below
        for _ in range(MAX_ITERATIONS):
            current = _line_currents(feeder, power, voltage)
            before = voltage.copy()
            for k in range(feeder.n_lines):
                voltage[feeder.child[k]] = voltage[feeder.parent[k]] - impedance[k] * current[k]
            change = np.abs(voltage - before).max(axis=0)
            if not (change > TOLERANCE_PU).any():
                break
    return _states(feeder, power, voltage, np.asarray(change <= TOLERANCE_PU))


def _line_currents(feeder: Feeder, power: ComplexArray, voltage: ComplexArray) -> ComplexArray:
    """Return the current that each line carries from its parent to its child, shape (m, K)."""
    current = -np.conj(power[feeder.child] / voltage[feeder.child])
    upstream = feeder.line_of_bus[feeder.parent]
    for k in range(feeder.n_lines - 1, -1, -1):
        if upstream[k] >= 0:
            current[upstream[k]] += current[k]
    return np.asarray(current, dtype=np.complex128)


def _states(feeder: Feeder, power: ComplexArray, voltage: ComplexArray, converged: BoolArray) -> GridState:
    """Return the states; NaN where the sweeps did not end."""
    base = feeder.base_mva
    with np.errstate(all="ignore"):
        current = _line_currents(feeder, power, voltage)
        size = np.abs(current)
        entering = base * voltage[feeder.parent] * np.conj(current)
        lost = {"loss_mw": base * (feeder.r_pu @ size**2), "loss_mvar": base * (feeder.x_pu @ size**2)}
        found = lost | {
            "vm_pu": np.abs(voltage), "i_ka": feeder.base_current_ka * size,
            "p_from_mw": entering.real, "q_from_mvar": entering.imag,
            "slack_mw": lost["loss_mw"] - base * power.real.sum(axis=0),
            "slack_mvar": lost["loss_mvar"] - base * power.imag.sum(axis=0),
        }  # fmt: skip
    return GridState(converged=converged, **{name: np.where(converged, one, np.nan) for name, one in found.items()})
