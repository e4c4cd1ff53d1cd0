"""From a solved programme to a `DispatchPlan`: setpoints, states of the grid, prices and costs of the real periods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.branch_flow import BranchFlow, FlowValues, flow_values
from cosim.dispatch.devices.base import Device, DeviceOutcome, Frame, Injection, State, Window
from cosim.dispatch.devices.ev_curtailment import EvCurtailment
from cosim.dispatch.devices.load_shedding import LoadShedding
from cosim.dispatch.exactness import cone_gap
from cosim.dispatch.plan import DispatchCase, DispatchPlan, SolveRecord, shifted
from cosim.grid.feeder import Feeder
from cosim.grid.own_power import own_power_mw
from cosim.grid.state import GridState, no_state

SIDES = ("load", "generation", "exchange")


class Solved(Protocol):
    """A programme with its answer in its variables; `cosim.dispatch.model.Model` is one."""

    case: DispatchCase
    frame: Frame
    flow: BranchFlow
    devices: list[Device]
    voltage_price: float | None
    balance_dual: Array | None


def collect(problem: Solved, window: Window, states: Mapping[str, State], record: SolveRecord) -> DispatchPlan:
    """Collect the solution."""
    case, feeder = problem.case, problem.case.feeder
    record = shifted(record, fixed_cost(problem, window))
    flow = still(feeder, problem.flow.values(), window)
    load, generation, exchange = (_by_side(problem, side, window) for side in SIDES)
    p_load = window.base_p_mw - load[0]
    np.add.at(p_load, list(case.station_buses), window.ev_p_mw)
    own_mw = own_power_mw(feeder, p_load, generation[0])
    return DispatchPlan(
        start=window.start,
        record=record,
        grid=GridState(
            **flow.state(feeder),
            slack_mw=exchange[0].sum(axis=0),
            slack_mvar=exchange[1].sum(axis=0),
            converged=np.full(window.length, record.usable),
        ),
        price_per_mwh=_prices(problem),
        station_price_per_mwh=_station_prices(problem),
        p_load_mw=p_load,
        q_load_mvar=window.base_q_mvar - load[1],
        p_gen_mw=generation[0],
        q_gen_mvar=generation[1],
        shed_mw=_shed(problem),
        voltage_slack_pu2=_voltage_slack(problem),
        cone=cone_gap(flow, feeder, own_mw),
        own_power_mw=own_mw,
        ev_mw=window.asked_ev_mw,
        ev_curtailed_mw=_station_curtailment(problem),
        devices={d.name: _outcome(problem, d, window, states.get(d.name, {})) for d in problem.devices},
        cost=_costs(problem, window),
        lower_bound=min(record.primal_objective, record.dual_objective),
        next_state={d.name: d.next_state(states.get(d.name, {}), window, 1) for d in problem.devices},
        end_state={d.name: d.next_state(states.get(d.name, {}), window, window.length) for d in problem.devices},
        lost=window.lost,
    )


def fixed_cost(problem: Solved, window: Window) -> float:
    """Return what no variable can change of the cost of the loaded window: a compiled objective has no constant."""
    of_devices = sum(float(cost.sum()) for device in problem.devices for cost in device.fixed_costs().values())
    lost_money = problem.frame.period_h * float(np.sum(window.loss_price_per_mwh)) * problem.flow.fixed_loss_mw()
    return of_devices + lost_money


def _outcome(problem: Solved, device: Device, window: Window, state: State) -> DeviceOutcome:
    """Return what a device does; exactly nothing where its bus has no supply."""
    bus_id = problem.case.feeder.bus_ids[device.bus]
    found = device.outcome(bus_id, window.at_bus(device.bus), state)
    return found if window.lost is None else found.idle(~window.lost.supplied[device.bus])


def still(feeder: Feeder, flow: FlowValues, window: Window) -> FlowValues:
    """Return the flow without what a solver's rounding leaves at buses without supply.

    Nothing flows to them, and they have the voltage of the open end.
    """
    if window.lost is None:
        return flow
    on = window.lost.supplied
    dead, voltage = ~on[feeder.child], flow.voltage_sq.copy()
    for k, (parent, child) in enumerate(zip(feeder.parent, feeder.child, strict=True)):
        voltage[child] = np.where(dead[k], voltage[parent], voltage[child])
    p, q, current_sq = (np.where(dead, 0.0, one) for one in (flow.p, flow.q, flow.current_sq))
    return FlowValues(p=p, q=q, current_sq=current_sq, voltage_sq=voltage)


def _prices(problem: Solved) -> Array:
    """Return the nodal prices per MWh: the duals of the active balance (Schweppe et al. 1988)."""
    case, dual = problem.case, problem.balance_dual
    if dual is None:
        return np.full((case.feeder.n_buses, problem.frame.periods), math.nan)
    price: Array = -dual / (case.feeder.base_mva * case.period_h)
    return price


def _station_prices(problem: Solved) -> Array:
    """Return the marginal cost of each station's load: its bus's price, or that of curtailment where it is less."""
    price: Array = _prices(problem)[list(problem.case.station_buses)]
    for device in problem.devices:
        if isinstance(device, EvCurtailment):
            price = device.marginal_cost_per_mwh(price)
    return price


def _by_side(problem: Solved, side: str, window: Window) -> Array:
    """Return P [MW] and Q [Mvar] per bus of all devices on one side, shape ``(2, n, periods)``."""
    total = np.zeros((2, problem.case.feeder.n_buses, problem.frame.periods))
    for device in problem.devices:
        if device.side == side:
            for injection in device.injections():
                _add(total, injection)
    return total if window.lost is None else np.where(window.lost.supplied, total, 0.0)


def _shed(problem: Solved) -> Array:
    total = np.zeros((problem.case.feeder.n_buses, problem.frame.periods))
    for device in problem.devices:
        if isinstance(device, LoadShedding):
            total[list(device.buses)] += device.by_bus_mw()
    return total


def _station_curtailment(problem: Solved) -> Array:
    for device in problem.devices:
        if isinstance(device, EvCurtailment):
            return device.by_bus_mw()
    return np.zeros((len(problem.case.station_buses), problem.frame.periods))


def _voltage_slack(problem: Solved) -> Array:
    """Return the missed voltage limits per bus, pu^2, shape ``(n, periods)``."""
    flow = problem.flow
    total = np.zeros((problem.case.feeder.n_buses, problem.frame.periods))
    if flow.low_slack is not None and flow.high_slack is not None:
        total[problem.case.feeder.child] = flow.low_slack.value + flow.high_slack.value
    return total


def _costs(problem: Solved, window: Window) -> dict[str, Array]:
    """Return Eq 21 term by term per period."""
    dt = problem.frame.period_h
    costs: dict[str, Array] = {}
    for device in problem.devices:
        for cost in device.costs():
            value = cost.value(problem.frame, window)
            costs[cost.term] = costs.get(cost.term, 0.0) + value
        costs |= device.fixed_costs()
    costs["losses"] = dt * window.loss_price_per_mwh * problem.flow.values().loss_mw(problem.case.feeder)
    if problem.voltage_price is not None:
        costs["voltage_slack"] = dt * problem.voltage_price * _voltage_slack(problem).sum(axis=0)
    return costs


def _add(total: Array, injection: Injection) -> None:
    for row, power in enumerate((injection.p_mw, injection.q_mvar)):
        if power is not None:
            np.add.at(total[row], list(injection.buses), np.atleast_2d(power.value))


def empty_plan(case: DispatchCase, window: Window, record: SolveRecord) -> DispatchPlan:
    """Return the plan of a window without an answer.

    Loads are those demanded and devices stand idle, so that the AC power flow shows what would happen; everything that
    only an answer could give is NaN, so that nothing can pass for a number.
    """
    feeder, length = case.feeder, window.length
    state, bus = no_state(feeder, (length,)), np.full((feeder.n_buses, length), math.nan)
    station = np.full((len(case.station_buses), length), math.nan)
    p_load = window.base_p_mw.copy()
    np.add.at(p_load, list(case.station_buses), window.ev_p_mw)
    own_mw = own_power_mw(feeder, p_load)
    return DispatchPlan(
        start=window.start,
        record=record,
        grid=state,
        price_per_mwh=bus,
        station_price_per_mwh=station,
        p_load_mw=p_load,
        q_load_mvar=window.base_q_mvar,
        p_gen_mw=np.zeros_like(bus),
        q_gen_mvar=np.zeros_like(bus),
        shed_mw=bus,
        voltage_slack_pu2=bus,
        cone=cone_gap(flow_values(state, feeder), feeder, own_mw),
        own_power_mw=own_mw,
        ev_mw=window.asked_ev_mw,
        ev_curtailed_mw=station,
        devices={},
        cost={},
        next_state={},
        end_state={},
        lost=window.lost,
    )
