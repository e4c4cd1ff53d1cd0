"""AC power flow of a feeder that is not quite the one that was planned for.

Line charging, warm conductors, another root voltage and voltage-dependent loads: none of them is in the branch
flow of the dispatch, all of them are in a real feeder. Many at once are solved by sweeps; pandapower judges those of a
plain feeder. One with a circuit has its own line charging, which is not drawn, and sweeps that were proved on its net.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, BoolArray, ComplexArray
from cosim.grid.engines.pandapower import tolerance_pu
from cosim.grid.feeder import Feeder
from cosim.grid.lean import pandapower
from cosim.grid.model import state_of, to_pandapower
from cosim.grid.state import GridState, no_state
from cosim.grid.sweeps import Cases, states
from cosim.units import base_impedance_ohm

TEMPERATURE_COEFFICIENT = 0.00403
"""Of aluminium, 1/K, as in IEC 60909 and pandapower."""
REFERENCE_CELSIUS = 20.0
SAME_PU = 1e-11
"""Largest change of a voltage in the last round; what is still missing is a small share of it (the voltage drop)."""
TOLERANCE_MVA = 1e-10
HERTZ = 50.0
"""At which capacitance counts, here and in pandapower."""
ROUNDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """How the feeder differs from the planned one.

    Attributes
    ----------
    constant_z, constant_i
        Shares of the base load with constant impedance and constant current; the rest has constant power.
    c_nf_per_km
        Capacitance of every line.
    conductor_celsius
        Temperature at which its resistance counts; the feeder's own holds at 20.
    slack_vm_pu
        Voltage at the root.
    """

    constant_z: float = 0.0
    constant_i: float = 0.0
    c_nf_per_km: float = 0.0
    conductor_celsius: float = REFERENCE_CELSIUS
    slack_vm_pu: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stressed:
    """Disturbed power flows of a feeder of n buses: what differs, and what is consumed and injected, MW and Mvar.

    Attributes
    ----------
    disturbances
        What is different from the planned feeder, K of them.
    base_p_mw, base_q_mvar
        Voltage-dependent load, consumption positive, shape (n, K).
    other_p_mw, other_q_mvar
        Net injections of constant power (charging negative), shape (n, K).
    """

    disturbances: Sequence[Disturbance]
    base_p_mw: Array
    base_q_mvar: Array
    other_p_mw: Array
    other_q_mvar: Array


def sweep_stressed(feeder: Feeder, stressed: Stressed) -> GridState:
    """Solve many disturbed power flows by sweeps over the tree, one state per column; NaN where they did not end."""
    z, i, c, celsius, root = (
        np.array([getattr(one, name) for one in stressed.disturbances])
        for name in ("constant_z", "constant_i", "c_nf_per_km", "conductor_celsius", "slack_vm_pu")
    )
    base = _complex(-stressed.base_p_mw, -stressed.base_q_mvar) / feeder.base_mva
    other = _complex(stressed.other_p_mw, stressed.other_q_mvar) / feeder.base_mva
    warmer = 1.0 + TEMPERATURE_COEFFICIENT * (celsius - REFERENCE_CELSIUS)
    warmer = np.where(_lines(feeder)[:, None], warmer, 1.0)
    if c.any():
        feeder.require_plain("line charging as a disturbance")
    farad = 1e-9 * np.outer(feeder.line_length_km, c)
    return states(
        feeder,
        Cases(
            power=(1.0 - z - i) * base + other, per_volt=i * base, per_volt_sq=z * base, root=root,
            impedance=feeder.r_pu[:, None] * warmer + 1j * feeder.x_pu[:, None],
            charging=np.pi * HERTZ * farad * base_impedance_ohm(feeder.base_mva, feeder.base_kv),  # half at either end
        ),
    )  # fmt: skip


def _lines(feeder: Feeder) -> BoolArray:
    """Return which branches are lines, and nothing else beside them."""
    found = np.ones(feeder.n_lines, dtype=bool)
    if feeder.circuit is not None:
        elements = feeder.circuit.elements
        found[elements.branch[[kind != "line" for kind in elements.kinds]]] = False
    return found


def _complex(p: Array, q: Array) -> ComplexArray:
    return np.asarray(p + 1j * q, dtype=np.complex128)


class StressedFlow:
    """Disturbed power flows of one feeder with pandapower; each starts flat and depends on its arguments only.

    Parameters
    ----------
    feeder
        The planned feeder.
    """

    def __init__(self, feeder: Feeder) -> None:
        pp = pandapower()
        self.feeder = feeder
        self.tolerance_pu = tolerance_pu(feeder, TOLERANCE_MVA)
        self._net = to_pandapower(feeder)
        # pandapower applies a load's dependence on voltage to all that stands at its bus, static generators too; hence
        # shunts for what depends on it, and loads for what does not.
        self._net.load["const_z_p_percent"] = self._net.load["const_i_p_percent"] = 0.0
        pp.create_shunts(self._net, list(range(feeder.n_buses)), p_mw=0.0, q_mvar=np.zeros(feeder.n_buses))

    def solve(
        self,
        disturbance: Disturbance,
        *,
        base_p_mw: Array,
        base_q_mvar: Array,
        other_p_mw: Array,
        other_q_mvar: Array,
        supposed_vm_pu: Array | None = None,
    ) -> GridState:
        """Solve one disturbed power flow.

        Parameters
        ----------
        disturbance
            What is different from the planned feeder.
        base_p_mw, base_q_mvar
            Voltage-dependent load, consumption positive, shape (n,).
        other_p_mw, other_q_mvar
            Net injections of constant power (charging negative), shape (n,).
        supposed_vm_pu
            Voltages that another engine found, shape (n,): the rounds for constant currents begin there, and one is
            enough to confirm them.
        """
        feeder, net = self.feeder, self._net
        warmer = 1.0 + TEMPERATURE_COEFFICIENT * (disturbance.conductor_celsius - REFERENCE_CELSIUS)
        net.ext_grid["vm_pu"] = disturbance.slack_vm_pu
        net.line["r_ohm_per_km"] = feeder.r_ohm * warmer
        net.line["c_nf_per_km"] = disturbance.c_nf_per_km * feeder.line_length_km
        constant_p = 1.0 - disturbance.constant_z - disturbance.constant_i
        net.load["p_mw"] = constant_p * base_p_mw - other_p_mw
        net.load["q_mvar"] = constant_p * base_q_mvar - other_q_mvar
        before = np.ones(feeder.n_buses) if supposed_vm_pu is None else supposed_vm_pu
        for number in range(ROUNDS):
            # i S |V| = (i S / |V|) |V|^2: a constant current is the impedance that draws it at the voltage it has.
            share = disturbance.constant_z + disturbance.constant_i / before
            net.shunt["p_mw"], net.shunt["q_mvar"] = share * base_p_mw, share * base_q_mvar
            vm_pu = self._voltages("results" if number else "flat")
            if not np.isfinite(vm_pu).all():
                break
            if np.abs(vm_pu - before).max() <= max(SAME_PU, self.tolerance_pu):
                return state_of(net)
            before = vm_pu
        return no_state(feeder)

    def _voltages(self, init: str) -> Array:
        """Return the voltages of the network as it is set; NaN where the flow does not converge."""
        pp = pandapower()
        try:
            with np.errstate(all="ignore"):  # a diverging iteration overflows on its way
                pp.runpp(
                    self._net, algorithm="nr", init=init, numba=False, lightsim2grid=False,
                    tolerance_mva=self.tolerance_pu,
                )  # fmt: skip
        except pp.LoadflowNotConverged:
            return np.full(self.feeder.n_buses, np.nan)
        vm_pu: Array = self._net.res_bus.vm_pu.to_numpy(dtype=float).copy()
        return vm_pu
