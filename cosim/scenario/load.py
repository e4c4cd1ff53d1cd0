"""Read a scenario: YAML, ``extends``, overrides, schema, cross-checks; every mistake at once.

Nothing is started or written, and no simulator's library is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim.errors import InputError, Problem
from cosim.scenario import crosscheck, kinds, net_devices, renamed, shipped, sources
from cosim.scenario.files import InputFile, ScenarioFiles
from cosim.scenario.schema import Scenario
from cosim.scenario.stamps import timeline_of
from cosim.scenario.tree import find, leaves, merge, nearest, override
from cosim.scenario.validate import validate
from cosim.scenario.yaml_reader import MAX_BYTES, Node, read_yaml
from cosim.timeline import Timeline

MAX_EXTENDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedScenario:
    """A scenario that passed all checks of `load`, and where each value came from.

    Attributes
    ----------
    name
        The shipped name, or the name of the scenario's folder (``scenario.yaml``) or file.
    scenario
        The typed sections.
    folder
        The folder of the scenario's YAML file.
    text
        The source text of that file.
    tree
        The merged YAML with the place of every value.
    files
        Access to the scenario's files.
    overrides
        The ``--set`` assignments.
    warnings
        What is allowed but looks wrong.
    """

    name: str
    scenario: Scenario
    folder: Path
    text: str
    tree: Node
    files: ScenarioFiles
    overrides: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def timeline(self) -> Timeline:
        """The time axis."""
        return timeline_of(self.scenario)

    @property
    def inputs(self) -> tuple[InputFile, ...]:
        """Every file that was read, with size and SHA-256."""
        return tuple(self.files.used.values())

    @property
    def resolved(self) -> dict[str, Any]:
        """The whole scenario with all defaults as plain data; ``extends`` is done."""
        from pydantic_core import to_jsonable_python

        return dict(to_jsonable_python(self.scenario, by_alias=True)) | {"extends": None}

    def problem(self, path: str, reason: str, remedy: str = "") -> Problem:
        """Return a problem at the dotted path (list items by name or position)."""
        return nearest(self.tree, path.split(".")).mark.problem(path, reason, remedy)

    def source(self, path: str) -> str:
        """Return where the value at a dotted path comes from: the entry of ``sources`` that covers it.

        A value that a scenario or ``--set`` changed is no longer covered by the ``sources`` of what it extends.
        """
        return sources.source_of(self.tree, path.split("."))

    def values(self) -> list[tuple[str, Any, str]]:
        """Return (dotted path, value, source) of every value except ``sources`` itself."""
        return [
            (".".join(map(str, path)), node.value, sources.source_of(self.tree, path))
            for path, node in leaves(self.tree)
            if path[:1] not in {("sources",), ("extends",)}
        ]


def load(scenario: str | Path, overrides: Sequence[str] = ()) -> LoadedScenario:
    """Read a scenario.

    Parameters
    ----------
    scenario
        A shipped name, a YAML file, or a folder with ``scenario.yaml``.
    overrides
        Assignments ``a.b=value``; list items by name or position: ``devices.ess.capacity_mwh=2``.

    Raises
    ------
    InputError
        With all mistakes, each with file, line and column. Only text that is not YAML hides later mistakes.
    """
    path = shipped.find(scenario).resolve()
    tree, chain, renamings = read_chain(path)
    tree, told = _overridden(tree, overrides)
    tree = sources.settled(kinds.settled(tree))
    files = ScenarioFiles(folders=tuple(dict.fromkeys(file.parent for file in chain)))
    tree = net_devices.settled(tree, files)
    outcome = validate(tree)
    if outcome.scenario is not None:
        try:
            files.timeline = timeline_of(outcome.scenario)
        except InputError:  # told where series are checked
            files.timeline = Timeline(periods=outcome.scenario.periods)
    for file in chain:
        files.record(file)
    problems, warnings = list(outcome.problems), renamings + told
    if outcome.scenario is not None:
        report = crosscheck.check(outcome.scenario, outcome.sound, files, outcome.broken)
        problems += report.mistakes
        warnings += report.warnings
    if problems or outcome.scenario is None:
        raise InputError(sorted(set(problems)))
    return LoadedScenario(
        name=path.parent.name if path.name == "scenario.yaml" else path.stem,
        scenario=outcome.scenario,
        folder=path.parent,
        text=path.read_text(encoding="utf-8-sig"),
        tree=outcome.tree,
        files=files,
        overrides=tuple(overrides),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def outline(scenario: str | Path) -> Scenario:
    """Return a scenario as far as its own file tells it: no table and no net is read.

    Raises
    ------
    InputError
        If the file has mistakes of its own.
    """
    outcome = validate(sources.settled(kinds.settled(read_chain(shipped.find(scenario).resolve())[0])))
    if outcome.scenario is None:
        raise InputError(sorted(set(outcome.problems)))
    return outcome.scenario


def _overridden(tree: Node, overrides: Sequence[str]) -> tuple[Node, list[Problem]]:
    problems: list[Problem] = []
    for assignment in overrides:
        try:
            tree = override(tree, renamed.assignment(assignment))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return renamed.current(tree)


def read_chain(path: Path, content: bytes | None = None) -> tuple[Node, list[Path], list[Problem]]:
    """Return the merged tree of a scenario and all that it extends, the files, the scenario first, and warnings.

    ``content`` comes in place of what the scenario's file holds.
    """
    own, warnings = renamed.current(_read(path, path.name, 0) if content is None else read_yaml(content, path.name))
    chain, trees = [path], [own]
    while (link := find(trees[-1], ("extends",))) is not None and link.value is not None:
        base = _base(link, chain[-1].parent)
        if base in chain or len(chain) > MAX_EXTENDS:
            reason = f"{link.text!r} extends itself" if base in chain else f"more than {MAX_EXTENDS} levels"
            raise InputError(link.mark.problem("extends", reason, "cut the chain"))
        chain.append(base)
        below, found = renamed.current(_read(base, ScenarioFiles(folders=(path.parent,)).display(base), len(chain) - 1))
        trees.append(below)
        warnings += found
    tree = trees.pop()
    while trees:
        tree = merge(tree, trees.pop())
    return tree, chain, warnings


def _base(link: Node, folder: Path) -> Path:
    """Return the file that ``extends`` names: in the own folder, else shipped."""
    if not isinstance(link.value, str) or not link.value:
        raise InputError(link.mark.problem("extends", "must be text", "name a shipped scenario or a file"))
    try:
        if link.value.endswith((".yaml", ".yml")) or "/" in link.value:
            return ScenarioFiles(folders=(folder,)).locate(link.value).resolve()
        return shipped.find_shipped(link.value).resolve()
    except InputError as error:
        problems = [link.mark.problem("extends", p.reason, p.remedy) for p in error.problems]
        raise InputError(problems) from error


def _read(path: Path, display: str, level: int) -> Node:
    return read_yaml(content_of(path, display), display, level)


def content_of(path: Path, display: str) -> bytes:
    """Return the bytes of a YAML file, at most one more than may be.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(Problem(file=display, reason=f"the file cannot be read ({error.strerror})")) from error
