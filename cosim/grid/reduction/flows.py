"""Power, current and loading at both ends of every element, from voltages and series currents of the branches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, ComplexArray, freeze
from cosim.grid.reduction.branch_table import BranchTable, at_one_bus


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flows:
    """A state of a branch table.

    Attributes
    ----------
    table
        The feeder.
    voltage_pu
        Voltage of each bus, of a feeder without phase shifts, shape (n,).
    current_pu
        Current through the series impedance of each branch, from parent to child, shape (m,).
    """

    table: BranchTable
    voltage_pu: ComplexArray
    current_pu: ComplexArray

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def row_currents_pu(self) -> ComplexArray:
        """Current that enters each element at its ``from`` and ``to`` end, shape (rows, 2)."""
        table, inner = self.table, self.table.inner
        at, (of_voltage, of_current) = table.branch_of_row[inner], table.end_shares
        start = self.voltage_pu[table.parent[at]] / table.ratio_parent[at]
        found = at_one_bus(table.rows) * self.voltage_pu[table.rows.from_bus][:, None]
        found[inner] = of_voltage * start[:, None] + of_current * self.current_pu[at, None]
        return np.asarray(found, dtype=np.complex128)

    @property
    def row_power_mva(self) -> ComplexArray:
        """Power that enters each element at its ``from`` and ``to`` end, shape (rows, 2)."""
        rows = self.table.rows
        voltage = np.stack([self.voltage_pu[rows.from_bus], self.voltage_pu[rows.to_bus]], axis=1)
        return np.asarray(voltage * np.conj(self.row_currents_pu) * self.table.base_mva, dtype=np.complex128)

    @property
    def loading_percent(self) -> Array:
        """Loading of each element, the larger of its rated ends; NaN without a rating.

        By current or by apparent power, as the rating is.
        """
        rows = self.table.rows
        rated = np.stack([rows.rated_from_pu, rows.rated_to_pu], axis=1)
        size = np.where(
            rows.by_power[:, None], np.abs(self.row_power_mva) / self.table.base_mva, np.abs(self.row_currents_pu)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(100.0 * np.fmax.reduce(size / rated, axis=1), dtype=np.float64)

    @property
    def vm_pu(self) -> Array:
        """Voltage of each bus."""
        return np.abs(self.voltage_pu)

    @property
    def loss_mw(self) -> float:
        """Active power lost in all elements, their shunts included: also iron losses at a star point."""
        buses, table = self.table.buses, self.table
        within = float(np.sum(buses.g_pu * buses.inside * np.abs(self.voltage_pu) ** 2))
        return float(self.row_power_mva.real.sum()) + table.base_mva * within


def turned_degree(table: BranchTable) -> Array:
    """Return by how much the phase shifts on its way turn each bus back from the supply."""
    turn = np.zeros(len(table.buses))
    first = {branch: row for row, branch in reversed(list(enumerate(table.branch_of_row.tolist())))}
    for branch, (parent, child) in enumerate(zip(table.parent, table.child, strict=True)):
        row = first[branch]
        shift = float(table.rows.shift_degree[row])
        turn[child] = turn[parent] + (shift if table.from_parent[row] else -shift)
    return turn


def flows_at(table: BranchTable, vm_pu: Array, va_degree: Array) -> Flows:
    """Return the state that has given voltages, their phase shifts taken out."""
    turn = turned_degree(table)
    voltage = np.asarray(vm_pu * np.exp(1j * np.deg2rad(va_degree + turn)), dtype=np.complex128)
    over = voltage[table.parent] / table.ratio_parent - voltage[table.child] / table.ratio_child
    return Flows(table=table, voltage_pu=voltage, current_pu=over / table.series_pu)
