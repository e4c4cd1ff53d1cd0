"""Feeder, devices and window become one compiled cone programme; its solution becomes a `DispatchPlan`.

The programme is compiled once with parameters (cvxpy's disciplined parametrised programming) while it is
small; that compilation grows with parameters times rows, so large feeders are compiled afresh for each solve.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from cosim.dispatch.backends import BACKENDS, choose
from cosim.dispatch.backends.base import ConeAnswer
from cosim.dispatch.branch_flow import Array, BranchFlow, FlowValues, gather
from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.base import Device, Frame, Injection, State, Window
from cosim.dispatch.devices.ev_curtailment import EvCurtailment, EvCurtailmentSettings
from cosim.dispatch.devices.load_shedding import LoadShedding, LoadSheddingSettings
from cosim.dispatch.exactness import cone_gap
from cosim.dispatch.plan import DispatchCase, DispatchPlan, SolveRecord

if TYPE_CHECKING:
    import cvxpy as cp

DPP_PARAMETER_LIMIT = 6000
RESIDUAL_LIMIT = 1e-6


class DispatchProblem:
    """The compiled programme of one window length, hard or elastic (Eqs 12-21).

    Parameters
    ----------
    case
        Feeder, devices, loads and prices of the day.
    periods
        Window length; shorter windows are padded.
    elastic
        Whether the last resorts are part of the model.
    """

    def __init__(self, case: DispatchCase, periods: int, *, elastic: bool) -> None:
        import cvxpy as cp

        self.case = case
        self.backend = BACKENDS[choose(case.settings.solver).name]
        self.frame = Frame(
            periods=periods,
            period_h=case.period_h,
            elastic=elastic,
            couples_periods=case.settings.mode != "single_period",
            shortfall_price_per_mwh=case.settings.ev_curtailment_price_per_mwh,
        )
        self.voltage_price = case.settings.voltage_slack_price if elastic else None
        self.flow = BranchFlow(case.feeder, periods, voltage_slack=self.voltage_price is not None)
        self.devices = self._devices()
        self.injections = [injection for device in self.devices for injection in device.injections()]
        self.loss_price = cp.Parameter(periods)
        constraints = list(self.flow.constraints(self.injections))
        for device in self.devices:
            constraints += device.constraints()
        self.shifting = self._shifting_buses() if elastic else []
        self.base_load_mw = cp.Parameter((len(self.shifting), periods)) if self.shifting else None
        constraints += self._no_negative_load()
        self.problem = cp.Problem(cp.Minimize(self._objective()), constraints)
        self.parametrised = sum(p.size for p in self.problem.parameters()) <= DPP_PARAMETER_LIMIT

    def _devices(self) -> list[Device]:
        """Build the case's devices and, in the elastic model, the last resorts."""
        case, kinds = self.case, catalogue()
        devices = [kinds[settings.kind](settings, (self._bus(settings),), self.frame) for settings in case.devices]
        if not self.frame.elastic:
            return devices
        prices = case.settings
        if case.station_buses:
            settings = EvCurtailmentSettings(price_per_mwh=prices.ev_curtailment_price_per_mwh)
            devices.append(EvCurtailment(settings, case.station_buses, self.frame))
        loaded = tuple(int(bus) for bus in np.flatnonzero((case.base_p_mw > 0.0).any(axis=1)))
        if loaded:
            shedding = LoadSheddingSettings(price_per_mwh=prices.shedding_price_per_mwh)
            devices.append(LoadShedding(shedding, loaded, self.frame))
        return devices

    def _shifting_buses(self) -> list[int]:
        """Return the buses whose base load a device of the scenario can lower."""
        return sorted({d.bus for d in self.devices if d.side == "load" and not d.last_resort})

    def _no_negative_load(self) -> Iterator[cp.Constraint]:
        """Yield that cut and shedding together take no more than a bus's base load; either alone cannot."""
        if self.base_load_mw is None:
            return
        lowering = [d for d in self.devices if d.side == "load" and not isinstance(d, EvCurtailment)]
        injections = [injection for device in lowering for injection in device.injections()]
        yield gather(injections, "p_mw", self.case.feeder.n_buses)[self.shifting] <= self.base_load_mw

    def _bus(self, settings: object) -> int:
        bus = getattr(settings, "bus", None)
        return self.case.feeder.slack if bus is None else self.case.feeder.bus_position(bus)

    def _objective(self) -> object:
        """Return Eq 21."""
        import cvxpy as cp

        dt = self.frame.period_h
        total = dt * (self.loss_price @ self.flow.loss_mw())
        for device in self.devices:
            for cost in device.costs():
                total = total + cost.objective(dt)
        if self.voltage_price is not None:
            total = total + dt * self.voltage_price * (cp.sum(self.flow.low_slack) + cp.sum(self.flow.high_slack))
        return total

    def solve(self, window: Window, states: Mapping[str, State]) -> DispatchPlan:
        """Solve one window from the given device states.

        The answer is a value: look at ``record.usable`` before applying it.
        """
        self._load(window, states)
        data, chain, inverse = self.problem.get_problem_data(
            self.backend.cvxpy_name, ignore_dpp=not self.parametrised, solver_opts={}
        )
        answer: ConeAnswer = self.backend.solve(self.problem, data, chain)
        record = self._record(answer)
        if not record.usable:
            return empty_plan(self.case, window, record)
        with warnings.catch_warnings():
            # cvxpy warns of an inaccurate answer; ours is judged by its residuals.
            warnings.simplefilter("ignore", UserWarning)
            self.problem.unpack_results(answer.solution, chain, inverse)
        return self._plan(window, states, record)

    def size(self) -> dict[str, int]:
        """Return variables, parameters and cones of the programme."""
        import cvxpy as cp

        cones = sum(c.args[0].size for c in self.problem.constraints if isinstance(c, cp.SOC))
        rows = sum(c.size for c in self.problem.constraints if not isinstance(c, cp.SOC))
        return {
            "variables": sum(v.size for v in self.problem.variables()),
            "parameters": sum(p.size for p in self.problem.parameters()),
            "linear rows": rows,
            "second-order cones": cones,
        }

    def _load(self, window: Window, states: Mapping[str, State]) -> None:
        """Write every parameter anew, and forget every old answer."""
        for variable in self.problem.variables():
            variable.value = None
        base = self.case.feeder.base_mva
        p_load, q_load = window.base_p_mw.copy(), window.base_q_mvar
        np.add.at(p_load, list(self.case.station_buses), window.ev_p_mw)
        self.flow.p_load.value = p_load / base
        self.flow.q_load.value = q_load / base
        self.loss_price.value = window.loss_price_per_mwh
        if self.base_load_mw is not None:
            self.base_load_mw.value = np.maximum(window.base_p_mw[self.shifting], 0.0)
        for device in self.devices:
            device.clear_parameters()
            device.load(window, states.get(device.name, {}))

    def _record(self, answer: ConeAnswer) -> SolveRecord:
        """Judge the answer by its own residuals; the solver's word alone is not enough."""
        status = answer.status
        if status in {"optimal", "optimal_inaccurate"}:
            worst = max(answer.primal_residual, answer.gap)
            passes = worst <= RESIDUAL_LIMIT
            status = status if passes else "not_converged"
        elif status == "user_limit":
            status = "not_converged"
        elif status != "infeasible":
            status = "failed"
        return SolveRecord(
            backend=self.backend.name,
            status=status,
            raw_status=answer.raw_status,
            elastic=self.frame.elastic,
            primal_residual=answer.primal_residual,
            dual_residual=answer.dual_residual,
            gap=answer.gap,
            primal_objective=answer.primal_objective,
            dual_objective=answer.dual_objective,
            iterations=answer.iterations,
            solve_time_s=answer.solve_time_s,
        )

    def _plan(self, window: Window, states: Mapping[str, State], record: SolveRecord) -> DispatchPlan:
        """Collect the solution of the real periods."""
        case, feeder, length = self.case, self.case.feeder, window.length
        flow = _head(self.flow.values(), length)
        load, generation, exchange = (self._by_side(side)[:, :, :length] for side in ("load", "generation", "exchange"))
        p_load = window.base_p_mw[:, :length] - load[0]
        np.add.at(p_load, list(case.station_buses), window.ev_p_mw[:, :length])
        i_ka = np.sqrt(np.maximum(flow.current_sq, 0.0)) * feeder.base_current_ka
        slack = self._voltage_slack()[:, :length]
        dual = np.asarray(self.flow.p_balance.dual_value)[:, :length] if self.flow.p_balance is not None else None
        return DispatchPlan(
            start=window.start,
            record=record,
            vm_pu=np.sqrt(flow.voltage_sq),
            price_per_mwh=-dual / (feeder.base_mva * case.period_h)
            if dual is not None
            else np.full_like(p_load, math.nan),
            p_load_mw=p_load,
            q_load_mvar=window.base_q_mvar[:, :length] - load[1],
            p_gen_mw=generation[0],
            q_gen_mvar=generation[1],
            shed_mw=self._last_resort(LoadShedding, feeder.n_buses)[:, :length],
            voltage_slack_pu2=slack,
            p_line_mw=flow.p * feeder.base_mva,
            q_line_mvar=flow.q * feeder.base_mva,
            i_ka=i_ka,
            cone=cone_gap(flow, feeder),
            ev_mw=window.ev_p_mw[:, :length],
            ev_curtailed_mw=self._station_curtailment()[:, :length],
            slack_mw=exchange[0].sum(axis=0),
            slack_mvar=exchange[1].sum(axis=0),
            loss_mw=feeder.base_mva * (feeder.r_pu @ flow.current_sq),
            devices={
                d.name: d.outcome(feeder.bus_ids[d.bus], window, states.get(d.name, {})).head(length)
                for d in self.devices
            },
            cost=self._costs(window),
            next_state={d.name: d.next_state(states.get(d.name, {}), window, 1) for d in self.devices},
        )

    def _by_side(self, side: str) -> Array:
        """Return P [MW] and Q [Mvar] per bus of all devices on one side, shape ``(2, n, periods)``."""
        total = np.zeros((2, self.case.feeder.n_buses, self.frame.periods))
        for device in self.devices:
            if device.side == side:
                for injection in device.injections():
                    _add(total, injection)
        return total

    def _last_resort(self, kind: type[LoadShedding], rows: int) -> Array:
        total = np.zeros((rows, self.frame.periods))
        for device in self.devices:
            if isinstance(device, kind):
                total[list(device.buses)] += device.by_bus_mw()
        return total

    def _station_curtailment(self) -> Array:
        for device in self.devices:
            if isinstance(device, EvCurtailment):
                return device.by_bus_mw()
        return np.zeros((len(self.case.station_buses), self.frame.periods))

    def _voltage_slack(self) -> Array:
        """Return the missed voltage limits per bus, pu^2, shape ``(n, periods)``."""
        total = np.zeros((self.case.feeder.n_buses, self.frame.periods))
        if self.flow.low_slack is not None and self.flow.high_slack is not None:
            total[self.case.feeder.child] = self.flow.low_slack.value + self.flow.high_slack.value
        return total

    def _costs(self, window: Window) -> dict[str, Array]:
        """Return Eq 21 term by term per period."""
        length, dt = window.length, self.frame.period_h
        costs: dict[str, Array] = {}
        for device in self.devices:
            for cost in device.costs():
                value = cost.value(self.frame, window)[:length]
                costs[cost.term] = costs.get(cost.term, 0.0) + value
        loss = np.asarray(self.flow.loss_mw().value)[:length]
        costs["losses"] = dt * window.loss_price_per_mwh[:length] * loss
        if self.voltage_price is not None:
            costs["voltage_slack"] = dt * self.voltage_price * self._voltage_slack()[:, :length].sum(axis=0)
        return costs


def _add(total: Array, injection: Injection) -> None:
    for row, power in enumerate((injection.p_mw, injection.q_mvar)):
        if power is not None:
            np.add.at(total[row], list(injection.buses), np.atleast_2d(power.value))


def _head(flow: FlowValues, length: int) -> FlowValues:
    return FlowValues(
        p=flow.p[:, :length],
        q=flow.q[:, :length],
        current_sq=flow.current_sq[:, :length],
        voltage_sq=flow.voltage_sq[:, :length],
    )


def empty_plan(case: DispatchCase, window: Window, record: SolveRecord) -> DispatchPlan:
    """Return the plan of a window without an answer.

    Loads are those demanded and devices stand idle, so that the AC power flow shows what would happen; everything that
    only an answer could give is NaN, so that nothing can pass for a number.
    """
    feeder, length = case.feeder, window.length
    bus, line = np.full((feeder.n_buses, length), math.nan), np.full((feeder.n_lines, length), math.nan)
    period = np.full(length, math.nan)
    station = np.full((len(case.station_buses), length), math.nan)
    flow = FlowValues(p=line, q=line, current_sq=line, voltage_sq=bus)
    p_load = window.base_p_mw[:, :length].copy()
    np.add.at(p_load, list(case.station_buses), window.ev_p_mw[:, :length])
    return DispatchPlan(
        start=window.start,
        record=record,
        vm_pu=bus,
        price_per_mwh=bus,
        p_load_mw=p_load,
        q_load_mvar=window.base_q_mvar[:, :length],
        p_gen_mw=np.zeros_like(bus),
        q_gen_mvar=np.zeros_like(bus),
        shed_mw=bus,
        voltage_slack_pu2=bus,
        p_line_mw=line,
        q_line_mvar=line,
        i_ka=line,
        cone=cone_gap(flow, feeder),
        ev_mw=window.ev_p_mw[:, :length],
        ev_curtailed_mw=station,
        slack_mw=period,
        slack_mvar=period,
        loss_mw=period,
        devices={},
        cost={},
        next_state={},
    )
