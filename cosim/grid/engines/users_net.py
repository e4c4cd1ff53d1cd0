"""The judge of a feeder that comes from a user's net: pandapower's power flow of that net, with the injections there.

The feeder's branch table takes no part in the flow. It is compared with it: at the voltages that pandapower finds, its
branches have to carry what pandapower says they do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array, ComplexArray
from cosim.errors import InputError
from cosim.grid.engines.asked import injections
from cosim.grid.engines.from_less import reached_share
from cosim.grid.feeder import Feeder
from cosim.grid.reduction.flows import Flows, flows_at
from cosim.grid.reduction.pandapower_rows import told_state
from cosim.grid.reduction.solving import TOLERANCES, solved_from, solved_on
from cosim.grid.reduction.users_net import UsersNet
from cosim.grid.state import GridState, no_state, together
from cosim.grid.topology import listed


class NetFlow:
    """Power flow of a user's net for many injections at the buses of its feeder.

    Each starts as the first did, so that its result depends on its arguments only.

    Parameters
    ----------
    feeder
        The feeder; its net is asked.
    net
        The net.
    """

    def __init__(self, feeder: Feeder, net: UsersNet) -> None:
        self.feeder = feeder
        self._users = net
        self.tolerance_pu = TOLERANCES[0]

    def solve(self, p_mw: ArrayLike, q_mvar: ArrayLike) -> GridState:
        """Solve the AC equations case by case: what `cosim.grid.engines.AcEngine.solve` says."""
        p, q = injections(self.feeder, p_mw, q_mvar)
        self._check_inside(p, q)
        if p.ndim == 1:
            return self._solve(p, q)
        return together([self._solve(p[:, k], q[:, k]) for k in range(p.shape[1])])

    def confirm(self, found: GridState, p_mw: ArrayLike, q_mvar: ArrayLike, what: str) -> GridState:
        """Return the state itself: pandapower's word is the last."""
        return found

    def _check_inside(self, p_mw: Array, q_mvar: Array) -> None:
        """Refuse an injection at a bus inside an element, which the user's net does not have."""
        fed = np.isin(np.arange(self.feeder.n_buses), self._users.fed)
        asked = (np.atleast_2d(np.abs(p_mw.T) + np.abs(q_mvar.T)) > 0.0).any(axis=0)
        if (wrong := np.flatnonzero(asked & ~fed)).size:
            names = listed([self.feeder.bus_ids[bus] for bus in wrong])
            raise InputError(
                f"{names} of feeder {self.feeder.name!r} is inside an element; nothing can be injected there"
            )

    def _solve(self, p_mw: Array, q_mvar: Array) -> GridState:
        users = self._users
        start = users.start_vm_pu, users.start_va_degree
        self._ask(p_mw, q_mvar)
        if not solved_from(users.net, *start, load_mva=users.table.base_mva):
            reached = self._by_way_of_less(p_mw, q_mvar)
            if reached < 1.0:
                return no_state(self.feeder, reached=reached)
        return _state(users, p_mw + 1j * q_mvar)

    def _ask(self, p_mw: Array, q_mvar: Array) -> None:
        users = self._users
        users.net.load["p_mw"] = -p_mw[users.fed]
        users.net.load["q_mvar"] = -q_mvar[users.fed]

    def _by_way_of_less(self, p_mw: Array, q_mvar: Array) -> float:
        """Solve for growing shares of the injections, each from where the one before ended; return that reached."""
        users = self._users
        start = users.start_vm_pu, users.start_va_degree

        def answered(share: float) -> bool:
            nonlocal start
            self._ask(share * p_mw, share * q_mvar)
            found = solved_on(users.net, *start, load_mva=users.table.base_mva)
            if found:
                told = users.net.res_bus
                start = told.vm_pu.fillna(1.0).to_numpy(dtype=float), told.va_degree.fillna(0.0).to_numpy(dtype=float)
            return found

        return reached_share(answered)


def _state(users: UsersNet, asked: ComplexArray) -> GridState:
    """Read the state from pandapower's tables, and measure how well it answers the question."""
    table, told = users.table, told_state(users.net)
    vm_pu, va_degree = told.vm_pu[users.buses], told.va_degree[users.buses]
    ends = _at_ends(users, told.flows_mva[users.rows])
    own = flows_at(table, vm_pu, va_degree)
    kv = (vm_pu * table.buses.base_kv)[np.stack([table.parent, table.child], axis=1)]
    supply = users.net.res_ext_grid.loc[list(users.supplies)]
    slack = complex(supply.p_mw.sum(), supply.q_mvar.sum())
    drawn = np.conj(table.bus_shunt_pu) * vm_pu**2 * table.base_mva
    lost = complex(ends.sum()) + complex(drawn[table.buses.inside].sum())
    balance, off = asked.copy(), -told.drawn_mva[users.buses] - asked
    balance[table.slack] += slack
    return GridState(
        vm_pu=vm_pu, va_degree=va_degree, i_ka=(np.abs(ends) / kv / np.sqrt(3.0)).max(axis=1),
        p_from_mw=ends[:, 0].real.copy(), q_from_mvar=ends[:, 0].imag.copy(), loss_mw=np.array(lost.real),
        loss_mvar=np.array(lost.imag), slack_mw=np.array(slack.real), slack_mvar=np.array(slack.imag),
        converged=np.array(True), shunt_mw=np.array(drawn[~table.buses.inside].real.sum()),
        current_sq_pu=np.abs(own.current_pu) ** 2,
        injection_error_mw=np.array(max(np.abs(off.real).max(), np.abs(off.imag).max())),
        mismatch_mva=np.array(np.abs(_taken_mva(own) + drawn - balance).max()),
    )  # fmt: skip


def _at_ends(users: UsersNet, power_mva: ComplexArray) -> ComplexArray:
    """Return what enters each branch at its parent and at its child: the sum of its elements, shape (m, 2)."""
    table, inner = users.table, users.table.inner
    turned = np.where(table.from_parent[:, None], power_mva, power_mva[:, ::-1])[inner]
    ends = np.zeros((len(table.child), 2), dtype=np.complex128)
    np.add.at(ends, table.branch_of_row[inner], turned)
    return ends


def _taken_mva(own: Flows) -> ComplexArray:
    """Return what the feeder's own branches take from each bus at the voltages that pandapower found."""
    table, power = own.table, own.row_power_mva
    taken = np.zeros(len(table.buses), dtype=np.complex128)
    for rows, column in ((table.rows.from_bus, 0), (table.rows.to_bus, 1)):
        np.add.at(taken, rows[table.inner], power[table.inner, column])
    return taken
