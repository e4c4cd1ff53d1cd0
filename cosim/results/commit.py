"""Folders that are there wholly or not at all, with the sums of their files: the rename is the commit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from cosim.results import files
from cosim.results.sums import SUMS, digest, sums_text

TEMPORARY = ".tmp-"
"""How the name of what is being written begins; whoever finds it in a run folder that nobody works in may remove it."""


def commit_folder(run: Path, target: Path, contents: Mapping[str, bytes]) -> None:
    """Write a folder beside its place, force it to the disk, and rename it.

    Parameters
    ----------
    run
        The run folder.
    target
        The folder's place below it, where nothing may stand.
    contents
        What each of its files holds, by name.

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
        sums = {name: digest(content) for name, content in contents.items()}
        whole = {**contents, SUMS: sums_text(sums).encode()}
        for name, content in whole.items():
            (temporary / name).write_bytes(content)
        for name in whole:
            files.sync(temporary / name)
        files.sync(temporary)
        temporary.rename(target)
        files.sync(target.parent)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)  # its room may be what the run's end needs
        raise
