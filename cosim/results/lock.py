"""One process at a time works in a run folder: it holds a lock, which goes with the process however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cosim.errors import LockedError, StorageError


@contextmanager
def at_work(run: Path) -> Iterator[None]:
    """Hold the lock of a run folder.

    Raises
    ------
    LockedError
        If another process holds it.
    StorageError
        If there is nothing to lock.
    """
    try:
        descriptor = os.open(run / "periods", os.O_RDONLY)
    except OSError as error:
        raise StorageError(f"run folder '{run}' cannot be opened: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(at_work_reason(run)) from None
        except OSError as error:  # a file system without locks
            raise StorageError(f"run folder '{run}' cannot be locked: {error.strerror}") from error
        yield
    finally:
        os.close(descriptor)


def at_work_reason(run: Path) -> str:
    """Return why a run folder cannot be used."""
    return f"another process is at work in run folder '{run}'; wait for its end, or choose another with --out"


def is_at_work(run: Path) -> bool:
    """Whether a process works in a run folder."""
    try:
        with at_work(run):
            return False
    except LockedError:
        return True
    except StorageError:
        return False
