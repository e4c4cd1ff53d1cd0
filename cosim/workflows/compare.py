"""Compare finished runs: one table side by side, as a value, a CSV file or plain data for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cosim.errors import StorageError, UsageError
from cosim.plain import csv_text
from cosim.reports.comparison import Comparison, compare_runs
from cosim.results.store import RunResult

STAGES = ("none", "one_way", "equilibrium")
"""Run folders of a value of coupling, in the order of their columns."""


def compare(runs: Sequence[str | Path]) -> Comparison:
    """Set finished runs side by side.

    Parameters
    ----------
    runs
        Run folders, at least two; the first one is the reference. The folder of a value of coupling stands for its
        three runs.

    Raises
    ------
    UsageError
        If there are fewer than two, or one is given twice.
    InputError
        If they differ in their committed periods, in the length of a period, or in currency.
    StorageError
        If one cannot be read.
    """
    return compare_runs([RunResult(folder) for given in runs for folder in _run_folders(Path(given))])


def _run_folders(folder: Path) -> list[Path]:
    """Return the three runs of a value of coupling; of anything else the folder itself."""
    stages = [folder / name for name in STAGES]
    if not (folder / "manifest.json").exists() and all((stage / "manifest.json").is_file() for stage in stages):
        return stages
    return [folder]


def write_csv(comparison: Comparison, path: Path) -> None:
    """Write key, label, unit and one column of numbers per run into a new file.

    Raises
    ------
    UsageError
        If the file exists.
    StorageError
        If it cannot be written.
    """
    require_new(path, "--out")
    try:
        path.write_text(csv_text(comparison.table()), encoding="utf-8", newline="")
    except OSError as error:
        raise StorageError(f"{path}: the comparison cannot be written ({error.strerror})") from error


def require_new(path: Path, option: str) -> None:
    """Refuse to write over a file.

    Raises
    ------
    UsageError
        If there is something at the path.
    """
    if path.exists() or path.is_symlink():
        raise UsageError(f"'{path}' exists; choose another with {option}")
