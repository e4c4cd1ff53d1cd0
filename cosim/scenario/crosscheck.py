"""What the schema cannot see: names that must exist elsewhere, files, lengths, sections that need each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosim.errors import InputError, Problem
from cosim.scenario.files import ScenarioFiles
from cosim.scenario.schema import Scenario
from cosim.scenario.tree import find, nearest
from cosim.scenario.yaml_reader import Node
from cosim.tables import did_you_mean

_SHOWN = 8
_SHORTEST_RANGE = 3
_NEEDS = (
    ("roads", "traffic"),
    ("traffic", "roads"),
    ("ev", "roads"),
    ("ev", "stations"),
    ("grid", "feeder"),
    ("grid", "devices"),
    ("grid", "tariff"),
    ("grid", "dispatch"),
    ("feeder", "grid"),
    ("devices", "grid"),
    ("dispatch", "grid"),
    ("tariff", "grid"),
)
"""(section, what it cannot be without)."""


@dataclass(slots=True)
class Check:
    """What the checks look at, and what they find.

    ``broken`` names top-level keys of which the schema refused a part; ``bus_ids`` is empty where the
    feeder could not be read.
    """

    scenario: Scenario
    tree: Node
    files: ScenarioFiles
    broken: frozenset[str]
    mistakes: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    bus_ids: tuple[str, ...] = ()

    def whole(self, *keys: str) -> bool:
        """Whether the schema accepted these top-level keys completely."""
        return not self.broken.intersection(keys)

    def at(self, path: str, reason: str, remedy: str = "", *, warn: bool = False) -> None:
        """Note a mistake (or warning) at a dotted path."""
        mark = nearest(self.tree, path.split(".")).mark
        (self.warnings if warn else self.mistakes).append(mark.problem(path, reason, remedy))

    def attempt(self, path: str, read: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is read
        """Return what ``read`` returns; note its `InputError` (without a place: at ``path``) and return None."""
        try:
            return read()
        except InputError as error:
            for one in self.files.displayed(error.problems):
                if one.file:
                    self.mistakes.append(one)
                else:
                    below = find(self.tree, [*path.split("."), one.field]) if one.field else None
                    where = f"{path}.{one.field}" if below is not None else path
                    self.at(where, one.reason, one.remedy)
        return None


def check(scenario: Scenario, tree: Node, files: ScenarioFiles, broken: frozenset[str]) -> Check:
    """Return all mistakes and warnings that need more than one value to be seen."""
    # The parts import this module's `Check`.
    from cosim.scenario import check_grid, check_roads, check_series, sources

    found = Check(scenario=scenario, tree=tree, files=files, broken=broken)
    _sections(found)
    _unique_names(found, "stations", [station.name for station in scenario.stations])
    _unique_names(found, "devices", [device.name for device in scenario.devices])
    check_roads.check(found)
    check_grid.check(found)
    check_series.check(found)
    found.mistakes.extend(sources.dangling(tree, broken))
    return found


def unknown(name: str, known: Sequence[str]) -> str:
    """Return the remedy for a name that is not among the known: the closest one, or what there is."""
    if _consecutive(known):
        return f"known: {known[0]}-{known[-1]}"
    hint = did_you_mean(name, known)
    if hint.startswith("known") and len(known) > _SHOWN:
        return "known: " + ", ".join(known[:_SHOWN]) + f" and {len(known) - _SHOWN} more"
    return hint


def _consecutive(names: Sequence[str]) -> bool:
    if len(names) < _SHORTEST_RANGE or not all(name.isascii() and name.isdigit() for name in names):
        return False
    return bool(np.all(np.diff([int(name) for name in names]) == 1))


def _sections(found: Check) -> None:
    """Check that sections which need each other are there, and none that would be without effect."""
    scenario = found.scenario
    if scenario.roads is None and scenario.grid is None and found.whole("roads", "grid", "traffic", "feeder"):
        found.at("schema", "neither roads nor a grid", "add roads and traffic, or grid and feeder, or both")
    for key, needed in _NEEDS:
        if getattr(scenario, key) and not getattr(scenario, needed) and found.whole(needed):
            found.at(key, f"{key} without {needed}", f"add '{needed}: ...', or remove {key}")
    if scenario.roads is not None and scenario.stations and scenario.ev is None and found.whole("ev"):
        found.at("stations", "stations on roads without ev", "add 'ev: ...'")


def _unique_names(found: Check, section: str, names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        first = names.index(name)
        if first != place:
            line = nearest(found.tree, (section, first, "name")).mark.line
            reason = f"{name!r} stands already in line {line}" if line else f"{name!r} stands twice"
            found.at(f"{section}.{place}.name", reason, "rename one of them")
