"""Our own AC power flow of a branch table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, ComplexArray
from cosim.grid.circuit_sweep import Passive, sweep_circuit
from cosim.grid.reduction.branch_table import BranchTable
from cosim.grid.reduction.flows import Flows


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
    power = np.asarray((p_mw + 1j * q_mvar) / table.base_mva, dtype=np.complex128)[:, None]

    def drawn(voltage: ComplexArray) -> ComplexArray:
        return np.asarray(-np.conj(power / voltage), dtype=np.complex128)

    passive = Passive(
        parent=table.parent, child=table.child, root=np.array(table.slack_vm_pu), series=table.series_pu[:, None],
        shunt_parent=table.shunt_parent_pu[:, None], shunt_child=table.shunt_child_pu[:, None],
        ratio_parent=table.ratio_parent[:, None], ratio_child=table.ratio_child[:, None],
        shunt_bus=table.bus_shunt_pu[:, None],
    )  # fmt: skip
    voltage, current, rested = sweep_circuit(passive, drawn, 1)
    flows = Flows(table=table, voltage_pu=voltage[:, 0], current_pu=current[:, 0])
    return Swept(flows=flows, converged=bool(rested[0]))
