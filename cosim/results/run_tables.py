"""The tables of a run: exports of its committed periods, and what was found out about it since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import StorageError
from cosim.results import files
from cosim.results.committed import TABLE, CommittedPeriod, joined, parquet, parsed
from cosim.results.sums import SUMS, Damaged, Sums, checked, digest, read_sums, sums_text

if TYPE_CHECKING:
    import pyarrow as pa

Columns = Mapping[str, Sequence[Any]]
INSTEAD = "the intact copies in 'periods/' are read"
AGAIN = "'cosim verify' or 'cosim validate', whichever wrote it, writes it again"


class RunTables:
    """``tables/`` of a run: an export that is not as it was written is made again of the periods.

    Attributes
    ----------
    folder
        ``tables/`` of the run.
    periods
        The committed periods.
    sealed
        Whether every table must have a sum.
    exported
        Whether the run wrote its exports: it is complete. Otherwise they are made of the periods.
    notices
        What was not as it was written, and could be made again.
    """

    def __init__(self, run: Path, periods: Sequence[CommittedPeriod], *, sealed: bool, exported: bool) -> None:
        self.folder, self.periods, self.sealed, self.exported = run / "tables", periods, sealed, exported
        self.notices: dict[str, None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tables, exports and others."""
        try:
            sums = self._sums()
        except Damaged as damage:
            self.notices[f"{damage.what}; {INSTEAD}, and no other tables"] = None
            return tuple(sorted(self.committed))
        if sums is not None and self.exported:
            return tuple(sorted(map(_table, sums)))
        there = (path.name for path in self.folder.glob(f"*{TABLE}")) if sums is None and not self.sealed else sums
        return tuple(sorted({*map(_table, there or ()), *self.committed}))

    @cached_property
    def committed(self) -> set[str]:
        """Names of the tables that the periods hold."""
        return {name for period in self.periods for name in period.tables}

    def read(self, name: str) -> pa.Table:
        """Return one of the tables.

        Raises
        ------
        Damaged
            If it is not as it was written, and there is no intact copy.
        """
        if not self.exported and name in self.committed:
            return joined(self.periods, name)
        try:
            return parsed(self.folder / f"{name}{TABLE}", checked(self.folder, name + TABLE, self._sums()))
        except Damaged as damage:
            if name not in self.committed:
                raise Damaged(damage.what, AGAIN) from damage
            again = joined(self.periods, name)
            self.notices[f"{damage.what}; {INSTEAD}"] = None
            return again

    def check(self) -> None:
        """Look once whether every export is as it was written; other tables are told where somebody reads them.

        Raises
        ------
        Damaged
            If one is not, and there is no intact copy.
        """
        for name in self.names:
            if not self._intact(name) and name in self.committed:
                self.read(name)

    def add(self, name: str, columns: Columns) -> Path:
        """Write a table of what was found out about the run afterwards, and return its file.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        import pyarrow as pa

        content = parquet(pa.table(dict(columns)))
        self._list(name, None)  # a process that ends before the last line leaves a table that nobody reads
        path = self._put(name, content)
        self._list(name, content)
        return path

    def drop(self, name: str) -> None:
        """Remove a table that `add` wrote earlier and that no longer holds; does nothing if there is none.

        Raises
        ------
        StorageError
            If it cannot be removed.
        """
        target = self.folder / f"{name}{TABLE}"
        self._list(name, None)
        try:
            target.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"table '{target}' cannot be removed: {error.strerror or error}") from error

    def export(self) -> None:
        """Write the periods' tables, each over all periods, in the place of all tables that are there.

        Raises
        ------
        StorageError
            If they cannot be written.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            for path in (self.folder / SUMS, *self.folder.glob(f"*{TABLE}")):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"tables cannot be written to '{self.folder}': {error.strerror or error}") from error
        sums = {}
        for name in sorted(self.committed):
            content = parquet(joined(self.periods, name))
            self._put(name, content)
            sums[name + TABLE] = digest(content)
        self._write_sums(sums)

    def _intact(self, name: str) -> bool:
        """Whether a table is there as it was written."""
        try:
            checked(self.folder, name + TABLE, self._sums())
        except Damaged:
            return False
        return self.exported

    def _sums(self) -> Sums | None:
        return read_sums(self.folder, needed=self.sealed and self.exported and bool(self.periods))

    def _list(self, name: str, content: bytes | None) -> None:
        """Write the sum of a table, or take it out; a run of a version that wrote no sums has none."""
        try:
            sums = self._sums()
        except Damaged:
            self.export()  # everything that has no sum any more, anew
            sums = self._sums()
        if sums is None and not self.sealed:
            return
        rest = {file: value for file, value in (sums or {}).items() if file != name + TABLE}
        listed = rest if content is None else {**rest, name + TABLE: digest(content)}
        self._write_sums(listed)

    def _write_sums(self, sums: Sums) -> None:
        """Replace the sums; where there is no table, there are none."""
        if sums:
            files.replace(self.folder / SUMS, sums_text(sums).encode())
        else:
            (self.folder / SUMS).unlink(missing_ok=True)

    def _put(self, name: str, content: bytes) -> Path:
        """Write a table under a temporary name, then rename it; its sum tells of one that never reached the disk."""
        target = self.folder / f"{name}{TABLE}"
        temporary = target.with_name(f".{target.name}")
        try:
            self.folder.mkdir(exist_ok=True)
            temporary.write_bytes(content)
            temporary.replace(target)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise StorageError(f"table '{target}' cannot be written: {error.strerror or error}") from error
        return target


def _table(file: str) -> str:
    return file.removesuffix(TABLE)
