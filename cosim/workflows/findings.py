"""What run, verify, validate and assign found, as the data of their JSON documents.

Where a type of the science or of the report tells it already, that type stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosim.reports.rows import Row
from cosim.results.verdict import Verdict
from cosim.validation.audit import AuditItem
from cosim.validation.ledger_entry import LedgerEntry
from cosim.validation.metrics import Estimate
from cosim.validation.micro_verdict import Word
from cosim.validation.stress import StressDraw
from cosim.workflows.verify_tables import RunLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenCheck:
    """A check of the gate that did not pass: value and limit, or the solver's word and the one asked for."""

    name: str
    value: float | bool | str | None
    limit: float | bool | str | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedPeriod:
    """A period that is not `optimal`.

    Attributes
    ----------
    status, flags
        Its status, and all that applies, worst first.
    checks
        What did not pass.
    """

    period: int
    status: str
    flags: tuple[str, ...]
    checks: tuple[BrokenCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFound:
    """A run.

    Attributes
    ----------
    folder, report
        Run folder, and its report.html; null if there is none.
    scenario, title, currency
        What was run.
    complete
        Whether every period was committed.
    planned, committed
        Periods of the day, and those that are stored.
    period_statuses
        How many periods have each status.
    reasons
        What was flagged, in words.
    flagged
        The periods that are not `optimal`.
    verdict, worst
        Exit codes of the run, of its newest verification and validation, and the worst of them.
    margins
        The smallest distance to each kind of limit, where and when.
    figures
        The numbers at the end of a run.
    tables
        Names of its tables.
    tables_digest
        SHA-256 over the values of all tables; empty without one.
    """

    folder: str
    report: str | None
    scenario: str
    title: str
    currency: str
    complete: bool
    planned: int
    committed: int
    period_statuses: dict[str, int]
    reasons: tuple[str, ...]
    flagged: tuple[FlaggedPeriod, ...]
    verdict: Verdict
    worst: int
    margins: tuple[Row, ...]
    figures: tuple[Row, ...]
    tables: tuple[str, ...]
    tables_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyFound:
    """A verification.

    Attributes
    ----------
    run
        The run that was verified.
    whole
        The run as a whole: bound, AC cost, exactness.
    ledger
        The judgement by period.
    audit
        Books of energy and money.
    stress
        Disturbed power flows; null if none were asked for.
    """

    run: RunFound
    whole: RunLedger
    ledger: tuple[LedgerEntry, ...]
    audit: tuple[AuditItem, ...]
    stress: tuple[StressDraw, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticFound:
    """A statistic of the equilibrium against the simulation, its limit, and what follows.

    Attributes
    ----------
    meaning, unit
        What it is.
    estimate, null_model
        Over the seeds, of the equilibrium and of the null model (null where that has none).
    limit, at_least
        What is accepted (null: it is shown only), and whether that is the least.
    word, sure
        What follows, and whether the whole interval is on one side of the limit.
    """

    name: str
    meaning: str
    unit: str
    estimate: Estimate
    null_model: Estimate | None
    limit: float
    at_least: bool
    word: Word
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodFound:
    """A period held against the simulation.

    Attributes
    ----------
    demand_vph, most_use
        Trips, and the largest flow over capacity of a road.
    seeds
        Simulated runs.
    holds
        Whether no limit that applies is broken.
    statistics
        Every statistic.
    """

    period: int
    demand_vph: float
    most_use: float
    seeds: int
    holds: bool
    statistics: tuple[StatisticFound, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RampFound:
    """A rising and falling demand in slices: shares of flows and times inside the tolerance, share with GEH below 5."""

    factors: tuple[float, ...]
    seeds: int
    flows_inside: float
    times_inside: float
    geh_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateFound:
    """A validation.

    Attributes
    ----------
    run
        The run that was validated.
    variant, length_scale
        The simulated network.
    periods
        What was found by period.
    ramp
        The rising and falling demand; null if it was not asked for.
    equilibria_differ
        Share of demand on other paths in the simulation's own equilibrium; null if it was not asked for.
    """

    run: RunFound
    variant: str
    length_scale: float
    periods: tuple[PeriodFound, ...]
    ramp: RampFound | None
    equilibria_differ: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFound:
    """An equilibrium at one theta.

    Attributes
    ----------
    residual, residual_path, gap_veh_min_per_h
        Residual R of links and of routes, and the duality gap.
    loads
        How often the network was loaded.
    paths
        Routes; null in a link-based model.
    beckmann_veh_min_per_h, relative_gap
        Distance from a user equilibrium; null unless it was asked for.
    """

    theta_per_min: float
    method: str
    route_model: str
    status: str
    residual: float
    residual_path: float
    gap_veh_min_per_h: float
    iterations: int
    loads: int
    paths: int | None
    beckmann_veh_min_per_h: float | None = None
    relative_gap: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignFound:
    """An assignment.

    Attributes
    ----------
    links, pairs, demand_vph
        Size of the problem: links, pairs with demand, trips.
    total_time_veh_h_per_h
        Travel time of all vehicles.
    most_use, busiest_link
        Largest flow over capacity, and where.
    stages
        The equilibria that were solved, the last one is the answer.
    remarks
        What the readers had to say.
    flows
        File of the link flows; null if none was asked for.
    """

    links: int
    pairs: int
    demand_vph: float
    total_time_veh_h_per_h: float
    most_use: float
    busiest_link: str
    stages: tuple[StageFound, ...]
    remarks: tuple[str, ...]
    flows: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFound:
    """A check of an answer: the worst value of the day, what is accepted, and where it stands (period 0: the day)."""

    name: str
    meaning: str
    unit: str
    value: float
    limit: float
    passed: bool
    period: int
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeFound:
    """The grade of an answer to a case of the benchmark pack.

    Attributes
    ----------
    solution, by, how
        The answer, who made it, and with what.
    case, currency
        The case that it answers.
    valid
        Whether it keeps everything.
    checks
        Everything that it must keep.
    cost, claimed
        Cost of the day as it was found, and as it was claimed.
    cost_terms
        Parts of the cost that was found.
    best_known, gap_to_best_rel
        Cost of the best answer that is known, and how far this one is above it.
    lower_bound, gap_to_bound_rel
        What no answer costs less than, and how far this one is above it.
    """

    solution: str
    by: str
    how: str
    case: str
    currency: str
    valid: bool
    checks: tuple[CheckFound, ...]
    cost: float
    claimed: float
    cost_terms: dict[str, float]
    best_known: float
    gap_to_best_rel: float
    lower_bound: float
    gap_to_bound_rel: float
