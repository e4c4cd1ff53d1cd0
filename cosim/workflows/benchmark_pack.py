"""The benchmark pack: ten coupled cases, each a scenario with its best-known answer and a proven bound on the cost.

``scenarios/benchmark_pack/<case>/`` holds ``scenario.yaml`` and ``best/``, an answer as anybody may hand one in;
``known.json`` beside the cases holds what `benchmarks/pack.py` found: the bounds, and the costs of the answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cosim.errors import InputError, Problem
from cosim.scenario import shipped
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import load
from cosim.tables import did_you_mean

PACK, KNOWN, BEST = "benchmark_pack", "known.json", "best"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownValue:
    """What is known of a case.

    Attributes
    ----------
    best_known
        Cost of the best answer that is known, by AC power flow.
    lower_bound
        No answer costs less: the relaxation's dual bound at the equilibrium's loads.
    how
        How the best answer was found.
    """

    best_known: float
    lower_bound: float
    how: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackCase:
    """A case of the pack.

    Attributes
    ----------
    name, title, description, currency
        What it is.
    folder
        Where scenario and best answer lie.
    known
        What is known of it.
    """

    name: str
    title: str
    description: str
    currency: str
    folder: Path
    known: KnownValue

    @property
    def best(self) -> Path:
        """Folder of the best answer that is known."""
        return self.folder / BEST

    def case(self) -> SimulationCase:
        """Return the case as domain objects."""
        return build_case(load(self.folder))


def folder() -> Path:
    """Return the folder of the pack."""
    return shipped.folder(shipped.SCENARIOS) / PACK


def case_names() -> tuple[str, ...]:
    """Return the names of the cases, sorted."""
    return tuple(sorted(path.parent.name for path in folder().glob("*/scenario.yaml")))


def pack_case(name: str) -> PackCase:
    """Return a case of the pack.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in case_names():
        reason = f"{name!r} is no case of the benchmark pack"
        raise InputError(Problem(field="case", reason=reason, remedy=did_you_mean(name, case_names())))
    scenario = load(folder() / name).scenario
    return PackCase(
        name=name, title=scenario.title, description=scenario.description.strip(), currency=scenario.currency,
        folder=folder() / name, known=known_values()[name],
    )  # fmt: skip


@cache
def known_values() -> Mapping[str, KnownValue]:
    """Return what is known of every case."""
    content = json.loads((folder() / KNOWN).read_text(encoding="utf-8"))
    return {name: KnownValue(**one) for name, one in content["cases"].items()}
