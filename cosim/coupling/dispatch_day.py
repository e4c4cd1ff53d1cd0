"""The grid side of a day: what the dispatch answers in one round, as a function of a state that is handed back.

The plan of a period stays pending while the price-flow loop runs: it is carried over when a later period begins. A
day-ahead plan is made in the first period of the day, or of each block, and holds to its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from cosim.arrays import Array
from cosim.coupling.methods import Answer, Query
from cosim.coupling.prices.base import PriceRule
from cosim.dispatch.consent import Proposal
from cosim.dispatch.controller import Controller, carried, initial_states
from cosim.dispatch.devices.base import State
from cosim.dispatch.exactness import exact_periods
from cosim.dispatch.forecast import window_load_mw
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.errors import ComponentError
from cosim.grid.engines.judge import judge
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.engines.users_net import NetFlow
from cosim.grid.state import GridState


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridSide:
    """What stays as it is over a day.

    Attributes
    ----------
    controller
        The day's dispatch; the programmes that it compiles are a cache of what the case says.
    rule
        What drivers pay per MWh.
    tolerance_mw
        By how much a load may differ from the one that a day-ahead plan was made for.
    """

    controller: Controller
    rule: PriceRule
    tolerance_mw: float

    @property
    def case(self) -> DispatchCase:
        """Feeder, devices, loads and prices of the day."""
        return self.controller.case

    @property
    def whole_day(self) -> bool:
        """Whether the day is planned in one go, or block by block."""
        return self.case.settings.mode == "day_ahead"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DispatchState:
    """Where the dispatch of a day stands: s stations, T periods.

    Attributes
    ----------
    devices
        States of the devices before the pending plan.
    position
        The period at work, from 0; -1 before the day.
    foreseen_mw
        Charging load of the day as it was known first, ``(s, T)``.
    plan
        The pending plan; of a day ahead, the plan of the day.
    """

    devices: Mapping[str, State]
    position: int = -1
    foreseen_mw: Array | None = None
    plan: DispatchPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demand:
    """What the dispatch is asked in a period.

    Attributes
    ----------
    position
        The period, from 0.
    load_mw
        Charging load of the period, shape ``(s,)``.
    forecast_mw
        Load of every period of the day as known now, shape ``(s, T)``; where one period is planned nobody reads it.
    query
        How the loads may move; without a root, or without a query, they stay.
    firm
        Whether a day-ahead plan must have been made for this load; not where the loop ended before its tolerance, which
        the roads tell in every period.
    """

    position: int
    load_mw: Array
    forecast_mw: Array
    query: Query | None = None
    firm: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dispatched:
    """What the dispatch sends.

    Attributes
    ----------
    plan, column
        The plan, and the place of the period in it.
    price_per_mwh
        What drivers would pay in each period of the plan, shape ``(s, L)``; NaN where there is no price.
    answer
        To the price-flow loop: of the period or, in a day ahead, of all.
    """

    plan: DispatchPlan
    column: int
    price_per_mwh: Array
    answer: Answer


def grid_side(case: DispatchCase, *, rule: PriceRule, tolerance_mw: float, polish: bool = True) -> GridSide:
    """Return the grid side of a day; ``polish`` as in `Controller`. An AC power flow is built where one is needed."""

    @cache
    def flow() -> AcFlow | NetFlow:
        return judge(case.feeder)

    def power_flow(p_mw: Array, q_mvar: Array) -> GridState:
        return flow().solve(p_mw, q_mvar)

    controller = Controller(case, power_flow, polish=polish)
    return GridSide(controller=controller, rule=rule, tolerance_mw=tolerance_mw)


def open_day(side: GridSide) -> DispatchState:
    """Return the state before the first period."""
    return DispatchState(devices=initial_states(side.case))


def advance(side: GridSide, state: DispatchState, asked: Demand) -> tuple[DispatchState, Dispatched]:
    """Plan the window for the load that came; the devices' states move only with time."""
    position = asked.position
    if position != state.position:
        if position != state.position + 1:
            raise ComponentError(f"dispatch: period {position + 1} came after period {state.position + 1}")
        if state.plan is not None:
            applied = side.case.settings.applied_periods(state.plan.length)
            if position >= state.plan.start + applied:
                state = replace(state, devices=carried(state.devices, state.plan, applied), plan=None)
        state = replace(state, position=position)
    foreseen = asked.forecast_mw if state.foreseen_mw is None else state.foreseen_mw
    plan = state.plan
    if side.whole_day and plan is not None and position > plan.start:
        if asked.firm:
            _keep_to(side, plan, asked)
    else:
        load = window_load_mw(
            side.case, position=position, length=side.controller.horizon(position), now_mw=asked.load_mw,
            outlook_mw=asked.forecast_mw, first_mw=foreseen,
        )  # fmt: skip
        plan = side.controller.plan(position, load, _proposal(side, asked.query), state.devices)
        plan = replace(plan, refine=None)  # a way to go on from the solver's answer: the plan is final
    state = replace(state, foreseen_mw=foreseen, plan=plan)
    return state, _dispatched(side, plan, position - plan.start)


def _keep_to(side: GridSide, plan: DispatchPlan, asked: Demand) -> None:
    """Refuse a load that the day-ahead plan was not made for."""
    off = np.abs(asked.load_mw - plan.ev_mw[:, asked.position - plan.start])
    if not off.max(initial=0.0) <= side.tolerance_mw:
        raise ComponentError(
            f"dispatch: Port-{side.case.station_names[int(np.argmax(off))]} demands {off.max():.3g} MW other than the "
            f"day-ahead plan foresaw for period {asked.position + 1}; let P_forecast[MW] say so in period 1, or use "
            "mode 'rolling'"
        )


def _proposal(side: GridSide, query: Query | None) -> Proposal | None:
    """Return how the loads may move, in the dispatch's own prices; None for fixed loads.

    Drivers who pay ``(1 + m) p`` move as steeply over p as ``(1 + m)`` times over what they pay.
    """
    if query is None or query.root is None:
        return None
    retail = 1.0 + side.rule.markup
    price, root = (np.ascontiguousarray(array) for array in (query.price_per_mwh, query.root))  # as from a wire
    return Proposal(price_per_mwh=price / retail, root=root * np.sqrt(retail))


def _dispatched(side: GridSide, plan: DispatchPlan, column: int) -> Dispatched:
    """Return price and answer; without a solution, or after a repair without marginal costs, there is no price."""
    columns = slice(None) if side.whole_day else slice(column, column + 1)
    price, tariff = np.full(plan.ev_mw.shape, np.nan), side.case.tariff_per_mwh[plan.start :][: plan.length]
    for n, nodal in enumerate(plan.station_price_per_mwh if plan.record.usable else ()):
        price[n] = side.rule.offered(nodal, tariff)
    hourly = (1.0 + side.rule.markup) / side.case.period_h
    applied = side.case.settings.applied_periods(plan.length)
    exact = bool(exact_periods(plan.cone, side.case.limits)[:applied].all())
    answer = Answer(
        price_per_mwh=np.ascontiguousarray(price[:, columns]),
        load_mw=np.ascontiguousarray(plan.ev_mw[:, columns]),
        cost_per_h=hourly * float(plan.total_cost.sum()),
        suboptimality_per_h=hourly * plan.record.suboptimality,
        exact=exact and plan.restoration is None and plan.exclusivity is None,
        elastic=plan.record.elastic,
        own_forecast=plan.length > 1 and side.case.settings.forecast == "persistence",
    )
    return Dispatched(plan=plan, column=column, price_per_mwh=price, answer=answer)
