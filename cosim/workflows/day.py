"""A day of a case as arrays, without a run folder: for asking the same day many times with changed numbers.

The functions that the simulators of a run call are called here without wires, in the same order; where roads and grid
follow one another, all periods of the one before those of the other. A rolling dispatch that knows the future and looks
to the end of the day is solved as the one day that it amounts to; not where price and flow iterate, for there the later
periods of a window are forecasts at announced or equal prices. What a run would flag as no answer comes back in
`Day.problems`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.coupling.day import DayState, Expected, RoadSide, block_of
from cosim.coupling.dispatch_day import Dispatched, open_day
from cosim.coupling.plain_loop import coupled, dispatched
from cosim.dispatch.exactness import exact_periods
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.scenario.case import SimulationCase
from cosim.scenario.road_case import RoadCase
from cosim.traffic.equilibrium import SueResult
from cosim.traffic.network import RoadNetwork

TIGHT = 1e-10
"""Residual of the equilibria that are compared, where the scenario's method is quick enough to reach it."""
QUICK_METHODS = frozenset({"auto", "newton"})
LOOP_MW = 1e-8
"""Residual of price-flow loops that are compared, where the scenario's own is above."""
SAME_MW = 1e-12
"""Loads closer than this are the same."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoadDay:
    """The equilibria of T periods, R road links and s stations.

    ``flow_vph``, ``time_min`` have shape ``(T, R)``, ``charging_vph``, ``wait_min`` (time beyond access and service)
    ``(T, s)``; ``trips_vph`` ``(T,)`` is the demand of all classes. ``results`` are the equilibria themselves, where
    they were solved here.
    """

    flow_vph: Array
    time_min: Array
    charging_vph: Array
    wait_min: Array
    trips_vph: Array
    results: tuple[SueResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridDay:
    """The dispatch as applied, periods along the last axis.

    ``cost``, ``import_mw``, ``loss_mw``, ``unserved_mw`` (charging and base load that the last resorts took) have shape
    ``(T,)``, ``vm_pu``, ``price_per_mwh`` ``(n, T)``. ``optimum``: the day is the optimum of one programme, unrepaired
    and without last resorts, so that its duals are the derivatives of its cost.
    """

    cost: Array
    import_mw: Array
    loss_mw: Array
    unserved_mw: Array
    vm_pu: Array
    price_per_mwh: Array
    elastic: bool
    optimum: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Day:
    """What a case comes to.

    Attributes
    ----------
    roads, grid
        None where the scenario has none.
    load_mw
        Charging load that the stations draw, shape ``(s, T)``.
    over_chargers
        Whether some station is asked for more than its chargers can give in some period.
    problems
        Why this is no answer; empty where it is one.
    """

    roads: RoadDay | None
    grid: GridDay | None
    load_mw: Array
    problems: tuple[str, ...]
    over_chargers: bool = False


def solve_day(case: SimulationCase, near: tuple[DispatchCase, Day] | None = None) -> Day:
    """Solve a day.

    Parameters
    ----------
    case
        The scenario's domain objects.
    near
        A dispatch and its day: where load and dispatch are the same, its grid side is taken over.
    """
    compared = _comparable(case)
    load = np.zeros((0, case.timeline.periods)) if case.given_load_mw is None else case.given_load_mw
    roads, over, problems, done = None, False, list[str](), list[Dispatched]()
    expected: Sequence[Expected] = ()
    if case.roads is not None:
        side, state = compared.open_roads()
        if case.iterated:
            grid_side = compared.grid_side()
            for (state, _), one in coupled(side, grid_side, (state, open_day(grid_side))):  # noqa: B020 - goes on
                done.append(one)
                problems += _apart(state)
        roads, expected = _road_side(case.roads, side, state), side.expected
        load, over = state.served.p_mw, bool(side.chargers.overloaded(state.served).any())
        problems += _no_equilibria(case.roads.tolerance, state)
    grid = None
    if case.dispatch is not None and not problems:
        grid = None if near is None else _known(case.dispatch, load, *near)
        if grid is None:
            done = done or list(dispatched(compared.grid_side(polish=False), load, expected))
            problems += dict.fromkeys(_no_plans(case.dispatch, done))
            grid = _applied(done, whole=is_one_day(case))
    return Day(roads=roads, grid=grid, load_mw=load, problems=tuple(problems), over_chargers=over)


def in_sequence(case: SimulationCase) -> bool:
    """Whether roads and grid follow one another, with the load of a period being that of its equilibrium."""
    instant = case.roads is None or case.roads.charging_load == "instant"
    return instant and not case.iterated


def is_one_day(case: SimulationCase) -> bool:
    """Whether the whole day is one programme: solved so, or rolling to its end with the future known."""
    dispatch = case.dispatch
    if dispatch is None:
        return False
    settings = dispatch.settings
    foreseen = settings.mode == "rolling" and settings.forecast == "perfect" and case.knows_all
    return (settings.mode == "day_ahead" or foreseen) and settings.window_periods(dispatch.periods) == dispatch.periods


def same_dispatch(one: DispatchCase, other: DispatchCase, *, prices_apart: bool = False) -> bool:
    """Whether two dispatches are the same numbers, if asked apart from tariff and loss price."""
    if prices_apart:
        settings = replace(one.settings, loss_price_per_mwh=other.settings.loss_price_per_mwh)
        one = replace(one, settings=settings, tariff_per_mwh=other.tariff_per_mwh)
    return _same_fields(one, other)


def _same_fields(one: Any, other: Any) -> bool:  # noqa: ANN401 - a dataclass, or what its fields hold
    """Compare two objects of one kind to the last bit: dataclasses field by field, mappings, arrays, values."""
    if type(one) is not type(other):
        return False
    if is_dataclass(one):
        return all(_same_fields(getattr(one, item.name), getattr(other, item.name)) for item in fields(one))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same_fields(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return bool(one == other)


def road_day(networks: Sequence[RoadNetwork], results: Sequence[SueResult], trips_vph: Array) -> RoadDay:
    """Return the arrays of equilibria; the network of each period has its prices as minutes in it."""
    own, at = ~networks[0].is_station, networks[0].station_positions
    flow, time = (np.stack([getattr(one, name) for one in results]) for name in ("link_flow_vph", "link_time_min"))
    empty = np.stack([network.free_flow_min[at] + network.fixed_min[at] for network in networks])
    return RoadDay(
        flow_vph=flow[:, own],
        time_min=time[:, own],
        charging_vph=flow[:, at],
        wait_min=time[:, at] - empty,
        trips_vph=trips_vph,
        results=tuple(results),
    )


def _road_side(roads: RoadCase, side: RoadSide, state: DayState) -> RoadDay:
    """Return the equilibria of a day at its end, at the prices that drivers saw."""
    block = block_of(side, state, range(len(state.results)))
    networks = [side.response.network(block.seen(k, state.price_per_mwh[:, k])) for k in block.positions]
    return road_day(networks, state.results, roads.demand_vph.sum(axis=1))


def _no_equilibria(allowed: float, state: DayState) -> Iterator[str]:
    for k, one in enumerate(state.results):
        if not (one.residual <= allowed and one.converged):
            yield f"period {k + 1} is no equilibrium: {one.status}, R = {one.residual:.2g}, allowed {allowed:g}"


def _apart(state: DayState) -> Iterator[str]:
    loop = state.loop
    if loop is not None and not loop.converged:
        yield f"price and load of period {state.position + 1} are {loop.residual_mw:.2g} MW apart"


def _known(dispatch: DispatchCase, load_mw: Array, other: DispatchCase, day: Day) -> GridDay | None:
    """Return the grid side of a day with the same load and dispatch."""
    same_load = load_mw.shape == day.load_mw.shape and np.abs(load_mw - day.load_mw).max(initial=0.0) <= SAME_MW
    return day.grid if same_load and same_dispatch(dispatch, other) else None


def _as_one_day(dispatch: DispatchCase) -> DispatchCase:
    if dispatch.settings.mode == "day_ahead" and dispatch.settings.block_periods is None:
        return dispatch
    settings = replace(dispatch.settings, mode="day_ahead", lookahead_periods=None, block_periods=None)
    return replace(dispatch, settings=settings)


def _applied(done: Sequence[Dispatched], *, whole: bool) -> GridDay:
    """Join what was dispatched in each period."""

    def joined(of: Callable[[DispatchPlan], Array]) -> Array:
        return np.stack([of(one.plan)[..., one.column] for one in done], axis=-1)

    elastic = any(one.plan.record.elastic for one in done)
    repaired = any(one.plan.restoration is not None or one.plan.exclusivity is not None for one in done)
    return GridDay(
        cost=joined(lambda plan: plan.total_cost),
        import_mw=joined(lambda plan: plan.grid.slack_mw),
        loss_mw=joined(lambda plan: plan.grid.loss_mw),
        unserved_mw=joined(lambda plan: plan.ev_curtailed_mw).sum(axis=0)
        + joined(lambda plan: plan.shed_mw).sum(axis=0),
        vm_pu=joined(lambda plan: plan.grid.vm_pu),
        price_per_mwh=joined(lambda plan: plan.price_per_mwh),
        elastic=elastic,
        optimum=whole and not elastic and not repaired,
    )


def _no_plans(dispatch: DispatchCase, done: Sequence[Dispatched]) -> Iterator[str]:
    for k, one in enumerate(done):
        if not one.plan.record.usable:
            yield f"the dispatch from period {one.plan.start + 1} on is {one.plan.record.status}"
        elif not exact_periods(one.plan.cone, dispatch.limits)[one.column]:
            yield f"the relaxation is not tight in period {k + 1}, and could not be repaired"


def _comparable(case: SimulationCase) -> SimulationCase:
    """Return the case with tight residuals, without further starts, and the day at once where that is the same."""
    if case.dispatch is not None and not case.iterated and is_one_day(case):
        case = replace(case, dispatch=_as_one_day(case.dispatch))
    if case.roads is not None and case.roads.method in QUICK_METHODS:
        case = replace(case, roads=replace(case.roads, tolerance=min(case.roads.tolerance, TIGHT)))
    tolerance_mw = min(case.coupling.tolerance_mw, LOOP_MW)
    return replace(case, coupling=case.coupling.model_copy(update={"tolerance_mw": tolerance_mw, "random_starts": 0}))
