"""Loads that depend on their voltage, on a copy of the net that pandapower solves right.

pandapower takes the unweighted mean of the shares of all loads at a bus for the bus's net power, sgens included. On the
copy every share is an element of its own: constant impedance a shunt, constant current c |V| = c (w/2 + V^2/(2 w)) with
w the voltage found last, which is exact where |V| = w.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.grid.reduction.net_rules import Frame
from cosim.grid.reduction.source_proof import IMPORTED

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

SHARES = ("const_z_p_percent", "const_i_p_percent", "const_z_q_percent", "const_i_q_percent")


def depends_on_voltage(net: pandapowerNet) -> bool:
    """Return whether a load in service has a share of constant impedance or current."""
    return any(bool((net.load[column].fillna(0.0)[net.load.in_service] != 0.0).any()) for column in SHARES)


def at_rated_power(net: pandapowerNet) -> tuple[pandapowerNet, int]:
    """Return a copy whose loads draw their rated power at any voltage, and how many of them in service did not.

    What another tool found for the loads as they were is no answer to it, and left out.
    """
    import copy

    changed = copy.deepcopy(net)
    with_all_shares(changed)
    moved = (changed.load[list(SHARES)] != 0.0).any(axis=1) & changed.load.in_service.astype(bool)
    changed.load[list(SHARES)] = 0.0
    changed.pop(IMPORTED, None)
    return changed, int(moved.sum())


def with_all_shares(net: pandapowerNet) -> None:
    """Add the columns of shares that a net of an earlier version lacks."""
    for column in SHARES:
        net.load[column] = net.load[column].fillna(0.0) if column in net.load else 0.0


def rewritten(net: pandapowerNet, vm_pu: Array) -> pandapowerNet:
    """Return a copy whose loads have constant power, the rest of them shunts.

    Parameters
    ----------
    net
        The net.
    vm_pu
        Voltage at which constant current is exact, one a load.
    """
    import copy

    import pandapower as pp

    changed = copy.deepcopy(net)
    load = changed.load
    rated = changed.bus.vn_kv.loc[load.bus].to_numpy(dtype=np.float64)
    shunt = {}
    for power, z, i in (("p_mw", SHARES[0], SHARES[1]), ("q_mvar", SHARES[2], SHARES[3])):
        total = _column(load, power) * _column(load, "scaling")
        of_z, of_i = _column(load, z) / 100.0, _column(load, i) / 100.0
        shunt[power] = total * (of_z + of_i / (2.0 * vm_pu))
        load[power] = _column(load, power) * (1.0 - of_z - of_i + of_i * vm_pu / 2.0)
    load[list(SHARES)] = 0.0
    some = ((shunt["p_mw"] != 0.0) | (shunt["q_mvar"] != 0.0)) & load.in_service.to_numpy(dtype=bool)
    for row in np.flatnonzero(some):
        pp.create_shunt(
            changed, int(load.bus.iloc[row]), q_mvar=float(shunt["q_mvar"][row]), p_mw=float(shunt["p_mw"][row]),
            vn_kv=float(rated[row]), name=f"share of load {load.index[row]}",
        )  # fmt: skip
    return changed


def _column(table: Frame, name: str) -> Array:
    return np.asarray(table[name], dtype=np.float64)
