"""Buses and branches of a power flow, one row an element, before anything is merged or oriented."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from cosim.arrays import Array, BoolArray, ComplexArray, IntArray, freeze


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """An element of the user's net: its table, its index there, its name, and which of its windings."""

    kind: str
    index: int
    name: str = ""
    winding: str = ""

    def __str__(self) -> str:
        """Return how messages call it.

        >>> str(Element(kind="trafo3w", index=2, name="T1", winding="hv"))
        "trafo3w 2 'T1' (hv)"
        """
        name = f" '{self.name}'" if self.name else ""
        winding = f" ({self.winding})" if self.winding else ""
        return f"{self.kind} {self.index}{name}{winding}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BranchRows:
    """Branches in service, each with its own pi circuit behind a ratio on its ``from`` side.

    All per unit of the feeder's power base and of the base voltage at either end.

    Attributes
    ----------
    elements
        What each row is in the user's net.
    from_bus, to_bus
        Positions of its ends.
    r_pu, x_pu
        Series impedance.
    g_from_pu, b_from_pu, g_to_pu, b_to_pu
        Shunts at its ends.
    ratio, shift_degree
        Off-nominal ratio and phase shift of the ideal transformer at the ``from`` end.
    rated_from_pu, rated_to_pu
        Current, or apparent power, of 100 % loading at either end; NaN where the element has no rating.
    by_power
        Whether the rating is one of apparent power.
    """

    elements: tuple[Element, ...]
    from_bus: IntArray
    to_bus: IntArray
    r_pu: Array
    x_pu: Array
    g_from_pu: Array
    b_from_pu: Array
    g_to_pu: Array
    b_to_pu: Array
    ratio: Array
    shift_degree: Array
    rated_from_pu: Array
    rated_to_pu: Array
    by_power: BoolArray

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.elements)

    @property
    def series_pu(self) -> ComplexArray:
        """Series admittance of each row."""
        return np.asarray(1.0 / (self.r_pu + 1j * self.x_pu), dtype=np.complex128)

    @property
    def shunt_from_pu(self) -> ComplexArray:
        """Shunt admittance at the ``from`` end of each row, behind the ratio."""
        return np.asarray(self.g_from_pu + 1j * self.b_from_pu, dtype=np.complex128)

    @property
    def shunt_to_pu(self) -> ComplexArray:
        """Shunt admittance at the ``to`` end of each row."""
        return np.asarray(self.g_to_pu + 1j * self.b_to_pu, dtype=np.complex128)

    def take(self, kept: IntArray, position: IntArray) -> BranchRows:
        """Return the rows ``kept``, their buses renumbered by ``position``."""
        arrays = {item.name: getattr(self, item.name)[kept] for item in fields(self) if item.name != "elements"}
        arrays |= {end: position[arrays[end]] for end in ("from_bus", "to_bus")}
        return replace(self, elements=tuple(self.elements[row] for row in kept), **arrays)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BusRows:
    """Buses of a power flow: the user's, those that closed switches make one, and auxiliary ones.

    Attributes
    ----------
    labels
        How messages call each bus.
    inside
        Whether a bus is one inside an element (star point, open end) and none of the user's.
    base_kv
        Base voltage.
    g_pu, b_pu
        Shunt at each bus: conductance consumes, susceptance injects reactive power.
    p_mw, q_mvar
        Net injection of constant power, generation positive.
    vm_pu, va_degree
        Voltage that the source tool found.
    """

    labels: tuple[str, ...]
    inside: BoolArray
    base_kv: Array
    g_pu: Array
    b_pu: Array
    p_mw: Array
    q_mvar: Array
    vm_pu: Array
    va_degree: Array

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, kept: IntArray) -> BusRows:
        """Return the buses ``kept``."""
        arrays = {item.name: getattr(self, item.name)[kept] for item in fields(self) if item.name != "labels"}
        return replace(self, labels=tuple(self.labels[bus] for bus in kept), **arrays)
