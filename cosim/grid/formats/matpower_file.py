"""A MATPOWER case file (version 2) read as data: assignments and plain arithmetic, in the order in which they stand.

Distribution cases often hold kW, ohm or a power factor in their matrices and turn them into MW and per unit by
statements below. These are evaluated as they stand; any statement that is more than arithmetic is refused, since its
effect would be lost without a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.grid.formats.feeder_tables import read_text
from cosim.grid.formats.mfile import Statement, Token, Unreadable, statements
from cosim.grid.formats.workspace import Workspace

BUS = ("bus_i", "type", "Pd", "Qd", "Gs", "Bs", "area", "Vm", "Va", "baseKV", "zone", "Vmax", "Vmin")
BRANCH = ("fbus", "tbus", "r", "x", "b", "rateA", "rateB", "rateC", "ratio", "angle", "status")
GEN = ("bus", "Pg", "Qg", "Qmax", "Qmin", "Vg", "mBase", "status")
GEN_MORE = ("Pmax", "Pmin")
"""Columns behind those of `GEN` that a file may leave out."""
MATRICES = MappingProxyType({"bus": BUS, "branch": BRANCH, "gen": GEN})

_FREE = MappingProxyType(
    {
        "bus": ("area", "Vm", "Va", "zone"),
        "branch": ("rateB", "rateC"),
        "gen": ("Pg", "Qg", "mBase"),
    }
)
"""Columns that a radial feeder does not need: whatever stands there."""
_MAY_BE_INFINITE = frozenset({"Vmax", "Vmin", "rateA", "Qmax", "Qmin", "Pmax", "Pmin"})
_UNUSED = frozenset({"version", "gencost", "areas", "gentype", "genfuel"})
_NAMES = "bus_name"
_VERSIONS = ("1", "2")
_SHOWN = 100

_POSITIONS = MappingProxyType(
    {
        "idx_bus": (1, 2, 3, 4, *range(1, 18)),
        "idx_brch": (*range(1, 12), *range(14, 20), 12, 13, 20, 21),
        "idx_gen": (*range(1, 11), 22, 23, 24, 25, *range(11, 22)),
        "idx_cost": (1, 2, 1, 2, 3, 4, 5),
    }
)
"""What MATPOWER's functions of column numbers return, in order."""
_NAMED = MappingProxyType(
    {
        "idx_bus": "PQ PV REF NONE BUS_I BUS_TYPE PD QD GS BS BUS_AREA VM VA BASE_KV ZONE VMAX VMIN",
        "idx_brch": "F_BUS T_BUS BR_R BR_X BR_B RATE_A RATE_B RATE_C TAP SHIFT BR_STATUS",
        "idx_gen": "GEN_BUS PG QG QMAX QMIN VG MBASE GEN_STATUS PMAX PMIN",
    }
)
"""The names that MATPOWER gives them, known from the start; ``[A, B, ...] = idx_bus`` names them anew."""
_CONSTANTS = "define_constants"
_ENDS = ("end", "endfunction", "return")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a matrix: its numbers by column name, and where it stands."""

    values: dict[str, float]
    at: Problem

    def __getitem__(self, column: str) -> float:
        return self.values[column]

    def get(self, column: str, default: float) -> float:
        """Return a number, or the default where the file leaves the column out."""
        return self.values.get(column, default)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """What a case file says.

    Attributes
    ----------
    base_mva
        Power base.
    bus, branch, gen
        Rows of the matrices as the statements leave them.
    bus_names
        Names of the buses in the order of their rows, or nothing.
    evaluated
        The statements that changed numbers of a matrix, each with its line.
    has_costs
        Whether costs of generators stand in the file.
    """

    base_mva: float
    bus: tuple[Row, ...]
    branch: tuple[Row, ...]
    gen: tuple[Row, ...]
    bus_names: tuple[str, ...]
    evaluated: tuple[str, ...]
    has_costs: bool


def read_case_file(path: Path) -> CaseFile:
    """Read a case file.

    Raises
    ------
    InputError
        With every statement and number that cannot be read.
    """
    if path.suffix != ".m":
        raise InputError(Problem(file=path.name, field="(type)", reason="is no MATPOWER case file (.m)"))
    space, struct, evaluated, problems = _evaluated(path)
    base = space.values.get(f"{struct}.baseMVA")
    if not (isinstance(base, np.ndarray) and base.size == 1 and np.isfinite(base).all() and base.flat[0] > 0.0):
        problems.append(Problem(file=path.name, field=f"{struct}.baseMVA", reason="is missing or not > 0"))
    rows = {name: _rows(path, space, f"{struct}.{name}", name, problems) for name in MATRICES}
    problems += _field_problems(path, space, struct)
    if problems:
        raise InputError(problems)
    names = space.values.get(f"{struct}.{_NAMES}")
    costs = space.values.get(f"{struct}.gencost")
    return CaseFile(
        base_mva=float(base.flat[0]) if isinstance(base, np.ndarray) else np.nan,
        bus=rows["bus"],
        branch=rows["branch"],
        gen=rows["gen"],
        bus_names=names if isinstance(names, tuple) and len(names) == len(rows["bus"]) else (),
        evaluated=evaluated,
        has_costs=isinstance(costs, np.ndarray) and costs.size > 0,
    )


def _evaluated(path: Path) -> tuple[Workspace, str, tuple[str, ...], list[Problem]]:
    """Return the values after all statements, the struct's name, what changed a matrix, and what is refused.

    A statement that needs the value of a refused one is not a mistake of its own.
    """
    space, struct, evaluated = Workspace(), "mpc", list[str]()
    for function, names in _NAMED.items():
        _give(space, names.split(), function)
    problems: list[Problem] = []
    found, broken = _statements(path), set[str]()
    for number, statement in enumerate(found):
        words = [token.text for token in statement.tokens]
        try:
            if words[0] == "function" and number == 0:
                struct = _struct(statement)
            elif words == [_CONSTANTS] or (words[0] in _ENDS and len(words) == 1 and number == len(found) - 1):
                continue
            elif words[-1] in _POSITIONS:
                _name_columns(space, statement)
            elif _changed(space.run(statement), struct, words):
                evaluated.append(f"line {statement.line}: {_short(statement.text)}")
        except Unreadable as error:
            if not any(name in statement.text for name in broken):
                problems += [_refused(path, statement, line, reason) for line, reason in error.mistakes]
            broken.add(re.split(r"[ =(]", statement.text)[0])
    return space, struct, tuple(evaluated), problems


def _statements(path: Path) -> list[Statement]:
    try:
        return list(statements(read_text(path)))
    except Unreadable as error:
        raise InputError(
            Problem(file=path.name, line=line, column=1, reason=reason) for line, reason in error.mistakes
        ) from None


def _changed(name: str, struct: str, words: list[str]) -> bool:
    """Whether a statement changed one of the three matrices, or a part of it, rather than gave its numbers."""
    parts, equals = name.split("."), words.index("=")
    return parts[0] == struct and parts[-1] in MATRICES and ("(" in words[:equals] or words[equals + 1] != "[")


def _refused(path: Path, statement: Statement, line: int, reason: str) -> Problem:
    name = statement.text.partition("=")[0].strip()
    if line != statement.line:  # within a matrix: the row's own place
        return Problem(file=path.name, line=line, column=1, field=name, reason=reason)
    told = f"'{_short(statement.text)}' is not data; its effect would be lost: {reason}"
    return Problem(file=path.name, line=line, column=1, reason=told, remedy="evaluate it, use savecase")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _struct(statement: Statement) -> str:
    """Return the name of what the file's function returns: ``mpc`` of ``function mpc = case33``."""
    words = [token.text for token in statement.tokens]
    if len(words) >= 4 and words[2] == "=":  # noqa: PLR2004 - function, struct, =, name
        return words[1]
    raise Unreadable((statement.line, "a case of version 2 returns one struct: function mpc = NAME"))


def _name_columns(space: Workspace, statement: Statement) -> None:
    """Name column numbers as MATPOWER's functions return them, by their order: ``[PQ, PV, ...] = idx_bus``."""
    left, function = statement.tokens[:-2], statement.tokens[-1].text
    names = [token.text for token in left[1:-1] if token.kind == "name"]
    if not (_is_list(left) and statement.tokens[-2].text == "=" and len(names) <= len(_POSITIONS[function])):
        raise Unreadable((statement.line, f"give at most {len(_POSITIONS[function])} names in brackets"))
    _give(space, names, function)


def _give(space: Workspace, names: list[str], function: str) -> None:
    for name, number in zip(names, _POSITIONS[function], strict=False):
        space.values[name] = np.array([[float(number)]])


def _is_list(tokens: tuple[Token, ...]) -> bool:
    inner = tokens[1:-1]
    return (
        len(tokens) > 2  # noqa: PLR2004 - two brackets
        and (tokens[0].text, tokens[-1].text) == ("[", "]")
        and all(token.kind in ("name", "newline") or token.text == "," for token in inner)
    )


def _rows(path: Path, space: Workspace, name: str, kind: str, problems: list[Problem]) -> tuple[Row, ...]:
    """Return the rows of a matrix by column name; every number that is needed is judged."""
    value = space.values.get(name)
    if not isinstance(value, np.ndarray) or not value.size:
        if kind != "gen" and not any(name in str(problem) for problem in problems):
            problems.append(Problem(file=path.name, field=name, reason="is missing or empty"))
        return ()
    columns = MATRICES[kind]
    if value.shape[1] < len(columns):
        at = Problem(file=path.name, line=space.row_lines[name][0], column=1, field=name)
        problems.append(_told(at, f"{value.shape[1]} columns; at least {len(columns)} are needed"))
        return ()
    return tuple(_judged(path, value, space.row_lines[name], name, kind, problems))


def _judged(path: Path, value: Array, lines: list[int], name: str, kind: str, problems: list[Problem]) -> list[Row]:
    columns = (*MATRICES[kind], *(GEN_MORE if kind == "gen" else ()))
    rows = []
    for numbers, line in zip(value.tolist(), lines, strict=True):
        at = Problem(file=path.name, line=line, column=1, field=name)
        row = Row(values=dict(zip(columns, numbers, strict=False)), at=at)
        for column, number in row.values.items():
            free = column in _FREE[kind] or (column in _MAY_BE_INFINITE and not np.isnan(number))
            if not (free or np.isfinite(number)):
                problems.append(_told(at, f"{column} {number:g} is not finite"))
        rows.append(row)
    return rows


def _told(at: Problem, reason: str) -> Problem:
    return Problem(file=at.file, line=at.line, column=at.column, field=at.field, reason=reason)


def _field_problems(path: Path, space: Workspace, struct: str) -> list[Problem]:
    """Return the fields of the struct that matter and are not read, and a version that is not known."""
    problems = []
    known = {f"{struct}.{name}" for name in (*MATRICES, *_UNUSED, _NAMES, "baseMVA")}
    for name, value in space.values.items():
        empty = len(value) == 0
        if name.startswith(f"{struct}.") and name not in known and not empty:
            remedy = "remove it where it is not needed"
            problems.append(
                Problem(file=path.name, field=name, reason="is not read; its effect would be lost", remedy=remedy)
            )
    version = space.values.get(f"{struct}.version", "2")
    text = f"{version.flat[0]:g}" if isinstance(version, np.ndarray) and version.size else str(version)
    if text not in _VERSIONS:
        known_versions = ", ".join(_VERSIONS)
        problems.append(
            Problem(file=path.name, field=f"{struct}.version", reason=f"{text!r} is unknown; known: {known_versions}")
        )
    return problems
