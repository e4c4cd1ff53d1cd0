"""`cosim migrate`: a scenario file in present spelling."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

from rich.markup import escape

from cosim.cli.terminal import console
from cosim.errors import InputError

FORMER_SPELLING = 10
"""Exit code where a file has former spellings and is left as it is."""


def migrate_command(file: Path, *, write: bool) -> int:
    """Print what would change, or write it; 0 where nothing is left to change, `FORMER_SPELLING` where something is."""
    from cosim.scenario.migrate import migrated, written

    path = file / "scenario.yaml" if file.is_dir() else file
    if not path.is_file():
        raise InputError(f"'{file}' is no scenario file; name a YAML file, or a folder with scenario.yaml")
    text, new = migrated(path)
    screen = console()
    if text == new:
        screen.print(f"{escape(str(path))}: nothing to change", soft_wrap=True)
        return 0
    if write:
        written(path, new)
        screen.print(f"{escape(str(path))}: rewritten", soft_wrap=True)
        return 0
    old, present = (one.splitlines(keepends=True) for one in (text, new))
    sys.stdout.writelines(difflib.unified_diff(old, present, fromfile=str(path), tofile=str(path)))
    return FORMER_SPELLING
