"""Plain data: a cell of a table, and what JSON holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Cell = str | float | int | bool | None
Cells = dict[str, Cell]
Json: TypeAlias = Cell | Sequence["Json"] | Mapping[str, "Json"]
Document = Mapping[str, Json]
