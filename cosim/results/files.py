"""Files of a run folder: written under a temporary name and renamed; strict JSON; one writer at a time."""

from __future__ import annotations

import fcntl
import json
import math
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from cosim.errors import StorageError


def json_text(content: Mapping[str, Any]) -> str:
    """Return strict JSON; a number that is not finite becomes its name (``"nan"``), since JSON has no word for it."""
    return json.dumps(_named(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _named(value: Any) -> Any:  # noqa: ANN401 - any plain data
    if isinstance(value, Mapping):
        return {key: _named(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_named(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def replace(path: Path, content: bytes) -> None:
    """Put a file in the place of an older one, on the disk before its name is.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{threading.get_native_id()}.tmp")  # last words come from another thread
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        sync(temporary)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StorageError(f"'{path}' cannot be written: {error.strerror}") from error


_passing: ContextVar[bool] = ContextVar("passing", default=False)


@contextmanager
def passing() -> Iterator[None]:
    """Force nothing to the disk within: what is written is thrown away as soon as it was read."""
    token = _passing.set(True)
    try:
        yield
    finally:
        _passing.reset(token)


def sync(path: Path) -> None:
    """Force a file or folder to the disk, unless it passes."""
    if _passing.get():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change what stands in a run folder.

    Raises
    ------
    StorageError
        If the folder cannot be opened or locked.
    """
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
