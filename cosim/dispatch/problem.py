"""Feeder, devices and window become one compiled cone programme; its solution becomes a `DispatchPlan`.

The programme is compiled once with parameters (cvxpy's disciplined parametrised programming) while it is
small; that compilation grows with parameters times rows, so large feeders are compiled afresh for each solve.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.dispatch.answer import collect, empty_plan
from cosim.dispatch.backends import CONTINUOUS, Choice, choose
from cosim.dispatch.backends.base import HAS_POINT, Backend, ConeAnswer, Data, Size
from cosim.dispatch.branch_flow import BranchFlow, FlowValues, gather
from cosim.dispatch.consent import Consent, Proposal
from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.base import Device, Frame, State, Window
from cosim.dispatch.devices.ev_curtailment import EvCurtailment, EvCurtailmentSettings
from cosim.dispatch.devices.load_shedding import LoadShedding, LoadSheddingSettings
from cosim.dispatch.devices.not_supplied import NotSupplied, NotSuppliedSettings
from cosim.dispatch.injection_bounds import given
from cosim.dispatch.local_optimum import Surface, local_optimum
from cosim.dispatch.other_side import OtherSide
from cosim.dispatch.plan import DispatchCase, DispatchPlan, SolveRecord, shifted
from cosim.dispatch.polish import polished
from cosim.dispatch.scaling import CURRENT_SCALE, Scaled, case_power_mw, scaled, units_of

if TYPE_CHECKING:
    import cvxpy as cp

DPP_LIMIT = 2.5e7
"""Parameters times variables up to which compiling once with parameters pays: IEEE 33 over a day in every form."""
FRESH_BACKEND = "COO"
"""cvxpy's canonicalisation for a fresh compile: the fastest on large feeders."""


class DispatchProblem:
    """The compiled programme of one window length (Eqs 12-21): hard or elastic, relaxed or with the cones' other side.

    Parameters
    ----------
    case
        Feeder, devices, loads and prices of the day.
    periods
        Window length; shorter windows are padded.
    elastic
        Whether the last resorts are part of the model.
    other_side
        Whether the linearised other side of the cones is part of the model (`solve` then needs the point).
    movable
        Whether the charging loads of the periods to be applied may move (`solve` then needs a proposal).
    """

    def __init__(
        self, case: DispatchCase, periods: int, *, elastic: bool, other_side: bool = False,
        movable: bool = False,
    ) -> None:  # fmt: skip
        import cvxpy as cp

        self.case = case
        self.frame = Frame(
            periods=periods,
            period_h=case.period_h,
            elastic=elastic,
            couples_periods=case.settings.mode != "single_period",
            shortfall_price_per_mwh=case.settings.ev_curtailment_price_per_mwh,
        )
        self.voltage_price = case.settings.voltage_slack_price if elastic else None
        slack = self.voltage_price is not None
        self.flow = BranchFlow(case.feeder, periods, voltage_slack=slack, outages=bool(case.outages))
        self.other_side = OtherSide(self.flow, 2.0 * case_power_mw(case)) if other_side else None
        self.consent = self._consent() if movable else None
        self.devices = self._devices()
        self.injections = [injection for device in self.devices for injection in device.injections()]
        self.loss_price = cp.Parameter(periods)
        moved = [] if self.consent is None else [self.consent.injection()]
        constraints = list(self.flow.constraints([*self.injections, *moved]))
        for device in self.devices:
            constraints += device.constraints()
        self.shifting = self._shifting_buses() if elastic else []
        self.base_load_mw = cp.Parameter((len(self.shifting), periods)) if self.shifting else None
        constraints += self._no_negative_load()
        self.reactive_room: list[tuple[int, float, cp.Parameter]] = []
        constraints += self._no_reactive_power_cut_off()
        if self.other_side is not None:
            constraints += self.other_side.constraints()
        if self.consent is not None:
            constraints += self.consent.constraints()
        self.problem = cp.Problem(cp.Minimize(self._objective()), constraints)
        count = self.size()
        # A day-ahead dispatch solves each model a few times at most, unless loads may move: then once a round.
        reused = movable or case.settings.mode != "day_ahead"
        self.parametrised = reused and count["parameters"] * count["variables"] <= DPP_LIMIT

    def _consent(self) -> Consent:
        case, periods = self.case, self.frame.periods
        return Consent(case.station_buses, periods, case.settings.applied_periods(periods), case.period_h)

    def _devices(self) -> list[Device]:
        """Build the case's devices and, in the elastic model, the last resorts."""
        case, kinds = self.case, catalogue()
        devices = [kinds[settings.kind](settings, (self._bus(settings),), self.frame) for settings in case.devices]
        prices = case.settings
        if case.outages:
            cut_off = NotSuppliedSettings(price_per_mwh=prices.shedding_price_per_mwh)
            devices.append(NotSupplied(cut_off, (case.feeder.slack,), self.frame))
        if not self.frame.elastic:
            return devices
        if case.station_buses:
            settings = EvCurtailmentSettings(price_per_mwh=prices.ev_curtailment_price_per_mwh)
            curtailment = EvCurtailment(settings, case.station_buses, self.frame)
            curtailment.moved_mw = 0.0 if self.consent is None else self.consent.moved_mw()
            devices.append(curtailment)
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

    def _no_reactive_power_cut_off(self) -> Iterator[cp.Constraint]:
        """Yield that devices without supply give no reactive power either: their circle would leave it free."""
        import cvxpy as cp

        case = self.case
        ever = np.any(~case.supplied(), axis=1)
        for device in self.devices if case.outages else ():
            if device.last_resort or not ever[device.bus]:
                continue
            allowed = device.allowed(device.settings, given(case, device.settings, slice(None)))
            room = float(np.max(np.abs([*np.atleast_1d(allowed.q_min_mvar), *np.atleast_1d(allowed.q_max_mvar)])))
            room = room if np.isfinite(room) else 2.0 * case_power_mw(case)
            for injection in device.injections():
                if injection.q_mvar is not None:
                    most = cp.Parameter(self.frame.periods)
                    self.reactive_room.append((device.bus, room, most))
                    yield injection.q_mvar <= most
                    yield injection.q_mvar >= -most

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
        if self.other_side is not None:
            total = total + self.other_side.cost()
        if self.consent is not None:
            total = total + self.consent.cost()
        if self.voltage_price is not None:
            total = total + dt * self.voltage_price * (cp.sum(self.flow.low_slack) + cp.sum(self.flow.high_slack))
        return total

    def solve(
        self, window: Window, states: Mapping[str, State], *, backend: Backend | None = None,
        at: FlowValues | None = None, slack_price: float = 0.0, residual_limit: float | None = None,
        proposal: Proposal | None = None, polish: bool = False, current_scale: float = CURRENT_SCALE,
    ) -> DispatchPlan:  # fmt: skip
        """Solve one window from the given device states.

        The answer is a value: look at ``record.usable`` before applying it.

        Parameters
        ----------
        window, states
            The numbers of the window, and the devices' states before it.
        backend
            Solver in place of the scenario's.
        at, slack_price
            Where the other side of the cones is linearised (all columns of the window), and the price of its slack.
        residual_limit
            Up to which own residual and duality gap an answer counts as one; None: those of the gate.
        proposal
            How the charging loads may move. The plan is then that of the loads consented to, and the record's
            objectives are its cost and a bound on it.
        polish
            Whether an answer is refined to rounding where that is possible.
        current_scale
            Unit of the squared current; another one can help where the solver stalls.
        """
        if backend is None:
            backend = self.backend
        if self.other_side is not None and at is not None:
            self.other_side.load(at, slack_price)
        if self.consent is not None and proposal is not None:
            self.consent.load(window, proposal)
        data, chain, inverse = self.compiled(window, states)
        own = self.scaled(data, window, current_scale)
        answer = backend.solve(own.data)
        if polish and answer.status in HAS_POINT:
            answer = polished(own.data, answer)
        record = self._record(own.restored(answer), backend, residual_limit)
        if not record.usable:
            return empty_plan(self.case, window, record)
        self._unpack(own.restored(answer), chain, inverse)
        if self.consent is not None:
            window, record = self.consent.settled(window), shifted(record, -self.consent.paid())
            return collect(self, window, states, record)
        return replace(
            collect(self, window, states, record), refine=partial(self._refined, answer, backend, current_scale)
        )

    def _refined(
        self, answer: ConeAnswer, backend: Backend, scale: float, window: Window, states: Mapping[str, State]
    ) -> DispatchPlan | None:
        """Return the plan of the AC problem's local optimum next to a scaled answer of this programme; None without."""
        data, chain, inverse = self.compiled(window, states)
        own = self.scaled(data, window, scale)
        lines = int(self.flow.p.size)
        surface = Surface(equal=lines, dropped=lines if self.other_side is not None else 0)
        scaled_found = local_optimum(own.data, answer, surface)
        if scaled_found is None:
            return None
        found = own.restored(scaled_found)
        self._unpack(found, chain, inverse)
        return collect(self, window, states, self._record(found, backend, None))

    def _unpack(self, answer: ConeAnswer, chain: Any, inverse: Any) -> None:  # noqa: ANN401 - cvxpy's own
        """Hand the answer to cvxpy's variables and constraints."""
        with warnings.catch_warnings():
            # cvxpy warns of an inaccurate answer; ours is judged by its residuals.
            warnings.simplefilter("ignore", UserWarning)
            self.problem.unpack_results(answer.solution, chain, inverse)

    def choose(self) -> Choice:
        """Return the solver of the scenario's choice, if it fits this model."""
        return choose(self.case.settings.solver, size=self.columns())

    @cached_property
    def backend(self) -> Backend:
        """The solver."""
        return CONTINUOUS[self.choose().name]

    def columns(self) -> Size:
        """Return the size that a licence may limit."""
        count = self.size()
        return Size(columns=count["variables"], rows=count["linear rows"], cones=count["second-order cones"])

    def compiled(self, window: Window, states: Mapping[str, State]) -> tuple[Data, Any, Any]:
        """Return cvxpy's data, chain and inverse data of one window; Clarabel's form serves every backend."""
        import cvxpy as cp

        self._load(window, states)
        backend = None if self.parametrised else FRESH_BACKEND
        data, chain, inverse = self.problem.get_problem_data(
            cp.CLARABEL, ignore_dpp=not self.parametrised, solver_opts={}, canon_backend=backend
        )
        return data, chain, inverse

    def scaled(self, data: Data, window: Window, current_scale: float = CURRENT_SCALE) -> Scaled:
        """Return a compiled window in the units of its own feeder."""
        units = units_of(self.case, window)
        others: dict[int, float] = {}
        if self.other_side is not None:
            others[self.other_side.slack.id] = 1.0
            # Money in units of the slack's price, which is soon a thousand times the others: else no digits are left.
            units = replace(units, price_per_mwh=max(units.price_per_mwh, self.other_side.price_per_mwh()))
        if self.consent is not None:
            others[self.consent.y.id] = units.money_root
        return scaled(data, self.flow, units, others, self.frame.period_h, current_scale)

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
        self.flow.supply(None if window.lost is None else window.lost.supplied)
        for bus, room, most in self.reactive_room:
            most.value = np.where(window.at_bus(bus).active, room, 0.0)
        for device in self.devices:
            device.clear_parameters()
            device.load(window.at_bus(device.bus), states.get(device.name, {}))

    def _record(self, answer: ConeAnswer, backend: Backend, residual_limit: float | None) -> SolveRecord:
        """Judge the answer by its own residuals; the solver's word alone is not enough."""
        status = answer.status
        if status in {"optimal", "optimal_inaccurate"}:
            limits = self.case.limits
            most = (limits.primal_residual, limits.duality_gap_rel) if residual_limit is None else (residual_limit,) * 2
            passes = answer.primal_residual <= most[0] and answer.gap <= most[1]
            status = status if passes else "not_converged"
        elif status == "user_limit":
            status = "not_converged"
        elif status != "infeasible":
            status = "failed"
        return SolveRecord(
            backend=backend.name,
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
            suboptimality=answer.suboptimality,
        )
