"""Checksums of what is stored: ``SHA256SUMS`` beside the files (for ``sha256sum -c``), a digest in ``run.json``.

What is read of a run is read through here, so that a file that was edited, cut or lost after it was written is told by
its name and never taken for a result.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosim.errors import StorageError
from cosim.results.files import json_text

SUMS = "SHA256SUMS"
OWN = "sha256"
"""Key of ``run.json``: SHA-256 of all the rest of it."""
Sums = Mapping[str, str]
"""SHA-256 by name of a file, relative to the folder of the sums."""
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


class Damaged(StorageError):
    """A stored file is missing, or is not as it was written.

    Parameters
    ----------
    what
        The file, and what is wrong with it.
    remedy
        The way out.
    """

    def __init__(self, what: str, remedy: str = "restore it from a copy, or run its scenario again") -> None:
        self.what = what
        super().__init__(f"{what}; {remedy}")


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def sums_text(sums: Sums) -> str:
    """Return the text of ``SHA256SUMS``, names in order."""
    return "".join(f"{value}  {name}\n" for name, value in sorted(sums.items()))


def read_sums(folder: Path, *, needed: bool) -> Sums | None:
    """Return the sums of a folder; None if there are none and none are needed.

    Raises
    ------
    Damaged
        If they are needed and not there, or are no list of sums.
    """
    path = folder / SUMS
    if not needed and not path.exists():
        return None
    lines = _read(path).decode(errors="replace").splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    if not lines or None in found:
        raise Damaged(f"'{path}' is no list of SHA-256 sums")
    return {match[2]: match[1] for match in found if match is not None}


def checked(folder: Path, name: str, sums: Sums | None) -> bytes:
    """Return a file's content as it was written; without sums, as it is.

    Raises
    ------
    Damaged
        If it is missing, cannot be read, or has another sum.
    """
    content = _read(folder / name, "" if sums is None else f", but {SUMS} lists it")
    if sums is not None and digest(content) != sums.get(name):
        what = "is empty" if not content else f"has not the SHA-256 that {SUMS} says: it was changed or cut"
        raise Damaged(f"'{folder / name}' {what}")
    return content


def with_own_sum(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain data with the sum of themselves."""
    rest = {key: value for key, value in content.items() if key != OWN}
    return {**rest, OWN: digest(json_text(rest).encode())}


def holds_own_sum(content: Mapping[str, Any]) -> bool:
    """Whether plain data are as `with_own_sum` returned them."""
    return with_own_sum(content) == content


def read_object(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file of a run holds.

    Raises
    ------
    StorageError
        If the file is not there.
    Damaged
        If it cannot be read or holds none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StorageError(f"'{path.parent}' has no {path.name}: it is not a run folder") from None
    except (OSError, ValueError, RecursionError) as error:
        raise Damaged(f"'{path}' cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise Damaged(f"'{path}' holds no JSON object: it is damaged")
    return content


def _read(path: Path, more: str = "") -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Damaged(f"'{path}' is missing{more}") from None
    except OSError as error:
        raise Damaged(f"'{path}' cannot be read: {error.strerror or error}") from error
