"""What is done with a row: run, verify, validate, value of coupling, or what an installed package offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.results.store import RunResult

GROUP = "cosim.rows"
"""Entry points ``f(scenario, overrides, seed, folder) -> {name: number}`` of installed packages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a row gives.

    Attributes
    ----------
    exit_code
        Its worst verdict.
    values
        Numbers by name; None where the row has none.
    units
        By the same names.
    reasons
        What was flagged.
    tables
        Columns by table name, of those that were asked for.
    """

    exit_code: int
    values: Mapping[str, float | None]
    units: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)


Work = Callable[[str, Sequence[str], int, Path, Sequence[str]], Measured]
"""Does a row: scenario, assignments, seed, a new folder for what it writes, names of tables that are kept."""


def _run(scenario: str, overrides: Sequence[str], seed: int, folder: Path, tables: Sequence[str]) -> Measured:
    from cosim.workflows.run import run

    result = run(
        scenario, out=folder, overrides=overrides, seed=seed, report=False, command=("cosim", "sweep"), passing=True
    )  # fmt: skip
    return measured(result, tables)


def _verify(scenario: str, overrides: Sequence[str], seed: int, folder: Path, tables: Sequence[str]) -> Measured:
    from cosim.results.store import load
    from cosim.workflows.verify import verify

    _run(scenario, overrides, seed, folder, ())
    verify(folder)
    return measured(load(folder), tables)


def _validate(scenario: str, overrides: Sequence[str], seed: int, folder: Path, tables: Sequence[str]) -> Measured:
    from cosim.results.store import load
    from cosim.workflows.validate import validate

    _run(scenario, overrides, seed, folder, ())
    validate(folder)
    return measured(load(folder), tables)


def _coupling(scenario: str, overrides: Sequence[str], seed: int, folder: Path, tables: Sequence[str]) -> Measured:
    """Run without interaction, one way and in equilibrium; measures have the run's name before them."""
    from cosim.workflows.value_of_coupling import value_of_coupling

    found = value_of_coupling(scenario, out=folder, overrides=overrides, seed=seed, report=False)
    each = {name: measured(result, tables) for name, result in found.runs.items()}
    return Measured(
        exit_code=found.exit_code,
        values={f"{name}.{key}": value for name, one in each.items() for key, value in one.values.items()},
        units={f"{name}.{key}": unit for name, one in each.items() for key, unit in one.units.items()},
        reasons=tuple(f"{name}: {reason}" for name, one in each.items() for reason in one.reasons),
        tables={f"{name}.{key}": columns for name, one in each.items() for key, columns in one.tables.items()},
    )


_OWN: Mapping[str, Work] = {"run": _run, "verify": _verify, "validate": _validate, "value_of_coupling": _coupling}


def measured(result: RunResult, tables: Sequence[str]) -> Measured:
    """Return the measures of a run by which `cosim compare` sets runs side by side, and some of its tables."""
    from cosim.reports.measures import VERDICT, measures

    rows = [row for section in measures(result) if section.title != VERDICT for row in section.rows]
    numbers = [row for row in rows if row.value is None or isinstance(row.value, int | float)]
    return Measured(
        exit_code=result.verdict.worst,
        values={row.key: None if row.value is None else float(row.value) for row in numbers},
        units={row.key: row.unit for row in numbers},
        reasons=tuple(map(str, result.run["reasons"])),
        tables={name: {str(key): list(values) for key, values in result[name].items()} for name in tables},
    )


@cache
def row_kinds() -> tuple[str, ...]:
    """Return the names that ``run`` of a study file may have."""
    return (*_OWN, *sorted(entry.name for entry in entry_points(group=GROUP)))


@cache
def work_of(kind: str) -> Work:
    """Return what does a row of a kind; what an installed package offers is imported by its name alone."""
    if kind in _OWN:
        return _OWN[kind]
    offered = next(entry for entry in entry_points(group=GROUP) if entry.name == kind).load()

    def work(scenario: str, overrides: Sequence[str], seed: int, folder: Path, tables: Sequence[str]) -> Measured:
        del tables  # a stranger's row has numbers only
        found = offered(scenario, tuple(overrides), seed, folder)
        return Measured(exit_code=0, values={str(key): float(value) for key, value in found.items()})

    return work
