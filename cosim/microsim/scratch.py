"""Temporary folders of the simulation: what a killed process left behind is removed by the next one.

A folder is locked while its process lives; the kernel lets go of the lock however that ends. So a folder without a lock
belongs to nobody, whatever machine or container made it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX = "cosim-scratch-"
YOUNG_S = 60.0
"""A younger folder may not have been locked yet."""


class Scratch(tempfile.TemporaryDirectory[str]):
    """A temporary folder as `tempfile.TemporaryDirectory`, locked until it is removed."""

    def __init__(self) -> None:
        remove_abandoned()
        super().__init__(prefix=PREFIX)
        self._lock: int | None = os.open(self.name, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def cleanup(self) -> None:
        """Remove the folder and let go of its lock; does nothing the second time."""
        super().cleanup()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove_abandoned() -> None:
    """Remove our own folders whose process has ended without doing so; what cannot be removed is left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            _remove(folder)


def _remove(folder: Path) -> None:
    about = folder.lstat()
    if about.st_uid != os.getuid() or time.time() - about.st_mtime < YOUNG_S:
        return
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
