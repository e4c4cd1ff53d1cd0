"""What every cross-check has: the scenario, its tree and files, and a place for what is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosim.errors import InputError, Problem
from cosim.grid.feeder import Feeder
from cosim.scenario.files import ScenarioFiles
from cosim.scenario.road_sections import OdPair
from cosim.scenario.schema import Scenario
from cosim.scenario.tree import find, nearest
from cosim.scenario.yaml_reader import Node
from cosim.tables import did_you_mean
from cosim.traffic.network import RoadNetwork

_SHOWN = 8
_SHORTEST_RANGE = 3


@dataclass(slots=True)
class Check:
    """What the checks look at, and what they find.

    ``broken`` names top-level keys of which the schema refused a part; ``network`` and ``feeder`` are None, and
    ``pairs`` is empty, where they could not be read.
    """

    scenario: Scenario
    tree: Node
    files: ScenarioFiles
    broken: frozenset[str]
    mistakes: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    network: RoadNetwork | None = None
    pairs: tuple[OdPair, ...] = ()
    feeder: Feeder | None = None

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
