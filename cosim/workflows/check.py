"""Check a scenario without starting anything: every mistake and every warning at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.errors import InputError, Problem
from cosim.scenario.build import build_dispatch, build_roads, warnings_of
from cosim.scenario.load import LoadedScenario, load
from cosim.scenario.road_case import RoadCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What `check` found.

    ``mistakes`` keep a scenario from running, ``warnings`` do not. ``loaded`` is None after a mistake.
    """

    mistakes: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    loaded: LoadedScenario | None = None


def check(scenario: str | Path, overrides: Sequence[str] = ()) -> Findings:
    """Read a scenario and build its networks, demand, paths, series and devices; start no simulator.

    Parameters
    ----------
    scenario, overrides
        As `cosim.scenario.load.load` takes them.
    """
    try:
        loaded = load(scenario, overrides)
    except InputError as error:
        return Findings(mistakes=tuple(error.problems))
    mistakes: list[Problem] = []
    built: dict[str, object] = {}
    steps: dict[str, Callable[[LoadedScenario], object]] = {"traffic": build_roads, "grid": build_dispatch}
    for section, step in steps.items():
        try:
            built[section] = step(loaded)
        except InputError as error:
            mistakes += [
                one if one.file else loaded.problem(section, one.reason, one.remedy)
                for one in loaded.files.displayed(error.problems)
            ]
    roads = built.get("traffic")
    warnings = warnings_of(loaded, roads if isinstance(roads, RoadCase) else None)
    return Findings(mistakes=tuple(dict.fromkeys(mistakes)), warnings=warnings, loaded=None if mistakes else loaded)
