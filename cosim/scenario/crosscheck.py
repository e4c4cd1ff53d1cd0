"""What the schema cannot see: names that must exist elsewhere, files, lengths, sections that need each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    from cosim.scenario import check_grid, check_roads, check_series

    found = Check(scenario=scenario, tree=tree, files=files, broken=broken)
    _sections(found)
    _unique_names(found, "stations", [station.name for station in scenario.stations])
    _unique_names(found, "devices", [device.name for device in scenario.devices])
    check_roads.check(found)
    check_grid.check(found)
    check_series.check(found)
    _sources(found)
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


def _sources(found: Check) -> None:
    entries = find(found.tree, ("sources",))
    if entries is None or not isinstance(entries.value, dict):
        return
    for path, node in entries.value.items():
        keys = path.split(".")
        if node.level > 0 or keys[0] in found.broken or find(found.tree, keys) is not None:
            continue
        parent = nearest(found.tree, keys)
        known = sorted(parent.value) if isinstance(parent.value, dict) else _item_names(parent)
        missing = next((key for place, key in enumerate(keys) if find(found.tree, keys[: place + 1]) is None), path)
        mark = node.key_mark or node.mark
        hint = did_you_mean(missing, known) if known else ""
        found.mistakes.append(mark.problem(f"sources.{path}", "this path is not in the scenario", hint))


def _item_names(parent: Node) -> list[str]:
    items = parent.value if isinstance(parent.value, list) else []
    names = [nearest(item, ("name",)) for item in items]
    return [node.text or str(place) for place, node in enumerate(names)]


def source_of(tree: Node, path: Sequence[str | int]) -> str:
    """Return the ``sources`` entry that covers a path (the longest that does), or where the value was set.

    An entry of an extended scenario does not cover a value that the extending one changed.
    """
    entries = find(tree, ("sources",))
    node = find(tree, path)
    level = node.level if node is not None else 0
    if entries is not None and isinstance(entries.value, dict):
        for spelling in _spellings(tree, path):
            entry = entries.value.get(spelling)
            if entry is not None and entry.level <= level:
                return str(entry.value)
    if level < 0:
        return "--set"
    return f"this scenario ({node.mark.file})" if node is not None else "default"


def _spellings(tree: Node, path: Sequence[str | int]) -> Iterator[str]:
    """Yield the dotted spellings of a path and its parents, longest first, list items by name and by position."""
    words: list[list[str]] = []
    for place, key in enumerate(path):
        parent = find(tree, path[:place])
        options = [str(key)]
        if parent is not None and isinstance(parent.value, list):
            item = find(parent, (key,))
            name = find(item, ("name",)) if item is not None else None
            position = next((n for n, one in enumerate(parent.value) if one is item), key)
            options = ([name.text] if name is not None else []) + [str(position)]
        words.append(options)
    for length in range(len(words), 0, -1):
        combined = [""]
        for options in words[:length]:
            combined = [f"{head}.{option}" if head else option for head in combined for option in options]
        yield from combined
