"""One table as a file of its own: CSV, JSON or Parquet, by the ending of its name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosim.errors import StorageError, UsageError
from cosim.plain import Cells, csv_text
from cosim.results.committed import parquet
from cosim.tables import did_you_mean

Columns = Mapping[str, Sequence[Any]]


def write_table(path: Path, columns: Columns) -> Path:
    """Write a table into a new file and return its path.

    A number that is not finite is an empty cell in CSV, null in JSON, and itself in Parquet.

    Raises
    ------
    UsageError
        If the file exists, or its name ends in nothing known.
    StorageError
        If it cannot be written.
    """
    require_writable(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(WRITERS[path.suffix](columns))
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"'{path}' cannot be written: {error.strerror or error}") from error
    return path


def require_writable(path: Path) -> None:
    """Refuse a file that exists or of an unknown kind, before there is anything to write.

    Raises
    ------
    UsageError
        If it does.
    """
    if path.suffix not in WRITERS:
        raise UsageError(f"'{path}' must end in {', '.join(WRITERS)}; {did_you_mean(path.suffix, list(WRITERS))}")
    if path.exists() or path.is_symlink():
        raise UsageError(f"'{path}' exists; choose another")


def records(columns: Columns) -> list[Cells]:
    """Return the rows as plain data for JSON; what is not finite becomes None.

    >>> records({"answer": ["cost"], "elasticity": [float("nan")]})
    [{'answer': 'cost', 'elasticity': None}]
    """
    rows = zip(*columns.values(), strict=True)
    return [{name: _or_none(value) for name, value in zip(columns, row, strict=True)} for row in rows]


def _or_none(value: Any) -> Any:  # noqa: ANN401 - a cell
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _csv(columns: Columns) -> bytes:
    rows = ([_or_none(value) for value in row] for row in zip(*columns.values(), strict=True))
    return csv_text([list(columns), *rows]).encode()


def _json(columns: Columns) -> bytes:
    return (json.dumps(records(columns), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _parquet(columns: Columns) -> bytes:
    import pyarrow as pa

    return parquet(pa.table(dict(columns)))


WRITERS: Mapping[str, Callable[[Columns], bytes]] = {".csv": _csv, ".json": _json, ".parquet": _parquet}
