"""Derivatives of a day's answers that need no second solve: the equilibrium's Jacobian, and the dispatch's duals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.errors import InputError
from cosim.scenario.case import SimulationCase
from cosim.scenario.load import LoadedScenario
from cosim.scenario.parameters import Parameter
from cosim.scenario.vary import varied_case
from cosim.traffic.equilibrium import SueProblem, SueResult
from cosim.traffic.sensitivity import flow_slope
from cosim.workflows.answers import COST, ROAD_ANSWERS, answers
from cosim.workflows.day import Day, GridDay, in_sequence, road_day, same_dispatch

WIDTH = 1e-5
"""Half of it to each side, relative: where closed forms are differentiated; nothing is solved there."""
STILL_MW = 1e-9
"""Derivative of a load below which the load does not move."""


def exact_slopes(
    loaded: LoadedScenario, parameter: Parameter, case: SimulationCase, day: Day, chosen: BoolArray
) -> Array:
    """Return the answers' derivatives by a relative step of a parameter, shape (K,); NaN where they are not exact.

    Flows, loads and times where roads and grid follow one another, and no station is over its chargers:
    ``dv/ds = M^-1 dV/ds`` (see `flow_slope`), then the chain rule along ``v + s dv/ds``. The cost where the day is the
    optimum of one programme and the parameter reaches it by loads and prices alone (envelope theorem):
    ``dC/ds = h sum_t (lambda_t . dP_t/ds + import_t dtariff_t/ds + loss_t dmu/ds)``. Where nothing reaches the
    dispatch, all its answers: 0.

    Parameters
    ----------
    loaded, parameter
        The scenario and what is varied in it.
    case, day
        The scenario's own case, and its day.
    chosen
        Which periods count, shape (T,).
    """
    names, values = answers(case, day, chosen)
    found = np.full(len(values), np.nan)
    if not in_sequence(case) or day.over_chargers:
        return found
    try:
        ahead, behind = (varied_case(loaded, parameter, side * WIDTH / 2.0) for side in (1.0, -1.0))
        sides = _moved_days(case, ahead, behind, day)
    except InputError:  # a rule bars one side, or there is no Jacobian: solving again has its own way to tell
        return found
    upper, lower = (answers(one, moved, chosen)[1] for one, moved in zip((ahead, behind), sides, strict=True))
    on_roads = np.array([one.name in ROAD_ANSWERS for one in names])
    found[on_roads] = ((upper - lower) / WIDTH)[on_roads]
    if case.dispatch is None or ahead.dispatch is None or behind.dispatch is None or day.grid is None:
        return found
    load_slope = (sides[0].load_mw - sides[1].load_mw) / WIDTH
    still = np.abs(load_slope).max(initial=0.0) <= STILL_MW
    if still and same_dispatch(ahead.dispatch, case.dispatch) and same_dispatch(behind.dispatch, case.dispatch):
        found[~on_roads] = 0.0
    elif day.grid.optimum and chosen.all() and same_dispatch(ahead.dispatch, case.dispatch, prices_apart=True):
        at = next(k for k, one in enumerate(names) if one.name == COST)
        found[at] = _cost_slope(case, ahead, behind, day.grid, load_slope)
    return found


def _moved_days(case: SimulationCase, ahead: SimulationCase, behind: SimulationCase, day: Day) -> tuple[Day, Day]:
    """Return the day's road side moved along its derivative, to both sides."""
    if case.roads is None or day.roads is None:
        sides = [
            np.zeros_like(day.load_mw) if one.given_load_mw is None else one.given_load_mw for one in (ahead, behind)
        ]
        return replace(day, load_mw=sides[0]), replace(day, load_mw=sides[1])
    own, upper, lower = (_problems(one) for one in (case, ahead, behind))
    slope = [
        flow_slope(problem, result, up, down, WIDTH)
        for problem, result, up, down in zip(own, day.roads.results, upper, lower, strict=True)
    ]
    half = WIDTH / 2.0
    return (
        _moved(ahead, upper, day, [half * one for one in slope]),
        _moved(behind, lower, day, [-half * one for one in slope]),
    )


def _problems(case: SimulationCase) -> list[SueProblem]:
    """Return the equilibrium problem of each period, prices included."""
    response, price = case.response(), case.announced_price_per_mwh()
    return [response.period(k, None if price is None else price[:, k]) for k in range(case.timeline.periods)]


def _moved(case: SimulationCase, problems: Sequence[SueProblem], day: Day, change_vph: Sequence[Array]) -> Day:
    """Return the day with flows moved, and times and loads that follow them."""
    if case.roads is None or day.roads is None:
        raise InputError(f"scenario '{case.name}' has no roads")
    results: list[SueResult] = []
    for problem, result, change in zip(problems, day.roads.results, change_vph, strict=True):
        flow = result.link_flow_vph + change
        results.append(replace(result, link_flow_vph=flow, link_time_min=problem.link_cost(flow)))
    response = case.response()
    roads = road_day([one.network for one in problems], results, case.roads.demand_vph.sum(axis=1))
    return replace(day, roads=roads, load_mw=np.stack([response.load_mw(one) for one in results], axis=1))


def _cost_slope(
    case: SimulationCase, ahead: SimulationCase, behind: SimulationCase, grid: GridDay, load_slope: Array
) -> float:
    """Return the envelope theorem's derivative of the day's cost."""
    if case.dispatch is None or ahead.dispatch is None or behind.dispatch is None:
        raise InputError(f"scenario '{case.name}' has no grid")
    upper, lower = ahead.dispatch, behind.dispatch
    tariff = (upper.tariff_per_mwh - lower.tariff_per_mwh) / WIDTH
    loss_price = (upper.settings.loss_price_per_mwh - lower.settings.loss_price_per_mwh) / WIDTH
    price = grid.price_per_mwh[list(case.dispatch.station_buses)]
    rate = (price * load_slope).sum() + tariff @ grid.import_mw + loss_price * grid.loss_mw.sum()
    return float(case.dispatch.period_h * rate)
