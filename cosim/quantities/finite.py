"""Every value of a result table is a finite number, unless its column may lack one by its meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from cosim.quantities import COLUMNS

TABLES = frozenset(column.table for column in COLUMNS)
MAY_LACK = frozenset((column.table, column.name) for column in COLUMNS if column.may_lack)
TERM = "cost_"
"""Terms of the cost stand only in the periods that have them; a term that is none shows in their sum."""


def missing_values(table: str, columns: Mapping[str, Sequence[Any]]) -> int:
    """Return how many values of a result table are none, or no finite number, and may not be.

    >>> missing_values("devices", {"p_mw": [1.0, float("nan")], "energy_mwh": [float("nan"), 2.0]})
    1
    """
    if table not in TABLES:
        return 0
    judged = (values for name, values in columns.items() if (table, name) not in MAY_LACK and not name.startswith(TERM))
    return sum(_lacking(values) for values in judged)


def _lacking(values: Sequence[Any]) -> int:
    try:
        if math.isfinite(math.fsum(values)):  # no sum is finite of which a part is not
            return 0
    except (TypeError, ValueError, OverflowError):
        pass  # there is a text, a None, infinities of both signs, or more than a sum can hold
    return sum(value is None or (isinstance(value, Real) and not math.isfinite(value)) for value in values)
