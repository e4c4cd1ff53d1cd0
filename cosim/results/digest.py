"""One word for all results of a run: two runs of equal words have equal tables, bit by bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cosim.results.committed import CommittedPeriod

Tables = Mapping[str, Mapping[str, Sequence[Any]]]


def chained(before: str, tables: Tables) -> str:
    """Return the digest of a period's tables and of all periods before it.

    Files may differ where their tables do not, so the values count: numbers as their eight bytes, one NaN, no zero with
    a sign; tables and columns by name.

    Parameters
    ----------
    before
        The digest of the periods before; empty before the first.
    tables
        The columns of each table, by name.

    >>> one = chained("", {"periods": {"cost": [0.5, float("nan")], "status": ["optimal", None]}})
    >>> one == chained("", {"periods": {"status": ["optimal", None], "cost": [0.5, -float("nan")]}})
    True
    """
    total = hashlib.sha256(before.encode())
    for table, columns in sorted(tables.items()):
        for name, values in sorted(columns.items()):
            total.update(f"\n{table} {name} {len(values)} ".encode())
            total.update(_canonical(values))
    return total.hexdigest()


def stored_digest(periods: Iterable[CommittedPeriod]) -> str:
    """Return the digest of committed periods from the first on.

    Raises
    ------
    Damaged
        If a table is not as it was written.
    """
    found = ""
    for period in periods:
        tables = {name: period.table(name) for name in period.tables}
        columns = {name: table.to_pydict() for name, table in tables.items() if table is not None}
        found = chained(found, {name: _without_period(values) for name, values in columns.items()})
    return found


def _without_period(columns: Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
    return {name: values for name, values in columns.items() if name != "period"}


def _canonical(values: Sequence[Any]) -> bytes:
    """Return the values of a column as bytes."""
    if not all(type(value) is float for value in values):
        return json.dumps(list(values)).encode()
    numbers = np.asarray(values, dtype="<f8") + 0.0
    return np.where(np.isnan(numbers), np.nan, numbers).tobytes()
