"""Two proofs that a branch table is the user's net: both have to hold before it is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arrays import ComplexArray
from cosim.errors import DependencyError
from cosim.grid.reduction.branch_table import BranchTable
from cosim.grid.reduction.flows import Flows, flows_at
from cosim.grid.reduction.sweep import sweep

FLOW_LIMIT_MVA = 1e-8
VOLTAGE_LIMIT_PU = 1e-8
_ROUND_OFF = 64.0 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proof:
    """What the proofs found.

    Attributes
    ----------
    flow_error_mva
        Largest difference between a flow of the table at the source tool's voltages and the tool's own flow.
    voltage_error_pu
        Largest difference between a voltage of the table's own power flow and the tool's.
    flows
        The table's own power flow.
    """

    flow_error_mva: float
    voltage_error_pu: float
    flows: Flows


def proved(table: BranchTable, told_mva: ComplexArray, name: str) -> Proof:
    """Compare a branch table with the power flow that it was read from.

    Parameters
    ----------
    table
        The table; its buses carry the voltages that the source tool found.
    told_mva
        The tool's flows into both ends of each row, shape (rows, 2).
    name
        How messages call the net.

    Raises
    ------
    DependencyError
        If a proof fails: what the tool solved is not what its tables say, with both numbers.
    """
    buses = table.buses
    flow_error = float(np.abs(flows_at(table, buses.vm_pu, buses.va_degree).row_power_mva - told_mva).max(initial=0.0))
    own = sweep(table, buses.p_mw, buses.q_mvar)
    voltage_error = float(np.abs(own.flows.vm_pu - buses.vm_pu).max())
    stiffest = float(np.abs(table.rows.series_pu).max(initial=0.0))
    flow_limit = FLOW_LIMIT_MVA + _ROUND_OFF * stiffest * table.base_mva
    if not (own.converged and flow_error <= flow_limit and voltage_error <= VOLTAGE_LIMIT_PU):
        rested = "" if own.converged else "; the sweeps did not come to rest"
        raise DependencyError(
            f"{name}: the branch table is not what pandapower solved: its flows differ by {flow_error:.3g} MVA "
            f"(at most {flow_limit:.3g}), the voltages of its own power flow by {voltage_error:.3g} pu (at most "
            f"{VOLTAGE_LIMIT_PU:g}){rested}; its power flow ended in another state, or this version has other "
            "columns"
        )
    return Proof(flow_error_mva=flow_error, voltage_error_pu=voltage_error, flows=own.flows)
