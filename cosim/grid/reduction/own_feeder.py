"""The feeder of a branch table, as the dispatch takes it, with the limits and ratings of the user's net."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cosim.arrays import Array, ComplexArray
from cosim.grid.circuit import WHOLE_PERCENT, Circuit, Elements
from cosim.grid.feeder import NO_VM_PU, Feeder
from cosim.grid.reduction.branch_table import BranchTable
from cosim.grid.reduction.bus_places import bus_names, layout
from cosim.grid.reduction.net_rules import voltage_limits
from cosim.grid.reduction.own_net import ReducedNet

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet


Index = Any
"""A pandas index."""
Ends = TypeVar("Ends", Array, ComplexArray)


def feeder_of_net(
    net: pandapowerNet, found: ReducedNet, *, v_min_pu: float, v_max_pu: float, own_limits: bool = True,
    max_loading_percent: float = WHOLE_PERCENT,
) -> Feeder:  # fmt: skip
    """Return the feeder of a reduced net.

    Its buses are called by the user's index, its branches by their elements; the nominal load is the net's own, with
    what sgens and storages give taken off.

    Parameters
    ----------
    net
        The user's net: of it limits are read, ``min_vm_pu``, ``max_vm_pu``, ``max_loading_percent``.
    found
        Its reduction.
    v_min_pu, v_max_pu
        Voltage limits of the buses for which the net gives none.
    own_limits
        Whether the net's limits of voltage hold.
    max_loading_percent
        Loading allowed of the elements for which the net gives none.
    """
    users: list[list[int]] = [[] for _ in found.table.buses.labels]
    for bus, at in found.place.items():
        users[at].append(bus)
    low, high = (
        _limits(given if own_limits else np.full(len(net.bus), np.nan), net.bus.index, users, usual, narrowest)
        for given, usual, narrowest in zip(
            voltage_limits(net.bus), (v_min_pu, v_max_pu), (np.nanmax, np.nanmin), strict=True
        )
    )
    free = found.table.buses.inside
    feeder = feeder_of_table(
        found.table, name=found.name, users=[[str(bus) for bus in one] for one in users],
        v_min_pu=np.where(free, NO_VM_PU[0], low), v_max_pu=np.where(free, NO_VM_PU[1], high),
        most_percent=_most_percent(net, found.table, max_loading_percent),
    )  # fmt: skip
    return replace(feeder, bus_names=bus_names(net.bus, users), layout=layout(net.bus, users, found.table))


def feeder_of_table(
    table: BranchTable, *, name: str, users: list[list[str]], v_min_pu: Array, v_max_pu: Array, most_percent: Array
) -> Feeder:
    """Return the feeder of a branch table.

    Parameters
    ----------
    table
        The table; its own injections become the nominal load.
    name
        How messages call the feeder.
    users
        The user's ids of each bus; none for a bus inside an element, which keeps the table's label.
    v_min_pu, v_max_pu
        Voltage limits, shape (n,).
    most_percent
        Loading allowed of each row of the table; infinite for any.
    """
    buses = table.buses
    of_branch: list[list[str]] = [[] for _ in table.child]
    for row, branch in enumerate(table.branch_of_row.tolist()):
        if branch >= 0:
            of_branch[branch].append(str(table.rows.elements[row]))
    return Feeder(
        name=name, bus_ids=tuple(ids[0] if ids else buses.labels[bus] for bus, ids in enumerate(users)),
        line_ids=tuple(" + ".join(ids) for ids in of_branch), parent=table.parent, child=table.child,
        slack=table.slack, r_pu=table.r_pu, x_pu=table.x_pu, i_max_ka=np.full(len(table.child), np.inf),
        v_min_pu=v_min_pu, v_max_pu=v_max_pu, p_mw=-buses.p_mw, q_mvar=-buses.q_mvar, base_mva=table.base_mva,
        base_kv=float(buses.base_kv[table.slack]), slack_vm_pu=table.slack_vm_pu,
        circuit=Circuit(
            bus_kv=buses.base_kv, ratio_parent=table.ratio_parent, ratio_child=table.ratio_child,
            g_parent_pu=table.g_parent_pu, b_parent_pu=table.b_parent_pu, g_child_pu=table.g_child_pu,
            b_child_pu=table.b_child_pu, g_bus_pu=buses.g_pu, b_bus_pu=buses.b_pu, inside=buses.inside,
            also=tuple(tuple(ids[1:]) for ids in users), elements=_elements(table, most_percent),
        ),
    )  # fmt: skip


def _elements(table: BranchTable, most_percent: Array) -> Elements:
    """Return the rows that are branches, their ends turned to parent and child."""
    inner = table.inner
    rows, forward = table.rows.take(inner, np.arange(len(table.buses))), table.from_parent[inner]

    def turned(ends: Ends) -> Ends:
        return np.where(forward[:, None], ends, ends[:, ::-1])

    ratings = np.stack([rows.rated_from_pu, rows.rated_to_pu], axis=1)
    of_voltage, of_current = table.end_shares
    return Elements(
        ids=tuple(str(one) for one in rows.elements), kinds=tuple(one.kind for one in rows.elements),
        branch=table.branch_of_row[inner], of_voltage=turned(of_voltage), of_current=turned(of_current),
        rated_pu=turned(ratings), by_power=rows.by_power,
        most_percent=most_percent[inner], from_parent=forward,
    )  # fmt: skip


def _limits(
    given: Array, index: Index, users: list[list[int]], usual: float, narrowest: Callable[[Array], float]
) -> Array:
    """Return a voltage limit of each bus: the tightest of the user's buses there, the usual one where none has any."""
    found = np.full(len(users), usual)
    for at, buses in enumerate(users):
        values = given[index.get_indexer(buses)]
        if np.isfinite(values).any():
            found[at] = narrowest(values)
    return found


def _most_percent(net: pandapowerNet, table: BranchTable, usual: float) -> Array:
    """Return the loading that is allowed of each row."""
    found = np.full(len(table.rows), usual)
    for row, element in enumerate(table.rows.elements):
        of_kind = net[element.kind]
        if "max_loading_percent" in of_kind:
            value = float(of_kind["max_loading_percent"][element.index])
            found[row] = value if value > 0.0 else usual
    return found
