"""Keys that had another name in earlier versions: they are read under their present name, with a warning."""

from __future__ import annotations

from dataclasses import replace

from cosim.errors import InputError, Problem
from cosim.quantities import checks
from cosim.scenario.yaml_reader import Node

SECTIONS = {"gates": checks.RENAMED}
"""Former names by section."""


def current(tree: Node) -> tuple[Node, list[Problem]]:
    """Return the tree with every former name replaced by the present one, and a warning for each.

    Raises
    ------
    InputError
        If a value is given under both names.
    """
    if not isinstance(tree.value, dict):
        return tree, []
    entries, warnings, mistakes = dict(tree.value), [], []
    for section, names in SECTIONS.items():
        holder = entries.get(section)
        if holder is None or not isinstance(holder.value, dict):
            continue
        for old in holder.value.keys() & names.keys():
            node, new = holder.value[old], names[old]
            told = (node.key_mark or node.mark).problem
            if new in holder.value:
                mistakes.append(told(f"{section}.{old}", f"former name of {new}, which is given, too", "remove it"))
            warnings.append(told(f"{section}.{old}", f"is called {new} now", f"rename it to {new}"))
        renamed = {names.get(key, key): node for key, node in holder.value.items()}
        entries[section] = replace(holder, value=renamed)
    if mistakes:
        raise InputError(mistakes)
    return replace(tree, value=entries), warnings


def assignment(text: str) -> str:
    """Return a ``--set`` assignment by the present name of its key.

    >>> assignment("gates.slack_mw=1e-3")
    'gates.unserved_mw=1e-3'
    """
    path, equals, value = text.partition("=")
    section, dot, key = path.strip().partition(".")
    return f"{section}.{SECTIONS[section][key]}{equals}{value}" if key in SECTIONS.get(section, {}) and dot else text
