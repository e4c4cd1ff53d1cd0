"""The three tables of a feeder on their way from another format to our files."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.errors import InputError, Problem, StorageError
from cosim.plain import Cell

Rows = Sequence[Mapping[str, Cell]]
MAX_FILE_MB = 16
"""A hundred thousand buses; parsed JSON takes many times its size."""
_MEGABYTE = 1 << 20
_LARGEST_WHOLE = 1e15

BUS_COLUMNS = ("id", "name", "vn_kv", "min_vm_pu", "max_vm_pu", "x", "y")
LINE_COLUMNS = (
    "id", "name", "from_bus", "to_bus", "length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "max_i_ka", "df",
    "parallel", "max_loading_percent",
)  # fmt: skip
LOAD_COLUMNS = ("id", "name", "bus", "p_mw", "q_mvar", "scaling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What the other tool lets the supply at the slack bus give; infinite for no limit."""

    p_max_mw: float = math.inf
    p_min_mw: float = -math.inf
    q_max_mvar: float = math.inf
    q_min_mvar: float = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class FeederTables:
    """A feeder of another tool: what is in service, in our columns.

    Attributes
    ----------
    bus, line, load
        Rows with the columns `BUS_COLUMNS`, `LINE_COLUMNS`, `LOAD_COLUMNS`; absent cells are empty.
    slack_bus, slack_vm_pu
        The supplying bus and its voltage.
    base_mva
        Power base that the file names.
    supply
        Limits of the supply at the slack bus.
    remarks
        What was left out or read in a way that the user should know.
    """

    bus: Rows
    line: Rows
    load: Rows
    slack_bus: str
    slack_vm_pu: float
    base_mva: float
    supply: Supply = Supply()
    remarks: tuple[str, ...] = ()


def read_text(path: Path) -> str:
    """Return the text of a file of at most 16 MB.

    Raises
    ------
    InputError
        If it is not a regular file, too large, or not UTF-8.
    """
    if not path.is_file():
        raise InputError(Problem(file=path.name, reason="is not a file", remedy="name the file to import"))
    if (size := path.stat().st_size) > MAX_FILE_MB * _MEGABYTE:
        raise InputError(Problem(file=path.name, reason=f"has {size / _MEGABYTE:.0f} MB; at most {MAX_FILE_MB}"))
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        reason = f"byte 0x{error.object[error.start]:02X} at position {error.start} is not UTF-8"
        raise InputError(Problem(file=path.name, reason=reason, remedy="save as UTF-8 text")) from None


def write_tables(tables: FeederTables, folder: Path) -> None:
    """Write ``bus.csv``, ``line.csv`` and ``load.csv``; columns that are empty everywhere are left out.

    Raises
    ------
    StorageError
        If a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "bus.csv", tables.bus, BUS_COLUMNS)
        _write(folder / "line.csv", tables.line, LINE_COLUMNS)
        _write(folder / "load.csv", tables.load, LOAD_COLUMNS)
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be written: {error.strerror}") from error


def _write(path: Path, rows: Rows, columns: Sequence[str]) -> None:
    kept = [name for name in columns if not rows or any(row.get(name) is not None for row in rows)]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(kept)
        writer.writerows([_text(row.get(name)) for name in kept] for row in rows)


def _text(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(int(value) if value == int(value) and abs(value) < _LARGEST_WHOLE else value)
    return value
