"""Keys of earlier versions: read under their present name, or left out where they are gone, with a warning.

A run folder holds every key of the version that wrote it, so that scenarios of earlier runs have them all.
"""

from __future__ import annotations

from dataclasses import replace

from cosim.errors import InputError, Problem
from cosim.quantities import checks
from cosim.scenario.yaml_reader import Node

SECTIONS = {"gates": checks.RENAMED}
"""Former names by section."""
GONE = {"gates": checks.GONE}
"""Former keys by section, and what counts in their place."""


def current(tree: Node) -> tuple[Node, list[Problem]]:
    """Return the tree with every former name replaced by the present one or left out, and a warning for each.

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
        gone = GONE[section]
        for old, node in holder.value.items():
            told = (node.key_mark or node.mark).problem
            if (new := names.get(old)) is not None:
                if new in holder.value:
                    mistakes.append(told(f"{section}.{old}", f"former name of {new}, which is given, too", "remove it"))
                warnings.append(told(f"{section}.{old}", f"is called {new} now", f"rename it to {new}"))
            elif old in gone:
                warnings.append(told(f"{section}.{old}", f"is no limit any more, {gone[old]} is", "remove it"))
        renamed = {names.get(key, key): node for key, node in holder.value.items() if key not in gone}
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
