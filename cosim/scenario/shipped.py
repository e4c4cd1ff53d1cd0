"""Where the shipped scenarios, road networks and feeders stand."""

from __future__ import annotations

from pathlib import Path

from cosim.errors import InputError, Problem
from cosim.tables import did_you_mean

SCENARIOS, ROADS, FEEDERS = "scenarios", "sumo_nets", "grid_models"
_MARKS = {SCENARIOS: "scenario.yaml", ROADS: "links.csv", FEEDERS: "bus.csv"}


def folder(family: str) -> Path:
    """Return the folder of a family: inside an installed wheel, else beside the package."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_data" / family
    return installed if installed.is_dir() else package.parent / family


def names(family: str) -> list[str]:
    """Return the shipped names of a family, sorted."""
    mark = _MARKS[family]
    return sorted(path.parent.name for path in folder(family).glob(f"*/{mark}"))


def find(scenario: str | Path) -> Path:
    """Return the YAML file of a scenario: a path to it, a folder that holds it, or a shipped name.

    Raises
    ------
    InputError
        If there is no such scenario.
    """
    path = Path(scenario)
    try:
        if path.is_dir() and (path / "scenario.yaml").is_file():
            return path / "scenario.yaml"
        if path.is_file():
            return path
    except OSError:  # a name that the file system cannot hold is no file
        pass
    return find_shipped(str(scenario))


def find_shipped(name: str) -> Path:
    """Return the YAML file of a shipped scenario.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name in (known := names(SCENARIOS)):
        return folder(SCENARIOS) / name / "scenario.yaml"
    reason = f"scenario {name!r} is neither a YAML file nor shipped"
    raise InputError(Problem(reason=reason, remedy=did_you_mean(name, known)))
