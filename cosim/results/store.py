"""The run folder: one atomic commit per period, final tables, and how to read them back.

::

    <run>/
    ├── manifest.json        what was run, with which inputs, versions and seed; written once, before period 1
    ├── scenario/            the resolved scenario text
    ├── places.json          where nodes, links, buses and lines lie, and what they join
    ├── SHA256SUMS           of manifest, scenario and places
    ├── periods/0001/ ...    one folder a period: Parquet tables, gate.json, SHA256SUMS; the rename is the commit
    ├── states/0005/ ...     where the run stood after its two newest periods; gone once it is complete
    ├── tables/*.parquet     the same tables over all periods, exported at the end, with SHA256SUMS
    ├── .run.json.reserved   room for the next one, so that it can be written when the disk is full; gone at the end
    ├── run.json             exit code, reasons, counts, the one verdict, its own sum; a run without it is unfinished
    └── report.html
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import LockedError, StorageError, UsageError
from cosim.results import files
from cosim.results.commit import TEMPORARY, commit_folder
from cosim.results.committed import TABLE, committed_periods, parquet, period_folders
from cosim.results.digest import stored_digest
from cosim.results.ending import UNFINISHED, WITHOUT_END, ending
from cosim.results.files import json_text
from cosim.results.lock import at_work_reason, is_at_work
from cosim.results.manifest import check_format, has_sums
from cosim.results.places import NOWHERE, PLACES, Places, stored_places
from cosim.results.reserve import reserve, write_end
from cosim.results.result import ShownRun
from cosim.results.run_tables import RunTables
from cosim.results.states import KEPT, StoredState, drop_states, resumptions, write_state
from cosim.results.sums import SUMS, Damaged, checked, digest, read_object, read_sums, sums_text, with_own_sum
from cosim.results.verdict import Finding, Later, Verdict, read_verdict

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, Sequence[Any]]
Tables = Mapping[str, Columns]


@dataclass(frozen=True, slots=True)
class RunStore:
    """A run folder that is being written."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> RunStore:
        """Make a new run folder, readable by its owner alone.

        Raises
        ------
        UsageError
            If the folder exists.
        StorageError
            If it cannot be made.
        """
        store = cls.create_empty(folder)
        try:
            (folder / "periods").mkdir()
            reserve(folder)
        except OSError as error:
            raise StorageError(f"run folder '{folder}' cannot be made: {error.strerror}") from error
        return store

    @classmethod
    def create_empty(cls, folder: Path) -> RunStore:
        """Make a new folder for what belongs to several runs, readable by its owner alone.

        Raises
        ------
        UsageError
            If the folder exists.
        LockedError
            If another process is at work in it.
        StorageError
            If it cannot be made.
        """
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"run folder '{folder}' cannot be made: {error.strerror}") from error
        try:
            folder.mkdir(mode=0o700)  # which looks and makes at once: of several that start together one is first
        except FileExistsError:
            if is_at_work(folder):
                raise LockedError(at_work_reason(folder)) from None
            kind = "run folder" if folder.is_dir() else "file"
            raise UsageError(f"{kind} '{folder}' exists; choose another with --out") from None
        except OSError as error:
            raise StorageError(f"run folder '{folder}' cannot be made: {error.strerror}") from error
        return cls(folder)

    def begin(self, manifest: Mapping[str, Any], places: Places = NOWHERE) -> None:
        """Write the manifest, which makes the folder a run's, after ``places.json`` and the sums of all three.

        Raises
        ------
        StorageError
            If they cannot be written.
        """
        content, found = json_text(manifest).encode(), places.text().encode()
        try:
            there = sorted(path for path in (self.folder / "scenario").rglob("*") if path.is_file())
            sums = {path.relative_to(self.folder).as_posix(): digest(path.read_bytes()) for path in there}
        except OSError as error:
            raise StorageError(f"run folder '{self.folder}' cannot be read: {error.strerror}") from error
        sums |= {"manifest.json": digest(content), PLACES: digest(found)}
        files.replace(self.folder / PLACES, found)
        files.replace(self.folder / SUMS, sums_text(sums).encode())
        files.replace(self.folder / "manifest.json", content)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write one JSON file under a temporary name, then rename it."""
        files.replace(self.folder / name, json_text(content).encode())

    def write_text(self, name: str, text: str) -> None:
        """Write one text file below the folder."""
        path = self.folder / name
        files.replace(path, text.encode())

    def commit(self, period: int, tables: Tables, gate: Mapping[str, Any], state: StoredState | None = None) -> None:
        """Commit one period (numbered from 1) atomically: all of it or nothing.

        Where the run stands after it is committed before it, since a period is what a stopped run goes on behind.
        """
        import pyarrow as pa

        contents = {"gate.json": json_text(gate).encode()}
        for name, columns in tables.items():
            rows = len(next(iter(columns.values()), ()))
            contents[name + TABLE] = parquet(pa.table({"period": [period] * rows, **columns}))
        try:
            if state is not None:
                write_state(self.folder, state)
            commit_folder(self.folder, self.folder / "periods" / f"{period:04d}", contents)
            drop_states(self.folder, lambda kept: kept > period - KEPT)
        except OSError as error:
            raise StorageError(f"period {period} cannot be written to '{self.folder}': {error.strerror}") from error

    def committed(self) -> list[Path]:
        """Return the folders of the committed periods in order."""
        return period_folders(self.folder)

    def export_tables(self) -> None:
        """Join the periods' tables into ``tables/<name>.parquet``."""
        RunTables(self.folder, committed_periods(self.folder, sealed=True), sealed=True, exported=True).export()

    def finish(
        self,
        *,
        code: int,
        reasons: Sequence[str],
        statuses: Sequence[str],
        planned: int,
        died: bool = False,
        export: bool = True,
        tables_digest: str = "",
    ) -> None:
        """Export the tables and write ``run.json``; only a full day whose simulation did not die is ``complete``.

        Of a run that died ``run.json`` comes first: a signal may end the export. Without an export nothing else is
        touched, whoever is at work on it. States stay unless the run is complete.
        """
        complete = len(statuses) == planned and not died
        content = {
            "status": "complete" if complete else "incomplete",
            "exit_code": code,
            "reasons": list(reasons),
            "periods": {"planned": planned, "committed": len(statuses)},
            "period_statuses": dict(Counter(statuses)),
            "verdict": Verdict(run=code, committed=len(statuses)).as_dict(),
            "tables_digest": tables_digest,
            "resumed": resumptions(self.folder),
        }
        if not self.folder.is_dir():
            raise StorageError(f"run folder '{self.folder}' went away")
        if died:
            write_end(self.folder, content)
        if export:
            for leftover in self.folder.glob(f"{TEMPORARY}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            self.export_tables()
        if not died:
            write_end(self.folder, content)
        if complete:
            shutil.rmtree(self.folder / "states", ignore_errors=True)


class RunResult(ShownRun):
    """A run that ended, was broken off, or still goes on: ``result["buses"]`` is a tidy DataFrame.

    Whatever is read is held against its SHA-256. An export that is not as it was written is made again of the
    committed periods, with a notice; of a run without ``run.json``, the committed periods are all there is.

    Attributes
    ----------
    folder
        Where the run lies.
    manifest, run
        Contents of ``manifest.json`` and ``run.json``.

    Raises
    ------
    StorageError
        If it cannot be read, or is not as it was written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._last: int | None = None
        self.manifest = read_object(self.folder / "manifest.json")
        check_format(self.manifest, self.folder)
        sealed = has_sums(self.manifest)
        if sums := read_sums(self.folder, needed=sealed):
            checked(self.folder, "manifest.json", sums)
        self.committed = committed_periods(self.folder, sealed=sealed)
        self.run = ending(self.folder, self.manifest, self.committed)
        self._tables = RunTables(self.folder, self.committed, sealed=sealed, exported=self.complete)
        self._check()

    def _check(self) -> None:
        """Look once whether all is there and as it was written, as far as that takes no reading of the periods."""
        committed, there = self.verdict.committed, len(self.committed)
        if has_sums(self.manifest) and (committed != there if self.complete else committed > there):
            raise Damaged(
                f"'{self.folder / 'run.json'}' counts {committed} committed periods, 'periods/' holds {there}"
            )
        self._tables.check()

    def check(self) -> None:
        """Hold every file of the run against its sum, but those that `add_table` wrote, and the periods to the digest.

        Raises
        ------
        StorageError
            Naming the first file that is not as it was written.
        """
        sums = read_sums(self.folder, needed=has_sums(self.manifest))
        for name in sums or ():
            checked(self.folder, name, sums)
        for period in self.committed:
            period.check()
        told = self.run.get("tables_digest")
        if told and told != stored_digest(self.committed):  # the sums of a period of another run fit, too
            raise Damaged(f"'{self.folder / 'periods'}' holds other numbers than were committed: one is another run's")
        self._tables.check()

    @property
    def notices(self) -> tuple[str, ...]:
        """What was not as it was written, and was made again."""
        return tuple(self._tables.notices)

    @property
    def gates(self) -> dict[int, dict[str, Any]]:
        """What the gate said of each committed period, by its number.

        Raises
        ------
        StorageError
            If one is not as it was written.
        """
        return {period.number: period.gate() for period in self.committed}

    @property
    def verdict(self) -> Verdict:
        """The one verdict: of the run itself, and of what was found out about it since.

        Raises
        ------
        StorageError
            If ``run.json`` does not hold it.
        """
        try:
            return read_verdict(self.run)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"'{self.folder / 'run.json'}' is damaged: {type(error).__name__} {error}"
            raise Damaged(what, WITHOUT_END) from error

    def judge(self, name: Later, found: Finding) -> None:
        """Put a newer verification or validation in the place of an older one; ``run.json`` is replaced at once.

        Raises
        ------
        StorageError
            If it cannot be read or written.
        """
        with files.locked(self.folder):
            self.run = ending(self.folder, self.manifest, self.committed)
            verdict: Verdict = replace(self.verdict, **{name: found})  # type: ignore[arg-type]
            self.run = with_own_sum({**self.run, "verdict": verdict.as_dict()})
            files.replace(self.folder / "run.json", json_text(self.run).encode())

    @property
    def exit_code(self) -> int:
        """Exit code of the run; 0 means that every gate passed, 137 that it has no end (it was killed or goes on)."""
        return int(self.run["exit_code"])

    @property
    def complete(self) -> bool:
        """Whether every period was committed."""
        return bool(self.run.get("status") == "complete")

    @property
    def ended(self) -> bool:
        """Whether the run wrote its end: it was not killed, and does not go on."""
        return self.run.get("status") != UNFINISHED

    @property
    def progress(self) -> str:
        """How much of the day is committed: ``20 of 24 periods``."""
        return "{committed} of {planned} periods".format(**self.run["periods"])

    def until(self, period: int) -> RunResult:
        """Return the run as if it had committed the periods up to one and no more; its own verdict stays.

        Parameters
        ----------
        period
            The last one.
        """
        other = copy(self)
        other.committed, other._last = self.committed[:period], period
        counts = {**self.run["periods"], "committed": len(other.committed)}
        statuses = Counter(str(gate.get("status")) for gate in other.gates.values())
        other.run = {**self.run, "periods": counts, "period_statuses": dict(statuses)}
        return other

    @property
    def places(self) -> Places:
        """Where things are; empty of a run that an earlier version wrote. Raises `StorageError` if damaged."""
        return stored_places(self.folder)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""
        return self._tables.names

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return one table.

        Raises
        ------
        KeyError
            If the run has no such table; the message lists those it has.
        StorageError
            If it is there and cannot be read, or is not as it was written and has no intact copy.
        """
        if name not in self.tables:
            raise KeyError(f"run '{self.folder}' has no table {name!r}; it has {', '.join(self.tables)}")
        frame: pd.DataFrame = self._tables.read(name).to_pandas()
        return frame if self._last is None or "period" not in frame else frame[frame["period"] <= self._last]

    def add_table(self, name: str, columns: Columns) -> Path:
        """Write a table of what was found out about the run afterwards, and return its file.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        return self._tables.add(name, columns)

    def drop_table(self, name: str) -> None:
        """Remove a table that `add_table` wrote earlier and that no longer holds; does nothing if there is none.

        Raises
        ------
        StorageError
            If it cannot be removed.
        """
        self._tables.drop(name)


def load(folder: str | Path) -> RunResult:
    """Open a run folder: of a run that was broken off, what is committed.

    Parameters
    ----------
    folder
        Run folder, for example ``runs/latest``.
    """
    return RunResult(folder)


def manifest_sha256(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 that a manifest has as a file; a run's states name it."""
    return digest(json_text(manifest).encode())
