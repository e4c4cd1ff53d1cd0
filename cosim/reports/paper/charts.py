"""What a figure shows, apart from who draws it: `html` (plotly) and `printed` (matplotlib) render the same records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cosim.arrays import Array

Look = Literal["line", "step", "bar", "points"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One series of a panel.

    Attributes
    ----------
    name
        As the legend has it; series of one name in several panels share the entry.
    y
        Values over the panel's ``x``; NaN leaves a gap.
    look
        How it is drawn. Bars are stacked, those below zero downwards.
    colour
        ``#rrggbb``.
    dashed
        Whether a line is dashed.
    """

    name: str
    y: Array
    colour: str
    look: Look = "line"
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Series over one horizontal axis.

    Attributes
    ----------
    x_label, y_label
        Axis titles with units.
    x
        Positions, shape ``(n,)``.
    traces
        The series.
    log
        Whether the vertical axis is logarithmic.
    """

    x_label: str
    y_label: str
    x: Array
    traces: tuple[Trace, ...]
    log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """A matrix in colours: rows down, columns across.

    Attributes
    ----------
    z
        Shape ``(rows, columns)``.
    z_label
        What the colours say, with unit.
    log
        Whether colours follow the power of ten; zeros count as ``floor``.
    floor
        Smallest value told apart, where ``log``.
    """

    x_label: str
    y_label: str
    z_label: str
    x: Array
    rows: tuple[str, ...]
    z: Array
    log: bool = False
    floor: float = 1e-16


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of a diagram: where it stands, what is written on it, and its colour."""

    name: str
    x: float
    y: float
    label: str
    colour: str
    square: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """An edge of a diagram between two nodes; ``dashed`` marks couplings and what flows back within a period."""

    start: str
    end: str
    label: str = ""
    colour: str = "#66737f"
    dashed: bool = False
    arrow: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """Nodes and edges at given places."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def place(self, name: str) -> tuple[float, float]:
        """Return where a node stands."""
        node = next(one for one in self.nodes if one.name == name)
        return node.x, node.y


Part = Panel | Heat | Diagram


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One figure: its parts stand below one another.

    Attributes
    ----------
    height
        Of each part relative to the others.
    """

    parts: tuple[Part, ...]
    height: tuple[float, ...] = ()

    @property
    def heights(self) -> tuple[float, ...]:
        """Relative heights, equal where none are given."""
        return self.height or (1.0,) * len(self.parts)


def panel(x_label: str, y_label: str, x: Array, traces: Sequence[Trace], *, log: bool = False) -> Panel:
    """Return a panel of these series."""
    return Panel(x_label=x_label, y_label=y_label, x=x, traces=tuple(traces), log=log)
