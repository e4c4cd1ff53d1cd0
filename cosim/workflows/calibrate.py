"""Fit link and station laws to simulation: SUMO windows for the roads, long runs of our own queue for the stations."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from cosim.arrays import Array
from cosim.charging.fifo import ChargerBank, FifoState, advance
from cosim.charging.stations import Station
from cosim.errors import InputError, Problem, StorageError, UsageError
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import load
from cosim.scenario.road_case import RoadCase
from cosim.traffic.calibration import (
    LAW_COLUMNS,
    Fit,
    LinkLaw,
    fit_davidson,
    fit_link_law,
    judge_link_law,
    judge_times,
    law_rows,
)
from cosim.traffic.problem import SueProblem
from cosim.traffic.shares_of_demand import at_shares
from cosim.units import h_to_min, min_to_s, s_to_min
from cosim.validation.micro import MicroClaim, MicroSeen, statistics, sue_claim
from cosim.workflows.micro_study import MicroStudy, open_study, seen
from cosim.workflows.validate import ValidateOptions, chosen_periods, told_windows, window_settings

FIT_SHARES = (0.27, 0.55, 0.77, 0.91, 1.0)
HELD_SHARES = (0.68, 0.86)
"""Demands over that of the busiest period: to fit on, and held out."""
FIT_SEEDS, HELD_SEEDS = 2, 2
LEAST_VEHICLES = 50
MOST_USE = 0.9
"""Beyond, a window of an hour measures a growing queue."""
STATION_USES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
STATION_SERVICES = 4_000
"""Services per charger of a stationary run, after a tenth of it as warm-up."""
STATION_STEPS = 20
"""Steps of the queue per service."""
LAW_FILE, REPORT_FILE = "micro_calibrated.csv", "calibration.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The equilibrium with the fitted law, at a demand and seed that the fit never saw; errors are shares."""

    share: float
    seed: int
    geh_max: float
    time_mape: float
    time_worst: float
    closure: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """What `calibrate` found.

    Attributes
    ----------
    law, fit, held_fit, raw_fit
        The link law; how well it tells the points it was fitted to, those held out, and how well the scenario's own law
        tells the former.
    held
        Equilibria solved anew with the law, at demands and seeds that were held out.
    davidson_j, davidson_fit
        Shape of Davidson's law by station, and how well it tells the waits of long runs.
    variant, length_scale
        Network that the law holds for.
    law_file, report_file
        Where they were written.
    """

    law: LinkLaw
    fit: Fit
    held_fit: Fit
    raw_fit: Fit
    held: tuple[HeldOut, ...]
    davidson_j: dict[str, float]
    davidson_fit: dict[str, Fit]
    variant: str
    length_scale: float
    law_file: Path
    report_file: Path


def calibrate(
    source: str | Path,
    out: Path,
    options: ValidateOptions | None = None,
    *,
    overrides: Sequence[str] = (),
    tell: Callable[[str], None] | None = None,
) -> Calibration:
    """Fit the laws of a scenario's roads and stations, and write a file that scenarios can use.

    Parameters
    ----------
    source
        Scenario; the demands are shares of its busiest period's.
    out
        New folder for `LAW_FILE` (``traffic.link_law_file``) and `REPORT_FILE`.
    options
        Network, step and jobs.
    overrides
        Assignments on top of the scenario.
    tell
        Called with a line on what is being done.

    Raises
    ------
    InputError
        If the scenario has no roads, or already follows a fitted law.
    UsageError
        If the folder exists.
    """
    options, tell = options or ValidateOptions(), tell or (lambda _: None)
    if out.exists():
        raise UsageError(f"folder '{out}' exists; choose another with --out")
    case = build_case(load(source, overrides))
    if case.roads is not None and case.roads.link_law is not None:
        reason = "the scenario follows a fitted law already"
        raise InputError(Problem(field="traffic.link_law_file", reason=reason, remedy="set it to null"))
    chosen_periods(case, options)
    with open_study(case, window_settings(case.microsim, options)) as study:
        if study.engine.nature.follows_law:
            reason = "the speeds of a metered net follow the scenario's own law; a fit to it would find that law again"
            raise InputError(Problem(field="microsim.variant", reason=reason, remedy="calibrate on the variant merge"))
        drive = _Driver(study, options.jobs or case.microsim.jobs, tell)
        fitted_on = drive(_busiest(study.roads), FIT_SHARES, range(case.seed, case.seed + FIT_SEEDS))
        points = _points(study, fitted_on)
        law = replace(fit_link_law(points.use, points.time_ratio), least_lanes=_basis(study).least_lanes)
        tell(f"fitted to {points.use.size} points: k {law.time_factor:.4f}, A {law.alpha:.4f}, B {law.beta:.3f}")
        held_seeds = range(case.seed + FIT_SEEDS, case.seed + FIT_SEEDS + HELD_SEEDS)
        held = drive(_lawful(study, law), HELD_SHARES, held_seeds)
        held_points = _points(study, held)
        tell("stations: long stationary runs of the queue")
        shapes = {one.name: davidson_shape(one, study.roads.energy_kwh, case.seed) for one in study.roads.stations}
        found = Calibration(
            law=law,
            fit=judge_link_law(law, points.use, points.time_ratio),
            raw_fit=judge_times(points.time_ratio, points.said_ratio),
            held_fit=judge_link_law(law, held_points.use, held_points.time_ratio),
            held=tuple(_held(case, one) for one in held),
            davidson_j={name: j for name, (j, _) in shapes.items()},
            davidson_fit={name: fit for name, (_, fit) in shapes.items()},
            variant=study.engine.variant,
            length_scale=study.engine.length_scale,
            law_file=out / LAW_FILE,
            report_file=out / REPORT_FILE,
        )
    _write(found, case, out)
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Driven:
    """An equilibrium and what one window of it measured."""

    problem: SueProblem
    claim: MicroClaim
    share: float
    seen: MicroSeen


@dataclass(frozen=True, slots=True, eq=False)
class _Driver:
    """Solves equilibria at shares of a problem's demand and drives them."""

    study: MicroStudy
    jobs: int
    tell: Callable[[str], None]

    def __call__(self, problem: SueProblem, shares: Sequence[float], seeds: Sequence[int]) -> list[_Driven]:
        problems = [replace(problem, demand_vph=share * problem.demand_vph) for share in shares]
        claims = [sue_claim(one, flow) for one, flow in zip(problems, at_shares(problem, shares), strict=True)]
        tasks = [(number, seed) for number in range(len(shares)) for seed in seeds]
        windows = [self.study.window(claims[number], period=number + 1, seed=seed) for number, seed in tasks]
        self.tell(f"{len(windows)} windows: {len(shares)} demands, seeds {seeds[0]} to {seeds[-1]}")
        results = told_windows(self.study, windows, jobs=self.jobs, tell=self.tell)
        return [
            _Driven(problem=problems[n], claim=claims[n], share=shares[n], seen=seen(self.study, one))
            for (n, _), one in zip(tasks, results, strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Points:
    """Use, measured t/t0 and the claim's t/t0 of links with enough vehicles and without a lasting queue."""

    use: Array
    time_ratio: Array
    said_ratio: Array


def _basis(study: MicroStudy) -> LinkLaw:
    """Return the law whose capacities count: those of lanes, or on a user's own network its own, which know signals."""
    return LinkLaw(least_lanes=0) if study.engine.nature.needs_law else LinkLaw()


def _points(study: MicroStudy, driven: Sequence[_Driven]) -> _Points:
    streets = study.roads.streets
    n = len(streets.link_ids)
    capacity = _basis(study).capacity_vph(streets)
    rows: list[Array] = []
    for one in driven:
        use = one.seen.link_flow_vph[:n] / capacity
        counted = (one.seen.link_vehicles[:n] >= LEAST_VEHICLES) & (use <= MOST_USE) & (streets.free_flow_min > 0.0)
        time, said = (
            values[:n] / streets.free_flow_min for values in (one.seen.link_time_min, one.claim.link_time_min)
        )
        rows.append(np.stack([use, time, said])[:, counted])
    use, time, said = np.concatenate(rows, axis=1)
    return _Points(use=use, time_ratio=time, said_ratio=said)


def _lawful(study: MicroStudy, law: LinkLaw) -> SueProblem:
    """Return the scenario's problem with the law on its roads."""
    network = law.applied(study.roads.streets).with_stations(study.roads.stations)
    return _busiest(replace(study.roads, network=network))


def _busiest(roads: RoadCase) -> SueProblem:
    """Return the problem of the period with most trips, at its fees and announced prices."""
    position, price = int(roads.demand_vph.sum(axis=1).argmax()), roads.announced_price_per_mwh
    return roads.response().period(position, None if price is None else price[:, position])


def _held(case: SimulationCase, one: _Driven) -> HeldOut:
    found = statistics(one.problem, one.claim, one.seen, case.microsim.thresholds, 1.0)
    return HeldOut(
        share=one.share, seed=one.seen.seed, geh_max=found["geh_max"], time_mape=found["time_mape"],
        time_worst=found["time_worst"], closure=found["closure"],
    )  # fmt: skip


def davidson_shape(station: Station, energy_kwh: float, seed: int) -> tuple[float, Fit]:
    """Fit Davidson's J of a station to mean waits of long stationary runs of its queue.

    One-hour windows would not do: a queue near its capacity takes many hours to become stationary.
    """
    waits = [stationary_wait_min(station, energy_kwh, use, seed) for use in STATION_USES]
    return fit_davidson(STATION_USES, np.array(waits) / station.free_flow_min)


def stationary_wait_min(station: Station, energy_kwh: float, use: float, seed: int) -> float:
    """Return the mean wait of Poisson arrivals at a station over a long run of its queue, min.

    Parameters
    ----------
    station
        With chargers.
    energy_kwh
        Energy of a session.
    use
        Arrivals over capacity, below 1.
    seed
        Of the arrivals.
    """
    if station.chargers is None or station.charger_kw is None:
        raise InputError(f"station {station.name!r} is given by capacity_vph; a queue needs its servers")
    bank = ChargerBank(
        name=station.name, chargers=station.chargers, charger_kw=station.charger_kw, energy_kwh=energy_kwh
    )
    step_s = min_to_s(h_to_min(energy_kwh / station.charger_kw)) / STATION_STEPS
    steps = STATION_STEPS * STATION_SERVICES // station.chargers
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(round(1000 * use), station.chargers)))
    counts = rng.poisson(use * station.chargers / STATION_STEPS, size=steps)
    state, total_s, number, arrived = FifoState(), 0.0, 0, 0
    for k, count in enumerate(counts.tolist()):
        names = [f"{arrived + n:09d}" for n in range(count)]
        arrived += count
        done = advance(bank, state, arrivals=names, now_s=k * step_s, step_s=step_s, p_set_kw=math.inf)
        state = done.state
        if k > steps // 10:
            total_s += math.fsum(one.wait_s for one in done.plugged)
            number += len(done.plugged)
    return s_to_min(total_s / number) if number else math.nan


def _write(found: Calibration, case: SimulationCase, out: Path) -> None:
    """Write the law's file and the report beside it."""
    content = {
        "scenario": case.name, "variant": found.variant, "length_scale": found.length_scale,
        "law": asdict(found.law), "fit": asdict(found.fit), "own_law": asdict(found.raw_fit),
        "held_out_points": asdict(found.held_fit), "held_out": [asdict(one) for one in found.held],
        "davidson_j": found.davidson_j, "davidson_fit": {name: asdict(one) for name, one in found.davidson_fit.items()},
    }  # fmt: skip
    try:
        out.mkdir(parents=True)
        with found.law_file.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(LAW_COLUMNS)
            writer.writerows((name, repr(round(value, 6))) for name, value in law_rows(found.law))
        found.report_file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"'{out}' cannot be written: {error.strerror}") from error
