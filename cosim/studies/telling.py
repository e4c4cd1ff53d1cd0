"""What a study says together: statistics as a table, and its page."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cosim.errors import StorageError
from cosim.plain import csv_text
from cosim.reports.study_page import StudyPage, write_study
from cosim.studies.collecting import read_rows
from cosim.studies.folder import StudyFolder
from cosim.studies.statistics import Statistics, statistics
from cosim.studies.store import FLAGGED, OK, STATUSES

if TYPE_CHECKING:
    import pandas as pd

_FIXED = ("row", "draw", "block", "replicate", "alternative", "seed", "hash", "status", "exit_code", "reason")
_WORST = 12


def measured(folder: StudyFolder, rows: pd.DataFrame) -> list[str]:
    """Return the names of the measures among the columns of collected rows."""
    return [str(name) for name in rows.columns if name not in (*_FIXED, *folder.plan.paths)]


def statistics_of(folder: StudyFolder) -> Statistics:
    """Return the statistics of a study's collected rows."""
    rows = read_rows(folder)
    return statistics(folder.study, rows, measured(folder, rows))


def tell(folder: StudyFolder) -> Path:
    """Write ``statistics.csv`` and ``report.html`` of what was collected; return the page.

    Raises
    ------
    StorageError
        If nothing was collected, or they cannot be written.
    """
    rows = read_rows(folder)
    names = measured(folder, rows)
    found = statistics(folder.study, rows, names)
    _write_csv(folder.path / "statistics.csv", found)
    numeric = [path for path in folder.plan.paths if rows[path].dtype.kind == "f"]
    page = StudyPage(
        title=f"Study of {folder.facts['base']}", facts=tuple(_facts(folder, rows)), rows=rows, measures=names,
        factors=numeric, units=folder.facts.get("units", {}),
        tables={
            "How the rows ended": [row for row in found.shares if row["rows"]],
            "Sobol's indices": found.indices, "Differences between alternatives": found.pairs,
            "Measures": found.measures,
        },
        remarks=found.remarks, worst=tuple(_worst(folder, rows)),
    )  # fmt: skip
    return write_study(page, folder.path / "report.html")


def _facts(folder: StudyFolder, rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    study, counts = folder.study, rows["status"].value_counts()
    told = ", ".join(f"{counts[status]:,} {status}" for status in STATUSES if status in counts)
    yield "Rows", f"{int((rows['status'] != '').sum()):,} of {len(rows):,} ended: {told}"
    design = study.design
    yield (
        "Design",
        design.kind
        + (f", {design.rows:,} points" if design.rows else "")
        + (f" in {design.blocks} blocks" if design.blocks > 1 else ""),
    )
    yield "Varies", ", ".join(folder.plan.paths) or "nothing but the seed"
    if len(study.alternatives) > 1 or study.replicates > 1:
        yield "Alternatives, replicates", f"{', '.join(study.alternatives)}; {study.replicates}"
    yield "Seed", str(study.seed)
    yield "Each row", f"cosim {study.kind}"
    yield "Digest of the rows", str(folder.facts.get("rows_sha256", ""))[:16]
    effort = sorted((folder.path / "effort").glob("part-*.parquet"))
    if effort:
        import pandas as pd

        ids = sorted({str(one) for one in pd.read_parquet(effort[0])["numerics"].dropna()})
        yield "Numerics", ", ".join(ids) + (" (last digits of rows may differ by worker)" if len(ids) > 1 else "")


def _worst(folder: StudyFolder, rows: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Yield rows that did not end well, those without an answer first, with the command that repeats each."""
    order = {status: place for place, status in enumerate((*reversed(STATUSES[2:]), FLAGGED))}
    bad = rows[~rows["status"].isin(("", OK))]
    for number in sorted(bad["row"], key=lambda k: (order[rows.loc[rows["row"] == k, "status"].iloc[0]], k))[:_WORST]:
        row, told = folder.plan.rows[int(number)], rows[rows["row"] == number].iloc[0]
        yield str(number), f"{told['status']}: {told['reason']}", repeat(folder, row.assignments, row.seed)


def repeat(folder: StudyFolder, assignments: tuple[str, ...], seed: int) -> str:
    """Return the command that runs a row by itself."""
    sets = " ".join(f"--set {shlex.quote(one)}" for one in assignments)
    return f"cosim run {shlex.quote(str(folder.path / 'base'))} --seed {seed} {sets}".rstrip()


def _write_csv(path: Path, found: Statistics) -> None:
    """Write measures, shares, pairs and indices below one another, each with its own heading."""
    lines: list[list[object]] = []
    for title, rows in (
        ("measures", found.measures), ("shares", found.shares), ("pairs", found.pairs), ("indices", found.indices)
    ):  # fmt: skip
        if rows:
            lines += [[title], list(rows[0]), *(list(row.values()) for row in rows), []]
    temporary = path.with_suffix(".tmp")
    try:
        temporary.write_text(csv_text(lines), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"'{path}' cannot be written: {error.strerror}") from error
