"""Plain data: a cell of a table, what JSON holds, and tables as CSV for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

Cell = str | float | int | bool | None
Cells = dict[str, Cell]
Json: TypeAlias = Cell | Sequence["Json"] | Mapping[str, "Json"]
Document = Mapping[str, Json]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that spreadsheets take for a formula, and run."""


def inert(cell: object) -> object:
    """Return a cell that no spreadsheet runs: a text that begins like a formula has an apostrophe before it.

    >>> inert("=cmd()"), inert("-0.5"), inert("bus 7"), inert(-0.5)
    ("'=cmd()", '-0.5', 'bus 7', -0.5)
    """
    if not isinstance(cell, str) or not cell.startswith(_FORMULA) or _is_number(cell):
        return cell
    return f"'{cell}"


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV for people and their spreadsheets; files that cosim reads again are written as they are."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([inert(cell) for cell in row] for row in rows)
    return text.getvalue()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
