"""The days that the reproduction of the paper is made from: runs, averages, varied inputs, other dispatches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.controller import Controller
from cosim.dispatch.devices.demand_response import DemandResponseSettings
from cosim.dispatch.devices.storage import StorageSettings
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.tariffs.dynamic import dynamic_tariff
from cosim.errors import InputError
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import LITERAL, SCENARIOS, WITH, WITHOUT, AveragedDay, AveragedHour, Connection
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import LoadedScenario, load
from cosim.traffic.equilibrium import solve
from cosim.traffic.problem import SueProblem, SueResult
from cosim.workflows.run import run
from cosim.workflows.simulate import simulate
from cosim.world import wires

if TYPE_CHECKING:
    import pandas as pd

STEP_TEST_VPH = 1.0
FAR_BELOW = 1e-12
"""Tolerance on R that the averages never meet: the paper's step test ends them."""
TOU_STATIC = (288,) * 8 + (550,) * 3 + (743,) * 3 + (550,) * 4 + (743,) * 4 + (550,) * 2
"""Fixed price in three bands (CNY/MWh), as a stand-in for the paper's Table 1, which is an image: International Journal
of Antennas and Propagation 2023, 7471214, table 1."""
FIXED_TARIFF = f"tariff={{kind: static, prices_per_mwh: {list(TOU_STATIC)}}}"
VARIATIONS: Mapping[str, tuple[str, ...]] = {
    "theta x 0.5": ("traffic.theta_per_min=0.05",),
    "theta x 2": ("traffic.theta_per_min=0.2",),
    "charging share x 0.5": ("ev.fast_charge_share=0.06",),
    "charging share x 2": ("ev.fast_charge_share=0.24",),
    "root voltage 1.00": ("feeder.slack_vm_pu=1.0",),
    "root voltage 1.05": ("feeder.slack_vm_pu=1.05",),
    "tariff sigmas 0.2": ("tariff.sigma_threshold=0.2", "tariff.sigma_price=0.2"),
    "tariff sigmas 0.4": ("tariff.sigma_threshold=0.4", "tariff.sigma_price=0.4"),
    "fixed tariff": (FIXED_TARIFF, "sources=null"),
}
"""How assumed inputs are varied, one at a time, to see what a claim stands on."""
PEAK_EV_MW = (0.214, 0.496, 0.250)
"""Charging power of the three stations in the busiest hour (rounded), for dispatches of a given charging profile."""
SMALL_CURRENCY = 95.0
"""Base price per MWh of a currency in which the spread of the bands lies below the pay of demand response."""
BASE_PER_MWH, SIGMA = 550.0, 0.3
"""The default tariff's."""
ALL_SERVED = (
    "dispatch.voltage_slack_price=100000",
    "dispatch.ev_curtailment_price_per_mwh=1000000",
    "dispatch.shedding_price_per_mwh=10000000",
)
"""Where the limits cannot be kept, voltage is missed and all load is served."""


def run_day(scenario: str, folder: Path) -> PaperDay:
    """Run a shipped scenario into a folder."""
    result = run(scenario, out=folder, report=False, command=["cosim", "reproduce"])
    loaded = load(scenario)
    return _paper_day(loaded, build_case(loaded), {name: result[name] for name in result.tables})


def _paper_day(loaded: LoadedScenario, case: SimulationCase, tables: Mapping[str, pd.DataFrame]) -> PaperDay:
    if loaded.scenario.tariff is None:
        raise InputError(f"scenario '{loaded.name}' has no tariff; the paper's figures need one")
    return PaperDay(case=case, tables=tables, tariff=loaded.scenario.tariff)


def varied_days() -> Iterator[tuple[str, PaperDay]]:
    """Yield the default day with each assumed input varied.

    They are dispatched at once: with perfect forecasts that is the day that the hours one by one come to.
    """
    for name, overrides in VARIATIONS.items():
        loaded = load(SCENARIOS[WITH], overrides)
        case = build_case(loaded)
        if case.dispatch is not None:
            case = replace(case, dispatch=_at_once(case.dispatch))
        yield name, _paper_day(loaded, case, simulate(case).tables)


def _at_once(dispatch: DispatchCase) -> DispatchCase:
    return replace(dispatch, settings=replace(dispatch.settings, mode="day_ahead"))


def connections(case: SimulationCase) -> tuple[Connection, ...]:
    """Return the wires of a case as the figures take them."""
    return tuple(
        Connection(source=wire.source, target=wire.target, attrs=wire.attrs, weak=wire.weak) for wire in wires(case)
    )


def averaged_day(day: PaperDay, step: str) -> AveragedDay:
    """Solve every hour by the paper's averages until its step test passes, from the hour before and from nothing."""
    roads = day.roads
    problems = [replace(roads.problem, demand_vph=row) for row in roads.demand_vph]
    warm: list[AveragedHour] = []
    before: SueResult | None = None
    for problem in problems:
        hour, before = _averaged_hour(problem, before, step)
        warm.append(hour)
    return AveragedDay(warm=tuple(warm), cold=tuple(_averaged_hour(problem, None, step)[0] for problem in problems))


def _averaged_hour(problem: SueProblem, before: SueResult | None, step: str) -> tuple[AveragedHour, SueResult]:
    paths, demand = problem.paths, problem.demand_vph
    first = paths.uniform(demand) if before is None else paths.rescaled(demand, before.path_flow_vph)
    result = solve(
        problem, "msa", FAR_BELOW, start=before, msa_step=step, paper_step_test_vph=STEP_TEST_VPH, record_paths=True
    )
    flows = np.array([first, *(record.path_flow_vph for record in result.history)])
    return AveragedHour(flows_vph=flows, residuals=np.array([one.residual for one in result.history])), result


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """A day-ahead dispatch of a given charging profile.

    Attributes
    ----------
    name
        What is assumed.
    import_peak_mw, import_mwh, loss_mwh
        Largest import, energy bought and lost.
    vm_min_pu
        Lowest voltage.
    cut_mwh, discharged_mwh
        Energy that demand response cuts and that the storage gives.
    elastic
        Whether a limit could not be kept.
    """

    name: str
    import_peak_mw: float
    import_mwh: float
    loss_mwh: float
    vm_min_pu: float
    cut_mwh: float
    discharged_mwh: float
    elastic: bool


def dispatched_days(day: PaperDay) -> Iterator[Dispatched]:
    """Yield dispatches of a given charging profile, in proportion to the trips of ``day``, under other assumptions."""
    trips = day.roads.demand_vph.sum(axis=1)
    load_mw = np.outer(PEAK_EV_MW, trips / trips.max())
    plain, flexible = _grid_of(WITHOUT), day.dispatch
    literal = _grid_of(LITERAL, *ALL_SERVED)
    announced = _tariff(flexible, load_mw)
    yield _dispatched("no flexibility", plain, load_mw, announced)
    yield _dispatched("default", flexible, load_mw, announced)
    yield _dispatched("fixed tariff", flexible, load_mw, np.array(TOU_STATIC, dtype=float))
    yield _dispatched("tariff of a small currency", flexible, load_mw, _tariff(flexible, load_mw, SMALL_CURRENCY))
    yield _dispatched("root voltage 1.00", _grid_of(WITH, "feeder.slack_vm_pu=1.0"), load_mw, announced)
    yield _dispatched("root voltage 1.00, unity power factor", literal, load_mw, announced)
    yield _dispatched("three times the charging, same tariff", flexible, 3.0 * load_mw, announced)
    yield _dispatched("three times the charging", flexible, 3.0 * load_mw, _tariff(flexible, 3.0 * load_mw))


def _grid_of(name: str, *overrides: str) -> DispatchCase:
    """Return the grid side of one of the reproduction's scenarios."""
    loaded = load(SCENARIOS[name], overrides)
    return _paper_day(loaded, build_case(loaded), {}).dispatch


def _tariff(dispatch: DispatchCase, load_mw: Array, base_per_mwh: float = BASE_PER_MWH) -> Array:
    """Return Eq 22 for this charging load."""
    offered = np.sum([rows["available_mw"] for rows in dispatch.series.values() if "available_mw" in rows], axis=0)
    equivalent = dispatch.base_p_mw.sum(axis=0) + load_mw.sum(axis=0) - offered
    return dynamic_tariff(equivalent, base_per_mwh=base_per_mwh, sigma_threshold=SIGMA, sigma_price=SIGMA)


def _dispatched(name: str, dispatch: DispatchCase, load_mw: Array, tariff_per_mwh: Array) -> Dispatched:
    plan = Controller(replace(_at_once(dispatch), tariff_per_mwh=tariff_per_mwh)).plan(0, load_mw)
    kinds: dict[str, type] = {one.name: type(one) for one in dispatch.devices}

    def given_mwh(settings: type) -> float:
        power = [plan.devices[name].p_mw for name, kind in kinds.items() if kind is settings]
        return float(np.maximum(power, 0.0).sum()) * dispatch.period_h

    return Dispatched(
        name=name,
        import_peak_mw=float(plan.grid.slack_mw.max()),
        import_mwh=float(plan.grid.slack_mw.sum()) * dispatch.period_h,
        loss_mwh=float(plan.grid.loss_mw.sum()) * dispatch.period_h,
        vm_min_pu=float(plan.grid.vm_pu.min()),
        cut_mwh=given_mwh(DemandResponseSettings),
        discharged_mwh=given_mwh(StorageSettings),
        elastic=plan.record.elastic,
    )
