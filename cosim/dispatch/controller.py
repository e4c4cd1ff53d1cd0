"""Controllers that dispatch a day: rolling horizon, day-ahead, or one period alone.

The devices' states go in and come out: `Controller.plan` takes them, `carried` moves them on once the period's charging
load is final. A controller itself keeps nothing but its programmes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.consent import Proposal
from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.base import Lost, State, Window
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.dispatch.restoration import PowerFlow
from cosim.dispatch.solving import WindowSolver
from cosim.errors import ComponentError

STANDING_ROUNDS = 8
STANDING_REL = 1e-8
"""Change of a moved load, relative to the largest, up to which what persists in later periods is that load."""


class Controller:
    """Dispatch of one day, period by period.

    Parameters
    ----------
    case
        Feeder, devices, loads and prices of the day; ``case.settings.mode`` is the way to look ahead.
    power_flow
        AC power flow, the last rung where a relaxation is inexact; None goes without it.
    polish
        Whether answers are refined to rounding: a solver's tolerance leaves thousandths of a price per MWh open, and
        a loop of price and flow without its last digits.
    """

    def __init__(self, case: DispatchCase, power_flow: PowerFlow | None = None, *, polish: bool = True) -> None:
        self.case = case
        self.window_periods = case.settings.window_periods(case.periods)
        self.solver = WindowSolver(case, self.window_periods, power_flow, polish=polish)

    def horizon(self, position: int) -> int:
        """Return how many periods a plan made at ``position`` covers."""
        return min(self.window_periods, self.case.periods - position)

    def plan(
        self,
        position: int,
        ev_mw: Array,
        proposal: Proposal | None = None,
        states: Mapping[str, State] | None = None,
    ) -> DispatchPlan:
        """Solve the window that starts at ``position``.

        The hard model comes first; only where it has no answer do the priced last resorts enter. Of the periods that
        will be applied (all in mode ``day_ahead``, else the first) the cones and the storage are checked, and repaired.

        Parameters
        ----------
        position
            Period, from 0.
        ev_mw
            Charging load per station, shape ``(s, horizon(position))``, MW: known for the first period, forecast
            for the others.
        proposal
            How the loads of the periods that will be applied may move; the plan then has the loads moved. None keeps
            them as they are. A forecast of persistence moves with them: what persists is the load dispatched. Loads
            that do not come to rest with it are kept where they are then, so that the residual of the loop, load
            against load at the price of this plan, tells what they lack.
        states
            The devices' states before the window; None: those before the day.
        """
        states = initial_states(self.case) if states is None else states
        plan = self._solve(position, ev_mw, proposal, states)
        if proposal is None or self.case.settings.forecast != "persistence":
            return plan
        for _ in range(STANDING_ROUNDS):
            now = plan.ev_mw[:, :1]
            apart = float(np.abs(now - ev_mw[:, 1:]).max(initial=0.0))
            if not plan.record.usable or apart <= STANDING_REL * float(np.abs(now).max(initial=0.0)):
                return plan
            ev_mw = np.hstack([ev_mw[:, :1], np.repeat(now, ev_mw.shape[1] - 1, axis=1)])
            plan = self._solve(position, ev_mw, proposal, states)
        if not plan.record.usable:
            return plan
        return self._solve(position, np.repeat(plan.ev_mw[:, :1], ev_mw.shape[1], axis=1), None, states)

    def _solve(
        self, position: int, ev_mw: Array, proposal: Proposal | None, states: Mapping[str, State]
    ) -> DispatchPlan:
        window = make_window(self.case, position, self.window_periods, ev_mw)
        return self.solver.plan(window, states, self.case.settings.applied_periods(window.length), proposal)


def carried(states: Mapping[str, State], plan: DispatchPlan, applied: int = 1) -> dict[str, State]:
    """Return the devices' states after the periods of a plan that were applied: the first, or all.

    A plan without an answer leaves them as they are: its periods are flagged, nothing is made up.
    """
    if not plan.record.usable:
        return dict(states)
    return {**states, **(plan.next_state if applied < plan.length else plan.end_state)}


def initial_states(case: DispatchCase) -> dict[str, State]:
    """Return the devices' states before the first period."""
    kinds = catalogue()
    return {settings.name: kinds[settings.kind].initial_state(settings) for settings in case.devices}


def make_window(case: DispatchCase, position: int, periods: int, ev_mw: Array) -> Window:
    """Cut a window of at most ``periods`` periods from the day."""
    length = min(periods, case.periods - position)
    if ev_mw.shape != (len(case.station_buses), length):
        raise ComponentError(
            f"dispatch at period {position + 1}: charging load has shape {ev_mw.shape}, "
            f"not {(len(case.station_buses), length)}"
        )
    if not np.isfinite(ev_mw).all():
        raise ComponentError(f"dispatch at period {position + 1}: charging load is not finite")
    own = slice(position, position + length)
    window = Window(
        start=position,
        length=length,
        active=np.ones(length, dtype=np.bool_),
        base_p_mw=case.base_p_mw[:, own],
        base_q_mvar=case.base_q_mvar[:, own],
        ev_p_mw=ev_mw,
        tariff_per_mwh=case.tariff_per_mwh[own],
        loss_price_per_mwh=np.full(length, case.settings.loss_price_per_mwh),
        series={device: {name: values[own] for name, values in rows.items()} for device, rows in case.series.items()},
    )
    return _cut_off(case, window) if case.outages else window


def _cut_off(case: DispatchCase, window: Window) -> Window:
    """Return the window without load and offers at buses that outages known in its first period cut off."""
    supplied = case.supplied(window.start)[:, window.start : window.start + window.length]
    stations = list(case.station_buses)
    lost_p, lost_ev = np.where(supplied, 0.0, window.base_p_mw), np.where(supplied[stations], 0.0, window.ev_p_mw)
    np.add.at(lost_p, stations, lost_ev)
    on = {one.name: supplied[case.feeder.bus_position(one.bus)] for one in case.devices if hasattr(one, "bus")}
    return replace(
        window,
        base_p_mw=np.where(supplied, window.base_p_mw, 0.0),
        base_q_mvar=np.where(supplied, window.base_q_mvar, 0.0),
        ev_p_mw=np.where(supplied[stations], window.ev_p_mw, 0.0),
        series={
            name: {field: np.where(on[name], values, 0.0) if name in on else values for field, values in rows.items()}
            for name, rows in window.series.items()
        },
        lost=Lost(supplied=supplied, p_mw=lost_p, q_mvar=np.where(supplied, 0.0, window.base_q_mvar), ev_p_mw=lost_ev),
    )
