"""Work on trees of nodes: merge for ``extends``, ``--set`` overrides, look-up by dotted path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cosim.errors import InputError, Problem
from cosim.scenario.yaml_reader import MAX_DEPTH, Mark, Node, dotted, read_yaml
from cosim.tables import did_you_mean, is_count

Path = tuple[str | int, ...]


def merge(base: Node, own: Node, path: str = "") -> Node:
    """Return ``base`` overlaid with ``own``.

    Mappings merge, everything else replaces, null removes. A mapping over a list changes those of the list's
    items that it names: ``devices: {ess: {capacity_mwh: 2}}``.

    Raises
    ------
    InputError
        If a mapping names an item that the list does not have.
    """
    if not isinstance(own.value, dict) or not isinstance(base.value, dict | list):
        same = not isinstance(own.value, dict | list) and own.text == base.text
        unchanged = same and not path.startswith("sources")
        return replace(own, level=base.level) if unchanged else without_nulls(own)
    if isinstance(base.value, list):
        return _merge_items(base, own, path)
    merged = dict(base.value)
    for key, node in own.value.items():
        if node.value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged[key], node, dotted(path, key)) if key in merged else without_nulls(node)
    return replace(own, value=merged)


def _merge_items(base: Node, own: Node, path: str) -> Node:
    items: list[Node | None] = list(base.value) if isinstance(base.value, list) else []
    entries = own.value if isinstance(own.value, dict) else {}
    problems = []
    for key, node in entries.items():
        place = item_position(base, key)
        if place is None:
            names = item_names(base)
            hint = did_you_mean(key, names) if names else "the list is empty"
            mark = node.key_mark or node.mark
            problems.append(mark.problem(dotted(path, key), "the list that is extended has no such item", hint))
        else:
            old = items[place]
            items[place] = None if node.value is None or old is None else merge(old, node, dotted(path, key))
    if problems:
        raise InputError(problems)
    return replace(base, value=[item for item in items if item is not None])


def without_nulls(node: Node) -> Node:
    """Return a node without the keys whose value is null, which have nothing to remove."""
    if not isinstance(node.value, dict):
        return node
    kept = {key: without_nulls(child) for key, child in node.value.items() if child.value is not None}
    return replace(node, value=kept)


def override(root: Node, assignment: str) -> Node:
    """Return the tree with one ``--set a.b=value`` applied.

    List items are addressed by their ``name`` or by their position from 0. A null removes a key.

    Raises
    ------
    InputError
        If the text is not ``path=value``, or the path leads through a list item that is not there.
    """
    path, equals, text = assignment.partition("=")
    path = path.strip()
    mark = Mark(file=f"--set {path}")
    if not equals or not all(path.split(".")):
        raise InputError(mark.problem("", f"{assignment!r} is not of the form path=value", "--set a.b=1"))
    if path.count(".") >= MAX_DEPTH:
        raise InputError(
            Problem("--set", reason=f"the path has more than {MAX_DEPTH} parts", remedy="no key is so deep")
        )
    try:
        value = read_yaml(text.encode("utf-8", "surrogateescape"), mark.file, level=-1) if text.strip() else None
    except InputError as error:
        raise InputError(
            [Problem(mark.file, field=path, reason=p.reason, remedy=p.remedy) for p in error.problems]
        ) from error
    return _assign(root, path.split("."), _marked(value, mark), mark, "")


def _marked(node: Node | None, mark: Mark) -> Node:
    """Return the value of an override, all of it placed at the override."""
    if node is None:
        return Node(value=None, mark=mark, level=-1)
    value = node.value
    if isinstance(value, dict):
        value = {key: _marked(child, mark) for key, child in value.items()}
    elif isinstance(value, list):
        value = [_marked(child, mark) for child in value]
    return replace(node, value=value, mark=mark, key_mark=mark)


def _assign(node: Node, keys: Sequence[str], new: Node, mark: Mark, path: str) -> Node:
    key, rest = keys[0], keys[1:]
    where = dotted(path, key)
    if isinstance(node.value, list):
        place = item_position(node, key)
        if place is None:
            names = item_names(node)
            hint = did_you_mean(key, names) if names else "the list is empty"
            raise InputError(mark.problem(where, f"{path} has no item {key!r}", hint))
        items = list(node.value)
        items[place] = _assign(items[place], rest, new, mark, where) if rest else new
        return replace(node, value=items)
    entries = dict(node.value) if isinstance(node.value, dict) else {}
    if not isinstance(node.value, dict | None):
        raise InputError(mark.problem(where, f"{path} is a value, it has no fields", f"--set {path}=..."))
    if rest:
        child = entries.get(key) or Node(value=None, mark=mark, key_mark=mark, level=-1)
        entries[key] = _assign(child, rest, new, mark, where)
    elif new.value is None:
        entries.pop(key, None)
    else:
        entries[key] = new
    return replace(node, value=entries)


def item_names(node: Node) -> list[str]:
    """Return the names of a list's items; the position where an item has none."""
    items = node.value if isinstance(node.value, list) else []
    return [name_of(item) or str(place) for place, item in enumerate(items)]


def name_of(item: Node) -> str:
    """Return the ``name`` of a list item as text, or an empty text."""
    name = item.value.get("name") if isinstance(item.value, dict) else None
    return name.text if name is not None else ""


def item_position(node: Node, key: str) -> int | None:
    """Return the position of a list item by its name, else by its number from 0."""
    items = node.value if isinstance(node.value, list) else []
    for place, item in enumerate(items):
        if name_of(item) == key:
            return place
    return int(key) if is_count(key) and int(key) < len(items) else None


def child(node: Node, key: str | int) -> Node | None:
    """Return the node below ``key`` (list items by name or position), or None."""
    if isinstance(node.value, Mapping):
        return node.value.get(str(key))
    if isinstance(node.value, list):
        place = key if isinstance(key, int) else item_position(node, key)
        return node.value[place] if place is not None and place < len(node.value) else None
    return None


def find(root: Node, keys: Sequence[str | int]) -> Node | None:
    """Return the node at a path, or None."""
    node: Node | None = root
    for key in keys:
        node = child(node, key) if node is not None else None
    return node


def items_of(root: Node, pattern: Path) -> list[Path]:
    """Return the paths of all nodes of a pattern, in which ``*`` is every item of a list or mapping."""
    places: list[Path] = [()]
    for key in pattern:
        below = [(place, node) for place in places if (node := find(root, place)) is not None]
        if key == "*":
            places = [(*place, one) for place, node in below for one in _keys(node)]
        else:
            places = [(*place, key) for place, node in below if isinstance(node.value, dict) and key in node.value]
    return places


def _keys(node: Node) -> list[str | int]:
    if isinstance(node.value, list):
        return list(range(len(node.value)))
    return list(node.value) if isinstance(node.value, dict) else []


def nearest(root: Node, keys: Sequence[str | int]) -> Node:
    """Return the node at a path, or the last one on the way to it that exists."""
    node = root
    for key in keys:
        below = child(node, key)
        if below is None:
            break
        node = below
    return node


def updated(node: Node, path: Path, new: Node | None) -> Node:
    """Return the tree with the node at ``path`` replaced, or removed if ``new`` is None."""
    key, rest = path[0], path[1:]
    below = updated(child(node, key) or node, rest, new) if rest else new
    if isinstance(node.value, dict):
        entries = dict(node.value)
        if below is None:
            entries.pop(str(key), None)
        else:
            entries[str(key)] = below
        return replace(node, value=entries)
    if isinstance(node.value, list) and isinstance(key, int):
        items = list(node.value)
        items[key : key + 1] = [] if below is None else [below]
        return replace(node, value=items)
    return node


def leaves(node: Node, path: Path = ()) -> list[tuple[Path, Node]]:
    """Return every scalar of the tree with its path."""
    if isinstance(node.value, dict):
        pairs: list[tuple[str | int, Node]] = list(node.value.items())
    elif isinstance(node.value, list):
        pairs = list(enumerate(node.value))
    else:
        return [(path, node)]
    return [leaf for key, below in pairs for leaf in leaves(below, (*path, key))]
