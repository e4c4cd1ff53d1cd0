"""Mappings with a ``kind``: which settings each knows, and what is left of those that were meant for another.

A scenario that extends another, or ``--set``, may change a kind: settings inherited for the former kind fall away
unless the new one knows them, too. So do former keys that were always there and counted for one kind only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from cosim.coupling.prices import PRICES
from cosim.dispatch.devices import catalogue
from cosim.dispatch.tariffs import TARIFFS
from cosim.scenario import renamed
from cosim.scenario.families import station_laws
from cosim.scenario.renamed import COUPLING, SOURCES, STATION
from cosim.scenario.schema import DEFAULT_LAW, DEFAULT_PRICE, Scenario
from cosim.scenario.tree import Path, find, items_of, updated
from cosim.scenario.yaml_reader import Mark, Node

KIND = "kind"
_NOWHERE = Mark(file="")
FAMILIES: dict[Path, tuple[Callable[[], Mapping[str, Any]], str]] = {
    ("tariff",): (lambda: TARIFFS, ""),
    ("devices", "*"): (catalogue, ""),
    (*STATION, "law"): (station_laws, DEFAULT_LAW),
    (*COUPLING, "ev_price"): (lambda: PRICES, DEFAULT_PRICE),
}
"""Where a mapping has a kind: its family, and the kind where none is given."""


def known(tree: Node, path: Path) -> set[str] | None:
    """Return the settings that the mapping at a path may have by its kind, or else the usual one; None of no kind."""
    kind = find(tree, (*path, KIND))
    for pattern, (family, default) in FAMILIES.items():
        same = len(path) == len(pattern) and all(one in ("*", key) for one, key in zip(pattern, path, strict=True))
        name = kind.value if kind is not None else default
        if same and isinstance(name, str) and name in (members := family()):
            return {item.name for item in fields(members[name].Settings)}
    return None


def settings_of(kind: str) -> set[str]:
    """Return the settings that a kind of device has; none of a kind that is not known."""
    members = catalogue()
    return {item.name for item in fields(members[kind].Settings)} if kind in members else set()


def settled(tree: Node) -> Node:
    """Return the tree in which each of these mappings has a kind, and no setting inherited for another."""
    for pattern, (_, default) in FAMILIES.items():
        for place in items_of(tree, pattern):
            node = find(tree, place)
            if node is None or not isinstance(node.value, dict):
                continue
            entries, told = dict(node.value), KIND in node.value
            if not told and default:
                level = max((one.level for one in entries.values()), default=node.level)
                entries[KIND] = Node(value=default, mark=node.mark, text=default, level=level)
                tree = updated(tree, place, replace(node, value=entries))
            if (names := known(tree, place)) is not None:
                level = entries[KIND].level
                kept = {name: one for name, one in entries.items() if name in names or not _falls_away(one, level)}
                tree = updated(tree, place, replace(node, value=kept) if told or len(kept) > 1 else None)
    return _without_lost_sources(tree)


def present(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved scenario of a run folder in present spelling; keys that came later have their defaults."""
    told = dict(settled(renamed.current(_node(resolved))[0]).plain())
    try:
        return to_jsonable_python(Scenario.model_validate_json(json.dumps(told)), by_alias=True)  # type: ignore[no-any-return]
    except ValidationError:  # of a device that is not installed, say
        return told


def _node(value: Any) -> Node:  # noqa: ANN401 - plain data
    if isinstance(value, Mapping):
        return Node(value={str(key): _node(one) for key, one in value.items()}, mark=_NOWHERE)
    return Node(value=[_node(one) for one in value] if isinstance(value, list) else value, mark=_NOWHERE)


def _falls_away(node: Node, level: int) -> bool:
    """Whether a setting that a kind does not know was not meant for it: inherited, or former and without effect."""
    inherited = node.level > level
    return inherited or (node.former is not None and (node.former.ignored or not node.value))


def _without_lost_sources(tree: Node) -> Node:
    """Drop entries of ``sources`` by former names whose values fell away."""
    entries = find(tree, (SOURCES,))
    if entries is None or not isinstance(entries.value, dict):
        return tree
    kept = {
        path: node
        for path, node in entries.value.items()
        if node.former is None or find(tree, path.split(".")) is not None
    }
    return updated(tree, (SOURCES,), replace(entries, value=kept))
