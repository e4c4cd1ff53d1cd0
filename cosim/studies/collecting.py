"""Tables of the rows that ended, in the order of the plan: equal rows make equal tables.

The journals are read twice, once for the names of what they tell and once a part of the plan: memory is that of a part,
whatever the number of rows.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.errors import StorageError
from cosim.results.table_file import write_table
from cosim.studies.folder import StudyFolder, plan_columns
from cosim.studies.plan import Row
from cosim.studies.store import Outcome, Place, outcomes_at, places

PART = 100_000
"""Rows of a part of a collected table."""
_EFFORT = ("cpu_s", "wall_s", "peak_mib", "attempt", "host", "pid", "numerics")
Columns = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """How many rows of the plan ended, and the digest of their table."""

    rows: int
    ended: int
    sha256: str


@dataclass(slots=True)
class _Names:
    """What the rows tell: measures, their units, tables and the columns of these, in the order of their names."""

    measures: set[str] = field(default_factory=set)
    units: dict[str, str] = field(default_factory=dict)
    tables: dict[str, set[str]] = field(default_factory=dict)

    def see(self, outcome: Outcome) -> None:
        """Add what a row tells."""
        self.measures.update(outcome.values)
        self.units.update(outcome.units)
        for name, table in outcome.tables.items():
            self.tables.setdefault(name, set()).update(table)


def collect(folder: StudyFolder) -> Collected:
    """Write the tables of all rows that ended, in the order of the plan; equal rows make equal tables.

    Raises
    ------
    StorageError
        If they cannot be written.
    """
    plan, names = folder.plan, _Names()
    found = places(folder.path, names.see)
    digest, ended = hashlib.sha256(), 0
    try:
        with _replaced(folder.path, ("rows", "effort", "tables")) as (rows, effort, tables):
            for name in names.tables:
                (tables / name).mkdir()
            for part, first in enumerate(range(0, max(len(plan.rows), 1), PART)):
                chosen = plan.rows[first : first + PART]
                made = _part(chosen, plan_columns(plan, slice(first, first + PART)), found, names)
                ended += len(made.effort["row"])
                _add(digest.update, made.rows)
                write_table(rows / _name(part), made.rows)
                write_table(effort / _name(part), made.effort)
                for name, columns in made.tables.items():
                    write_table(tables / name / _name(part), columns)
    except OSError as error:
        raise StorageError(f"'{folder.path}' cannot be written: {error.strerror or error}") from error
    collected = Collected(rows=len(plan.rows), ended=ended, sha256=digest.hexdigest())
    units = dict(sorted(names.units.items()))
    folder.note({"rows_sha256": collected.sha256, "ended": collected.ended, "units": units})
    return collected


def _name(part: int) -> str:
    return f"part-{part:05d}.parquet"


@dataclass(frozen=True, slots=True)
class _Part:
    """Columns of a part of the plan, of what its rows took, and of the tables that are kept."""

    rows: Columns
    effort: Columns
    tables: Mapping[str, Columns]


def _part(chosen: Sequence[Row], columns: Columns, found: Mapping[str, Place], names: _Names) -> _Part:
    """Return the tables of some rows; of a row that did not end the measures are none."""
    measures = sorted(names.measures)
    at = {name: k for k, name in enumerate(measures)}
    values = np.full((len(chosen), len(measures)), np.nan)
    status, exit_code, reason = [""] * len(chosen), [-1] * len(chosen), [""] * len(chosen)
    effort: Columns = {name: [] for name in ("row", *_EFFORT)}
    tables: dict[str, Columns] = {
        name: {key: [] for key in ("row", *sorted(names.tables[name]))} for name in sorted(names.tables)
    }
    ended = [k for k, row in enumerate(chosen) if row.hash in found]
    for k, one in zip(ended, outcomes_at([found[chosen[k].hash] for k in ended]), strict=True):
        status[k], exit_code[k], reason[k] = one.status, one.exit_code, one.reason
        for name, value in one.values.items():
            if value is not None:
                values[k, at[name]] = value
        for name in _EFFORT:
            effort[name].append(one.effort.get(name))
        effort["row"].append(chosen[k].number)
        for name, table in one.tables.items():
            _extend(tables[name], chosen[k].number, table)
    rows = {**columns, "status": status, "exit_code": exit_code, "reason": reason}
    rows.update({name: np.ascontiguousarray(values[:, k]) for name, k in at.items()})
    return _Part(rows=rows, effort=effort, tables=tables)


def _extend(columns: Columns, number: int, table: Mapping[str, list[Any]]) -> None:
    """Add a row's table, with the row's number; what it does not have is none."""
    size = len(next(iter(table.values()), []))
    for key, column in columns.items():
        column.extend([number] * size if key == "row" else table.get(key, [None] * size))


def _add(update: Callable[[bytes], object], columns: Mapping[str, Sequence[Any] | Array]) -> None:
    """Add columns to a digest: names, and the bits of what they hold."""
    for name, column in columns.items():
        update(name.encode() + b"\0")
        if isinstance(column, np.ndarray):
            update(np.where(np.isnan(column), np.nan, column).astype("<f8").tobytes())  # one NaN of many
        else:
            update(json.dumps(column, default=str).encode())


@contextmanager
def _replaced(folder: Path, names: Sequence[str]) -> Iterator[list[Path]]:
    """Make folders anew beside the old ones, and put them in their place."""
    new = [folder / f".{name}.new" for name in names]
    for name, path in zip(names, new, strict=True):
        shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(folder / f".{name}.old", ignore_errors=True)
        path.mkdir()
    yield new
    for name, path in zip(names, new, strict=True):
        target, old = folder / name, folder / f".{name}.old"
        if target.exists():
            target.rename(old)
        path.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def read_rows(folder: StudyFolder) -> Any:  # noqa: ANN401 - a DataFrame
    """Return the collected rows as one table.

    Raises
    ------
    StorageError
        If nothing was collected yet.
    """
    import pandas as pd

    parts = sorted((folder.path / "rows").glob("part-*.parquet"))
    if not parts:
        raise StorageError(f"'{folder.path}' holds no collected rows; run 'cosim sweep collect {folder.path}'")
    return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)
