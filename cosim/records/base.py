"""What all records are made of: rows of tables, figures of a period, and both together as one simulator tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from cosim.plain import Cell
from cosim.quantities.checks import CHECKS, Figure
from cosim.quantities.finite import TERM

Words = tuple[str, ...]
Columns = dict[str, Sequence[Cell]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Rows of a table: a field is a column, the first of them the key; one that is None is not told."""

    def columns(self) -> Columns:
        """Return the columns as plain lists."""
        told = ((item.name.rstrip("_"), getattr(self, item.name)) for item in fields(self))
        return {
            name: values.tolist() if isinstance(values, np.ndarray) else list(values)
            for name, values in told
            if values is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figures:
    """Figures of a period; one that is None is not told."""

    def row(self) -> dict[str, Cell]:
        """Return the figures by name, costs by term among them."""
        found: dict[str, Cell] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Figures):
                found |= value.row()
            elif isinstance(value, Mapping):
                found |= {f"{TERM}{term}": cost for term, cost in value.items()}
            elif value is not None and not isinstance(value, Rows):
                found[item.name] = value
        return found

    def judged(self) -> dict[str, Figure | None]:
        """Return the figures that the gate judges."""
        return {name: value for name, value in self.row().items() if name in CHECKS}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told(Figures):
    """What one simulator tells of a period."""

    period: int

    @property
    def late(self) -> bool:
        """Whether it is told at the end of the period, not at its beginning."""
        return False

    @property
    def notes(self) -> Words:
        """What happened on the way and changes no number."""
        return ()

    def tables(self) -> Iterator[tuple[str, Columns]]:
        """Yield what belongs to each table."""
        yield "periods", {name: [value] for name, value in self.row().items()}
        for item in fields(self):
            if isinstance(rows := getattr(self, item.name), Rows):
                yield item.name, rows.columns()
