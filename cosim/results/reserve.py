"""Room for ``run.json``, taken before a run: how a run ended can be written when the disk is full.

The file lies ready in its full size, and its name changes; neither takes room. Where even that fails, the file is
renamed to tell the next command so.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosim.errors import StorageError
from cosim.results import files
from cosim.results.sums import with_own_sum

END, RESERVED, LOST = "run.json", ".run.json.reserved", ".run.json.lost"
SIZE = 65_536
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def reserve(folder: Path) -> None:
    """Take the room.

    Raises
    ------
    OSError
        If it is not there.
    """
    descriptor = os.open(folder / RESERVED, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, SIZE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_end(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``run.json`` with its own sum, on a full disk into the room that was taken for it.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    try:
        files.replace(folder / END, files.json_text(with_own_sum(content)).encode())
    except StorageError as error:
        if not is_full(error):
            raise
        _use_reserve(folder, content, error)
    (folder / RESERVED).unlink(missing_ok=True)


def is_full(error: StorageError) -> bool:
    """Whether it is the disk that is full."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in FULL


def _use_reserve(folder: Path, content: Mapping[str, Any], full: StorageError) -> None:
    text = _fitting(content)
    try:
        with (folder / RESERVED).open("r+b") as stream:
            stream.write(text)
            stream.truncate()
            stream.flush()
            os.fsync(stream.fileno())
        (folder / RESERVED).rename(folder / END)
    except OSError as error:
        if (folder / RESERVED).exists():
            (folder / RESERVED).rename(folder / LOST)
        raise full from error


def _fitting(content: Mapping[str, Any]) -> bytes:
    """Return the text with as many of the reasons as there is room for, the last ones first to go."""
    reasons = list(content["reasons"])
    while True:
        kept = reasons if len(reasons) == len(content["reasons"]) else [*reasons, "more reasons: the disk was full"]
        text = files.json_text(with_own_sum({**content, "reasons": kept})).encode()
        if len(text) <= SIZE or not reasons:
            return text
        reasons = reasons[: len(reasons) // 2]
