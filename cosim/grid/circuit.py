"""What a feeder has besides the series impedances of its branches: voltage levels, ratios, shunts, and rated elements.

Per unit of the feeder's power base and of the base voltage at either end. Branch k runs from its parent i to its child
j; behind the ratios, ``V' = V_i / t_i`` drives the current I through the series impedance, and ``V'_j = V' - z I``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.arrays import Array, BoolArray, ComplexArray, IntArray, freeze

WHOLE_PERCENT = 100.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Elements:
    """Elements of the user's net, K of them: each is a branch or one of several side by side.

    What enters an element at an end is ``of_voltage V' + of_current I`` of its branch. Columns of the arrays of shape
    (K, 2) are the end at the branch's parent and the one at its child.

    Attributes
    ----------
    ids, kinds
        How messages and tables call each, and what it is (``line``, ``trafo``, ``trafo3w``, ``impedance``, ``switch``).
    branch
        Its branch, shape (K,).
    of_voltage, of_current
        Shape (K, 2).
    rated_pu
        Current, or apparent power, of 100 % loading at either end, shape (K, 2); NaN without a rating.
    by_power
        Whether the rating is one of apparent power, shape (K,).
    most_percent
        Loading that is allowed, shape (K,); infinite for any.
    from_parent
        Whether the end that the user's net calls ``from`` (``hv``) is the one at the parent, shape (K,).
    """

    ids: tuple[str, ...]
    kinds: tuple[str, ...]
    branch: IntArray
    of_voltage: ComplexArray
    of_current: ComplexArray
    rated_pu: Array
    by_power: BoolArray
    most_percent: Array
    from_parent: BoolArray

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def current_sq(self) -> Array:
        """Coefficients of v', l, P, Q (of the branch) in the squared current at each end, shape (K, 2, 4)."""
        a, b = self.of_voltage, self.of_current
        cross = 2.0 * a * np.conj(b)
        return np.stack([np.abs(a) ** 2, np.abs(b) ** 2, cross.real, -cross.imag], axis=-1)

    def power(self, circuit: Circuit, series_pu: ComplexArray) -> ComplexArray:
        """Return the coefficients of v', l, P, Q in the complex power that enters at each end, shape (K, 2, 4).

        Parameters
        ----------
        circuit
            The feeder's, with the ratios.
        series_pu
            Impedance of each branch.
        """
        a, b = np.conj(self.of_voltage), np.conj(self.of_current)
        z, nothing = series_pu[self.branch], np.zeros(len(self))
        near = [a[:, 0], nothing, b[:, 0], 1j * b[:, 0]]
        far = [a[:, 1], -b[:, 1] * z, b[:, 1] - a[:, 1] * z, 1j * (b[:, 1] + a[:, 1] * z)]
        ratios = circuit.ratio_parent[self.branch], circuit.ratio_child[self.branch]
        ends = [ratio[:, None] * np.stack(part, axis=-1) for ratio, part in zip(ratios, (near, far), strict=True)]
        return np.asarray(np.stack(ends, axis=1), dtype=np.complex128)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taps:
    """Tap changers of constant step, K of them; each changes the ratio at one end of a branch.

    With s the step times the way from neutral, the ratio is in proportion to 1 + s, at whichever side the changer is:
    referred to the other side the impedances stay as they are.

    Attributes
    ----------
    names
        How messages call each transformer.
    index
        Its index in the user's net, shape (K,).
    branch
        Its branch, shape (K,).
    at_parent
        Whether the changer is at the parent's end, shape (K,).
    position, neutral, lowest, highest
        Where it is in the feeder's ratios, where it changes nothing, and where it can be, shape (K,).
    step
        Change of the ratio by a step, relative to neutral, shape (K,).
    """

    names: tuple[str, ...]
    index: IntArray
    branch: IntArray
    at_parent: BoolArray
    position: IntArray
    neutral: IntArray
    lowest: IntArray
    highest: IntArray
    step: Array

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.names)

    def factor(self, position: ArrayLike) -> Array:
        """Return by what positions multiply the ratios as they are, shape (K,)."""
        return np.asarray(self._whole(np.asarray(position)) / self._whole(self.position), dtype=np.float64)

    def real_position(self, factor: Array) -> Array:
        """Return the position, a real number, that multiplies the ratios so."""
        return np.asarray(self.neutral + (factor * self._whole(self.position) - 1.0) / self.step, dtype=np.float64)

    def _whole(self, position: NDArray[Any]) -> Array:
        return np.asarray(1.0 + self.step * (position - self.neutral), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Circuit:
    """Levels, ratios and shunts of a feeder of n buses and m branches.

    Attributes
    ----------
    bus_kv
        Base voltage of each bus, shape (n,).
    ratio_parent, ratio_child
        Ratios at either end of each branch, shape (m,); one of them is 1.
    g_parent_pu, b_parent_pu, g_child_pu, b_child_pu
        Shunts of each branch, behind the ratios, shape (m,).
    g_bus_pu, b_bus_pu
        Shunt at each bus, shape (n,): conductance consumes, susceptance injects reactive power.
    inside
        Whether a bus is one inside an element (star point, open end), whose shunt counts as loss, shape (n,).
    also
        Further ids of each bus: those that closed switches make one with it.
    elements
        What the branches are in the user's net.
    free
        Tap changers that a programme may set to any real position: a bound on what positions can do. None are else.
    """

    bus_kv: Array
    ratio_parent: Array
    ratio_child: Array
    g_parent_pu: Array
    b_parent_pu: Array
    g_child_pu: Array
    b_child_pu: Array
    g_bus_pu: Array
    b_bus_pu: Array
    inside: BoolArray
    also: tuple[tuple[str, ...], ...]
    elements: Elements
    free: Taps | None = None

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def branch_kinds(self) -> tuple[str, ...]:
        """What each branch is: the kind of its elements, the first one's where several are side by side."""
        members = zip(self.elements.branch[::-1].tolist(), self.elements.kinds[::-1], strict=True)
        first = dict(members)
        return tuple(first[branch] for branch in range(len(self.ratio_parent)))

    def tapped(self, taps: Taps, position: ArrayLike) -> Circuit:
        """Return the circuit with tap changers elsewhere; what enters elements there is turned over with the ratio."""
        factor, elements = taps.factor(position), self.elements
        near, far = self.ratio_parent.copy(), self.ratio_child.copy()
        ends = np.ones((2, len(near)))
        for k, branch in enumerate(taps.branch):
            ends[0 if taps.at_parent[k] else 1, branch] = factor[k]
        turned = ends[:, elements.branch].T
        return replace(
            self, ratio_parent=near * ends[0], ratio_child=far * ends[1],
            elements=replace(
                elements, of_voltage=elements.of_voltage / turned, of_current=elements.of_current / turned
            ),
        )  # fmt: skip

    def freed(self, taps: Taps) -> Circuit:
        """Return the circuit whose tap changers are free; at their own ends elements are not limited then."""
        elements, rated = self.elements, self.elements.rated_pu.copy()
        for branch, at_parent in zip(taps.branch, taps.at_parent, strict=True):
            rated[elements.branch == branch, 0 if at_parent else 1] = np.nan
        return replace(self, free=taps, elements=replace(elements, rated_pu=rated))

    @property
    def of_branches(self) -> dict[str, Array]:
        """The arrays that have one number a branch."""
        names = [item.name for item in fields(self) if item.name.endswith(("_parent_pu", "_child_pu"))]
        return {name: getattr(self, name) for name in ("ratio_parent", "ratio_child", *names)}

    @property
    def of_buses(self) -> dict[str, Array]:
        """The arrays that have one number a bus."""
        return {name: getattr(self, name) for name in ("bus_kv", "g_bus_pu", "b_bus_pu", "inside")}

    @property
    def shunt_parent_pu(self) -> ComplexArray:
        """Shunt admittance at the parent's end of each branch."""
        return np.asarray(self.g_parent_pu + 1j * self.b_parent_pu, dtype=np.complex128)

    @property
    def shunt_child_pu(self) -> ComplexArray:
        """Shunt admittance at the child's end of each branch."""
        return np.asarray(self.g_child_pu + 1j * self.b_child_pu, dtype=np.complex128)

    @property
    def shunt_bus_pu(self) -> ComplexArray:
        """Shunt admittance of each bus."""
        return np.asarray(self.g_bus_pu + 1j * self.b_bus_pu, dtype=np.complex128)

    def unlimited(self) -> Circuit:
        """Return the same circuit whose elements may be loaded as much as they like."""
        free = np.full(len(self.elements), np.inf)
        return replace(self, elements=replace(self.elements, most_percent=free))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Sums of v', l, P, Q of some branches, by their weights, shape (rows, 4); each sum, or its size, is at most 1."""

    branch: IntArray
    weights: NDArray[Any]


def loading_rows(circuit: Circuit, series_pu: ComplexArray) -> tuple[Rows, Rows]:
    """Return what limits the loading of elements: sums of squared currents, and complex sums of apparent powers.

    Rows that say the same, as of both ends of a line without shunts, are one.

    Parameters
    ----------
    circuit
        The circuit.
    series_pu
        Series impedance of each branch.
    """
    elements = circuit.elements
    most = elements.rated_pu * elements.most_percent[:, None] / WHOLE_PERCENT
    found = []
    for weights, limit, of in (
        (elements.current_sq, most**2, ~elements.by_power),
        (elements.power(circuit, series_pu), most, elements.by_power),
    ):
        element, end = np.nonzero(np.isfinite(limit) & of[:, None])
        rows = weights[element, end] / limit[element, end, None]
        both = np.column_stack([elements.branch[element], rows])
        _, first = np.unique(both, axis=0, return_index=True)
        first.sort()
        found.append(Rows(branch=elements.branch[element[first]], weights=rows[first]))
    return found[0], found[1]


def levels_of(parent: IntArray, child: IntArray) -> tuple[slice, ...]:
    """Return breadth-first branches of equal distance from the supply, nearest first."""
    depth = np.zeros(len(child) + 1, dtype=np.intp)
    for above, below in zip(parent, child, strict=True):
        depth[below] = depth[above] + 1
    bounds = [*np.flatnonzero(np.diff(depth[child], prepend=-1)).tolist(), len(child)]
    return tuple(slice(first, last) for first, last in pairwise(bounds))
