"""The judge: AC power flow of a radial feeder by pandapower (Thurner et al. 2018), guarded.

The net is our own: one load per bus and nothing else, so that the flow that is solved is the flow
that was asked for. What pandapower returns is checked against the branch equations in numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array, ComplexArray
from cosim.grid.engines.asked import injections, left_over_mva
from cosim.grid.engines.from_less import reached_share
from cosim.grid.feeder import Feeder
from cosim.grid.lean import pandapower
from cosim.grid.model import to_pandapower
from cosim.grid.state import GridState, no_state, together

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

TOLERANCE_MVA = 1e-8
Start = Mapping[str, Any]
"""Where Newton's method begins, as ``runpp`` takes it."""
FLAT: Start = {"init": "flat"}
_ROUND_OFF = 16.0 * np.finfo(np.float64).eps
_LOADS_CHANGE = {"bus_pq": True, "trafo": False, "gen": False}
"""In pandapower's words: what a flow needs again of the one before. Admittances stay."""


def tolerance_pu(feeder: Feeder, tolerance_mva: float) -> float:
    """Return a mismatch in pu, no less than the round-off of the shortest line.

    pandapower compares its ``tolerance_mva`` with the mismatch in pu of ``sn_mva``, in spite of its name.
    """
    largest_admittance_pu = float(np.max(1.0 / np.hypot(feeder.r_pu, feeder.x_pu)))
    return max(tolerance_mva / feeder.base_mva, _ROUND_OFF * largest_admittance_pu)


class AcFlow:
    """Power flow of one feeder for many injections.

    Each starts flat, so that its result depends on its arguments only; one that has no answer so is reached by way of
    smaller injections. The net is built once; what pandapower works out
    of it the first time (order of buses, admittances) serves all flows after it, and no table of results is written.

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
        self._again = False
        self.tolerance_pu = tolerance_pu(feeder, tolerance_mva)

    def solve(self, p_mw: ArrayLike, q_mvar: ArrayLike) -> GridState:
        """Solve the AC equations by Newton's method, case by case: what `cosim.grid.engines.AcEngine.solve` says."""
        p, q = injections(self.feeder, p_mw, q_mvar)
        if p.ndim == 1:
            return self._solve(p, q)
        return together([self._solve(p[:, k], q[:, k]) for k in range(p.shape[1])])

    def confirm(self, found: GridState, p_mw: ArrayLike, q_mvar: ArrayLike, what: str) -> GridState:
        """Return the state itself: pandapower's word is the last."""
        return found

    def _solve(self, p_mw: Array, q_mvar: Array) -> GridState:
        self._again = self._run(p_mw, q_mvar)
        if not self._again:  # what a flow without an answer leaves behind is not built upon
            reached = self._by_way_of_less(p_mw, q_mvar)
            if reached < 1.0:
                return no_state(self.feeder, reached=reached)
        return _state(self.feeder, self._net, p_mw, q_mvar)

    def _by_way_of_less(self, p_mw: Array, q_mvar: Array) -> float:
        """Solve for growing shares of the injections, each from where the one before ended; return that reached."""
        start: Start = FLAT

        def answered(share: float) -> bool:
            nonlocal start
            found = self._run(share * p_mw, share * q_mvar, start)
            if found:
                voltage = self._voltage()
                start = {"init_vm_pu": np.abs(voltage), "init_va_degree": np.angle(voltage, deg=True)}
            return found

        return reached_share(answered)

    def _voltage(self) -> ComplexArray:
        """Return the voltages of the buses after a flow that has an answer."""
        at = self._net._pd2ppc_lookups["bus"][: self.feeder.n_buses]
        voltage: ComplexArray = self._net._ppc["internal"]["V"][at]
        return voltage

    def _run(self, p_mw: Array, q_mvar: Array, start: Start = FLAT) -> bool:
        """Run pandapower; return whether it converged to a finite voltage at every bus."""
        pp, net = pandapower(), self._net
        net.load["p_mw"] = -p_mw
        net.load["q_mvar"] = -q_mvar
        if self._again:
            _start_flat(net)
        try:
            # A diverging Newton iteration overflows on its way; the outcome is judged below.
            with np.errstate(all="ignore"):
                pp.runpp(
                    net, algorithm="nr", numba=False, lightsim2grid=False, **start,
                    calculate_voltage_angles=True, voltage_depend_loads=False,
                    tolerance_mva=self.tolerance_pu, max_iteration=self.max_iterations,
                    **({"recycle": _LOADS_CHANGE} if self._again else {}),
                )  # fmt: skip
        except pp.LoadflowNotConverged:
            return False
        net._options["only_v_results"] = True  # from the second flow on; the options are those of the first
        voltage = net._ppc["internal"]["V"]  # of the buses that a line in service reaches
        return bool(net._ppc["success"]) and len(voltage) == self.feeder.n_buses and bool(np.isfinite(voltage).all())


def _start_flat(net: pandapowerNet) -> None:
    """Put the voltages that a flow goes on from back to where the first one started: all at 1 pu, in phase."""
    from pandapower.pypower.idx_bus import VA, VM

    buses = net._ppc["bus"]
    buses[:, VM], buses[:, VA] = 1.0, 0.0


def _state(feeder: Feeder, net: pandapowerNet, p_mw: Array, q_mvar: Array) -> GridState:
    """Work out the state from pandapower's voltages and admittances, and measure how well it answers the question."""
    from pandapower.pypower.idx_bus import PD, QD

    found, base = net._ppc["internal"], float(net._ppc["baseMVA"])
    at = net._pd2ppc_lookups["bus"][: feeder.n_buses]
    voltage: ComplexArray = found["V"][at]
    entering, arriving = (
        voltage[ends] * np.conj(lines @ found["V"]) * base
        for ends, lines in ((feeder.parent, found["Yf"]), (feeder.child, found["Yt"]))
    )
    vm_pu, va_degree, lost = np.abs(voltage), np.angle(voltage) * 180.0 / np.pi, entering + arriving
    current_ka = [
        np.sqrt(power.real**2 + power.imag**2) / (vm_pu[ends] * feeder.base_kv) / np.sqrt(3)
        for power, ends in ((entering, feeder.parent), (arriving, feeder.child))
    ]
    asked, bus = p_mw + 1j * q_mvar, net._ppc["bus"][at]
    served = -(bus[:, PD] + 1j * bus[:, QD])
    supply = complex((found["V"] * np.conj(found["Ybus"] @ found["V"]))[at[feeder.slack]] * base - served[feeder.slack])
    balance = asked.copy()
    balance[feeder.slack] += supply
    return GridState(
        vm_pu=vm_pu, va_degree=va_degree, i_ka=np.maximum(*current_ka),
        p_from_mw=entering.real.copy(), q_from_mvar=entering.imag.copy(),
        loss_mw=lost.real.sum(), loss_mvar=lost.imag.sum(), slack_mw=np.array(supply.real),
        slack_mvar=np.array(supply.imag), converged=np.array(True),
        injection_error_mw=_largest(served - asked),
        mismatch_mva=np.array(np.abs(left_over_mva(feeder, vm_pu, va_degree, balance)).max()),
    )  # fmt: skip


def _largest(error: ComplexArray) -> Array:
    """Return the largest real or imaginary part in absolute value, shape ()."""
    return np.array(np.maximum(np.abs(error.real), np.abs(error.imag)).max())
