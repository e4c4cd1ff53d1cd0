"""What a study keeps: journals of rows as they end, claims of rows in flight, tables once they are collected.

A finished row is one line ``crc32 json`` in the journal of the one process that writes it, fsynced; a torn last line is
ignored. A claim says that a row was begun; one that is found at the start is an attempt that died.
"""

from __future__ import annotations

import json
import os
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cosim.errors import StorageError

if TYPE_CHECKING:
    import pandas as pd

OK, FLAGGED, UNTRUSTED, REFUSED = "ok", "flagged", "untrusted", "refused"
RAISED, DIED, TIMEOUT = "raised", "died", "timeout"
STATUSES = (OK, FLAGGED, UNTRUSTED, REFUSED, RAISED, DIED, TIMEOUT)
TRUSTED = (OK, FLAGGED)
AGAIN = (RAISED, DIED, TIMEOUT)
"""Statuses that ``--retry`` may name: what another try may end otherwise."""
_FAILURES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a row ended.

    Attributes
    ----------
    hash
        Of the row.
    status, exit_code, reason
        One of `STATUSES`; the code of its command; why, in words.
    values, units
        Its measures by name.
    tables
        Columns of the tables that are kept.
    effort
        CPU and wall seconds, host, process, attempt, numerics id: what may differ from one carrying out to the next.
    """

    hash: str
    status: str
    exit_code: int
    reason: str = ""
    values: Mapping[str, float | None] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)
    effort: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def outcome_of(document: Mapping[str, Any]) -> Outcome:
    """Return the outcome that plain data tell."""
    return Outcome(**{name: document[name] for name in Outcome.__dataclass_fields__ if name in document})


class Journal:
    """The one writer of a journal file; made with its first line.

    Parameters
    ----------
    folder
        The study's.
    """

    def __init__(self, folder: Path) -> None:
        stamp = f"{time.time_ns()}"
        self.path = folder / "journal" / f"{socket.gethostname()}-{os.getpid()}-{stamp}.jsonl"
        self._file: IO[bytes] | None = None

    def write(self, outcome: Outcome) -> None:
        """Add a row; it is on disk when this returns.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        try:
            if self._file is None:
                self.path.parent.mkdir(exist_ok=True)
                self._file = self.path.open("ab")
            self._file.write(line_of(outcome))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StorageError(f"'{self.path}' cannot be written: {error.strerror}; what it holds stays") from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def line_of(outcome: Outcome) -> bytes:
    """Return a line of a journal."""
    text = json.dumps(outcome.document(), allow_nan=False, default=plain_cell).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def plain_cell(value: Any) -> Any:  # noqa: ANN401 - a cell of a table
    """Return a cell as JSON takes it."""
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def read_journals(folder: Path) -> dict[str, Outcome]:
    """Return every row that ended, by hash; of several the first that was told, files in order of their names."""
    found: dict[str, Outcome] = {}
    for path in sorted((folder / "journal").glob("*.jsonl")):
        for outcome in _read(path):
            found.setdefault(outcome.hash, outcome)
    return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where the journals tell how a row ended, and its status: a million rows are not held at once."""

    path: Path
    offset: int
    status: str


def places(folder: Path, seen: Callable[[Outcome], None] | None = None) -> dict[str, Place]:
    """Return where every row that ended is told, by hash; of several the first, as in `read_journals`.

    Parameters
    ----------
    folder
        The study's.
    seen
        Called with each outcome on the way.
    """
    found: dict[str, Place] = {}
    for path in sorted((folder / "journal").glob("*.jsonl")):
        for offset, outcome in _told(path):
            if outcome.hash not in found:
                found[outcome.hash] = Place(path, offset, outcome.status)
                if seen is not None:
                    seen(outcome)
    return found


def outcomes_at(wanted: Iterable[Place]) -> Iterator[Outcome]:
    """Yield what the journals tell at some places, in their order."""
    with ExitStack() as stack:
        files: dict[Path, IO[bytes]] = {}
        for place in wanted:
            if place.path not in files:
                files[place.path] = stack.enter_context(place.path.open("rb"))
            files[place.path].seek(place.offset)
            outcome = _outcome(files[place.path].readline())
            if outcome is None:
                raise StorageError(f"'{place.path}' changed while it was read; collect again")
            yield outcome


def find(folder: Path, row: str) -> Outcome | None:
    """Return how a row ended; None if it did not."""
    place = places(folder).get(row)
    return None if place is None else next(outcomes_at([place]))


def _read(path: Path) -> Iterator[Outcome]:
    """Yield the rows of a journal."""
    for _, outcome in _told(path):
        yield outcome


def _told(path: Path) -> Iterator[tuple[int, Outcome]]:
    """Yield the rows of a journal, each with its place; of a torn or damaged line nothing is believed."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            outcome = _outcome(line)
            if outcome is not None:
                yield offset, outcome
            offset += len(line)


def _outcome(line: bytes) -> Outcome | None:
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    whole = line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(text)
    return outcome_of(json.loads(text)) if whole else None


def forget(folder: Path, statuses: tuple[str, ...]) -> int:
    """Take rows of some statuses out of the journals, so that they are run again; return how many."""
    count = 0
    for path in sorted((folder / "journal").glob("*.jsonl")):
        rows = list(_read(path))
        kept = [row for row in rows if row.status not in statuses]
        if len(kept) < len(rows):
            temporary = path.with_suffix(".tmp")
            temporary.write_bytes(b"".join(map(line_of, kept)))
            temporary.replace(path)
            count += len(rows) - len(kept)
    return count


def claim(folder: Path, row: str) -> int:
    """Note that a row begins, and return which attempt this is, from 1; earlier ones that died left their claims."""
    claims = folder / "claims"
    claims.mkdir(exist_ok=True)
    attempt = 1
    while True:
        try:
            os.close(os.open(claims / f"{row}.{attempt}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            attempt += 1
            continue
        except OSError as error:
            raise StorageError(f"'{claims}' cannot be written: {error.strerror}") from error
        return attempt


def attempts(folder: Path, row: str) -> int:
    """Return how many attempts at a row are on record."""
    return sum(1 for _ in _claims(folder, row))


def release(folder: Path, row: str) -> None:
    """Take the claims of a row back: it ended, or was never begun."""
    for path in list(_claims(folder, row)):
        with suppress(OSError):
            path.unlink()


def _claims(folder: Path, row: str) -> Iterator[Path]:
    """Yield the claims of a row; their numbers have no gap, so that no folder of many rows need be listed."""
    attempt = 1
    while (path := folder / "claims" / f"{row}.{attempt}").exists():
        yield path
        attempt += 1


def take_back(folder: Path, row: str, attempt: int) -> None:
    """Take one claim back: an orderly stop is no death."""
    with suppress(OSError):
        (folder / "claims" / f"{row}.{attempt}").unlink()


def note_failure(folder: Path, row: str, text: str) -> None:
    """Keep what a row that failed said last; of the first thousand."""
    failures = folder / "failures"
    with suppress(OSError):
        failures.mkdir(exist_ok=True)
        if sum(1 for _ in failures.iterdir()) < _FAILURES:
            (failures / f"{row}.txt").write_text(text, encoding="utf-8")


def read_frame(path: Path) -> pd.DataFrame:
    """Return a table of a CSV or Parquet file.

    Raises
    ------
    StorageError
        If it is neither.
    """
    import pandas as pd

    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=object, keep_default_na=False)
    raise StorageError(f"'{path.name}' must end in .csv or .parquet")
