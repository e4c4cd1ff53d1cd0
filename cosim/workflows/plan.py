"""Tell what a scenario will run, before it runs: simulators, wires, sizes, solver, remarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.coupling.steering import steering_remark
from cosim.dispatch.backends import Choice
from cosim.dispatch.backends.licences import Licence, gurobi, scip
from cosim.dispatch.devices import catalogue
from cosim.dispatch.plan import DispatchCase
from cosim.scenario.build import build_grid, build_taps, warnings_of
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.grid_taps import told
from cosim.scenario.load import LoadedScenario, load
from cosim.scenario.net_roles import table
from cosim.workflows.room import estimated_bytes
from cosim.world import Wire, wires


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What `run` would do; ``elements`` are those of a net, their power, and what becomes of them."""

    name: str
    title: str
    periods: int
    period_min: int
    simulators: tuple[str, ...]
    wires: tuple[Wire, ...]
    sizes: dict[str, int]
    solver: Choice | None
    licences: tuple[Licence, ...]
    remarks: tuple[str, ...]
    disk_mb: float
    elements: tuple[tuple[str, str, str], ...] = ()


def plan(scenario: str | Path, overrides: Sequence[str] = ()) -> RunPlan:
    """Build a scenario and describe its run; nothing is solved or written.

    Parameters
    ----------
    scenario, overrides
        As `cosim.run` takes them.

    Raises
    ------
    InputError
        If the scenario is wrong.
    DependencyError
        If the solver that it names is not there or does not fit.
    """
    loaded = load(scenario, overrides)
    case, grid = build_case(loaded), build_grid(loaded)
    found = tuple(wires(case))
    order = ("Profiles", "Traffic", "Dispatch", "Grid", "Sumo", "Measured", "Recorder")
    names = {name for wire in found for name in (wire.source, wire.target)}
    return RunPlan(
        name=loaded.name,
        title=loaded.scenario.title,
        periods=case.timeline.periods,
        period_min=case.timeline.period_min,
        simulators=tuple(name for name in order if name in names),
        wires=found,
        sizes=_sizes(case),
        solver=None if case.dispatch is None else _solver(case.dispatch),
        licences=(gurobi(), scip()),
        remarks=tuple(_remarks(loaded, case)),
        disk_mb=estimated_bytes(case) / 1e6,
        elements=() if grid is None else tuple(table(grid.roles)),
    )


def _solver(dispatch: DispatchCase) -> Choice:
    """Return the solver for the dispatch's window."""
    from cosim.dispatch.problem import DispatchProblem

    return DispatchProblem(dispatch, dispatch.settings.window_periods(dispatch.periods), elastic=False).choose()


def _sizes(case: SimulationCase) -> dict[str, int]:
    sizes: dict[str, int] = {}
    if case.roads is not None:
        roads = case.roads
        sizes |= {
            "road links": int((~roads.network.is_station).sum()),
            "charging stations": len(roads.stations),
            "OD pairs": len(roads.demand.od_pairs),
            "commodities (class x OD)": len(roads.paths.commodities),
            "paths": len(roads.paths),
        }
    if case.dispatch is not None:
        from cosim.dispatch.problem import DispatchProblem

        dispatch = case.dispatch
        window = dispatch.settings.window_periods(dispatch.periods)
        problem = DispatchProblem(dispatch, window, elastic=False)
        sizes |= {"buses": dispatch.feeder.n_buses, "devices": len(dispatch.devices), "window periods": window}
        sizes |= {f"dispatch {name}": count for name, count in problem.size().items()}
    return sizes


def _steering(case: SimulationCase) -> str:
    """Return what the drivers' price cannot move; empty where there is no price, or nothing to say."""
    roads, announced = case.roads, case.announced_price_per_mwh()
    if roads is None or not roads.stations or (announced is None and not case.coupling.rule.nodal):
        return ""
    return steering_remark(
        roads.paths,
        roads.demand_vph.max(axis=0),
        roads.network.station_positions.tolist(),
        price_per_mwh=announced,
        buses=[station.bus for station in roads.stations],
    )


def _remarks(loaded: LoadedScenario, case: SimulationCase) -> Iterator[str]:
    """Yield what a user should know before running."""
    yield from (str(problem) for problem in warnings_of(loaded, case.roads))
    if (grid := build_grid(loaded)) is not None:
        yield from grid.remarks
    if (choice := build_taps(loaded)) is not None:
        yield told(choice)
    if remark := _steering(case):
        yield remark
    if case.coupling.mode == "iterated" and not case.coupling.rule.nodal:
        yield f"ev_price '{case.coupling.rule.kind}' does not depend on the flow: the loop ends after one round"
    dispatch = case.dispatch
    if dispatch is None:
        return
    paid = [settings.pay_per_mwh for settings in dispatch.devices if catalogue()[settings.kind].returns]
    spread = float(dispatch.tariff_per_mwh.max() - dispatch.tariff_per_mwh.min())
    if paid and spread < min(paid):
        yield f"demand response hardly moves: the tariff's spread {spread:g} is below its pay {min(paid):g} per MWh"
