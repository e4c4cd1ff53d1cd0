"""Our own AC power flow of a branch table: sweeps over the tree, the linear part exact.

Between two updates of the loads' currents the feeder is a linear circuit; one backward pass brings each subtree to its
Norton equivalent (admittance and current), one forward pass gives the voltages. Shunts of any size thus cost no
iterations, and the first voltages are those of the unloaded feeder at its ratios.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, ComplexArray
from cosim.grid.circuit import levels_of
from cosim.grid.reduction.branch_table import BranchTable
from cosim.grid.reduction.flows import Flows

TOLERANCE_PU = 1e-14
MAX_ITERATIONS = 500
_STALLED_PU = 1e-11
"""Movement that round-off can sustain where a branch is very short; below it the sweeps may end without resting."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Swept:
    """What the sweeps ended with.

    Attributes
    ----------
    flows
        Voltages and series currents; angles are those of a feeder without phase shifts.
    converged
        Whether no voltage moved any more.
    """

    flows: Flows
    converged: bool


def sweep(table: BranchTable, p_mw: Array, q_mvar: Array) -> Swept:
    """Solve the AC equations for net injections of each bus (generation positive), shape (n,)."""
    power = np.asarray((p_mw + 1j * q_mvar) / table.base_mva, dtype=np.complex128)
    circuit = _Circuit(table)
    voltage, current = circuit.answer(np.zeros_like(power))
    moved = np.inf
    with np.errstate(all="ignore"):  # without a state it overflows; the outcome is judged by its movement
        for _ in range(MAX_ITERATIONS):
            before = voltage
            voltage, current = circuit.answer(-np.conj(power / voltage))
            moved, last = float(np.abs(voltage - before).max()), moved
            if not moved > TOLERANCE_PU or (moved >= last and moved <= _STALLED_PU):
                break
    converged = bool(moved <= _STALLED_PU)
    return Swept(flows=Flows(table=table, voltage_pu=voltage, current_pu=current), converged=converged)


class _Circuit:
    """The feeder without its loads: what its voltages answer to currents drawn at the buses."""

    def __init__(self, table: BranchTable) -> None:
        self._table = table
        self._levels = levels_of(table.parent, table.child)
        admittance = table.bus_shunt_pu.copy()
        below = np.zeros(len(table.child), dtype=np.complex128)
        shrink = np.ones(len(table.child), dtype=np.complex128)
        for level in reversed(self._levels):
            below[level] = table.ratio_child[level] ** 2 * admittance[table.child[level]] + table.shunt_child_pu[level]
            shrink[level] = 1.0 / (1.0 + table.series_pu[level] * below[level])
            seen = (below[level] * shrink[level] + table.shunt_parent_pu[level]) / table.ratio_parent[level] ** 2
            np.add.at(admittance, table.parent[level], seen)
        self._below, self._shrink, self._series = below, shrink, table.series_pu

    def answer(self, drawn: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
        """Return the bus voltages, and the series currents from parent to child, to currents drawn at the buses."""
        table = self._table
        total, behind = drawn.copy(), np.zeros_like(self._below)
        for level in reversed(self._levels):
            behind[level] = table.ratio_child[level] * total[table.child[level]]
            np.add.at(total, table.parent[level], behind[level] * self._shrink[level] / table.ratio_parent[level])
        voltage = np.full(len(drawn), table.slack_vm_pu, dtype=np.complex128)
        current = np.zeros_like(self._below)
        for level in self._levels:
            start = voltage[table.parent[level]] / table.ratio_parent[level]
            current[level] = (self._below[level] * start + behind[level]) * self._shrink[level]
            voltage[table.child[level]] = table.ratio_child[level] * (start - self._series[level] * current[level])
        return voltage, current
