"""The radial feeder in per unit: a tree of lines, breadth-first from its single slack bus.

Buses keep the order of the user's table; line k carries power from bus ``parent[k]`` to bus
``child[k]``, and every other bus than the slack is the child of exactly one line. A feeder with transformers, cables'
charging or several voltage levels has a `Circuit` besides, and its lines are branches of any kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array, BoolArray, ComplexArray, IntArray, freeze
from cosim.errors import InputError
from cosim.grid.circuit import Circuit
from cosim.grid.feeder_rules import RULES, SLACK_VM_RANGE_PU
from cosim.grid.topology import listed
from cosim.units import base_current_ka, base_impedance_ohm

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from cosim.grid.reduction.users_net import UsersNet

__all__ = ["NO_VM_PU", "SLACK_VM_RANGE_PU", "Feeder", "listed", "no_layout"]


NO_VM_PU = (0.0, 2.0)
"""Limits that no voltage comes near, for buses without supply."""


def no_layout() -> Array:
    """Return the empty layout of a feeder that has no coordinates, shape (0, 2)."""
    return np.empty((0, 2))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feeder:
    """A radial feeder of n buses and m = n - 1 lines (Baran and Wu 1989).

    Use `cosim.grid.topology.order_lines` to bring lines of any direction and row order into the order
    required here.

    Parameters
    ----------
    name
        How messages call the feeder.
    bus_ids, line_ids
        Names of the n buses, in the user's order, and of the m lines, breadth-first.
    parent, child
        Positions of the sending and the receiving bus of each line, shape (m,). The sending bus is
        the one nearer to the slack.
    slack
        Position of the bus that the upstream grid supplies.
    r_pu, x_pu
        Series impedance of each line, shape (m,).
    i_max_ka
        Thermal limit of each line, shape (m,); infinite if there is none.
    v_min_pu, v_max_pu
        Voltage limits of each bus, shape (n,).
    p_mw, q_mvar
        Nominal load of each bus, consumption positive, shape (n,).
    base_mva, base_kv
        Three-phase power base and line-to-line voltage base; with a circuit, that of the slack bus.
    slack_vm_pu
        Voltage that the upstream grid holds at the slack bus.
    layout
        Coordinates x, y of the buses for drawings, shape (n, 2), or (0, 2) if there are none.
    length_km
        Length of each line, shape (m,), or (0,) if none is known; only disturbed flows with line charging read it.
    circuit
        Levels, ratios, shunts and elements; None for a plain feeder of lines at one voltage. With it, `i_max_ka` is
        infinite: what may flow is said of the elements.
    net
        The user's own net that the feeder was read from, which judges it; None of a plain feeder.
    bus_names
        What a net calls each bus besides its index, empty for one without a name; () where ids are all there is.

    Raises
    ------
    InputError
        If the lines are not a breadth-first tree over all buses, or a value is not finite or out
        of its range. All mistakes are listed.
    """

    name: str
    bus_ids: tuple[str, ...]
    line_ids: tuple[str, ...]
    parent: IntArray
    child: IntArray
    slack: int
    r_pu: Array
    x_pu: Array
    i_max_ka: Array
    v_min_pu: Array
    v_max_pu: Array
    p_mw: Array
    q_mvar: Array
    base_mva: float
    base_kv: float
    slack_vm_pu: float
    layout: Array = field(default_factory=no_layout)
    length_km: Array = field(default_factory=lambda: np.empty(0))
    circuit: Circuit | None = None
    net: UsersNet | None = None
    bus_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "bus_ids", tuple(self.bus_ids))
        object.__setattr__(self, "line_ids", tuple(self.line_ids))
        freeze(self)
        for rule in RULES:
            if mistakes := rule(self):
                raise InputError("; ".join(f"feeder {self.name!r}: {mistake}" for mistake in mistakes))

    @property
    def n_buses(self) -> int:
        """Number of buses n."""
        return len(self.bus_ids)

    @property
    def n_lines(self) -> int:
        """Number of lines m = n - 1."""
        return len(self.line_ids)

    @property
    def plain(self) -> bool:
        """Whether all branches are lines at one voltage without shunts."""
        return self.circuit is None

    def require_plain(self, what: str) -> None:
        """Refuse a feeder with a circuit where only series impedances at one voltage are known.

        Raises
        ------
        InputError
            Naming ``what`` does not know it.
        """
        if not self.plain:
            raise InputError(f"feeder {self.name!r} has transformers or shunts; {what} knows lines at one voltage only")

    def without_current_limits(self) -> Feeder:
        """Return the feeder whose lines and transformers may be loaded as much as they like."""
        if self.circuit is not None:
            return replace(self, circuit=self.circuit.unlimited())
        return replace(self, i_max_ka=np.full(self.n_lines, np.inf))

    @property
    def series_pu(self) -> ComplexArray:
        """Series impedance of each branch, shape (m,)."""
        return np.asarray(self.r_pu + 1j * self.x_pu, dtype=np.complex128)

    @property
    def shunts_at_bus_pu(self) -> ComplexArray:
        """Admittance of all that hangs between each bus and earth, its branches' shunts included, shape (n,)."""
        if self.circuit is None:
            return np.zeros(self.n_buses, dtype=np.complex128)
        return self.circuit.shunt_bus_pu + self._branch_shunts(self.circuit)

    @property
    def lossy_shunts_pu(self) -> Array:
        """Conductance at each bus whose power is lost and nobody's load, shape (n,)."""
        if self.circuit is None:
            return np.zeros(self.n_buses)
        inside: Array = np.where(self.circuit.inside, self.circuit.g_bus_pu, 0.0)
        return inside + self._branch_shunts(self.circuit).real

    def _branch_shunts(self, circuit: Circuit) -> ComplexArray:
        """Return the branches' shunts as seen from the buses, before the ratios."""
        total = np.zeros(self.n_buses, dtype=np.complex128)
        np.add.at(total, self.parent, circuit.shunt_parent_pu / circuit.ratio_parent**2)
        np.add.at(total, self.child, circuit.shunt_child_pu / circuit.ratio_child**2)
        return total

    @property
    def ratios(self) -> tuple[Array, Array]:
        """Ratio at the parent's and at the child's end of each branch, shape (m,) both."""
        if self.circuit is None:
            return np.ones(self.n_lines), np.ones(self.n_lines)
        return self.circuit.ratio_parent, self.circuit.ratio_child

    @property
    def unloaded_vm_pu(self) -> Array:
        """Voltage of each bus with nothing but the ratios, shape (n,)."""
        vm, (near, far) = np.full(self.n_buses, self.slack_vm_pu), self.ratios
        for k in range(self.n_lines):
            vm[self.child[k]] = vm[self.parent[k]] * (far[k] / near[k])
        return vm

    @property
    def base_impedance_ohm(self) -> float:
        """Base impedance V_b^2 / S_b in ohm, of a plain feeder."""
        self.require_plain("base_impedance_ohm")
        return base_impedance_ohm(self.base_mva, self.base_kv)

    @property
    def base_current_ka(self) -> float:
        """Base current S_b / (sqrt(3) V_b) in kA, of a plain feeder."""
        self.require_plain("base_current_ka")
        return base_current_ka(self.base_mva, self.base_kv)

    @property
    def line_length_km(self) -> Array:
        """Length of each line, 1 km where none is known, shape (m,)."""
        return self.length_km if self.length_km.size else np.ones(self.n_lines)

    @property
    def r_ohm(self) -> Array:
        """Series resistance of each line in ohm, shape (m,)."""
        return self.r_pu * self.base_impedance_ohm

    @property
    def x_ohm(self) -> Array:
        """Series reactance of each line in ohm, shape (m,)."""
        return self.x_pu * self.base_impedance_ohm

    @property
    def line_of_bus(self) -> IntArray:
        """Position of the line that supplies each bus, shape (n,); -1 at the slack bus."""
        line = np.full(self.n_buses, -1, dtype=np.intp)
        line[self.child] = np.arange(self.n_lines)
        return line

    @property
    def root_lines(self) -> IntArray:
        """Positions of the lines that leave the slack bus."""
        return np.flatnonzero(self.parent == self.slack).astype(np.intp)

    @property
    def non_slack(self) -> IntArray:
        """Positions of all buses but the slack, in bus order, shape (m,)."""
        return np.flatnonzero(np.arange(self.n_buses) != self.slack).astype(np.intp)

    @property
    def child_sum(self) -> csr_array:
        """Matrix C (m x m): ``(C @ P)[k]`` sums the flow of the lines that leave the child of line k."""
        upstream = self.line_of_bus[self.parent]
        below = np.flatnonzero(upstream >= 0)
        return _selection(upstream[below], below, (self.n_lines, self.n_lines))

    @property
    def sending(self) -> csr_array:
        """Matrix Sel (m x n): ``(Sel @ v)[k]`` is the value at the sending bus of line k."""
        return _selection(np.arange(self.n_lines), self.parent, (self.n_lines, self.n_buses))

    @property
    def receiving(self) -> csr_array:
        """Matrix (m x n): ``(R @ v)[k]`` is the value at the receiving (child) bus of line k."""
        return _selection(np.arange(self.n_lines), self.child, (self.n_lines, self.n_buses))

    @property
    def path_incidence(self) -> csr_array:
        """Matrix D (m x m) in line order: D[k, j] = 1 if line k lies on the way to the child of line j."""
        upstream = self.line_of_bus[self.parent]
        pairs = [(j, j) for j in range(self.n_lines)]
        for j in range(self.n_lines):
            k = upstream[j]
            while k >= 0:
                pairs.append((int(k), j))
                k = upstream[k]
        rows, columns = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        return _selection(rows, columns, (self.n_lines, self.n_lines))

    def supplied(self, line_out: BoolArray) -> BoolArray:
        """Return which buses the slack supplies while lines are out; nothing is switched.

        Parameters
        ----------
        line_out
            Whether each line is out, in each of T periods, shape (m, T).

        Returns
        -------
        BoolArray
            Shape (n, T).
        """
        reached = np.ones((self.n_buses, line_out.shape[1]), dtype=np.bool_)
        for k in range(self.n_lines):  # breadth-first: the parent is known
            reached[self.child[k]] = reached[self.parent[k]] & ~line_out[k]
        return reached

    def has_bus(self, bus_id: str) -> bool:
        """Whether a bus has this id, or is one with it by closed switches."""
        return bus_id in self.bus_ids or any(bus_id in ids for ids in (self.circuit.also if self.circuit else ()))

    def bus_position(self, bus_id: str) -> int:
        """Return the position of a bus.

        Raises
        ------
        InputError
            If the feeder has no such bus.
        """
        try:
            return self.bus_ids.index(bus_id)
        except ValueError:
            for position, ids in enumerate(self.circuit.also if self.circuit else ()):
                if bus_id in ids:
                    return position
            raise InputError(
                f"feeder {self.name!r} has no bus {bus_id!r}; its buses are {listed(self.bus_ids)}"
            ) from None

    def loss_free_voltage_pu(self, p_mw: ArrayLike, q_mvar: ArrayLike) -> Array:
        """Return the voltage of a plain feeder's linearised (loss-free) branch flow, an upper bound of the true one.

        Equation: ``v_child = v_parent - 2 (r P + x Q)`` with P, Q the loads below the line (Baran and
        Wu 1989, LinDistFlow). A squared voltage below zero gives NaN: no AC state exists.

        Parameters
        ----------
        p_mw, q_mvar
            Consumption of each bus, shape (n,).

        Returns
        -------
        Array
            Voltage of each bus in pu, shape (n,).
        """
        self.require_plain("loss_free_voltage_pu")
        p_line = np.asarray(p_mw, dtype=np.float64)[self.child] / self.base_mva
        q_line = np.asarray(q_mvar, dtype=np.float64)[self.child] / self.base_mva
        upstream = self.line_of_bus[self.parent]
        for k in range(self.n_lines - 1, -1, -1):
            if upstream[k] >= 0:
                p_line[upstream[k]] += p_line[k]
                q_line[upstream[k]] += q_line[k]
        drop = 2.0 * (self.r_pu * p_line + self.x_pu * q_line)
        squared = np.full(self.n_buses, self.slack_vm_pu**2)
        for k in range(self.n_lines):
            squared[self.child[k]] = squared[self.parent[k]] - drop[k]
        return np.sqrt(np.where(squared < 0.0, np.nan, squared))


def _selection(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> csr_array:
    """Return the sparse matrix that is 1 at the given places."""
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
