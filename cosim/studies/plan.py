"""The plan of a study: every row with its assignments, its seed and the hash by which its result is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.errors import InputError, Problem
from cosim.scenario.load import LoadedScenario, load
from cosim.studies.designs import points, scenario_seed
from cosim.studies.study_file import Factor, Study, assignment

FORMAT = 1
CHECKED = 1_000
"""Rows whose scenarios are read before the first one runs; of more, these, spread over the plan."""
MOST = 100_000
"""Rows that a plan may have without being asked for."""
_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the plan.

    Attributes
    ----------
    number
        From 0, in the order of the plan.
    draw, replicate, alternative
        Which point, which repetition with another seed, which alternative.
    block
        The block of its point.
    values
        Of the factors, as they were drawn (a scaled factor's factor).
    assignments
        What is set on top of the base.
    seed
        Of the scenario.
    hash
        SHA-256 of all that its numbers hang on, but versions.
    """

    number: int
    draw: int
    block: int
    replicate: int
    alternative: str
    values: tuple[Any, ...]
    assignments: tuple[str, ...]
    seed: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All rows of a study, and the names of what varies."""

    factors: tuple[Factor, ...]
    paths: tuple[str, ...]
    rows: tuple[Row, ...]


def planned(study: Study, base: LoadedScenario) -> Plan:
    """Return the rows of a study.

    Parameters
    ----------
    study
        The study.
    base
        Its base scenario, with what holds in every row.

    Raises
    ------
    InputError
        If a factor is none of the scenario's, or the list has a wrong column.
    """
    paths, drawn = _listed(study) if study.design.kind == "list" else _drawn(study)
    base_values = {one.path: _base_value(base, one.path) for one in study.factors if one.scaled}
    scaled = {one.path for one in study.factors if one.scaled}
    known = _digest_of(base)
    size = max(len(drawn) // study.design.blocks, 1)
    rows: list[Row] = []
    for draw, values in enumerate(drawn):
        sets = tuple(
            assignment(path, _scaled(base_values[path], value) if path in scaled else value)
            for path, value in zip(paths, values, strict=True)
        )
        for replicate in range(study.replicates):
            seed = scenario_seed(study.seed, replicate)
            for name, own in study.alternatives.items():
                every = (*study.fixed, *sets, *own)
                row = Row(
                    number=len(rows), draw=draw, block=min(draw // size, study.design.blocks - 1), replicate=replicate,
                    alternative=name, values=tuple(values), assignments=every, seed=seed,
                    hash=row_hash(known, study.kind, every, seed),
                )  # fmt: skip
                rows.append(row)
    return Plan(factors=study.factors, paths=tuple(paths), rows=tuple(rows))


def row_hash(base: str, kind: str, assignments: Sequence[str], seed: int) -> str:
    """Return the hash of a row: of its base, what is done, what is set and its seed, not of what is kept of it."""
    content = {"format": FORMAT, "base": base, "run": kind, "set": list(assignments), "seed": seed}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check_rows(study: Study, plan: Plan, scenario: str) -> None:
    """Read the scenarios of the rows, and refuse the plan if one is wrong: all of up to 1,000, else 1,000 of them.

    Raises
    ------
    InputError
        With the first mistakes, by row; not where the study keeps such rows as results.
    """
    if study.keep_invalid:
        return
    problems = list[Problem]()
    for row in _to_check(plan):
        try:
            load(scenario, row.assignments)
        except InputError as error:
            first = error.problems[0]
            reason = f"row {row.number} ({', '.join(row.assignments)}): {first.field}: {first.reason}"
            problems.append(Problem(file="study", field="vary", reason=reason, remedy=first.remedy))
            if len(problems) == _TOLD:
                break
    if problems:
        problems.append(Problem(file="study", reason="'invalid: keep' takes such rows as results"))
        raise InputError(problems)


def _to_check(plan: Plan) -> Iterator[Row]:
    """Yield rows that stand for all: every one of few, else those with an extreme value, and others evenly spread."""
    distinct = list({row.assignments: row for row in plan.rows}.values())
    if len(distinct) <= CHECKED:
        yield from distinct
        return
    corners = set[int]()
    for k in range(len(plan.paths)):
        column = [row.values[k] for row in distinct]
        if all(isinstance(one, int | float) for one in column):
            corners |= {int(np.argmin(column)), int(np.argmax(column))}
    spread = set(np.linspace(0, len(distinct) - 1, CHECKED - len(corners)).astype(int).tolist())
    yield from (distinct[k] for k in sorted(corners | spread))


def _drawn(study: Study) -> tuple[list[str], list[list[Any]]]:
    found = points(study.design, study.factors, study.seed)
    drawn = [[one.law.at(u) for one, u in zip(study.factors, row, strict=True)] for row in found.tolist()]
    return [one.path for one in study.factors], drawn


def _listed(study: Study) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and rows of the file of a list; a cell is a value of YAML."""
    from cosim.scenario.yaml_reader import plain_scalar
    from cosim.studies.store import read_frame

    path = study.folder / study.design.file
    try:
        frame = read_frame(path)
    except FileNotFoundError as error:
        reason = f"file {study.design.file!r} is not there"
        raise InputError(Problem(file="study", field="design.file", reason=reason)) from error
    if frame.empty or not len(frame.columns):
        raise InputError(Problem(file=study.design.file, reason="has no row"))
    rows = frame.to_numpy(dtype=object).tolist()
    return (
        [str(name) for name in frame.columns],
        [[plain_scalar(one) if isinstance(one, str) else _plain(one) for one in row] for row in rows],
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 - numpy's numbers as Python's
    return value.item() if isinstance(value, np.generic) else value


def _base_value(base: LoadedScenario, path: str) -> Any:  # noqa: ANN401 - a value of a scenario
    """Return the value that a scaled factor multiplies.

    Raises
    ------
    InputError
        If there is none, or it is nothing that can be multiplied.
    """
    found: Any = base.resolved
    for key in path.split("."):
        found = _child(found, key)
    if _scalable(found):
        return found
    reason = "has no value in the base" if found is None else f"{found!r} of the base cannot be multiplied"
    raise InputError(Problem(file="study", field=f"vary.{path}", reason=reason, remedy="give values without 'scale'"))


def _child(node: Any, key: str) -> Any:  # noqa: ANN401 - plain data
    if isinstance(node, Mapping):
        return node.get(key)
    if isinstance(node, Sequence) and not isinstance(node, str):
        named = [one for one in node if isinstance(one, Mapping) and one.get("name") == key]
        if named:
            return named[0]
        if key.isdigit() and int(key) < len(node):
            return node[int(key)]
    return None


def _scalable(value: Any) -> bool:  # noqa: ANN401 - plain data
    if isinstance(value, list):
        return bool(value) and all(map(_is_number, value))
    return _is_number(value) or (isinstance(value, Mapping) and _is_number(value.get("scale")) and "file" in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scaled(value: Any, by: float) -> Any:  # noqa: ANN401 - plain data
    """Return a number, numbers, or a column of a file, times a factor."""
    if isinstance(value, list):
        return [one * by for one in value]
    if isinstance(value, Mapping):
        return {**value, "scale": value["scale"] * by}
    return value * by


def _digest_of(base: LoadedScenario) -> str:
    """Return the digest of a scenario and all files that it names."""
    content = {"resolved": base.resolved, "inputs": sorted((one.name, one.sha256) for one in base.inputs)}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
