"""The user's own net as the judge asks it: whatever draws or gives constant power is one load a bus of the feeder."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array, IntArray, freeze
from cosim.grid.reduction.branch_table import BranchTable
from cosim.grid.reduction.net_elements import CONSTANT_POWER
from cosim.grid.reduction.pandapower_rows import read_solved
from cosim.grid.reduction.solving import solved_net

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

    from cosim.grid.reduction.own_net import ReducedNet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsersNet:
    """A net and where a feeder of n buses is in it.

    Attributes
    ----------
    net
        A copy of the user's net: circuits, switches and taps as they are, and a load of its own at each bus of the
        feeder in the place of everything that draws or gives constant power.
    table
        The feeder, with the elements that its branches are.
    fed
        Positions of the feeder's buses that have a load, in the order of ``net.load``; none inside an element.
    buses, rows
        Positions of the feeder's buses among the live buses of pandapower's power flow, and of the table's rows among
        its branches in service.
    supplies
        The external grids at the slack bus.
    start_vm_pu, start_va_degree
        Voltages of the user's buses without any load, from which each power flow starts.
    """

    net: pandapowerNet
    table: BranchTable
    fed: IntArray
    buses: IntArray
    rows: IntArray
    supplies: tuple[int, ...]
    start_vm_pu: Array
    start_va_degree: Array

    def __post_init__(self) -> None:
        freeze(self)


def users_net(found: ReducedNet) -> UsersNet:
    """Return the net of a reduction, ready for injections."""
    import pandapower as pp

    net = copy.deepcopy(found.net)
    for kind in CONSTANT_POWER:
        net[kind] = net[kind].iloc[:0]
    net.ward[["ps_mw", "qs_mvar"]] = 0.0
    first: dict[int, int] = {}
    for bus, at in found.place.items():
        first.setdefault(at, bus)
    fed = sorted(first)
    pp.create_loads(net, [first[at] for at in fed], p_mw=0.0, q_mvar=0.0)
    buses, rows = _places(solved_net(net, found.name), found)
    at_slack = net.ext_grid.bus.map(found.place) == found.table.slack
    return UsersNet(
        net=net, table=found.table, fed=np.array(fed, dtype=np.intp), buses=buses, rows=rows,
        supplies=tuple(net.ext_grid.index[at_slack & net.ext_grid.in_service].tolist()),
        start_vm_pu=net.res_bus.vm_pu.fillna(1.0).to_numpy(dtype=np.float64),
        start_va_degree=net.res_bus.va_degree.fillna(0.0).to_numpy(dtype=np.float64),
    )  # fmt: skip


def _places(net: pandapowerNet, found: ReducedNet) -> tuple[IntArray, IntArray]:
    """Return where buses and rows of a feeder are in the power flow of the net without its loads.

    They are found by the elements: how pandapower numbers buses that switches make one depends on what stands there.
    """
    table, there = found.table, read_solved(net, found.name).rows
    at = {element: row for row, element in enumerate(there.elements)}
    rows = np.array([at[element] for element in table.rows.elements], dtype=np.intp)
    buses = np.full(len(table.buses), -1, dtype=np.intp)
    for ends, theirs in ((table.rows.from_bus, there.from_bus), (table.rows.to_bus, there.to_bus)):
        buses[ends] = theirs[rows]
    return buses, rows
