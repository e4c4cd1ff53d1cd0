"""The run folder: one atomic commit per period, final tables, and how to read them back.

::

    <run>/
    ├── manifest.json        what was run, with which inputs, versions and seed; written once, before period 1
    ├── scenario/            the resolved scenario text
    ├── periods/0001/ ...    one folder a period: Parquet tables, gate.json, SHA256SUMS; the rename is the commit
    ├── tables/*.parquet     the same tables over all periods, exported at the end
    ├── run.json             exit code, reasons, counts, the one verdict; a run without it is unfinished
    └── report.html
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import StorageError, UsageError
from cosim.results.manifest import check_format
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
        StorageError
            If it cannot be made.
        """
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            if folder.exists() or folder.is_symlink():
                kind = "run folder" if folder.is_dir() else "file"
                raise UsageError(f"{kind} '{folder}' exists; choose another with --out")
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise StorageError(f"run folder '{folder}' cannot be made: {error.strerror}") from error
        return cls(folder)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write one JSON file under a temporary name, then rename it."""
        _replace(self.folder / name, _json(content).encode())

    def write_text(self, name: str, text: str) -> None:
        """Write one text file below the folder."""
        path = self.folder / name
        _replace(path, text.encode())

    def commit(self, period: int, tables: Tables, gate: Mapping[str, Any]) -> None:
        """Commit one period (numbered from 1) atomically: all of it or nothing."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        temporary = self.folder / f".tmp-{period:04d}"
        try:
            if temporary.exists():
                shutil.rmtree(temporary)
            temporary.mkdir()
            for name, columns in tables.items():
                pq.write_table(pa.table(_with_period(period, columns)), temporary / f"{name}.parquet")
            (temporary / "gate.json").write_text(_json(gate), encoding="utf-8")
            sums = [f"{_sha256(path)}  {path.name}" for path in sorted(temporary.iterdir())]
            (temporary / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
            for path in temporary.iterdir():
                _sync(path)
            _sync(temporary)
            temporary.rename(self.folder / "periods" / f"{period:04d}")
            _sync(self.folder / "periods")
        except OSError as error:
            raise StorageError(f"period {period} cannot be written to '{self.folder}': {error.strerror}") from error

    def committed(self) -> list[Path]:
        """Return the folders of the committed periods in order."""
        try:
            return sorted(path for path in (self.folder / "periods").iterdir() if path.is_dir())
        except OSError as error:
            raise StorageError(f"the periods of '{self.folder}' cannot be read: {error.strerror}") from error

    def export_tables(self) -> None:
        """Join the periods' tables into ``tables/<name>.parquet``."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = sorted({path.stem for period in self.committed() for path in period.glob("*.parquet")})
        target = self.folder / "tables"
        try:
            target.mkdir(exist_ok=True)
            for name in names:
                paths = [period / f"{name}.parquet" for period in self.committed()]
                parts = [pq.read_table(path) for path in paths if path.exists()]
                temporary = target / f".{name}.parquet"
                pq.write_table(pa.concat_tables(parts, promote_options="permissive"), temporary)
                temporary.replace(target / f"{name}.parquet")
        except OSError as error:
            raise StorageError(f"tables cannot be written to '{target}': {error.strerror or error}") from error

    def finish(
        self,
        *,
        code: int,
        reasons: Sequence[str],
        statuses: Sequence[str],
        planned: int,
        died: bool = False,
        export: bool = True,
    ) -> None:
        """Export the tables and write ``run.json``; only a full day whose simulation did not die is ``complete``.

        Of a run that died ``run.json`` comes first: a signal may end the export. Without an export nothing else is
        touched, whoever is at work on it.
        """
        complete = len(statuses) == planned and not died
        content = {
            "status": "complete" if complete else "incomplete",
            "exit_code": code,
            "reasons": list(reasons),
            "periods": {"planned": planned, "committed": len(statuses)},
            "period_statuses": dict(Counter(statuses)),
            "verdict": Verdict(run=code, committed=len(statuses)).as_dict(),
        }
        if not self.folder.is_dir():
            raise StorageError(f"run folder '{self.folder}' went away")
        if died:
            self.write_json("run.json", content)
        if export:
            for leftover in self.folder.glob(".tmp-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            self.export_tables()
        if not died:
            self.write_json("run.json", content)


class RunResult:
    """A finished run: ``result["buses"]`` is a tidy DataFrame.

    Attributes
    ----------
    folder
        Where the run lies.
    manifest, run
        Contents of ``manifest.json`` and ``run.json``.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.manifest = self._json("manifest.json")
        check_format(self.manifest, self.folder)
        self.run = self._json("run.json")

        _ = self.verdict  # a damaged one is told at once

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StorageError(
                f"'{self.folder}' has no {name}: it is not a run folder, or its run did not end"
            ) from None
        except (OSError, ValueError) as error:
            raise StorageError(f"'{path}' cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise StorageError(f"'{path}' holds no JSON object; it is damaged")
        return content

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
            raise StorageError(f"'{self.folder / 'run.json'}' is damaged: {type(error).__name__} {error}") from error

    def judge(self, name: Later, found: Finding) -> None:
        """Put a newer verification or validation in the place of an older one; ``run.json`` is replaced at once.

        Raises
        ------
        StorageError
            If it cannot be read or written.
        """
        with _locked(self.folder):
            self.run = self._json("run.json")
            verdict: Verdict = replace(self.verdict, **{name: found})  # type: ignore[arg-type]
            self.run = {**self.run, "verdict": verdict.as_dict()}
            _replace(self.folder / "run.json", _json(self.run).encode())

    @property
    def exit_code(self) -> int:
        """Exit code of the run; 0 means that every gate passed."""
        return int(self.run["exit_code"])

    @property
    def complete(self) -> bool:
        """Whether every period was committed."""
        return bool(self.run.get("status") == "complete")

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""
        return tuple(sorted(path.stem for path in (self.folder / "tables").glob("*.parquet")))

    def __contains__(self, name: str) -> bool:
        return name in self.tables

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return one table.

        Raises
        ------
        KeyError
            If the run has no such table; the message lists those it has.
        StorageError
            If it is there and cannot be read.
        """
        import pyarrow.parquet as pq

        if name not in self.tables:
            raise KeyError(f"run '{self.folder}' has no table {name!r}; it has {', '.join(self.tables)}")
        path = self.folder / "tables" / f"{name}.parquet"
        try:
            frame: pd.DataFrame = pq.read_table(path).to_pandas()
        except (OSError, ValueError) as error:  # pyarrow's own errors are of these kinds
            raise StorageError(f"table '{path}' cannot be read: {error}") from error
        return frame

    def add_table(self, name: str, columns: Columns) -> Path:
        """Write a table of what was found out about the run afterwards, and return its file.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        target = self.folder / "tables" / f"{name}.parquet"
        temporary = target.with_name(f".{name}.parquet")
        try:
            target.parent.mkdir(exist_ok=True)
            pq.write_table(pa.table(dict(columns)), temporary)
            temporary.replace(target)
        except OSError as error:
            raise StorageError(f"table '{target}' cannot be written: {error.strerror or error}") from error
        return target

    def drop_table(self, name: str) -> None:
        """Remove a table that `add_table` wrote earlier and that no longer holds; does nothing if there is none.

        Raises
        ------
        StorageError
            If it cannot be removed.
        """
        target = self.folder / "tables" / f"{name}.parquet"
        try:
            target.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"table '{target}' cannot be removed: {error.strerror or error}") from error

    def __repr__(self) -> str:
        return f"RunResult('{self.folder}', exit_code={self.exit_code}, tables={list(self.tables)})"


def load(folder: str | Path) -> RunResult:
    """Open a finished run folder."""
    return RunResult(folder)


def _json(content: Mapping[str, Any]) -> str:
    """Return strict JSON; a number that is not finite becomes its name (``"nan"``), since JSON has no word for it."""
    return json.dumps(_named(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _named(value: Any) -> Any:  # noqa: ANN401 - any plain data
    if isinstance(value, Mapping):
        return {key: _named(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_named(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _with_period(period: int, columns: Columns) -> dict[str, Sequence[Any]]:
    rows = len(next(iter(columns.values()), ()))
    return {"period": [period] * rows, **columns}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sync(path: Path) -> None:
    """Force a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change what stands in a run folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StorageError(f"run folder '{folder}' cannot be opened: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:  # a file system without locks
            raise StorageError(f"run folder '{folder}' cannot be locked: {error.strerror}") from error
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{threading.get_native_id()}.tmp")  # last words come from another thread
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        _sync(temporary)
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"'{path}' cannot be written: {error.strerror}") from error
