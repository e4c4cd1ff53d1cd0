"""What a validation found: claims, runs of each, and the verdict by period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cosim.microsim.port import MicroState
from cosim.results.result import Shown
from cosim.results.run_judged import RunJudged
from cosim.results.store import RunResult
from cosim.traffic.problem import SueProblem
from cosim.validation.jam import Jam
from cosim.validation.metrics import Estimate
from cosim.validation.micro import MicroClaim, MicroSeen
from cosim.validation.micro_verdict import Finding, holds
from cosim.workflows.micro_equilibrium import MicroEquilibrium
from cosim.workflows.micro_ramp import Ramp
from cosim.workflows.micro_study import MicroStudy

INVALID = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelRuns:
    """A claim and its runs, one per seed."""

    claim: MicroClaim
    results: tuple[MicroState, ...]
    seen: tuple[MicroSeen, ...]
    estimates: dict[str, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PeriodValidation:
    """One period: the equilibrium, the null model, and the verdict on the first.

    Attributes
    ----------
    most_use
        Largest flow over capacity of a road, by the equilibrium.
    jams
        Edges that the simulation fills though the equilibrium sees room on them.
    """

    period: int
    problem: SueProblem
    sue: ModelRuns
    null: ModelRuns
    findings: tuple[Finding, ...]
    most_use: float
    jams: tuple[Jam, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no limit that applies is broken."""
        return holds(self.findings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Validation(RunJudged):
    """What `validate` found.

    Attributes
    ----------
    result
        The run; its tables ``validation_*`` are written.
    study
        Network, stations and how windows were simulated.
    periods
        The periods.
    ramp, equilibrium
        None unless asked for.
    """

    result: RunResult
    study: MicroStudy
    periods: tuple[PeriodValidation, ...]
    ramp: Ramp | None
    equilibrium: MicroEquilibrium | None

    @property
    def holds(self) -> bool:
        """Whether every period keeps its limits."""
        return all(one.holds for one in self.periods)

    @property
    def exit_code(self) -> int:
        """10 (``validation_invalid``) if a limit that applies is broken, else 0."""
        return 0 if self.holds else INVALID

    @property
    def heading(self) -> str:
        """What was validated."""
        return f"validation of {self.result.heading}"

    def shown(self) -> Iterator[Shown]:
        """Yield the statistics that a limit applies to, by period."""
        for one in self.periods:
            for finding in one.findings:
                if finding.word != "shown":
                    value = finding.estimate
                    place = f"period {one.period}, limit {finding.limit:.3g}, {value.n} seeds"
                    told = f"{value.mean:.3g}: {finding.word.replace('_', ' ')}"
                    yield finding.statistic.meaning, told, place
