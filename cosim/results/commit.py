"""Folders that are there wholly or not at all, with the sums of their files: the rename is the commit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from cosim.results import files
from cosim.results.sums import SUMS, digest, sums_text

TEMPORARY = ".tmp-"
"""How the name of what is being written begins; whoever finds it in a run folder that nobody works in may remove it."""


def commit_folder(run: Path, target: Path, fill: Callable[[Path], None]) -> None:
    """Write a folder beside its place, force it to the disk, and rename it.

    Parameters
    ----------
    run
        The run folder.
    target
        The folder's place below it, where nothing may stand.
    fill
        Writes the files.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    temporary = run / f"{TEMPORARY}{target.name}"
    try:
        if temporary.exists():
            shutil.rmtree(temporary)
        temporary.mkdir()
        fill(temporary)
        sums = {path.name: digest(path.read_bytes()) for path in temporary.iterdir()}
        (temporary / SUMS).write_text(sums_text(sums), encoding="utf-8")
        for path in temporary.iterdir():
            files.sync(path)
        files.sync(temporary)
        temporary.rename(target)
        files.sync(target.parent)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)  # its room may be what the run's end needs
        raise
