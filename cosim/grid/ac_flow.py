"""AC power flow of a radial feeder by pandapower (Thurner et al. 2018), guarded.

The net is our own: one load per bus and nothing else, so that the flow that is solved is the flow
that was asked for. What pandapower returns is checked against the branch equations in numpy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array, ComplexArray
from cosim.errors import InputError
from cosim.grid.feeder import Feeder
from cosim.grid.lean import pandapower
from cosim.grid.model import state_of, to_pandapower
from cosim.grid.state import GridState, no_state
from cosim.grid.topology import listed

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet


TOLERANCE_MVA = 1e-8
_ROUND_OFF = 16.0 * np.finfo(np.float64).eps


class AcFlow:
    """Power flow of one feeder for many injections.

    Each run starts flat, so that its result depends on its arguments only.

    Parameters
    ----------
    feeder
        The feeder; the slack holds its ``slack_vm_pu``.
    tolerance_mva
        Largest power mismatch at a bus with which Newton's method stops. Where a line is so short
        that round-off exceeds it, the round-off counts; the mismatch reached is in the result.
    max_iterations
        Iterations after which the flow counts as not converged.
    """

    def __init__(self, feeder: Feeder, *, tolerance_mva: float = TOLERANCE_MVA, max_iterations: int = 30) -> None:
        self.feeder = feeder
        self.tolerance_mva = tolerance_mva
        self.max_iterations = max_iterations
        self._net = to_pandapower(feeder)
        # pandapower compares this option with the mismatch in pu of sn_mva, in spite of its name.
        largest_admittance_pu = float(np.max(1.0 / np.hypot(feeder.r_pu, feeder.x_pu)))
        self._tolerance_pu = max(tolerance_mva / feeder.base_mva, _ROUND_OFF * largest_admittance_pu)

    def solve(self, p_mw: ArrayLike, q_mvar: ArrayLike) -> GridState:
        """Solve the AC equations for given net injections.

        Parameters
        ----------
        p_mw, q_mvar
            Net injection of each bus (generation positive), shape (n,). That of the slack bus is
            served by the upstream grid, too.

        Returns
        -------
        GridState
            The state; ``converged=False`` with NaN everywhere if there is none.

        Raises
        ------
        InputError
            If an injection is not finite, or there is not one per bus.
        """
        p, q = (_checked(self.feeder, name, value) for name, value in (("p_mw", p_mw), ("q_mvar", q_mvar)))
        if not self._run(p, q):
            return no_state(self.feeder)
        return _state(self.feeder, self._net, p, q)

    def _run(self, p_mw: Array, q_mvar: Array) -> bool:
        """Run pandapower; return whether it converged to a finite voltage at every bus."""
        pp, net = pandapower(), self._net
        net.load["p_mw"] = -p_mw
        net.load["q_mvar"] = -q_mvar
        try:
            # A diverging Newton iteration overflows on its way; the outcome is judged below.
            with np.errstate(all="ignore"):
                pp.runpp(
                    net, algorithm="nr", init="flat", numba=False, lightsim2grid=False,
                    calculate_voltage_angles=True, voltage_depend_loads=False,
                    tolerance_mva=self._tolerance_pu, max_iteration=self.max_iterations,
                )  # fmt: skip
        except pp.LoadflowNotConverged:
            return False
        return bool(net.converged) and bool(np.isfinite(net.res_bus[["vm_pu", "va_degree"]].to_numpy()).all())


def _checked(feeder: Feeder, name: str, value: ArrayLike) -> Array:
    """Return an injection as an array, or raise with the buses where it is not finite."""
    array = np.asarray(value, dtype=np.float64)
    if array.shape != (feeder.n_buses,):
        raise InputError(f"{name} has shape {array.shape}; feeder {feeder.name!r} has {feeder.n_buses} buses")
    if not np.isfinite(array).all():
        wrong = [feeder.bus_ids[bus] for bus in np.flatnonzero(~np.isfinite(array))]
        raise InputError(f"{name} is not finite at bus {listed(wrong)} of feeder {feeder.name!r}")
    return array


def _state(feeder: Feeder, net: pandapowerNet, p_mw: Array, q_mvar: Array) -> GridState:
    """Read the results and measure how well they answer the question."""
    state = state_of(net)
    asked = p_mw + 1j * q_mvar
    balance = asked.copy()
    balance[feeder.slack] += state.slack_mw + 1j * state.slack_mvar
    reported = -(net.res_bus["p_mw"].to_numpy() + 1j * net.res_bus["q_mvar"].to_numpy())
    mismatch = np.abs(_injected_mva(feeder, state.vm_pu, state.va_degree) - balance)
    return replace(state, injection_error_mw=_largest(reported - balance), mismatch_mva=np.array(mismatch.max()))


def _largest(error: ComplexArray) -> Array:
    """Return the largest real or imaginary part in absolute value, shape ()."""
    return np.array(np.maximum(np.abs(error.real), np.abs(error.imag)).max())


def _injected_mva(feeder: Feeder, vm_pu: Array, va_degree: Array) -> ComplexArray:
    """Return the complex power that enters the lines at each bus: S = V conj(sum of line currents)."""
    voltage = np.asarray(vm_pu * np.exp(1j * np.deg2rad(va_degree)), dtype=np.complex128)
    current = (voltage[feeder.parent] - voltage[feeder.child]) / (feeder.r_pu + 1j * feeder.x_pu)
    total = np.zeros(feeder.n_buses, dtype=np.complex128)
    np.add.at(total, feeder.parent, current)
    np.add.at(total, feeder.child, -current)
    return np.asarray(voltage * np.conj(total) * feeder.base_mva, dtype=np.complex128)
