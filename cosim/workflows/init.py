"""Begin a scenario of one's own: a folder that runs, with a comment at every key."""

from __future__ import annotations

from pathlib import Path

from cosim.errors import StorageError
from cosim.scenario.export import write_folder
from cosim.scenario.json_schema import schema_text
from cosim.scenario.load import load
from cosim.scenario.template import SCHEMA_FILE, commented_yaml

FIRST = "five_nodes"
"""The scenario to begin from where none is named: small enough to be read as a whole."""


def init(folder: Path, case: str | None = None) -> Path:
    """Write a scenario into a new folder and return its YAML file.

    Parameters
    ----------
    folder
        New or empty.
    case
        The scenario to begin from: a shipped name, a YAML file, a folder; None: `FIRST`.

    Raises
    ------
    UsageError
        If the folder holds anything.
    InputError
        If there is no such scenario, or it is wrong.
    StorageError
        If the folder cannot be written.
    """
    loaded = load(FIRST if case is None else case)
    written = write_folder(loaded, folder, commented_yaml(loaded, folder.name))
    try:
        written.with_name(SCHEMA_FILE).write_text(schema_text(), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder} cannot be written ({error.strerror})") from error
    return written
