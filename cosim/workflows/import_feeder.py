"""Bring a feeder of another tool into our three tables, and check it by reading and solving it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cosim.errors import InputError, Problem, StorageError, UsageError
from cosim.grid.ac_flow import AcFlow, AcState
from cosim.grid.feeder import Feeder
from cosim.grid.formats.feeder_tables import FeederTables, write_tables
from cosim.grid.formats.matpower import read_matpower
from cosim.grid.formats.pandapower_json import read_pandapower
from cosim.grid.model import read_feeder

READERS: dict[str, Callable[[Path | str], FeederTables]] = {"pandapower": read_pandapower, "matpower": read_matpower}
WIDEST_PU = (0.5, 1.5)
"""Limits with which a feeder is read back that brings none of its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImportedFeeder:
    """A feeder that was written.

    Attributes
    ----------
    folder
        Where its tables lie.
    tables, feeder
        What was read, and the feeder as a scenario will see it.
    state
        AC power flow of its nominal load.
    """

    folder: Path
    tables: FeederTables
    feeder: Feeder
    state: AcState

    @property
    def scenario_lines(self) -> tuple[str, ...]:
        """Lines of a scenario that uses the feeder."""
        return (
            f"grid: {self.folder.name}",
            f"feeder: {{slack_bus: {self.tables.slack_bus}, slack_vm_pu: {self.tables.slack_vm_pu:g}, "
            "v_min_pu: 0.95, v_max_pu: 1.05}",
        )


def import_feeder(source: str, file: Path | str, out: Path | str) -> ImportedFeeder:
    """Read a file of another tool and write ``bus.csv``, ``line.csv``, ``load.csv``.

    Parameters
    ----------
    source
        ``pandapower`` (JSON of ``pandapower.to_json``) or ``matpower`` (case file).
    file
        The file; it is read as data, never executed.
    out
        New or empty folder.

    Raises
    ------
    InputError
        With everything that the radial single-phase model cannot carry, by name and element.
    UsageError
        If the format is unknown or the folder holds anything.
    """
    if source not in READERS:
        raise UsageError(f"format {source!r} is unknown; known: {', '.join(READERS)}")
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"'{folder}' is not an empty folder; choose another")
    tables = READERS[source](Path(file))
    feeder = _written(tables, folder, Path(file).name)
    state = AcFlow(feeder).solve(-feeder.p_mw, -feeder.q_mvar)
    return ImportedFeeder(folder=folder, tables=tables, feeder=feeder, state=state)


def _written(tables: FeederTables, folder: Path, name: str) -> Feeder:
    """Write the tables beside the target, read them back, and only then move them there."""
    tables = _with_all_limits(tables)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".import-") as temporary:
            staged = Path(temporary) / "feeder"
            write_tables(tables, staged)
            try:
                feeder = _read_back(tables, staged, folder.name)
            except InputError as error:
                raise InputError(_told(problem, name) for problem in error.problems) from None
            folder.mkdir(exist_ok=True)
            for path in sorted(staged.iterdir()):
                shutil.move(path, folder / path.name)
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be written: {error.strerror}") from error
    return feeder


def _with_all_limits(tables: FeederTables) -> FeederTables:
    """Give buses without limits those of the others; without any, leave the columns out."""
    given = [(row["min_vm_pu"], row["max_vm_pu"]) for row in tables.bus]
    low = [float(value) for value, _ in given if isinstance(value, int | float)]
    high = [float(value) for _, value in given if isinstance(value, int | float)]
    bus = [
        {
            **row,
            "min_vm_pu": _or(row["min_vm_pu"], min(low) if low and high else None),
            "max_vm_pu": _or(row["max_vm_pu"], max(high) if low and high else None),
        }
        for row in tables.bus
    ]
    return replace(tables, bus=bus)


def _or(value: str | float | bool | None, other: float | None) -> str | float | bool | None:
    return other if value is None else value


def _read_back(tables: FeederTables, folder: Path, name: str) -> Feeder:
    own = all(row["min_vm_pu"] is not None and row["max_vm_pu"] is not None for row in tables.bus)
    low, high = (None, None) if own else WIDEST_PU
    return read_feeder(
        folder, slack_bus=tables.slack_bus, slack_vm_pu=tables.slack_vm_pu, base_mva=max(tables.base_mva, 1e-3),
        v_min_pu=low, v_max_pu=high, name=name,
    )  # fmt: skip


def _told(problem: Problem, name: str) -> Problem:
    """Return a mistake of the staged tables as one of the imported file."""
    table = Path(problem.file).name
    return replace(problem, file=f"{name} ({table})" if table else name)
