"""Where each value of a scenario comes from: the section ``sources``, a map from dotted paths to citations.

An entry covers all that stands below its path; the longest path wins. An entry of an extended scenario no longer
covers a value that the extending one, or ``--set``, changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cosim.errors import Problem
from cosim.scenario.tree import find, item_names, leaves, nearest
from cosim.scenario.yaml_reader import Node
from cosim.tables import did_you_mean

KEY = "sources"
_OWN = (KEY, "extends")


def settled(tree: Node) -> Node:
    """Return the tree with ``sources`` made true after ``extends`` and overrides.

    Inherited entries without a value are dropped; changed values get an entry of their own.
    """
    entries = _entries(tree)
    if not entries or not isinstance(tree.value, dict):
        return tree
    kept = {path: node for path, node in entries.items() if node.level <= 0 or find(tree, path.split(".")) is not None}
    for path, node in leaves(tree):
        covered = _covering(tree, path)
        if path[0] not in _OWN and covered is not None and covered.level > node.level:
            text = source_of(tree, path)
            spelling = next(_spellings(tree, path))
            kept[spelling] = replace(node, value=text, text=text)
    return replace(tree, value={**tree.value, KEY: replace(tree.value[KEY], value=kept)})


def dangling(tree: Node, broken: frozenset[str]) -> Iterator[Problem]:
    """Yield a problem for every entry whose path is not in the scenario, except below ``broken`` keys."""
    for path, node in _entries(tree).items():
        keys = path.split(".")
        if keys[0] in broken or find(tree, keys) is not None:
            continue
        parent = nearest(tree, keys)
        known = sorted(parent.value) if isinstance(parent.value, dict) else item_names(parent)
        missing = next(key for place, key in enumerate(keys) if find(tree, keys[: place + 1]) is None)
        hint = did_you_mean(missing, known) if known else ""
        yield (node.key_mark or node.mark).problem(f"{KEY}.{path}", "this path is not in the scenario", hint)


def source_of(tree: Node, path: Sequence[str | int]) -> str:
    """Return the entry that covers a path, or else where the value was set."""
    node = find(tree, path)
    if node is None:
        return "default"
    covering = _covering(tree, path)
    if covering is not None and covering.level <= node.level:
        return str(covering.value)
    return "--set" if node.level < 0 else f"this scenario ({node.mark.file})"


def _entries(tree: Node) -> dict[str, Node]:
    entries = find(tree, (KEY,))
    return entries.value if entries is not None and isinstance(entries.value, dict) else {}


def _covering(tree: Node, path: Sequence[str | int]) -> Node | None:
    """Return the entry with the longest path that covers a value, the value's own level permitting if any does."""
    entries = _entries(tree)
    found = [entries[spelling] for spelling in _spellings(tree, path) if spelling in entries]
    node = find(tree, path)
    level = node.level if node is not None else 0
    return next((entry for entry in found if entry.level <= level), found[0] if found else None)


def _spellings(tree: Node, path: Sequence[str | int]) -> Iterator[str]:
    """Yield the dotted spellings of a path and its parents, longest first, list items by name and by position."""
    words = [_words(tree, path[:place], key) for place, key in enumerate(path)]
    for length in range(len(words), 0, -1):
        combined = [""]
        for options in words[:length]:
            combined = [f"{head}.{option}" if head else option for head in combined for option in options]
        yield from combined


def _words(tree: Node, parent_path: Sequence[str | int], key: str | int) -> list[str]:
    parent = find(tree, parent_path)
    if parent is None or not isinstance(parent.value, list):
        return [str(key)]
    item = find(parent, (key,))
    name = find(item, ("name",)) if item is not None else None
    position = next((place for place, one in enumerate(parent.value) if one is item), key)
    return ([name.text] if name is not None else []) + [str(position)]
