"""Check a tree against the schema, naming all mistakes and saving what is sound for further checks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from cosim.errors import Problem
from cosim.scenario.json_schema import schema
from cosim.scenario.messages import Finding, findings, problem
from cosim.scenario.schema import Scenario
from cosim.scenario.tree import Path, nearest, updated
from cosim.scenario.yaml_reader import Node

_ROUNDS = 40
_MOST_TOLD = 1_000
"""Mistakes that are put into words; for each the name that was meant is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """The outcome of `validate`.

    ``scenario`` is None if nothing sound is left. ``broken`` names the top-level keys that lost something,
    ``sound`` is the tree without what is wrong.
    """

    tree: Node
    scenario: Scenario | None
    problems: tuple[Problem, ...]
    broken: frozenset[str]
    sound: Node


def validate(tree: Node) -> Validated:
    """Validate a tree; after mistakes, drop the wrong parts and try the rest, until it holds.

    A whole number where text is due (``bus: 33``) is an id and becomes text.
    """
    if not isinstance(tree.value, dict):
        found = tree.mark.problem("", "a scenario is a mapping (key: value)", "begin with 'schema: 1'")
        return Validated(tree=tree, scenario=None, problems=(found,), broken=frozenset(), sound=tree)
    tree, errors = _validated_ids(tree)
    problems = [item for finding in errors[:_MOST_TOLD] for item in problem(tree, finding, schema)]
    broken = {str(finding.path[0]) for finding in errors if finding.path}
    current = tree
    for _ in range(_ROUNDS):
        if not errors:
            scenario = Scenario.model_validate_json(json.dumps(current.plain()))
            return Validated(
                tree=tree, scenario=scenario, problems=tuple(problems), broken=frozenset(broken), sound=current
            )
        current, errors = _validated_ids(_pruned(current, errors))
    return Validated(tree=tree, scenario=None, problems=tuple(problems), broken=frozenset(broken), sound=tree)


def _validated_ids(tree: Node) -> tuple[Node, list[Finding]]:
    """Return the tree with whole numbers as ids turned into text, and what is wrong with it."""
    while True:
        found = findings(tree, _errors(tree))
        numbers = [f for f in found if f.kind == "string_type" and _is_id(nearest(tree, f.path))]
        if not numbers:
            return tree, found
        tree = _as_text(tree, numbers)


def _errors(tree: Node) -> Sequence[Mapping[str, Any]]:
    try:
        Scenario.model_validate_json(json.dumps(tree.plain()))
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return ()


def _is_id(node: Node) -> bool:
    return isinstance(node.value, int) and not isinstance(node.value, bool)


def _as_text(tree: Node, numbers: Sequence[Finding]) -> Node:
    for finding in numbers:
        node = nearest(tree, finding.path)
        tree = updated(tree, finding.path, replace(node, value=node.text))
    return tree


def _pruned(tree: Node, found: Sequence[Finding]) -> Node:
    """Drop the wrong values; for a missing one, the item that lacks it."""
    for path in sorted({_doomed(tree, finding) for finding in found}, key=_last_first, reverse=True):
        tree = updated(tree, path, Node(value=1, mark=tree.mark) if path == ("schema",) else None)
    return tree


def _doomed(tree: Node, finding: Finding) -> Path:
    path = finding.path
    lacking = finding.kind == "missing" and path != ("schema",)
    listed = bool(path) and isinstance(path[-1], int) and not isinstance(nearest(tree, path).value, dict)
    return path[:-1] if lacking or listed else path


def _last_first(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple((key, "") if isinstance(key, int) else (-1, key) for key in path)
