"""Write a scenario as a folder that stands alone: resolved YAML and every table that it names."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from cosim.errors import StorageError, UsageError
from cosim.scenario.load import LoadedScenario


def resolved_yaml(loaded: LoadedScenario) -> str:
    """Return the scenario with all defaults and without ``extends``, as YAML."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 110
    text = io.StringIO()
    yaml.dump({key: value for key, value in loaded.resolved.items() if key != "extends"}, text)
    return text.getvalue()


def write_folder(loaded: LoadedScenario, folder: Path | str, text: str | None = None) -> Path:
    """Write ``scenario.yaml`` and the tables into a new or empty folder; return the YAML file's path.

    Parameters
    ----------
    loaded
        The scenario.
    folder
        Where it is to stand.
    text
        Of ``scenario.yaml``; None: `resolved_yaml`.

    Raises
    ------
    UsageError
        If the folder holds anything.
    StorageError
        If it cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder; choose another")
    try:
        for name, source in loaded.files.named.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / "scenario.yaml"
        target.write_text(resolved_yaml(loaded) if text is None else text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder} cannot be written ({error.strerror})") from error
    return target
