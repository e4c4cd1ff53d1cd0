"""The committed periods of a run: what lies in ``periods/``, read as it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import StorageError
from cosim.results.sums import Damaged, Sums, checked, read_sums

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = ".parquet"
_NUMBER = re.compile(r"[0-9]{4,}")


def period_folders(run: Path) -> list[Path]:
    """Return the folders of the committed periods in order.

    Raises
    ------
    StorageError
        If they cannot be listed.
    """
    folder = run / "periods"
    try:
        found = [path for path in folder.iterdir() if _NUMBER.fullmatch(path.name) and path.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"the periods of '{run}' cannot be read: {error.strerror}") from error
    return sorted(found, key=lambda path: int(path.name))


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's, or what is left of one: it has what no scenario has."""
    names = ("run.json", "periods") if not (folder / "scenario.yaml").exists() else ()
    return any((folder / name).exists() for name in ("manifest.json", *names))


@dataclass(frozen=True)
class CommittedPeriod:
    """One committed period.

    Attributes
    ----------
    folder
        Where it lies.
    sealed
        Whether its files must have sums.
    """

    folder: Path
    sealed: bool

    @cached_property
    def sums(self) -> Sums | None:
        """The sums of its files; None in a run of a version that wrote none."""
        return read_sums(self.folder, needed=self.sealed)

    @property
    def number(self) -> int:
        """Number of the period, from 1."""
        return int(self.folder.name)

    @cached_property
    def tables(self) -> set[str]:
        """Names of its tables."""
        names = [path.name for path in self.folder.iterdir()] if self.sums is None else list(self.sums)
        return {name.removesuffix(TABLE) for name in names if name.endswith(TABLE)}

    def table(self, name: str) -> pa.Table | None:
        """Return a table; None if the period has none of that name.

        Raises
        ------
        Damaged
            If it is not as it was written.
        """
        file = name + TABLE
        return None if name not in self.tables else parsed(self.folder / file, checked(self.folder, file, self.sums))

    def gate(self) -> dict[str, Any]:
        """Return what the gate said of it.

        Raises
        ------
        Damaged
            If ``gate.json`` is not as it was written.
        """
        content = checked(self.folder, "gate.json", self.sums)
        try:
            found: dict[str, Any] = json.loads(content)
        except ValueError as error:
            raise Damaged(f"'{self.folder / 'gate.json'}' cannot be read: {error}") from error
        return found

    def check(self) -> None:
        """Refuse a period of which a file is not as it was written.

        Raises
        ------
        Damaged
            Naming the file.
        """
        for name in self.sums or ():
            checked(self.folder, name, self.sums)


def committed_periods(run: Path, *, sealed: bool) -> tuple[CommittedPeriod, ...]:
    """Return the committed periods of a run in order.

    Parameters
    ----------
    run
        Its folder.
    sealed
        Whether all of their files must have sums.

    Raises
    ------
    Damaged
        If a period between two others is missing.
    """
    folders = period_folders(run)
    numbers = {int(folder.name) for folder in folders}
    if gaps := sorted(set(range(1, max(numbers, default=0) + 1)) - numbers):
        raise Damaged(f"'{run / 'periods' / f'{gaps[0]:04d}'}' is missing")
    return tuple(CommittedPeriod(folder, sealed) for folder in folders)


AT_ONCE = 1000
"""Tables of periods that are held beside one another."""


def joined(periods: Sequence[CommittedPeriod], name: str) -> pa.Table:
    """Return a table over all periods that have it, one after the other.

    Raises
    ------
    Damaged
        If one of them is not as it was written.
    """
    import pyarrow as pa

    found: list[pa.Table] = []
    for part in (period.table(name) for period in periods):
        if len(found) == AT_ONCE:  # a small table takes a hundred times its numbers: those of a year a gigabyte
            found = [pa.concat_tables(found, promote_options="permissive").combine_chunks()]
        if part is not None:
            found.append(part)
    return pa.concat_tables(found, promote_options="permissive")


def parquet(table: pa.Table) -> bytes:
    """Return the Parquet file of a table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def parsed(path: Path, content: bytes) -> pa.Table:
    """Return the table that a Parquet file holds.

    Raises
    ------
    Damaged
        If it holds none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)  # a third of what `read_table` takes
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Damaged(f"'{path}' is no Parquet file, or only a part of one: {error}") from error
