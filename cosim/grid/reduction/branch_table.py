"""The branch table: a radial feeder of several voltage levels, as radial branch flow and sweeps take it.

Branch k from parent i to child j has, per unit of each side's base voltage, a ratio at either end (one of them is 1), a
shunt behind each ratio, and a series impedance between them. A phase shift drops out on a tree. Branches side by side
are one, exactly: what stands in `BranchTable.rows` are the members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cosim.arrays import Array, BoolArray, ComplexArray, IntArray, freeze
from cosim.errors import InputError, Problem
from cosim.grid.reduction.parallel_rows import Merged, groups, merged
from cosim.grid.reduction.rows import BranchRows, BusRows
from cosim.grid.topology import Tree, listed, order_lines

RING = "loop"
"""The field of a problem that a ring is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BranchTable:
    """A radial feeder of n buses and m = n - 1 branches, breadth-first from its supply.

    Attributes
    ----------
    base_mva
        Power base of everything per unit.
    buses
        The buses; the shunts of rows with both ends at one bus are among theirs.
    slack, slack_vm_pu
        Position of the supplying bus, and its voltage.
    parent, child
        Ends of each branch; ``child[k]`` is supplied by branch k alone.
    r_pu, x_pu
        Series impedance of each branch.
    g_parent_pu, b_parent_pu, g_child_pu, b_child_pu
        Shunts of each branch, behind the ratios.
    ratio_parent, ratio_child
        Ratios at either end.
    rows
        The elements, with buses as positions here.
    branch_of_row
        The branch that each row is a member of; -1 where both its ends are at one bus.
    from_parent
        Whether the ``from`` end of a row is its branch's parent.
    """

    base_mva: float
    buses: BusRows
    slack: int
    slack_vm_pu: float
    parent: IntArray
    child: IntArray
    r_pu: Array
    x_pu: Array
    g_parent_pu: Array
    b_parent_pu: Array
    g_child_pu: Array
    b_child_pu: Array
    ratio_parent: Array
    ratio_child: Array
    rows: BranchRows
    branch_of_row: IntArray
    from_parent: BoolArray

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def series_pu(self) -> ComplexArray:
        """Series impedance of each branch."""
        return np.asarray(self.r_pu + 1j * self.x_pu, dtype=np.complex128)

    @property
    def shunt_parent_pu(self) -> ComplexArray:
        """Shunt admittance at the parent's end of each branch."""
        return np.asarray(self.g_parent_pu + 1j * self.b_parent_pu, dtype=np.complex128)

    @property
    def shunt_child_pu(self) -> ComplexArray:
        """Shunt admittance at the child's end of each branch."""
        return np.asarray(self.g_child_pu + 1j * self.b_child_pu, dtype=np.complex128)

    @property
    def bus_shunt_pu(self) -> ComplexArray:
        """Shunt admittance of each bus."""
        return np.asarray(self.buses.g_pu + 1j * self.buses.b_pu, dtype=np.complex128)

    @property
    def inner(self) -> IntArray:
        """The rows that are members of a branch; the others have both ends at one bus."""
        return np.flatnonzero(self.branch_of_row >= 0)

    @property
    def end_shares(self) -> tuple[ComplexArray, ComplexArray]:
        """What enters each inner row at its ends, ``a V' + b I`` of its branch: a and b, shape (inner rows, 2) both.

        The drop over a member of a group follows from the group's own series current, so that nothing cancels where
        impedances are tiny.
        """
        at, rows = self.branch_of_row[self.inner], self.rows.take(self.inner, np.arange(len(self.buses)))
        z, near, far = self.series_pu[at], self.ratio_parent[at], self.ratio_child[at]
        forward = self.from_parent[self.inner]
        # Voltage at either end as multiples of V' and I, and with them the drop between the ends.
        start = np.where(forward, near, far), np.where(forward, 0.0, -far * z)
        end = np.where(forward, far, near), np.where(forward, -far * z, 0.0)
        shares = []
        for v_start, v_end in zip(start, end, strict=True):
            through = rows.series_pu * (v_start / rows.ratio - v_end)
            into = (through + rows.shunt_from_pu * v_start / rows.ratio) / rows.ratio
            shares.append(np.stack([into, rows.shunt_to_pu * v_end - through], axis=1).astype(np.complex128))
        return shares[0], shares[1]


def branch_table(
    base_mva: float, buses: BusRows, rows: BranchRows, slacks: Sequence[int], supply: int, *, name: str
) -> tuple[BranchTable, IntArray]:
    """Bring buses and branches into one tree below their supply.

    Parameters
    ----------
    base_mva
        Power base of all that is per unit.
    buses, rows
        The whole net.
    slacks
        All buses that a source holds at a voltage.
    supply
        The one of them whose feeder is wanted.
    name
        How messages call the net.

    Returns
    -------
    BranchTable, IntArray
        The feeder, and the positions of its buses in ``buses``.

    Raises
    ------
    InputError
        If the feeder has a ring, a second source, or parallel rows of unequal phase shift; by name.
    """
    pairs = groups(rows)
    ends = list(pairs)
    tree = order_lines(len(buses), [a for a, _ in ends], [b for _, b in ends], supply)
    reached = np.ones(len(buses), dtype=bool)
    reached[list(tree.unsupplied)] = False
    members = [pairs[end] for end in ends]
    problems = [
        Problem(file=name, field=RING, reason=_ring(buses, rows, pairs, way), remedy=f"open one: {_opened(rows, at)}")
        for edge, way in tree.loops
        if reached[way[0]]
        for at in (members[edge][0],)
    ]
    if len(beside := [buses.labels[bus] for bus in slacks if reached[bus]]) > 1:
        reason = f"{listed(beside)} are sources of one feeder; a radial feeder has one supply"
        problems.append(Problem(file=name, field="ext_grid", reason=reason, remedy="keep one, or open what joins them"))
    if problems:
        raise InputError(problems)
    kept = np.flatnonzero(reached)
    return _table(base_mva, buses, rows, tree, [members[edge] for edge in tree.order], supply, kept, name), kept


def _table(
    base_mva: float, buses: BusRows, rows: BranchRows, tree: Tree, members: list[list[int]], supply: int,
    kept: IntArray, name: str,
) -> BranchTable:  # fmt: skip
    """Return the table of a tree: its branches merged, and its buses renumbered."""
    branches = [merged(rows, group, int(parent), name) for group, parent in zip(members, tree.parent, strict=True)]
    position = np.full(len(buses), -1, dtype=np.intp)
    position[kept] = np.arange(len(kept))
    of_row = np.full(len(rows), -1, dtype=np.intp)
    for branch, group in enumerate(members):
        of_row[group] = branch
    inside = np.flatnonzero(position[rows.from_bus] >= 0)
    below = rows.take(inside, position)
    return BranchTable(
        base_mva=base_mva, buses=_with_own_rows(buses.take(kept), below), slack=int(position[supply]),
        slack_vm_pu=float(buses.vm_pu[supply]), parent=position[tree.parent], child=position[tree.child],
        rows=below, branch_of_row=of_row[inside],
        from_parent=np.isin(inside, [row for branch in branches for row in branch.from_parent]),
        **_branch_arrays(branches),
    )  # fmt: skip


def _branch_arrays(branches: list[Merged]) -> dict[str, Array]:
    """Return the circuits of the branches as arrays."""
    series = np.array([branch.series for branch in branches], dtype=np.complex128)
    parent = np.array([branch.shunt_parent for branch in branches], dtype=np.complex128)
    child = np.array([branch.shunt_child for branch in branches], dtype=np.complex128)
    return {
        "r_pu": series.real, "x_pu": series.imag,
        "g_parent_pu": parent.real, "b_parent_pu": parent.imag,
        "g_child_pu": child.real, "b_child_pu": child.imag,
        "ratio_parent": np.array([branch.ratio_parent for branch in branches], dtype=np.float64),
        "ratio_child": np.array([branch.ratio_child for branch in branches], dtype=np.float64),
    }  # fmt: skip


def _with_own_rows(buses: BusRows, rows: BranchRows) -> BusRows:
    """Return the buses with the admittance of every row that starts and ends at one of them."""
    own = np.flatnonzero(rows.from_bus == rows.to_bus)
    y = at_one_bus(rows)[own].sum(axis=1)
    g, b = buses.g_pu.copy(), buses.b_pu.copy()
    np.add.at(g, rows.from_bus[own], y.real)
    np.add.at(b, rows.from_bus[own], y.imag)
    return replace(buses, g_pu=g, b_pu=b)


def at_one_bus(rows: BranchRows) -> ComplexArray:
    """Return the admittances that each end of each row shows if both are at one bus, shape (rows, 2)."""
    turned = rows.ratio * np.exp(1j * np.deg2rad(rows.shift_degree))
    y = rows.series_pu
    start = (y + rows.shunt_from_pu) / rows.ratio**2 - y / np.conj(turned)
    end = y + rows.shunt_to_pu - y / turned
    return np.asarray(np.stack([start, end], axis=1), dtype=np.complex128)


def _ring(buses: BusRows, rows: BranchRows, pairs: dict[tuple[int, int], list[int]], way: tuple[int, ...]) -> str:
    """Return the elements around a ring."""
    around = zip(way, (*way[1:], way[0]), strict=True)
    names = [str(rows.elements[pairs[min(pair), max(pair)][0]]) for pair in around]
    shown = names if len(names) <= 8 else [*names[:4], "...", *names[-3:]]  # noqa: PLR2004 - a screen's width
    return f"a ring of {len(names)} branches from {buses.labels[way[0]]}: {', '.join(shown)}"


def _opened(rows: BranchRows, row: int) -> str:
    element = rows.elements[row]
    return f"--open {element.kind}:{element.index}, or grid.open in a scenario"
