"""A window of the dispatch stated in cvxpy: feeder, devices and prices as variables, parameters, rows and costs.

The model of any length states itself; `form` compiles the one of the longest window and cuts the others out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.backends.base import Point
from cosim.dispatch.branch_flow import BranchFlow, FlowValues, gather
from cosim.dispatch.consent import Consent, Proposal
from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.base import Device, Frame, State, Window
from cosim.dispatch.devices.ev_curtailment import EvCurtailment, EvCurtailmentSettings
from cosim.dispatch.devices.load_shedding import LoadShedding, LoadSheddingSettings
from cosim.dispatch.devices.not_supplied import NotSupplied, NotSuppliedSettings
from cosim.dispatch.injection_bounds import given
from cosim.dispatch.other_side import OtherSide
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.scaling import case_power_mw

if TYPE_CHECKING:
    import cvxpy as cp

    from cosim.dispatch.form import Form

Leaves = tuple[list["cp.Variable"], list["cp.Parameter"]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Room:
    """Reactive power of a device that an outage cuts off: at most ``most_mvar``, its own size while it is supplied."""

    device: Device
    size_mvar: float
    q_mvar: cp.Expression
    most_mvar: cp.Parameter


class Model:
    """The programme of one window length (Eqs 12-21): hard or elastic, relaxed or with the cones' other side.

    Parameters
    ----------
    case
        Feeder, devices, loads and prices of the day.
    periods
        Length of the window.
    elastic
        Whether the last resorts are part of the model.
    other_side
        Whether the linearised other side of the cones is part of the model.
    movable
        Whether the charging loads of the periods to be applied may move.
    """

    def __init__(self, case: DispatchCase, periods: int, *, elastic: bool, other_side: bool, movable: bool) -> None:
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
        self.flow = BranchFlow(
            case.feeder, periods, voltage_slack=self.voltage_price is not None, outages=bool(case.outages)
        )
        self.other_side = OtherSide(self.flow, 2.0 * case_power_mw(case)) if other_side else None
        self.consent = self._consent() if movable else None
        self.devices = self._devices()
        self.loss_price = cp.Parameter(periods)
        self.shifting = self._shifting_buses() if elastic else []
        self.base_load_mw = cp.Parameter((len(self.shifting), periods)) if self.shifting else None
        self.rooms = list(self._reactive_rooms())
        self.balance_dual: Array | None = None

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
            curtailment.moved_mw = None if self.consent is None else self.consent.moved_mw
            devices.append(curtailment)
        loaded = tuple(int(bus) for bus in np.flatnonzero((case.base_p_mw > 0.0).any(axis=1)))
        if loaded:
            shedding = LoadSheddingSettings(price_per_mwh=prices.shedding_price_per_mwh)
            devices.append(LoadShedding(shedding, loaded, self.frame))
        return devices

    def _bus(self, settings: object) -> int:
        bus = getattr(settings, "bus", None)
        return self.case.feeder.slack if bus is None else self.case.feeder.bus_position(bus)

    def _shifting_buses(self) -> list[int]:
        """Return the buses whose base load a device of the scenario can lower."""
        return sorted({d.bus for d in self.devices if d.side == "load" and not d.last_resort})

    def content(self) -> tuple[object, ...]:
        """Return all that the rows and costs depend on besides the parameters."""
        other, consent = self.other_side, self.consent
        return (
            self.case.feeder, self.frame, self.voltage_price, self.case.station_buses, tuple(self.shifting),
            tuple((type(device), device.settings, device.buses) for device in self.devices),
            None if other is None else other.unit_mw, None if consent is None else consent.flexible,
            self.flow.limits_sq is not None, tuple(room.device.name for room in self.rooms),
        )  # fmt: skip

    def leaves(self) -> Leaves:
        """Return all declared variables and parameters; a model of another length has them in the same order."""
        parts = [part for part in (*self.devices, self.other_side, self.consent) if part is not None]
        variables, parameters = self.flow.leaves()
        parameters = [*parameters, self.loss_price, *([] if self.base_load_mw is None else [self.base_load_mw])]
        parameters += [room.most_mvar for room in self.rooms]
        for part in parts:
            more = part.leaves()
            variables, parameters = [*variables, *more[0]], [*parameters, *more[1]]
        return variables, parameters

    @cached_property
    def constraints(self) -> list[cp.Constraint]:
        """The rows: those of the feeder first, its active balance before all."""
        injections = [injection for device in self.devices for injection in device.injections()]
        moved = [] if self.consent is None else [self.consent.injection()]
        constraints = list(self.flow.constraints([*injections, *moved]))
        for device in self.devices:
            constraints += device.constraints()
        constraints += self._no_negative_load()
        for room in self.rooms:
            constraints += [room.q_mvar <= room.most_mvar, room.q_mvar >= -room.most_mvar]
        if self.other_side is not None:
            constraints += self.other_side.constraints()
        if self.consent is not None:
            constraints += self.consent.constraints()
        return constraints

    def _no_negative_load(self) -> Iterator[cp.Constraint]:
        """Yield that cut and shedding together take no more than a bus's base load; either alone cannot."""
        if self.base_load_mw is None:
            return
        lowering = [d for d in self.devices if d.side == "load" and not isinstance(d, EvCurtailment)]
        injections = [injection for device in lowering for injection in device.injections()]
        yield gather(injections, "p_mw", self.case.feeder.n_buses)[self.shifting] <= self.base_load_mw

    def _reactive_rooms(self) -> Iterator[Room]:
        """Yield the devices that outages cut off: their circle would leave them reactive power."""
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
                    yield Room(
                        device=device, size_mvar=room, q_mvar=injection.q_mvar,
                        most_mvar=cp.Parameter(self.frame.periods),
                    )  # fmt: skip

    @cached_property
    def objective(self) -> cp.Expression:
        """Eq 21."""
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

    def size(self) -> dict[str, int]:
        """Return variables, parameters and cones of the programme."""
        import cvxpy as cp

        cones = sum(c.args[0].size for c in self.constraints if isinstance(c, cp.SOC))
        rows = sum(c.size for c in self.constraints if not isinstance(c, cp.SOC))
        variables, parameters = self.leaves()
        return {
            "variables": sum(v.size for v in variables),
            "parameters": sum(p.size for p in parameters),
            "linear rows": rows,
            "second-order cones": cones,
        }

    def load(self, window: Window, states: Mapping[str, State], proposal: Proposal | None) -> None:
        """Write every parameter anew, and forget every old answer."""
        for variable in self.leaves()[0]:
            variable.save_value(None)
        self.balance_dual = None
        base = self.case.feeder.base_mva
        p_load, q_load = window.base_p_mw.copy(), window.base_q_mvar
        np.add.at(p_load, list(self.case.station_buses), window.ev_p_mw)
        self.flow.p_load.value = p_load / base
        self.flow.q_load.value = q_load / base
        self.loss_price.value = window.loss_price_per_mwh
        if self.base_load_mw is not None:
            self.base_load_mw.value = np.maximum(window.base_p_mw[self.shifting], 0.0)
        self.flow.supply(None if window.lost is None else window.lost.supplied)
        for room in self.rooms:
            room.most_mvar.value = np.where(window.at_bus(room.device.bus).active, room.size_mvar, 0.0)
        for device in self.devices:
            device.clear_parameters()
            device.load(window.at_bus(device.bus), states.get(device.name, {}))
        if self.consent is not None and proposal is not None:
            self.consent.load(window, proposal)

    def linearise(self, at: FlowValues, slack_price: float) -> None:
        """Linearise the other side of the cones at a flow, if it is part of the model."""
        if self.other_side is not None:
            self.other_side.load(at, slack_price)

    def take(self, form: Form, point: Point) -> None:
        """Take an answer over into the variables; one in no row and no cost has no number, which the gate flags."""
        for variable, (start, size) in zip(self.leaves()[0], form.columns, strict=True):
            found = point.x[start : start + size] if size == variable.size else np.full(variable.size, np.nan)
            variable.save_value(np.reshape(found, variable.shape, order="F"))
        shape = self.flow.p_load.shape
        self.balance_dual = np.reshape(point.z[: self.flow.p_load.size], shape, order="F")
