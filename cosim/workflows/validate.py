"""Validate the equilibrium of a run: drive its path flows in SUMO, and the null model's beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.microsim.port import Claim, MicroState, Variant
from cosim.reports.page import write_report
from cosim.results import verdict
from cosim.results.committed import is_run
from cosim.results.store import RunResult
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import load
from cosim.scenario.schema import Microsim
from cosim.traffic.problem import SueProblem
from cosim.validation.jam import jams
from cosim.validation.metrics import estimate
from cosim.validation.micro import MicroClaim, null_claim, over_seeds, statistics, sue_claim, with_skill
from cosim.validation.micro_verdict import judge
from cosim.validation.micro_vocabulary import VALIDATED
from cosim.validation.route_choice import residual
from cosim.workflows import micro_tables
from cosim.workflows.ledger import Progress
from cosim.workflows.micro_equilibrium import find_equilibrium
from cosim.workflows.micro_found import ModelRuns, PeriodValidation, Validation
from cosim.workflows.micro_ramp import run_ramp
from cosim.workflows.micro_study import (
    MicroStudy,
    WindowSettings,
    open_study,
    seen,
    stored_path_flows,
    stored_prices,
    stored_setpoints,
    stored_waits,
    told_of,
)
from cosim.workflows.verify import opened

LEAST_SEEDS = 5
"""A verdict needs an interval; a scenario's single seed is for windows beside a run."""
Tell = Callable[[str], None]
"""Called with what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateOptions:
    """What to simulate; None takes the scenario's own (section ``microsim``).

    Attributes
    ----------
    periods, seeds, jobs
        Which periods, how many seeds each, how many windows at a time.
    variant, length_scale, step_s
        Network and step of SUMO.
    ramp, equilibrium
        Whether to drive a rising and falling demand, and to look for the simulation's own equilibrium.
    """

    periods: tuple[int, ...] | None = None
    seeds: int | None = None
    jobs: int | None = None
    variant: Variant | None = None
    length_scale: float | None = None
    step_s: float | None = None
    ramp: bool = False
    equilibrium: bool = False

    def __post_init__(self) -> None:
        for name, value in (("seeds", self.seeds), ("jobs", self.jobs)):
            if value is not None and value < 1:
                raise InputError(Problem(field=name, reason=f"{value} must be at least 1"))


def validate(
    source: str | Path,
    options: ValidateOptions | None = None,
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    tell: Tell | None = None,
    command: Sequence[str] = (),
) -> Validation:
    """Hold the equilibrium of a run against a microscopic simulation; a scenario is run first.

    Parameters
    ----------
    source
        Run folder, or a scenario as `cosim.run` takes it.
    options
        What to simulate.
    overrides, seed, out, progress, command
        For a scenario, as `cosim.run` takes them.
    tell
        Called with a line on what is being simulated.

    Raises
    ------
    InputError
        If the scenario is wrong, has no roads, or has no such period; SUMO is not started then.
    SumoError
        If SUMO dies or hangs twice.
    StorageError
        If the run cannot be read or the disk is full.
    """
    options, tell = options or ValidateOptions(), tell or (lambda _: None)
    _check_scenario(source, overrides, options)
    result = opened(source, overrides, out, seed, progress, command)
    case = build_case(load(result.folder / "scenario"))
    chosen = chosen_periods(case, options)
    with open_study(case, window_settings(case.microsim, options)) as study:
        periods = _periods(study, result, chosen, options, tell)
        busiest = max(periods, key=lambda one: float(one.problem.demand_vph.sum()))
        seeds, jobs = seeds_of(case, options), options.jobs or case.microsim.jobs
        ramp = run_ramp(study, busiest.problem, seeds=seeds, jobs=jobs, tell=tell) if options.ramp else None
        equilibrium = None
        if options.equilibrium:
            flows = busiest.sue.claim.path_flow_vph
            equilibrium = find_equilibrium(
                study, busiest.problem, flows, period=busiest.period, seeds=seeds[: max(2, jobs)], jobs=jobs, tell=tell,
                p_set_mw=stored_setpoints(told_of(case, result, busiest.period)),
            )  # fmt: skip
    found = Validation(result=result, study=study, periods=periods, ramp=ramp, equilibrium=equilibrium)
    result.judge("validate", _finding(found))  # first of all, so that nothing stays green
    _write(found)
    return found


def _check_scenario(source: str | Path, overrides: Sequence[str], options: ValidateOptions) -> None:
    """Refuse a scenario that cannot be simulated before it is run; a run folder is read soon enough."""
    if is_run(Path(source)):
        return
    case = build_case(load(source, overrides))
    chosen_periods(case, options)
    open_study(case, window_settings(case.microsim, options)).engine.close()


def _finding(found: Validation) -> verdict.Finding:
    """Return what stands in the run's verdict: limits that do not apply are no failure."""
    return verdict.Finding(
        exit_code=found.exit_code,
        periods=tuple(one.period for one in found.periods),
        reasons=tuple(
            f"period {one.period}: {broken.statistic.meaning} is beyond its limit"
            for one in found.periods
            for broken in one.findings
            if broken.word == "failed"
        ),
    )


def _write(found: Validation) -> None:
    """Write tables and report; what an earlier validation found, with other settings, is not left beside them."""
    tables = micro_tables.tables(found)
    for name in sorted({column.table for column in VALIDATED} - tables.keys()):
        found.result.drop_table(name)
    for name, columns in tables.items():
        found.result.add_table(name, columns)
    write_report(found.result)


def window_settings(micro: Microsim, options: ValidateOptions) -> WindowSettings:
    """Return how windows are simulated: the options before the scenario's section."""
    own = WindowSettings(
        engine=micro.engine,
        length_scale=micro.length_scale,
        variant=micro.variant,
        step_s=micro.step_s,
        warmup_s=None if micro.warmup_min is None else 60.0 * micro.warmup_min,
    )
    given = {name: getattr(options, name) for name in ("length_scale", "variant", "step_s")}
    return replace(own, **{name: value for name, value in given.items() if value is not None})


def chosen_periods(case: SimulationCase, options: ValidateOptions) -> tuple[int, ...]:
    """Return the periods to simulate, from 1: those asked for, the scenario's, or the one with most trips.

    Raises
    ------
    InputError
        If the scenario has no roads or not such a period.
    """
    if case.roads is None:
        raise InputError(f"scenario '{case.name}' has no roads; there is no equilibrium to hold against a simulation")
    demand = case.roads.demand_vph.sum(axis=1)
    periods = options.periods or case.microsim.periods or (int(demand.argmax()) + 1,)
    if wrong := [period for period in periods if not 1 <= period <= len(demand)]:
        reason = f"there is no period {', '.join(map(str, wrong))}; the scenario has 1 to {len(demand)}"
        raise InputError(Problem(field="periods", reason=reason))
    if empty := [period for period in periods if not demand[period - 1] > 0.0]:
        reason = f"period {', '.join(map(str, empty))} has no trips; there is nothing to simulate"
        raise InputError(Problem(field="periods", reason=reason, remedy="choose periods with demand"))
    return tuple(dict.fromkeys(periods))


def seeds_of(case: SimulationCase, options: ValidateOptions) -> tuple[int, ...]:
    """Return the seeds of the windows: the scenario's and those that follow; `LEAST_SEEDS` unless told otherwise."""
    number = options.seeds or (case.microsim.seeds if case.microsim.seeds > 1 else LEAST_SEEDS)
    return tuple(range(case.seed, case.seed + number))


def _periods(
    study: MicroStudy, result: RunResult, chosen: Sequence[int], options: ValidateOptions, tell: Tell
) -> tuple[PeriodValidation, ...]:
    """Simulate all windows of all periods, several at a time, and judge each period."""
    seeds, jobs = seeds_of(study.case, options), options.jobs or study.case.microsim.jobs
    claims = {period: _claims(study, result, period) for period in chosen}
    setpoints = {period: stored_setpoints(told_of(study.case, result, period)) for period in chosen}
    tasks = [(period, claim, seed) for period in chosen for claim in claims[period][1] for seed in seeds]
    tell(f"{len(tasks)} windows: periods {', '.join(map(str, chosen))}; SUE and null model; seeds {seeds[0]} to "
         f"{seeds[-1]}; {study.engine.variant} net at scale {study.settings.length_scale:g}")  # fmt: skip
    windows = [
        study.window(claim, period=period, seed=seed, p_set_mw=setpoints[period]) for period, claim, seed in tasks
    ]
    results = told_windows(study, windows, jobs=jobs, tell=tell)
    by_task = {(period, claim.name, seed): r for (period, claim, seed), r in zip(tasks, results, strict=True)}
    return tuple(_judged(study, period, claims[period], seeds, by_task) for period in chosen)


def told_windows(study: MicroStudy, windows: Sequence[Claim], *, jobs: int, tell: Tell) -> list[MicroState]:
    """Simulate windows in groups, and tell after each how far the work is."""
    results: list[MicroState] = []
    group = 4 * jobs
    for start in range(0, len(windows), group):
        results += study.engine.windows(windows[start : start + group], jobs=jobs)
        tell(f"{len(results)} of {len(windows)} windows done")
    return results


def _claims(study: MicroStudy, result: RunResult, period: int) -> tuple[SueProblem, tuple[MicroClaim, MicroClaim]]:
    told = told_of(study.case, result, period)
    problem = study.problem(period, stored_prices(study.case, told), stored_waits(study.case, result, period))
    sue, cap_mw = sue_claim(problem, stored_path_flows(study.roads, told)), stored_setpoints(told)
    return problem, (_planned(study, problem, sue, cap_mw), _planned(study, problem, null_claim(problem), cap_mw))


def _planned(study: MicroStudy, problem: SueProblem, claim: MicroClaim, cap_mw: Array | None) -> MicroClaim:
    """Return the claim with the energy that its stations deliver in the measured time, chargers and caps kept."""
    hours = study.settings.measured_s / 3600.0
    energy = claim.link_flow_vph[problem.network.station_positions] * study.roads.energy_kwh
    energy = np.minimum(energy, 1000.0 * study.case.chargers().power_mw)
    if cap_mw is not None:
        energy = np.minimum(energy, 1000.0 * cap_mw)
    return replace(claim, station_energy_kwh=hours * energy)


def _judged(
    study: MicroStudy,
    period: int,
    claimed: tuple[SueProblem, tuple[MicroClaim, MicroClaim]],
    seeds: Sequence[int],
    by_task: Mapping[tuple[int, str, int], MicroState],
) -> PeriodValidation:
    problem, claims = claimed
    sue, null = (
        _runs(study, problem, claim, [by_task[period, claim.name, seed] for seed in seeds]) for claim in claims
    )
    micro = study.case.microsim
    found = with_skill(sue.estimates, null.estimates)
    found["sue_residual"] = estimate([residual(problem, sue.claim.path_flow_vph)])
    roads = ~problem.network.is_station
    return PeriodValidation(
        period=period,
        problem=problem,
        sue=replace(sue, estimates=found),
        null=null,
        findings=judge(found, null.estimates, limits=micro.thresholds, gates=study.case.gates, basis=study.basis),
        jams=jams(
            problem, sue.claim.link_flow_vph, [one.link_occupancy for one in sue.seen], micro.thresholds.jam_occupancy
        ),
        most_use=float((sue.claim.link_flow_vph / problem.network.capacity_vph)[roads].max()),
    )


def _runs(study: MicroStudy, problem: SueProblem, claim: MicroClaim, results: Sequence[MicroState]) -> ModelRuns:
    observed = tuple(seen(study, one) for one in results)
    limits = study.case.microsim.thresholds
    each = [statistics(problem, claim, one, limits, study.unused_factor, study.curve_min(one)) for one in observed]
    return ModelRuns(claim=claim, results=tuple(results), seen=observed, estimates=over_seeds(each))
