"""Where things are: ``places.json`` of a run, for maps and exports.

Tables name nodes, links, buses and lines; where they lie and what they join is the same in every period, and is
written once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosim.results.sums import Damaged, checked, read_sums

PLACES = "places.json"
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Nodes and links of the roads, buses and lines of the feeder.

    Attributes
    ----------
    nodes, buses
        Coordinates x, y by id; None for one that has none.
    links, lines
        Ids of both ends by id, in the direction of travel and of supply.
    slack
        The bus that the upstream grid supplies; None without a grid.
    """

    nodes: Mapping[str, Point | None] = field(default_factory=dict)
    links: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    buses: Mapping[str, Point | None] = field(default_factory=dict)
    lines: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    slack: str | None = None

    def text(self) -> str:
        """Return the file's content, a line an element."""
        parts = {name: getattr(self, name) for name in ("nodes", "links", "buses", "lines")}
        rows = [
            f'"{name}": {{\n' + ",\n".join(f"{json.dumps(key)}: {json.dumps(at)}" for key, at in part.items()) + "\n}"
            for name, part in parts.items()
        ]
        return "{\n" + ",\n".join([*rows, f'"slack": {json.dumps(self.slack)}']) + "\n}\n"


NOWHERE = Places()


def stored_places(folder: Path) -> Places:
    """Return where things are in a run; `NOWHERE` of one that an earlier version wrote.

    Raises
    ------
    Damaged
        If the file is not as it was written.
    """
    sums = read_sums(folder, needed=False) or {}
    return read_places(checked(folder, PLACES, sums), str(folder / PLACES)) if PLACES in sums else NOWHERE


def read_places(content: bytes, where: str) -> Places:
    """Return what `Places.text` wrote.

    Raises
    ------
    Damaged
        If it is something else.
    """
    try:
        found = json.loads(content)
        return Places(
            nodes=_points(found["nodes"]), links=_ends(found["links"]),
            buses=_points(found["buses"]), lines=_ends(found["lines"]), slack=found["slack"],
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"'{where}' does not say where things are: {type(error).__name__} {error}") from error


def located(ids: Iterable[str], xy: Iterable[Iterable[float]]) -> dict[str, Point | None]:
    """Return coordinates by id; none are known where all are the same point.

    >>> located(["a", "b"], [[0.0, 0.0], [0.0, 0.0]])
    {'a': None, 'b': None}
    """
    names, points = list(ids), [(float(x), float(y)) for x, y in xy]
    if len(set(points)) < min(len(names), 2):
        return dict.fromkeys(names)
    return dict(zip(names, points, strict=True))


def _points(part: Mapping[str, Any]) -> dict[str, Point | None]:
    return {str(key): None if at is None else (float(at[0]), float(at[1])) for key, at in part.items()}


def _ends(part: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {str(key): (str(at[0]), str(at[1])) for key, at in part.items()}
