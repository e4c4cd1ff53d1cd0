"""The study file: a base scenario, factors and their distributions, and what of each row is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosim.errors import InputError, Problem
from cosim.scenario.yaml_reader import Node, read_yaml
from cosim.studies.distributions import Continuous, Distribution, Values, read_distribution
from cosim.studies.rows import row_kinds
from cosim.tables import did_you_mean

DESIGNS = ("grid", "list", "random", "lhs", "sobol", "saltelli")
RUNS = ("none", "flagged", "all")
_KEYS = (
    "schema", "base", "seed", "design", "vary", "set", "compare", "replicates", "run", "keep", "limits", "control",
    "invalid",
)  # fmt: skip
_BYTES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(KiB|MiB|GiB)")
_LARGEST_SEED = 2**32 - 1
AS_IS = "as_is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """What varies.

    Attributes
    ----------
    path
        As ``--set`` takes it.
    law
        What it may be.
    scaled
        Whether it is a factor on the base's own value.
    """

    path: str
    law: Distribution
    scaled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Which points are taken: ``rows`` of them in ``blocks`` of the same size; of ``list`` those of a file."""

    kind: str
    rows: int = 0
    blocks: int = 1
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """What is kept of a row beside its status: measures (none named: all), tables, run folders."""

    measures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    runs: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often a row whose worker dies is tried, how long it may take [s], how much memory [bytes]; 0: no limit."""

    attempts: int = 3
    row_timeout_s: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study file.

    Attributes
    ----------
    text, folder
        Its source, and where it lies.
    base
        The scenario: shipped name, file or folder.
    fixed
        Assignments that hold in every row.
    alternatives
        Assignments by name; every draw is run under each.
    kind
        What is done with a row: ``run`` or another of `cosim.studies.rows`.
    control
        Whether means are also estimated with linear control variates.
    keep_invalid
        Whether rows that the scenario refuses are results; else the plan is refused.
    """

    text: str
    folder: Path
    base: str
    seed: int
    design: Design
    factors: tuple[Factor, ...]
    fixed: tuple[str, ...] = ()
    alternatives: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {AS_IS: ()})
    replicates: int = 1
    kind: str = "run"
    keep: Keep = field(default_factory=Keep)
    limits: Limits = field(default_factory=Limits)
    control: bool = False
    keep_invalid: bool = False


def read_study(path: Path) -> Study:
    """Read a study file.

    Raises
    ------
    InputError
        With all mistakes, each with file, line and column.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(Problem(file=str(path), reason=f"cannot be read ({error.strerror})")) from error
    return parse_study(read_yaml(content, path.name), content.decode("utf-8-sig"), path.parent)


def parse_study(tree: Node, text: str, folder: Path) -> Study:
    """Return the study that a tree of YAML describes.

    Raises
    ------
    InputError
        With all mistakes.
    """
    reader = _Reader(tree)
    reader.known(tree, "", _KEYS)
    found = {
        "base": reader.of("base", _text, None),
        "seed": reader.of("seed", lambda node, at: _count(node, at, 0, _LARGEST_SEED), None),
        "design": reader.of("design", _design, None),
        "factors": reader.of("vary", _factors, ()),
        "fixed": reader.of("set", _assignments, ()),
        "alternatives": reader.of("compare", _alternatives, {AS_IS: ()}),
        "replicates": reader.of("replicates", lambda node, at: _count(node, at, 1, 10_000), 1),
        "kind": reader.of("run", lambda node, at: _choice(node, at, row_kinds()), "run"),
        "keep": reader.of("keep", _keep, Keep()),
        "limits": reader.of("limits", _limits, Limits()),
        "control": reader.of("control", lambda node, at: _choice(node, at, ("linear",)) == "linear", False),
        "keep_invalid": reader.of("invalid", lambda node, at: _choice(node, at, ("stop", "keep")) == "keep", False),
    }
    reader.of("schema", lambda node, at: _count(node, at, 1, 1), None)
    if not reader.problems:
        reader.problems += _together(tree, found["design"], found["factors"])
    if reader.problems:
        raise InputError(reader.problems)
    return Study(text=text, folder=folder, **found)


class _Reader:
    """Reads the parts of a mapping, and remembers what is wrong with any."""

    def __init__(self, tree: Node) -> None:
        if not isinstance(tree.value, dict):
            raise InputError(tree.mark.problem("", "a study is a mapping (key: value)", "begin with 'schema: 1'"))
        self.tree, self.parts, self.problems = tree, tree.value, list[Problem]()

    def of(self, key: str, read: Callable[[Node, str], Any], default: Any) -> Any:  # noqa: ANN401 - a part of any type
        """Return what a reader makes of a part, or its default; None means that the part is needed."""
        node = self.parts.get(key)
        if node is None or node.value is None:
            if default is None:
                self.problems.append(self.tree.mark.problem(key, "is missing", ""))
            return default
        try:
            return read(node, key)
        except InputError as error:
            self.problems += error.problems
            return default

    def known(self, node: Node, at: str, keys: Sequence[str]) -> None:
        """Note keys that mean nothing."""
        self.problems += _unknown(node, at, keys)


def _unknown(node: Node, at: str, keys: Sequence[str]) -> list[Problem]:
    parts = node.value if isinstance(node.value, dict) else {}
    where = f"{at}." if at else ""
    return [
        one.mark.problem(f"{where}{key}", "unknown key", did_you_mean(key, list(keys)))
        for key, one in parts.items()
        if key not in keys
    ]


def _mapping(node: Node, at: str, keys: Sequence[str] = ()) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        raise InputError(node.mark.problem(at, "must be a mapping (key: value)", ""))
    if keys and (odd := _unknown(node, at, keys)):
        raise InputError(odd)
    return node.value


def _text(node: Node, at: str) -> str:
    if not isinstance(node.value, str) or not node.value:
        raise InputError(node.mark.problem(at, "must be text", ""))
    return node.value


def _choice(node: Node, at: str, known: Sequence[str]) -> str:
    if node.value not in known:
        raise InputError(node.mark.problem(at, f"{node.text!r} is unknown", did_you_mean(node.text, list(known))))
    return str(node.value)


def _count(node: Node, at: str, least: int, most: int) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int) or not least <= node.value <= most:
        span = str(least) if least == most else f"a whole number from {least} to {most:,}"
        raise InputError(node.mark.problem(at, f"{node.text or node.plain()!r} must be {span}", ""))
    return node.value


def _design(node: Node, at: str) -> Design:
    parts = _mapping(node, at, ("kind", "rows", "blocks", "file"))
    if "kind" not in parts:
        raise InputError(node.mark.problem(f"{at}.kind", "is missing", f"one of {', '.join(DESIGNS)}"))
    kind = _choice(parts["kind"], f"{at}.kind", DESIGNS)
    file = _text(parts["file"], f"{at}.file") if "file" in parts else ""
    if file != Path(file).name:
        raise InputError(parts["file"].mark.problem(f"{at}.file", f"{file!r} must lie beside the study file", ""))
    counted = kind not in ("grid", "list")
    if counted and "rows" not in parts:
        raise InputError(node.mark.problem(f"{at}.rows", "is missing", f"how many points {kind} takes"))
    rows = _count(parts["rows"], f"{at}.rows", 1, 10_000_000) if counted else 0
    blocks = _count(parts["blocks"], f"{at}.blocks", 1, 10_000) if "blocks" in parts else 1
    if odd := [name for name in ("rows", "blocks") if name in parts and not counted]:
        reason = f"means nothing to a {kind}, whose points are given"
        raise InputError(parts[odd[0]].mark.problem(f"{at}.{odd[0]}", reason, "remove it"))
    if (kind == "list") != bool(file):
        raise InputError(node.mark.problem(f"{at}.file", "is what a list, and only a list, is read from", ""))
    if kind == "saltelli" and blocks > 1:
        raise InputError(parts["blocks"].mark.problem(f"{at}.blocks", "means nothing to saltelli", "remove it"))
    if counted:
        _check_size(parts["rows"], f"{at}.rows", kind, rows, blocks)
    return Design(kind=kind, rows=rows, blocks=blocks, file=file)


def _check_size(node: Node, at: str, kind: str, rows: int, blocks: int) -> None:
    """Refuse a number of rows that is no whole number of blocks, or of a Sobol sequence no power of two."""
    if rows % blocks:
        near = max(rows // blocks, 1) * blocks
        raise InputError(node.mark.problem(at, f"{rows} rows are no whole number of {blocks} blocks", f"try {near}"))
    size = rows // blocks
    if kind in ("sobol", "saltelli") and size & (size - 1):
        below = 1 << (size.bit_length() - 1)
        reason = f"{size} points a block are no power of two, and a Sobol sequence is balanced at those alone"
        raise InputError(node.mark.problem(at, reason, f"give {below * blocks} or {2 * below * blocks}"))


def _factors(node: Node, at: str) -> tuple[Factor, ...]:
    found, problems = [], list[Problem]()
    for path, one in _mapping(node, at).items():
        try:
            scale = one.value.get("scale") if isinstance(one.value, dict) and len(one.value) == 1 else None
            law = read_distribution(one if scale is None else scale, f"{at}.{path}")
            found.append(Factor(path=path, law=law, scaled=scale is not None))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return tuple(found)


def assignment(path: str, value: Any) -> str:  # noqa: ANN401 - a value of a scenario
    """Return what ``--set`` takes: JSON is YAML, and its floats keep every bit.

    >>> assignment("ev.share", 0.1), assignment("feeder.load_profile", [1, 0.5])
    ('ev.share=0.1', 'feeder.load_profile=[1, 0.5]')
    """
    return f"{path}={json.dumps(value, allow_nan=False)}"


def _assignments(node: Node, at: str) -> tuple[str, ...]:
    return tuple(assignment(path, one.plain()) for path, one in _mapping(node, at).items())


def _alternatives(node: Node, at: str) -> dict[str, tuple[str, ...]]:
    found = {}
    for name, one in _mapping(node, at).items():
        found[name] = () if one.value is None or one.value == {} else _assignments(one, f"{at}.{name}")
    if not found:
        raise InputError(node.mark.problem(at, "names no alternative", "as_is: {}"))
    return found


def _keep(node: Node, at: str) -> Keep:
    parts = _mapping(node, at, ("measures", "tables", "runs"))
    measures = () if "measures" not in parts or parts["measures"].value == "all" else _names(parts["measures"], at)
    return Keep(
        measures=measures,
        tables=_names(parts["tables"], f"{at}.tables") if "tables" in parts else (),
        runs=_choice(parts["runs"], f"{at}.runs", RUNS) if "runs" in parts else "none",
    )


def _names(node: Node, at: str) -> tuple[str, ...]:
    if not isinstance(node.value, list):
        raise InputError(node.mark.problem(at, "must be a list of names", ""))
    return tuple(_text(one, at) for one in node.value)


def _limits(node: Node, at: str) -> Limits:
    parts = _mapping(node, at, ("attempts", "row_timeout_s", "memory"))
    timeout = parts.get("row_timeout_s")
    if timeout is not None and (
        isinstance(timeout.value, bool) or not isinstance(timeout.value, int | float) or timeout.value <= 0
    ):
        raise InputError(timeout.mark.problem(f"{at}.row_timeout_s", "must be seconds above 0", ""))
    return Limits(
        attempts=_count(parts["attempts"], f"{at}.attempts", 1, 100) if "attempts" in parts else 3,
        row_timeout_s=0.0 if timeout is None else float(timeout.value),  # type: ignore[arg-type]
        memory_bytes=_size(parts["memory"], f"{at}.memory") if "memory" in parts else 0,
    )


def _size(node: Node, at: str) -> int:
    found = _SIZE.fullmatch(node.text)
    if found is None:
        raise InputError(node.mark.problem(at, f"{node.text!r} is no size", "for example 1.5GiB"))
    return int(float(found[1]) * _BYTES[found[2]])


def _together(tree: Node, design: Design, factors: Sequence[Factor]) -> list[Problem]:
    """Return what factors and design cannot be together."""
    if design.kind == "list":
        scaled = [one.path for one in factors]
        reason = "a list brings its factors along, a column each"
        return [tree.mark.problem(f"vary.{scaled[0]}", reason, "remove it")] if scaled else []
    if not factors and design.kind != "random":
        return [tree.mark.problem("vary", "names no factor", "ev.share: {uniform: [0.1, 0.3]}")]
    if design.kind == "grid":
        odd = [one.path for one in factors if isinstance(one.law, Continuous)]
        return [tree.mark.problem(f"vary.{name}", "a grid takes listed values", "values: [...]") for name in odd]
    if design.kind == "saltelli":
        odd = [one.path for one in factors if isinstance(one.law, Values) and one.law.mean != one.law.mean]
        return [tree.mark.problem(f"vary.{name}", "an index needs numbers", "") for name in odd]
    return []
