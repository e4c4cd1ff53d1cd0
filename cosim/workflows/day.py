"""A day of a case as arrays, without a run folder: for asking the same day many times with changed numbers.

Where roads and grid follow one another, the same functions as in a run are called one after the other; where they
iterate, or charging takes its time, the simulators run. A rolling dispatch that knows the future and looks to the end
of the day is solved as the one day that it amounts to; not where price and flow iterate, for there the later periods of
a window are forecasts at announced or equal prices. What a run would flag as no answer comes back in `Day.problems`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.coupling.queued_day import day_with_queues
from cosim.coupling.roads import Block, RoadResponse
from cosim.dispatch.controller import Controller
from cosim.dispatch.exactness import exact_periods
from cosim.dispatch.forecast import window_load_mw
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.records.grid import DispatchPeriod
from cosim.records.period import PeriodRecord
from cosim.scenario.case import SimulationCase
from cosim.traffic.equilibrium import SueResult
from cosim.traffic.network import RoadNetwork
from cosim.validation.gate import exit_code
from cosim.world import run_world

TIGHT = 1e-10
"""Residual of the equilibria that are compared, where the scenario's method is quick enough to reach it."""
QUICK_METHODS = frozenset({"auto", "newton"})
LOOP_MW = 1e-8
"""Residual of price-flow loops that are compared, where the scenario's own is above."""
SAME_MW = 1e-12
"""Loads closer than this are the same."""
NO_ANSWER = 6
"""Exit code of periods that did not converge, or are not exact."""


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
    if not in_sequence(case):
        return _simulated(case)
    roads, load, problems, over = _roads(case)
    grid = None
    if case.dispatch is not None and not problems:
        known = None if near is None else _known(case.dispatch, load, *near)
        grid, problems = (known, ()) if known is not None else _dispatched(case.dispatch, load)
    return Day(roads=roads, grid=grid, load_mw=load, problems=problems, over_chargers=over)


def in_sequence(case: SimulationCase) -> bool:
    """Whether roads and grid follow one another, with the load of a period being that of its equilibrium."""
    instant = case.roads is None or case.roads.charging_load == "instant"
    return instant and not case.iterated


def is_one_day(dispatch: DispatchCase) -> bool:
    """Whether the whole day is one programme: solved so, or rolling to its end with the future known."""
    settings = dispatch.settings
    foreseen = settings.mode == "rolling" and settings.forecast == "perfect"
    return settings.mode == "day_ahead" or (foreseen and settings.window_periods(dispatch.periods) == dispatch.periods)


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


def road_side(case: SimulationCase) -> RoadResponse:
    """Return the road side with equilibria solved closely enough to be compared."""
    response = case.response()
    if response.method in QUICK_METHODS:
        response.tolerance = min(response.tolerance, TIGHT)
    return response


def networks_of(response: RoadResponse, price_per_mwh: Array | None, periods: int) -> list[RoadNetwork]:
    """Return the network of each period with its prices, shape ``(s, T)``, as minutes on the station links."""
    return [response.network(None if price_per_mwh is None else price_per_mwh[:, k]) for k in range(periods)]


def _roads(case: SimulationCase) -> tuple[RoadDay | None, Array, tuple[str, ...], bool]:
    """Return the equilibria, the load that the stations draw, what is no answer, and whether a station is over."""
    periods = case.timeline.periods
    if case.roads is None:
        return None, np.zeros((0, periods)) if case.given_load_mw is None else case.given_load_mw, (), False
    response, price, chargers = road_side(case), case.announced_price_per_mwh(), case.chargers()
    plain, load = response.day(price)
    block = Block(
        response=response,
        positions=tuple(range(periods)),
        seen=lambda k, _: None if price is None else price[:, k],
        chargers=chargers,
    )
    results, _, served = day_with_queues(block, plain, np.zeros_like(load))
    allowed = case.roads.tolerance
    problems = tuple(
        f"period {k + 1} is no equilibrium: {one.status}, R = {one.residual:.2g}, allowed {allowed:g}"
        for k, one in enumerate(results)
        if not one.residual <= allowed
    )
    day = road_day(networks_of(response, price, periods), results, case.roads.demand_vph.sum(axis=1))
    return day, served.p_mw, problems, bool(chargers.overloaded(served).any())


def _known(dispatch: DispatchCase, load_mw: Array, other: DispatchCase, day: Day) -> GridDay | None:
    """Return the grid side of a day with the same load and dispatch."""
    same_load = load_mw.shape == day.load_mw.shape and np.abs(load_mw - day.load_mw).max(initial=0.0) <= SAME_MW
    return day.grid if same_load and same_dispatch(dispatch, other) else None


def _dispatched(dispatch: DispatchCase, load_mw: Array) -> tuple[GridDay, tuple[str, ...]]:
    """Dispatch the day at once, or period by period with what each plan may know."""
    whole = is_one_day(dispatch)
    controller = Controller(
        _as_one_day(dispatch), polish=False
    )  # days are compared by their costs, and many are solved
    if whole:
        plans = [controller.plan(0, load_mw)]
    else:
        plans = []
        for k in range(dispatch.periods):
            length, now = controller.horizon(k), load_mw[:, k]
            window = window_load_mw(
                dispatch, position=k, length=length, now_mw=now, outlook_mw=load_mw, first_mw=load_mw
            )
            plans.append(controller.plan(k, window))
            controller.commit(plans[-1])
    return _applied(plans, whole=whole), tuple(_problems(dispatch, plans, whole=whole))


def _as_one_day(dispatch: DispatchCase) -> DispatchCase:
    if not is_one_day(dispatch) or dispatch.settings.mode == "day_ahead":
        return dispatch
    return replace(dispatch, settings=replace(dispatch.settings, mode="day_ahead", lookahead_periods=None))


def _applied(plans: Sequence[DispatchPlan], *, whole: bool) -> GridDay:
    """Join the applied periods of the plans."""

    def joined(of: Callable[[DispatchPlan], Array]) -> Array:
        return np.concatenate([of(one)[..., : one.length if whole else 1] for one in plans], axis=-1)

    elastic = any(plan.record.elastic for plan in plans)
    repaired = any(plan.restoration is not None or plan.exclusivity is not None for plan in plans)
    return GridDay(
        cost=joined(lambda one: one.total_cost),
        import_mw=joined(lambda one: one.grid.slack_mw),
        loss_mw=joined(lambda one: one.grid.loss_mw),
        unserved_mw=joined(lambda one: one.ev_curtailed_mw).sum(axis=0) + joined(lambda one: one.shed_mw).sum(axis=0),
        vm_pu=joined(lambda one: one.grid.vm_pu),
        price_per_mwh=joined(lambda one: one.price_per_mwh),
        elastic=elastic,
        optimum=whole and not elastic and not repaired,
    )


def _problems(dispatch: DispatchCase, plans: Sequence[DispatchPlan], *, whole: bool) -> Iterable[str]:
    for plan in plans:
        if not plan.record.usable:
            yield f"the dispatch from period {plan.start + 1} on is {plan.record.status}"
            continue
        tight = exact_periods(plan.cone, dispatch.limits)[: plan.length if whole else 1]
        if not tight.all():
            where = plan.start + 1 + int(np.argmin(tight))
            yield f"the relaxation is not tight in period {where}, and could not be repaired"


def _simulated(case: SimulationCase) -> Day:
    """Run the simulators, with residuals small enough for days to be compared."""
    seen: list[PeriodRecord] = []
    run_world(_comparable(case), lambda record, _: seen.append(record))
    problems = tuple(f"period {one.period} is {one.status}" for one in seen if exit_code([one.status]) == NO_ANSWER)
    traffic = [one.traffic for one in seen if one.traffic is not None]
    stations = [one.stations for one in traffic if one.stations is not None]
    nobody = np.zeros((len(seen), 0))
    load, roads = nobody.T, None
    if case.roads is not None:
        load = np.stack([one.p_served_mw for one in stations], axis=1) if stations else nobody.T
        roads = RoadDay(
            flow_vph=np.stack([one.links.flow_vph for one in traffic]),
            time_min=np.stack([one.links.travel_time_min for one in traffic]),
            charging_vph=np.stack([one.flow_vph for one in stations]) if stations else nobody,
            wait_min=np.stack([one.wait_min for one in stations]) if stations else nobody,
            trips_vph=case.roads.demand_vph.sum(axis=1),
        )
    plans = [one.dispatch for one in seen if one.dispatch is not None]
    grid = None if case.dispatch is None or problems else _grid_of(plans)
    over = any(bool(one.overloaded.any()) for one in stations)
    return Day(roads=roads, grid=grid, load_mw=load, problems=problems, over_chargers=over)


def _comparable(case: SimulationCase) -> SimulationCase:
    """Return the case with tight residuals, without further starts, and the day at once where that is the same."""
    if case.dispatch is not None and not case.iterated:
        case = replace(case, dispatch=_as_one_day(case.dispatch))
    if case.roads is not None and case.roads.method in QUICK_METHODS:
        case = replace(case, roads=replace(case.roads, tolerance=min(case.roads.tolerance, TIGHT)))
    tolerance_mw = min(case.coupling.tolerance_mw, LOOP_MW)
    coupling = case.coupling.model_copy(update={"tolerance_mw": tolerance_mw, "random_starts": 0})
    microsim = case.microsim.model_copy(update={"mode": "off"})  # a simulation's scatter is no slope
    return replace(case, coupling=coupling, microsim=microsim)


def _grid_of(plans: Sequence[DispatchPeriod]) -> GridDay:
    return GridDay(
        cost=np.array([one.cost for one in plans]),
        import_mw=np.array([one.import_mw for one in plans]),
        loss_mw=np.array([one.loss_mw for one in plans]),
        unserved_mw=np.array([one.ev_curtailed_mw + one.shed_mw for one in plans]),
        vm_pu=np.stack([one.buses.vm_pu for one in plans], axis=1),
        price_per_mwh=np.stack([one.buses.price_per_mwh for one in plans], axis=1),
        elastic=any(one.elastic for one in plans),
        optimum=False,
    )
