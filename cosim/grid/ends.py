"""What a branch flow comes to at the ends of its branches, in a feeder with a circuit: powers, currents, losses."""

from __future__ import annotations

import numpy as np

from cosim.arrays import Array, ComplexArray
from cosim.grid.circuit import Circuit
from cosim.grid.circuit_sweep import Passive
from cosim.grid.feeder import Feeder
from cosim.grid.state import GridState
from cosim.units import KILO_PER_MEGA


def passive_of(feeder: Feeder, circuit: Circuit) -> Passive:
    """Return a feeder without its loads, as it is planned for."""
    return Passive(
        parent=feeder.parent, child=feeder.child, root=np.array(feeder.slack_vm_pu), series=feeder.series_pu[:, None],
        shunt_parent=circuit.shunt_parent_pu[:, None], shunt_child=circuit.shunt_child_pu[:, None],
        ratio_parent=circuit.ratio_parent[:, None], ratio_child=circuit.ratio_child[:, None],
        shunt_bus=circuit.shunt_bus_pu[:, None],
    )  # fmt: skip


def at_ends(
    feeder: Feeder, circuit: Circuit, passive: Passive, voltage_sq: Array, power: ComplexArray, current_sq: Array
) -> dict[str, Array]:
    """Return the fields of a `GridState` that follow from a branch flow of many periods or cases.

    Currents follow from powers and voltages: where an impedance is tiny, a relaxed ``current_sq`` is known to the
    solver's tolerance over that impedance only.

    Parameters
    ----------
    feeder, circuit
        The feeder and its circuit.
    passive
        The feeder as it is: planned, or disturbed.
    voltage_sq
        Squared voltage of each bus, shape (n, T).
    power, current_sq
        What enters the series impedance of each branch, and its squared current, per unit, shape (m, T).
    """
    base, parent, child = feeder.base_mva, feeder.parent, feeder.child
    start, end = voltage_sq[parent] / passive.ratio_parent**2, voltage_sq[child] / passive.ratio_child**2
    leaving = power + np.conj(passive.shunt_parent) * start
    reaching = power - passive.series * current_sq - np.conj(passive.shunt_child) * end
    with np.errstate(divide="ignore", invalid="ignore"):
        currents = [
            base * np.abs(through) / (np.sqrt(3.0 * voltage_sq[bus]) * circuit.bus_kv[bus][:, None])
            for through, bus in ((leaving, parent), (reaching, child))
        ]
    at_bus = np.conj(passive.shunt_bus) * voltage_sq
    inside = circuit.inside[:, None]
    lost = (leaving - reaching).sum(axis=0) + np.where(inside, at_bus, 1j * at_bus.imag).sum(axis=0)
    return {
        "i_ka": np.maximum(*currents), "p_from_mw": base * leaving.real, "q_from_mvar": base * leaving.imag,
        "loss_mw": base * lost.real, "loss_mvar": base * lost.imag,
        "shunt_mw": base * np.where(inside, 0.0, at_bus.real).sum(axis=0), "current_sq_pu": current_sq,
    }  # fmt: skip


def shunt_mw(feeder: Feeder, vm_pu: Array) -> Array:
    """Return the active power that shunts at buses draw, shape () or (T,)."""
    drawn = feeder.shunts_at_bus_pu.real - feeder.lossy_shunts_pu
    return np.asarray(feeder.base_mva * (drawn @ vm_pu**2))


def branch_loss_kw(feeder: Feeder, state: GridState) -> Array:
    """Return the active loss of each branch in one period, shape (m,)."""
    base_kw = KILO_PER_MEGA * feeder.base_mva
    if feeder.circuit is None:
        return np.asarray(base_kw * feeder.r_pu * (state.i_ka / feeder.base_current_ka) ** 2)
    circuit, (near, far) = feeder.circuit, feeder.ratios
    ends = circuit.g_parent_pu * (state.vm_pu[feeder.parent] / near) ** 2
    ends = ends + circuit.g_child_pu * (state.vm_pu[feeder.child] / far) ** 2
    return np.asarray(base_kw * (feeder.r_pu * state.current_sq_pu + ends))
