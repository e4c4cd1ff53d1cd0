"""Keys of earlier versions: read where they stand now, or left out where they are gone, with a warning.

A run folder holds every key of the version that wrote it, so that scenarios of earlier runs have them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cosim.errors import InputError, Problem
from cosim.quantities import checks
from cosim.scenario.former import Former
from cosim.scenario.tree import Path, find, items_of, updated
from cosim.scenario.yaml_reader import Node, plain_scalar

STATION, COUPLING, SOURCES = ("stations", "*"), ("coupling",), "sources"


FORMER = (
    *(Former(section=("gates",), key=old, now=(new,)) for old, new in checks.RENAMED.items()),
    *(Former(section=("gates",), key=old, instead=other) for old, other in checks.GONE.items()),
    Former(section=COUPLING, key="ev_price", now=("ev_price", "kind")),
    Former(section=COUPLING, key="price_series", now=("ev_price", "file")),
    Former(section=COUPLING, key="markup", now=("ev_price", "markup")),
    Former(section=STATION, key="law", now=("law", "kind")),
    Former(section=STATION, key="davidson_j", now=("law", "j"), ignored=True),
    Former(section=STATION, key="service_scv", now=("law", "scv"), ignored=True),
    Former(section=STATION, key="knee", now=("law", "knee"), ignored=True),
)
"""Every key of earlier versions."""


def found(tree: Node) -> Iterator[tuple[Path, Former]]:
    """Yield the place of every section that holds a former key, and the key."""
    for row in FORMER:
        for place in items_of(tree, row.section):
            node = find(tree, (*place, row.key))
            if node is not None and (not row.was_a_word or _is_word(node.value)):
                yield place, row


def current(tree: Node) -> tuple[Node, list[Problem]]:
    """Return the tree with every former key where it stands now or left out, and a warning for each.

    Raises
    ------
    InputError
        If a value is given under both names.
    """
    warnings: dict[Former, Problem] = {}
    mistakes = []
    for place, row in list(found(tree)):
        old = (*place, row.key)
        node, new = find(tree, old), (*place, *row.now)
        if node is None:
            continue
        told = (node.key_mark or node.mark).problem
        tree = updated(tree, old, None)
        field, name = _dotted(old), _dotted(row.now)
        if not row.now:
            warnings.setdefault(row, told(field, f"is no limit any more, {row.instead} is", "remove it"))
        elif find(tree, new) is not None:
            mistakes.append(told(field, f"former name of {name}, which is given, too", "remove it"))
        else:
            tree = _put(tree, new, replace(node, former=row))
            warnings.setdefault(row, told(field, f"is called {name} now", f"rename it to {name}, or: cosim migrate"))
    if mistakes:
        raise InputError(mistakes)
    return _sources(tree), list(warnings.values())


def present(path: str) -> tuple[str, Former | None]:
    """Return a dotted path by its present name, and the former key that it ended with.

    >>> [present(path)[0] for path in ("gates.slack_mw", "stations.8.davidson_j", "stations.8.law.knee")]
    ['gates.unserved_mw', 'stations.8.law.j', 'stations.8.law.knee']
    """
    *section, key = path.split(".")
    for row in FORMER:
        stands = [*section, key][len(row.section) :][-len(row.now) :] == list(row.now)
        if row.key == key and row.now and not (stands or row.was_a_word) and _covers(row.section, section):
            return ".".join([*section, *row.now]), row
    return path, None


def assignment(text: str) -> str:
    """Return a ``--set`` assignment by the present name of its key.

    >>> assignment("gates.slack_mw=1e-3"), assignment("coupling.ev_price=nodal")
    ('gates.unserved_mw=1e-3', 'coupling.ev_price.kind=nodal')
    """
    path, equals, value = text.partition("=")
    *section, key = path.strip().split(".")
    word = value.strip()[:1] not in ("{", "[", "") and plain_scalar(value.strip()) is not None
    for row in FORMER:
        if row.key == key and row.was_a_word and word and _covers(row.section, section):
            return f"{'.'.join([*section, *row.now])}{equals}{value}"
    renamed, row_of = present(path.strip())
    return text if row_of is None else f"{renamed}{equals}{value}"


def _is_word(value: object) -> bool:
    return value is not None and not isinstance(value, dict | list)


def _covers(pattern: Path, section: list[str]) -> bool:
    """Whether a section's dotted path is of a pattern; a station's name may hold dots."""
    return section[:1] == list(pattern[:1]) and (len(section) == 1 if len(pattern) == 1 else len(section) > 1)


def _put(tree: Node, path: Path, node: Node) -> Node:
    """Return the tree with a node at a path whose last mapping may not be there yet."""
    parent = find(tree, path[:-1])
    if parent is None or not isinstance(parent.value, dict):
        holder = Node(value={str(path[-1]): node}, mark=node.mark, key_mark=node.key_mark, level=node.level)
        return updated(tree, path[:-1], holder)
    return updated(tree, path, node)


def _sources(tree: Node) -> Node:
    """Return the tree with the paths of ``sources`` by their present names."""
    entries = find(tree, (SOURCES,))
    if entries is None or not isinstance(entries.value, dict):
        return tree
    kept: dict[str, Node] = {}
    for path, node in entries.value.items():
        now, row = present(path)
        kept.setdefault(now, node if row is None else replace(node, former=row))
    return updated(tree, (SOURCES,), replace(entries, value=kept))


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
