"""Backward and forward sweeps over the tree of a feeder (Shirmohammadi et al. 1988), many power flows at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cosim.arrays import Array, BoolArray, ComplexArray
from cosim.grid.circuit import Circuit
from cosim.grid.circuit_sweep import sweep_circuit
from cosim.grid.ends import at_ends, passive_of
from cosim.grid.feeder import Feeder
from cosim.grid.state import GridState

TOLERANCE_PU = 1e-14
MAX_ITERATIONS = 300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cases:
    """K power flows of a feeder of n buses and m lines, per unit; what is injected is positive.

    Attributes
    ----------
    power
        Of each bus, whatever its voltage, shape (n, K).
    impedance
        Of each line, shape (m,) or (m, K).
    root
        Voltage of the slack bus, shape () or (K,).
    per_volt, per_volt_sq
        What each bus injects besides, in proportion to its voltage and to its square, shape (n, K); None for nothing.
    charging
        Susceptance at either end of each line, shape (m, K); None for nothing.
    """

    power: ComplexArray
    impedance: ComplexArray
    root: Array
    per_volt: ComplexArray | None = None
    per_volt_sq: ComplexArray | None = None
    charging: Array | None = None

    def injected(self, voltage: ComplexArray) -> ComplexArray:
        """Return what each bus injects at some voltages, without what its lines' capacitance does, shape (n, K)."""
        if self.per_volt is None or self.per_volt_sq is None:
            return self.power
        size = np.abs(voltage)
        return np.asarray(self.power + size * (self.per_volt + size * self.per_volt_sq), dtype=np.complex128)


def sweep(feeder: Feeder, cases: Cases) -> tuple[ComplexArray, BoolArray]:
    """Return the voltages of each bus, shape (n, K), and which cases the sweeps ended for, shape (K,)."""
    voltage = np.broadcast_to(np.asarray(cases.root, dtype=np.complex128), cases.power.shape).copy()
    change = np.full(cases.power.shape[1], np.inf)
    with np.errstate(all="ignore"):  # a case without a state overflows on its way; it is judged below
        for _ in range(MAX_ITERATIONS):
            current = _line_currents(feeder, cases, voltage)
            before = voltage.copy()
            for k in range(feeder.n_lines):
                voltage[feeder.child[k]] = voltage[feeder.parent[k]] - cases.impedance[k] * current[k]
            change = np.abs(voltage - before).max(axis=0)
            if not (change > TOLERANCE_PU).any():
                break
    return voltage, np.asarray(change <= TOLERANCE_PU)


def states(feeder: Feeder, cases: Cases) -> GridState:
    """Return the states that sweeps find; NaN where they did not end."""
    if feeder.circuit is not None:
        return _circuit_states(feeder, feeder.circuit, cases)
    voltage, converged = sweep(feeder, cases)
    base = feeder.base_mva
    with np.errstate(all="ignore"):
        current, injected = _line_currents(feeder, cases, voltage), cases.injected(voltage)
        size_sq, impedance = np.abs(current) ** 2, cases.impedance
        if impedance.ndim == 1:
            loss_mw, loss_mvar = base * (impedance.real @ size_sq), base * (impedance.imag @ size_sq)
        else:
            loss_mw, loss_mvar = (base * (part * size_sq).sum(axis=0) for part in (impedance.real, impedance.imag))
        leaving, arriving = current, current
        if cases.charging is not None:
            leaving = current + 1j * cases.charging * voltage[feeder.parent]
            arriving = current - 1j * cases.charging * voltage[feeder.child]
            ends_sq = np.abs(voltage[feeder.parent]) ** 2 + np.abs(voltage[feeder.child]) ** 2
            loss_mvar = loss_mvar - base * (cases.charging * ends_sq).sum(axis=0)
        entering = base * voltage[feeder.parent] * np.conj(leaving)
        found = {
            "vm_pu": np.abs(voltage), "va_degree": np.rad2deg(np.angle(voltage)),
            "i_ka": feeder.base_current_ka * np.maximum(np.abs(leaving), np.abs(arriving)),
            "p_from_mw": entering.real, "q_from_mvar": entering.imag, "loss_mw": loss_mw, "loss_mvar": loss_mvar,
            "slack_mw": loss_mw - base * injected.real.sum(axis=0),
            "slack_mvar": loss_mvar - base * injected.imag.sum(axis=0),
        }  # fmt: skip
    return GridState(converged=converged, **{name: np.where(converged, one, np.nan) for name, one in found.items()})


def _circuit_states(feeder: Feeder, circuit: Circuit, cases: Cases) -> GridState:
    """Return the states of a feeder with a circuit; its own shunts count, besides those of the cases."""
    number, impedance = cases.power.shape[1], cases.impedance.reshape(feeder.n_lines, -1)
    charging = 0.0 if cases.charging is None else 1j * cases.charging
    planned = passive_of(feeder, circuit)
    passive = replace(
        planned, root=cases.root, series=impedance,
        shunt_parent=np.asarray(planned.shunt_parent + charging, dtype=np.complex128),
        shunt_child=np.asarray(planned.shunt_child + charging, dtype=np.complex128),
    )  # fmt: skip

    def drawn(voltage: ComplexArray) -> ComplexArray:
        return np.asarray(-np.conj(cases.injected(voltage) / voltage), dtype=np.complex128)

    voltage, current, converged = sweep_circuit(passive, drawn, number)
    with np.errstate(all="ignore"):
        injected = cases.injected(voltage)
        entering = voltage[feeder.parent] / passive.ratio_parent * np.conj(current)
        found = at_ends(feeder, circuit, passive, np.abs(voltage) ** 2, entering, np.abs(current) ** 2)
        given = feeder.base_mva * injected.sum(axis=0)
        found |= {
            "vm_pu": np.abs(voltage), "va_degree": np.rad2deg(np.angle(voltage)),
            "slack_mw": found["loss_mw"] + found["shunt_mw"] - given.real,
            "slack_mvar": found["loss_mvar"] - given.imag,
        }  # fmt: skip
    return GridState(converged=converged, **{name: np.where(converged, one, np.nan) for name, one in found.items()})


def _line_currents(feeder: Feeder, cases: Cases, voltage: ComplexArray) -> ComplexArray:
    """Return the current through the impedance of each line from its parent to its child, shape (m, K)."""
    drawn = -np.conj(cases.injected(voltage)[feeder.child] / voltage[feeder.child])
    if cases.charging is not None:
        at_bus = np.zeros_like(cases.charging, shape=voltage.shape)
        np.add.at(at_bus, feeder.parent, cases.charging)
        np.add.at(at_bus, feeder.child, cases.charging)
        drawn = drawn + 1j * at_bus[feeder.child] * voltage[feeder.child]
    upstream = feeder.line_of_bus[feeder.parent]
    for k in range(feeder.n_lines - 1, -1, -1):
        if upstream[k] >= 0:
            drawn[upstream[k]] += drawn[k]
    return np.asarray(drawn, dtype=np.complex128)
