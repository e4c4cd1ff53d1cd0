"""Provenance of a run: what was run, on what, with which inputs and versions."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cosim.errors import StorageError
from cosim.plain import Document
from cosim.version import __version__

PACKAGES = (
    "clarabel",
    "cvxpy",
    "eclipse-sumo",
    "mosaik",
    "mosaik-api-v3",
    "numpy",
    "pandapower",
    "pandas",
    "plotly",
    "pyarrow",
    "pydantic",
    "ruamel.yaml",
    "scipy",
)
FORMAT = 3
"""Format of run folders: 1 is that of version 0.1.0, whose scenarios have former names of keys; 3 has sums of files."""
SUMMED = 3
"""First format whose every file has a SHA-256."""
READABLE = range(1, FORMAT + 1)


def check_format(content: Document, folder: Path) -> None:
    """Refuse a run folder of a format that this program does not read; one without a word of it is of the first.

    Raises
    ------
    StorageError
        Naming format, the version that wrote it, what is read, and the way out.
    """
    found, packages = content.get("format", 1), content.get("versions")
    if found not in READABLE:
        wrote = packages.get("cosim", "?") if isinstance(packages, Mapping) else "?"
        raise StorageError(
            f"run '{folder}' has format {found!r}, written by cosim {wrote}; cosim {__version__} reads formats "
            f"{READABLE[0]} to {READABLE[-1]}; open it with cosim {wrote}, or run its scenario again"
        )


def has_sums(content: Document) -> bool:
    """Whether every file of a run must have a SHA-256; a file without one is damaged then."""
    return content.get("format", 1) in range(SUMMED, FORMAT + 1)


def versions() -> dict[str, str]:
    """Return the installed version of every package that a result depends on; ``missing`` where it is not there."""
    found = {"cosim": __version__}
    for package in PACKAGES:
        try:
            found[package] = _version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def _version(package: str) -> str:
    """Return the version of a package; `importlib.metadata.version` parses all else that is known of it, too."""
    known = distribution(package)
    line = re.search(r"^Version: *(\S+)", known.read_text("METADATA") or "", re.MULTILINE)
    return known.version if line is None else line[1]


def manifest(*, command: Sequence[str], content: Document) -> Document:
    """Return the manifest of a run.

    Parameters
    ----------
    command
        Command line or call that started it.
    content
        What the scenario adds: name, text, inputs with SHA-256, seed, gates, sources.
    """
    return {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "versions": versions(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "git": git_state(Path(__file__).parent),
        **content,
    }


def git_state(folder: Path) -> Document | None:
    """Return commit and cleanness of the source tree, or None where the package is not run from one."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "dirty": dirty}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 - fixed words
    return done.stdout.strip()
