"""The one CSV reader: text first, exact converters, every mistake with file, line and field number.

Columns are named in the header, in any order. A column that is not asked for is an error, so a
misspelt name can never be ignored. Words such as ``NA`` or ``nan`` are not numbers here.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cosim.cells import REMEDIES, convert
from cosim.errors import InputError, Problem

_ALIKE = 0.75
"""Likeness of a name to the beginning of a known one that is no chance."""
_SHORTEST_INITIALS = 2
_MOST_DIGITS = 18
"""Below 2**63; and `int` itself raises for some thousands."""
MAX_COLUMNS = 16_384
"""As many as a sheet of Excel or LibreOffice has."""
MOST_MISTAKES = 1_000
"""Reading stops after as many: a file with more is another kind of file, and nobody reads on."""
_SPARE_VALUES = 10_000
"""Values read beyond the rows that a table can have, so that a year given for a day is told by its length."""
_MOST_KNOWN = 1_000
"""Among more names none is looked for: each comparison takes microseconds, and each mistake compares with all."""
SMALLEST = 1e-30
"""Least size of a quantity that is not 0. Below it products of two leave the range of floating-point numbers."""
TINY_RULE = f"is nearer to 0 than {SMALLEST:g}, which no quantity is"
TINY_REMEDY = "give 0, or check the exponent"
_NOTHING: Mapping[str, type] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A CSV table in memory: converted columns, and where each value stood.

    Attributes
    ----------
    file
        Name of the file, as errors print it.
    columns
        One list of converted values per column; an empty field of an optional column is None.
    line_numbers
        Line of the file in which each row begins, from 1.
    field_numbers
        Field number of each column, from 1.
    """

    file: str
    columns: dict[str, list[Any]]
    line_numbers: tuple[int, ...]
    field_numbers: dict[str, int]

    def __len__(self) -> int:
        return len(self.line_numbers)

    def problem(self, row: int, column: str, reason: str, remedy: str = "") -> Problem:
        """Return a problem that points at ``column`` of ``row`` (position from 0)."""
        return Problem(
            file=self.file,
            line=self.line_numbers[row],
            column=self.field_numbers.get(column, 0),
            field=column,
            reason=reason,
            remedy=remedy,
        )

    def duplicates(self, *columns: str) -> list[Problem]:
        """Return one problem for every row that repeats the ``columns`` of an earlier row."""
        first: dict[tuple[Any, ...], int] = {}
        problems = []
        for row, key in enumerate(zip(*(self.columns[name] for name in columns), strict=True)):
            seen = first.setdefault(key, row)
            if seen != row:
                text = ", ".join(repr(part) for part in key)
                reason = f"{text} stands already in line {self.line_numbers[seen]}; it must be unique"
                problems.append(self.problem(row, columns[0], reason, "rename one, or remove the row"))
        return problems

    def tiny(self) -> list[Problem]:
        """Return one problem for every number that is not 0 and nearer to it than any quantity is."""
        return [
            self.problem(row, name, f"{value:g} {TINY_RULE}", TINY_REMEDY)
            for name, values in self.columns.items()
            for row, value in enumerate(values)
            if isinstance(value, float) and is_tiny(value)
        ]


def read_table(
    path: Path | str,
    columns: Mapping[str, type],
    optional: Mapping[str, type] = _NOTHING,
    most_rows: int | None = None,
) -> Table:
    """Read a CSV file (UTF-8, comma, one header row) into typed columns.

    Parameters
    ----------
    path
        The file.
    columns
        Columns that must be there, with their type: str, int, float or bool.
    optional
        Columns that may be there; a name may hold ``*`` for any text. Their fields may be empty.
    most_rows
        Rows that the table can have; reading stops soon after them. None: as many as there are.

    Returns
    -------
    Table
        Columns that are absent from the file are absent from ``Table.columns``.

    Raises
    ------
    InputError
        With every mistake found (at most `MOST_MISTAKES`): unreadable file, unknown, missing or repeated column, row
        too short or too long, too many rows or columns, a value that is empty, not finite or not of its type.
    """
    table, problems = scan_table(path, columns, optional, most_rows)
    if table is None or problems:
        raise InputError(problems)
    return table


def scan_table(
    path: Path | str, columns: Mapping[str, type], optional: Mapping[str, type] = _NOTHING, most_rows: int | None = None
) -> tuple[Table | None, list[Problem]]:
    """Return what is sound of a CSV file, and every mistake: a reader of several files tells those of all at once.

    Parameters
    ----------
    path, columns, optional, most_rows
        As `read_table` takes them.

    Returns
    -------
    tuple
        The table without the rows that hold a mistake (None if file or header is wrong), and the mistakes.
    """
    path = Path(path)
    try:
        return _scan(path, columns, optional, most_rows)
    except InputError as error:
        return None, list(error.problems)


def _scan(
    path: Path, columns: Mapping[str, type], optional: Mapping[str, type], most_rows: int | None
) -> tuple[Table, list[Problem]]:
    records = _records(path)
    first, names = next(records, (0, []))
    if not first:
        raise InputError(Problem(file=str(path), reason="the file is empty", remedy=_expected(columns)))
    header = [name.strip() for name in names]
    types = _header_types(path, first, header, columns, optional)
    most = None if most_rows is None else most_rows + _SPARE_VALUES // len(header)
    problems: list[Problem] = []
    values: dict[str, list[Any]] = {name: [] for name in header}
    lines: list[int] = []
    for line, fields in records:
        if len(lines) == most:
            reason = f"more than {most:,} rows, can be {most_rows:,}"
            raise InputError(Problem(str(path), line, 0, "", reason, "shorten it"))
        if len(problems) >= MOST_MISTAKES:
            reason = f"the file is not read on after {len(problems):,} mistakes"
            problems.append(Problem(str(path), line, 0, "", reason, "is it the right file?"))
            break
        if len(fields) != len(header):
            problems.append(_ragged(path, line, len(fields), len(header)))
            continue
        row = [
            convert(text.strip(), types[name], empty_ok=name not in columns)
            for name, text in zip(header, fields, strict=True)
        ]
        wrong = [
            Problem(str(path), line, number, name, reason, REMEDIES[types[name]])
            for number, (name, (_, reason)) in enumerate(zip(header, row, strict=True), start=1)
            if reason
        ]
        problems += wrong
        if not wrong:
            lines.append(line)
            for name, (value, _) in zip(header, row, strict=True):
                values[name].append(value)
    numbers = {name: number for number, name in enumerate(header, start=1)}
    return Table(file=str(path), columns=values, line_numbers=tuple(lines), field_numbers=numbers), problems


def read_series(
    path: Path | str,
    columns: Sequence[str] | None = None,
    periods: int | None = None,
    most_periods: int | None = None,
) -> dict[str, list[float]]:
    """Read a time series: column ``period`` = 1, 2, ..., T in order, then columns of numbers.

    Parameters
    ----------
    path
        The file.
    columns
        The series that must be there, and no other; None accepts any names.
    periods
        The number of periods that must be there; None accepts any.
    most_periods
        Reading stops soon after them; None reads on.

    Returns
    -------
    dict
        One list of T numbers per series, without ``period``.

    Raises
    ------
    InputError
        As `read_table`; also if the periods are not 1..T in order, or T is 0.
    """
    required: dict[str, type] = {"period": int} | dict.fromkeys(columns or (), float)
    table = read_table(path, required, {} if columns is not None else {"*": float}, most_periods)
    problems = [
        table.problem(
            row,
            "period",
            f"{number} must be {expected}; periods run 1, 2, 3, ... in order",
            "sort the rows, or add what is missing",
        )
        for row, number, expected in _out_of_order(table.columns["period"])
    ]
    problems += [
        table.problem(row, name, "the value is empty", REMEDIES[float])
        for name, series in table.columns.items()
        for row, value in enumerate(series)
        if value is None
    ]
    if len(table) == 0 or (periods is not None and len(table) != periods):
        expected = "at least 1" if periods is None else str(periods)
        problems.append(Problem(file=table.file, reason=f"{len(table)} periods, must be {expected}"))
    if problems:
        raise InputError(problems)
    return {name: series for name, series in table.columns.items() if name != "period"}


def _out_of_order(numbers: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield row, number and what it should be, once for each gap and each number that comes again."""
    expected = 1
    for row, number in enumerate(numbers):
        if number != expected:
            yield row, number, expected
        expected = max(number, expected) + 1


def is_count(text: str) -> bool:
    """Whether a text is a whole number >= 0 of a size that counts something: at most 18 digits.

    >>> is_count("12"), is_count("-1"), is_count("9" * 5000)
    (True, False, False)
    """
    return len(text) <= _MOST_DIGITS and text.isascii() and text.isdecimal()


def is_tiny(value: float) -> bool:
    """Whether a number is not 0, and nearer to 0 than any quantity is."""
    return 0.0 < abs(value) < SMALLEST


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return a hint that names the closest known name, or all names if none is close.

    >>> did_you_mean("capcity", ["capacity", "alpha"])
    "did you mean 'capacity'?"
    """
    if len(known) > _MOST_KNOWN:
        return f"{len(known):,} names are known"
    if close := closest(name, known):
        return f"did you mean {close!r}?"
    return "known: " + ", ".join(known)


def closest(name: str, known: Sequence[str]) -> str:
    """Return the known name that was meant, or nothing: a typing error, a name without its unit, or its initials.

    >>> closest("tetha", ["theta_per_min", "method"]), closest("vot", ["share", "value_of_time_per_min"])
    ('theta_per_min', 'value_of_time_per_min')
    """
    if len(known) > _MOST_KNOWN:
        return ""
    if close := difflib.get_close_matches(name, known, n=1):
        return close[0]
    word = name.lower()
    best, likeness = "", _ALIKE
    for one in known:
        parts = one.lower().split("_")
        short = ["_".join(parts[:count]) for count in range(1, len(parts))]
        ratio = max((difflib.SequenceMatcher(None, word, begin).ratio() for begin in short), default=0.0)
        if len(word) > _SHORTEST_INITIALS and word == "".join(part[0] for part in parts if part)[: len(word)]:
            ratio = 1.0
        if ratio > likeness:
            best, likeness = one, ratio
    return best


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line number, fields) of every row that is not blank."""
    line, blank = 1, 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for fields in reader:
                if any(field.strip() for field in fields):
                    yield line, fields
                    blank = 0
                elif (blank := blank + 1) > _SPARE_VALUES:
                    reason = f"more than {_SPARE_VALUES:,} rows without a value"
                    raise InputError(Problem(str(path), line, 0, "", reason, "remove them"))
                line = reader.line_num + 1
    except OSError as error:
        reason = f"the file cannot be read ({error.strerror})"
        raise InputError(Problem(file=str(path), reason=reason, remedy="put it there, readable")) from error
    except UnicodeDecodeError as error:
        reason = f"the text is not UTF-8 (byte {error.start})"
        raise InputError(Problem(file=str(path), reason=reason, remedy="save the file as UTF-8")) from error
    except csv.Error as error:
        raise InputError(
            Problem(str(path), line, 0, "", f"the row is not CSV ({error})", "check its quotes")
        ) from error


def _header_types(
    path: Path, line: int, header: list[str], columns: Mapping[str, type], optional: Mapping[str, type]
) -> dict[str, type]:
    """Return the type of each column of the header, or raise with every wrong name."""
    if len(header) > MAX_COLUMNS:
        reason = f"{len(header):,} columns; a table has at most {MAX_COLUMNS:,}"
        raise InputError(Problem(str(path), line, 0, "", reason, "split the file"))
    known = [*columns, *optional]
    types: dict[str, type] = {}
    problems = []
    for number, name in enumerate(header, start=1):
        kind = columns.get(name) or next((t for key, t in optional.items() if fnmatchcase(name, key)), None)
        if name in types:
            problems.append(Problem(str(path), line, number, name, "the column stands twice", "remove one"))
        elif kind is None or not name:
            hint = did_you_mean(name, [column for column in known if column not in header])
            problems.append(Problem(str(path), line, number, name, f"unknown column {name!r}", hint))
        else:
            types[name] = kind
    missing = [name for name in columns if name not in types]
    problems += [Problem(str(path), line, 0, name, f"column {name!r} is missing", "add it") for name in missing]
    if problems:
        raise InputError(problems)
    return types


def _expected(columns: Mapping[str, type]) -> str:
    return "its first line must name the columns " + ",".join(columns)


def _ragged(path: Path, line: int, found: int, expected: int) -> Problem:
    remedy = "quote a text that contains a comma" if found > expected else "give every value"
    return Problem(str(path), line, 0, "", f"the row has {found} fields, the header has {expected}", remedy)
