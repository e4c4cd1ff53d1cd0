"""Finished runs side by side: what differs in their inputs, and one row a measure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosim.errors import InputError, Problem, UsageError
from cosim.plain import Document
from cosim.reports import frames
from cosim.reports.changes import Change, change
from cosim.reports.input_differences import Difference, differences
from cosim.reports.measures import measures
from cosim.reports.rows import Row, Value
from cosim.results.result import Result, Shown
from cosim.results.store import RunResult
from cosim.results.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

TOLD_APART_BY = 2
"""Fewest runs of a comparison."""
_CODES = "Verdict"
_DIAGNOSTIC = frozenset({"Verdict", "Coupling"})
"""Sections that tell how a run was solved, not what came out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One column: a run's name in the comparison, its folder, scenario, verdict, progress and periods by status."""

    name: str
    folder: str
    scenario: str
    verdict: Verdict
    progress: str
    period_statuses: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRow:
    """One measure of all runs.

    Attributes
    ----------
    section, key, label, unit
        What it is.
    cells
        The measure of each run; None where a run does not have it (no roads, no grid).
    """

    section: str
    key: str
    label: str
    unit: str
    cells: tuple[Row | None, ...]

    @property
    def values(self) -> tuple[Value, ...]:
        """The numbers; None where a run has none."""
        return tuple(None if cell is None else cell.value for cell in self.cells)

    @property
    def changes(self) -> tuple[Change | None, ...]:
        """How each later run's number differs from the first run's; None where one has none, or it is a code."""
        first, *others = self.values
        if self.section == _CODES:
            return (None,) * len(others)
        return tuple(change(first, other) for other in others)

    def deviates(self, tolerance: float) -> bool:
        """Whether a run's number differs from the first run's by more than ``tolerance * max(1, |first|)``.

        A number that only one of them has deviates as well; NaN does.
        """
        first, *others = self.values
        return any(not _near(first, other, tolerance) for other in others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Result):
    """Runs side by side.

    Attributes
    ----------
    runs
        The columns.
    differences
        Inputs in which they differ, in the order of the scenario.
    rows
        The measures.
    last
        The last period that is compared; None if every run committed its whole day.
    notices
        What of the runs was not as it was written, and was made again.
    """

    runs: tuple[ComparedRun, ...]
    differences: tuple[Difference, ...]
    rows: tuple[ComparedRow, ...]
    last: int | None = None
    notices: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0: runs may differ; `beyond` tells by how much."""
        return 0

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables: measures, and inputs that differ."""
        return ("measures", "differences")

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return one table, a column of numbers or values a run."""
        import pandas as pd

        names = [run.name for run in self.runs]
        if name == "measures":
            header, *body = self.table()
            frame = pd.DataFrame(body, columns=header)
            numbers = frame[header[3:]].apply(pd.to_numeric, errors="coerce")
            return frame.assign(**{column: numbers[column] for column in header[3:]})
        if name == "differences":
            return pd.DataFrame([[one.key, *one.values] for one in self.differences], columns=["key", *names])
        raise KeyError(f"a comparison has no table {name!r}; it has {', '.join(self.tables)}")

    @property
    def heading(self) -> str:
        """The runs."""
        return f"comparison of {', '.join(run.name for run in self.runs)}"

    def shown(self) -> Iterator[Shown]:
        """Yield verdicts, and the measures that differ."""
        for run in self.runs:
            yield run.name, f"exit {run.verdict.worst}", run.progress
        for row in self.rows:
            if row.section not in _DIAGNOSTIC and len(set(row.values)) > 1:
                told = ", ".join("–" if cell is None else cell.text for cell in row.cells)
                yield row.label, f"{told} {row.unit}".strip(), ""

    def row(self, key: str) -> ComparedRow:
        """Return the row with this key.

        Raises
        ------
        KeyError
            If no run has such a measure.
        """
        for row in self.rows:
            if row.key == key:
                return row
        raise KeyError(f"the comparison has no row {key!r}")

    def results(self) -> list[RunResult]:
        """Open the runs again, as far as they are compared."""
        found = [RunResult(run.folder) for run in self.runs]
        return found if self.last is None else [result.until(self.last) for result in found]

    @property
    def remark(self) -> str:
        """What is compared of days that are not whole; empty if all are."""
        if self.last is None:
            return ""
        told = ", ".join(f"'{run.name}' {run.progress}" for run in self.runs)
        return f"compared up to period {self.last}, which all runs committed: {told}"

    def beyond(self, tolerance: float) -> tuple[ComparedRow, ...]:
        """Return the rows in which a run deviates from the first one (see `ComparedRow.deviates`).

        Exit codes, statuses and the coupling's own figures tell how a run was solved; they are not counted.
        """
        return tuple(row for row in self.rows if row.section not in _DIAGNOSTIC and row.deviates(tolerance))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader must know of single cells: measure, note, and the runs that it holds for."""
        found: dict[tuple[str, str], list[str]] = {}
        for row in self.rows:
            for run, cell in zip(self.runs, row.cells, strict=True):
                if cell is not None and cell.note:
                    found.setdefault((row.label, cell.note), []).append(run.name)
        return tuple(f"{label}: {note} ({', '.join(names)})" for (label, note), names in found.items())

    def as_dict(self) -> Document:
        """Return the comparison as plain data, for JSON."""
        return {
            "last_period": self.last,
            "runs": [
                {
                    "name": run.name, "folder": run.folder, "scenario": run.scenario, "exit_code": run.verdict.run,
                    "verdict": run.verdict.as_dict(), "progress": run.progress,
                    "period_statuses": dict(run.period_statuses),
                }
                for run in self.runs
            ],
            "notices": list(self.notices),
            "differences": [{"key": one.key, "values": list(one.values)} for one in self.differences],
            "measures": [
                {
                    "section": row.section, "key": row.key, "label": row.label, "unit": row.unit,
                    "values": [_plain(value) for value in row.values],
                    "differences": [None if one is None else _plain(one.difference) for one in row.changes],
                    "percent": [None if one is None else _plain(one.percent) for one in row.changes],
                    "places": ["" if cell is None else cell.place for cell in row.cells],
                }
                for row in self.rows
            ],
        }  # fmt: skip

    def table(self) -> list[list[str]]:
        """Return header and rows of a CSV file.

        Key, label, unit, one full-precision number per run, then how each but the first differs, also in percent.
        """

        def told(row: ComparedRow) -> Iterator[Value]:
            yield from row.values
            for one in row.changes:
                yield None if one is None else one.difference
                yield None if one is None else one.percent

        names = [run.name for run in self.runs]
        later = [f"{name}, {what}" for name in names[1:] for what in ("difference", "percent")]
        body = [
            [row.key, row.label, row.unit, *("" if value is None else str(value) for value in told(row))]
            for row in self.rows
        ]
        return [["key", "label", "unit", *names, *later], *body]


def compare_runs(results: Sequence[RunResult]) -> Comparison:
    """Set finished runs side by side.

    Whatever differs in their inputs is listed, so that nothing differs unnoticed; only what makes sums meaningless
    side by side is refused. Of days that are not whole, the periods are compared that all runs committed.

    Parameters
    ----------
    results
        The runs, in the order of their columns; the first one is the reference.

    Raises
    ------
    UsageError
        If there are fewer than two runs, or one is given twice.
    InputError
        If they differ in the periods of their day, in the length of a period, or in currency, or one has no period.
    """
    folders = [result.folder.resolve() for result in results]
    if len(folders) < TOLD_APART_BY:
        raise UsageError(f"{len(folders)} run given; a comparison needs at least two")
    if twice := sorted({str(folder) for folder in folders if folders.count(folder) > 1}):
        raise UsageError(f"run '{twice[0]}' is given twice; name two different runs")
    names = _names([folder.parts for folder in folders])
    _check_comparable(results, names)
    last = None if all(result.complete for result in results) else min(len(result.committed) for result in results)
    compared = [result if last is None else result.until(last) for result in results]
    runs = tuple(
        ComparedRun(
            name=name,
            folder=str(result.folder),
            scenario=str(result.manifest.get("scenario", "")),
            verdict=result.verdict,
            progress=result.progress,
            period_statuses=seen.run.get("period_statuses", {}),
        )
        for name, result, seen in zip(names, results, compared, strict=True)
    )
    rows, notices = _rows(compared), tuple(notice for result in results for notice in result.notices)
    return Comparison(
        runs=runs,
        differences=tuple(differences([result.manifest for result in results])),
        rows=rows,
        last=last,
        notices=notices,
    )


def _names(parts: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the shortest ends of paths that tell them apart.

    >>> _names([("runs", "a"), ("runs", "b")])
    ['a', 'b']
    >>> _names([("x", "run"), ("y", "run")])
    ['x/run', 'y/run']
    """
    longest = max(len(path) for path in parts)
    for length in range(1, longest):
        names = ["/".join(path[-length:]) for path in parts]
        if len(set(names)) == len(names):
            return names
    return ["/".join(path) for path in parts]


def _check_comparable(results: Sequence[RunResult], names: Sequence[str]) -> None:
    """Refuse runs of which no sum means the same."""
    problems = []
    for what, found, remedy in (
        ("periods", [str(result.run["periods"]["planned"]) for result in results], "compare equal days"),
        ("period_min", [str(result.manifest.get("period_min")) for result in results], "compare equal periods"),
        ("currency", [frames.currency(result) for result in results], "compare runs in one currency"),
    ):
        if len(set(found)) > 1:
            told = ", ".join(f"'{name}' {value}" for name, value in zip(names, found, strict=True))
            problems.append(Problem(field=what, reason=f"the runs differ: {told}", remedy=remedy))
    for name, result in zip(names, results, strict=True):
        if "periods" not in result:
            problems.append(Problem(field="periods", reason=f"'{name}' has {result.progress}", remedy="leave it out"))
    if problems:
        raise InputError(problems)


def _rows(results: Sequence[RunResult]) -> tuple[ComparedRow, ...]:
    """Return the rows that any run has, sections and rows in the order in which they first stand."""
    found: dict[str, dict[str, list[Row | None]]] = {}
    for position, result in enumerate(results):
        for section in measures(result):
            rows = found.setdefault(section.title, {})
            for row in section.rows:
                rows.setdefault(row.key, [None] * len(results))[position] = row
    compared = []
    for title, rows in found.items():
        for key, cells in rows.items():
            told = next(cell for cell in cells if cell is not None)
            filled = [_unseen(told) if cell is None and key.startswith("status_") else cell for cell in cells]
            compared.append(ComparedRow(section=title, key=key, label=told.label, unit=told.unit, cells=tuple(filled)))
    return tuple(compared)


def _unseen(told: Row) -> Row:
    """Return the row of a status that no period of a run had."""
    return Row(key=told.key, label=told.label, value=0, unit=told.unit)


def _near(first: Value, other: Value, tolerance: float) -> bool:
    if isinstance(first, int | float) and isinstance(other, int | float):
        return abs(other - first) <= tolerance * max(1.0, abs(first))
    return first == other


def _plain(value: Value) -> Value:
    return None if isinstance(value, float) and not math.isfinite(value) else value
