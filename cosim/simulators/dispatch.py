"""Dispatch simulator: answers charging loads with prices, caps and setpoints.

Entities: one ``Dispatch`` with a ``Port`` per station (or per load given in its place) and a ``Bus`` per bus.
The plan of a period stays pending while the price-flow loop runs; it is committed when time moves on, and at the end.
A day-ahead plan is made in the first period and holds for the day. With a ``query`` the loads may move as it says; the
answer tells the loads dispatched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mosaik_api_v3.types import CreateResult

from cosim.arrays import Array
from cosim.charging.stations import Station
from cosim.dispatch.consent import Proposal
from cosim.dispatch.controller import Controller
from cosim.dispatch.exactness import exact_periods
from cosim.dispatch.forecast import window_load_mw
from cosim.dispatch.plan import DispatchPlan
from cosim.errors import ComponentError
from cosim.grid.ac_flow import AcFlow
from cosim.grid.state import GridState
from cosim.quantities import meta
from cosim.results.parts import caps_mw, dispatch_period
from cosim.simulators.base import Inputs, PeriodSimulator, child

DEMAND, FORECAST = "P_demand[MW]", "P_forecast[MW]"
ROOT = "Dispatch-0"


class Simulator(PeriodSimulator):
    """Hybrid: every charging load triggers a step; setpoints persist, the price is an event."""

    name = "dispatch"

    def __init__(self) -> None:
        super().__init__(meta("dispatch", "hybrid", {"Dispatch": []}))

    def setup(self, **params: Any) -> None:  # noqa: ANN401 - mosaik's interface
        """Compile the dispatch."""
        super().setup(**params)
        if self.case.dispatch is None:
            raise ComponentError(f"scenario '{self.case.name}' has no grid for a dispatch simulator")
        self.dispatch = self.case.dispatch
        self.controller = Controller(self.dispatch, self._power_flow)
        self.ac_flow: AcFlow | None = None
        self.first_forecast_mw: Array | None = None
        self.plan: DispatchPlan | None = None

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:  # noqa: ANN401
        """Create the one Dispatch with its children."""
        if num != 1 or self.entities:
            raise ComponentError("dispatch: there is one Dispatch per simulator")
        case, feeder = self.dispatch, self.dispatch.feeder
        self.entities = {ROOT: model}
        self.port_at = {f"Port-{name}": n for n, name in enumerate(case.station_names)}
        self.bus_at = {f"Bus-{bus}": i for i, bus in enumerate(feeder.bus_ids)}
        children = [
            child(eid, "Port", id=case.station_names[n], bus=feeder.bus_ids[case.station_buses[n]])
            for eid, n in self.port_at.items()
        ]
        children += [child(eid, "Bus", id=feeder.bus_ids[i], pp_index=i) for eid, i in self.bus_at.items()]
        return [{"eid": ROOT, "type": "Dispatch", "rel": [], "children": children}]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Plan the window for the load that arrived; the state moves only with time."""
        position = self.period_at(time)
        if position != self.position:
            if position != self.position + 1:
                raise ComponentError(f"dispatch: period {position + 1} came after period {self.position + 1}")
            self._commit()
            self.position = position
            self.periods_done += 1
        load = self._load(inputs)
        if self.case.whole_day and position > 0 and self.plan is not None:
            self._keep_to(self.plan, load)
        else:
            self.plan = self.controller.plan(position, load, self._proposal(inputs))
        return None if self.port_at else time + self.step_size

    def finalize(self) -> None:
        """Commit the last period."""
        self._commit()

    def _commit(self) -> None:
        if self.plan is not None and not self.case.whole_day:
            self.controller.commit(self.plan)
            self.plan = None

    def _keep_to(self, plan: DispatchPlan, load: Array) -> None:
        """Refuse a load that the day-ahead plan was not made for."""
        k = self.position
        off = np.abs(load[:, 0] - plan.ev_mw[:, k - plan.start])
        if not off.max(initial=0.0) <= self.case.coupling.tolerance_mw:
            eid = list(self.port_at)[int(np.argmax(off))]
            raise ComponentError(
                f"dispatch: {eid} demands {off.max():.3g} MW other than the day-ahead plan foresaw for period {k + 1}; "
                "let P_forecast[MW] say so in period 1, or use mode 'rolling'"
            )

    def _load(self, inputs: Inputs) -> Array:
        """Return the load of the window, shape ``(s, horizon)``: this period's, and the forecast after it."""
        k, length = self.position, self.controller.horizon(self.position)
        now = np.zeros(len(self.port_at))
        outlook = np.zeros((len(self.port_at), self.dispatch.periods))
        for eid, n in self.port_at.items():
            ports = inputs.get(eid, {})
            if DEMAND not in ports:
                raise ComponentError(f"dispatch: no {DEMAND} for {eid} in period {k + 1}")
            now[n] = self.total(eid, DEMAND, ports[DEMAND])
            if length > 1:
                if FORECAST not in ports:
                    raise ComponentError(f"dispatch: no {FORECAST} for {eid} in period {k + 1}")
                outlook[n] = self._forecast(eid, ports[FORECAST])
        if self.first_forecast_mw is None:
            self.first_forecast_mw = outlook
        return window_load_mw(
            self.dispatch, position=k, length=length, now_mw=now, outlook_mw=outlook, first_mw=self.first_forecast_mw
        )

    def _proposal(self, inputs: Inputs) -> Proposal | None:
        """Return how the loads may move, in the dispatch's own prices; None without a query or for fixed loads.

        Drivers who pay ``(1 + m) p`` move as steeply over p as ``(1 + m)`` times over what they pay.
        """
        ports = inputs.get(ROOT, {})
        if "query" not in ports:
            return None
        query = self.single(ROOT, "query", ports["query"])
        if query["period"] != self.position + 1:
            raise ComponentError(f"dispatch: query of period {query['period']} came in period {self.position + 1}")
        if "root" not in query:
            return None
        retail = 1.0 + self.case.coupling.rule.markup
        return Proposal(
            price_per_mwh=np.array(query["price_per_mwh"], dtype=float) / retail,
            root=np.array(query["root"], dtype=float) * np.sqrt(retail),
        )

    def _power_flow(self, p_mw: Array, q_mvar: Array) -> GridState:
        """Return the AC state of net injections; the repair of an inexact relaxation may need it."""
        if self.ac_flow is None:
            self.ac_flow = AcFlow(self.dispatch.feeder)
        return self.ac_flow.solve(p_mw, q_mvar)

    def _forecast(self, eid: str, sources: dict[str, Any]) -> list[float]:
        forecast = self.single(eid, FORECAST, sources)
        periods = self.dispatch.periods
        if not isinstance(forecast, list) or len(forecast) != periods:
            raise ComponentError(
                f"dispatch: {eid}.{FORECAST} in period {self.position + 1} is no list of {periods} values"
            )
        return forecast

    def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
        """Return the requested outputs of the pending plan."""
        if self.plan is None:
            return {}
        return {eid: self.pick(eid, self._values(eid, self.plan), attrs) for eid, attrs in outputs.items()}

    def _values(self, eid: str, plan: DispatchPlan) -> dict[str, Any]:
        if eid in self.port_at:
            return self._port(self.port_at[eid], plan)
        if eid in self.bus_at:
            return self._bus(self.bus_at[eid], plan)
        k = self.position - plan.start
        values: dict[str, Any] = {
            "status": plan.record.status,
            "period": self.position + 1,
            "record": dispatch_period(self.dispatch, plan, k, stations=self._stations()),
            "answer": self._answer(plan),
        }
        if plan.record.usable:
            values["cost[CNY]"] = float(plan.total_cost[k])
            values["cone_gap"] = float(np.abs(plan.cone.gap_pu2[:, k]).max())
        return values

    def _answer(self, plan: DispatchPlan) -> dict[str, Any]:
        """Return what the price-flow loop needs besides prices and loads; costs are those of the window."""
        answer: dict[str, Any] = {"period": self.position + 1, "usable": plan.record.usable}
        if plan.record.usable:
            retail = 1.0 + self.case.coupling.rule.markup
            hourly = retail / self.dispatch.period_h
            applied = self.dispatch.settings.applied_periods(plan.length)
            exact = bool(exact_periods(plan.cone, self.dispatch.limits)[:applied].all())
            answer |= {
                "cost_per_h": hourly * float(plan.total_cost.sum()),
                "exact": exact and plan.restoration is None and plan.exclusivity is None,
                "elastic": plan.record.elastic,
                "own_forecast": plan.length > 1 and self.dispatch.settings.forecast == "persistence",
            }
            if np.isfinite(plan.record.suboptimality):  # unknown where the answer was repaired
                answer["suboptimality_per_h"] = hourly * plan.record.suboptimality
        return answer

    def _port(self, n: int, plan: DispatchPlan) -> dict[str, Any]:
        """Return price and cap; without an answer there is no price, and the cap is the load demanded.

        A repaired plan may have no marginal costs; then there is no price either.
        """
        k = self.position - plan.start
        if not plan.record.usable:
            return {"P_set[MW]": float(plan.ev_mw[n, k])}
        tariff = self.dispatch.tariff_per_mwh[plan.start :]
        price = self.case.coupling.rule.offered(plan.station_price_per_mwh[n], tariff)
        stations = self._stations()
        served = plan.ev_mw[n, k] - plan.ev_curtailed_mw[n, k]
        cap = caps_mw(stations, plan, k, self.dispatch.limits)[n] if stations else served
        known = {"price[CNY/MWh]": float(price[k])} if np.isfinite(price[k]) else {}
        return {
            **known,
            **({"price_day[CNY/MWh]": price.tolist()} if np.isfinite(price).all() else {}),
            "P_offer[MW]": float(plan.ev_mw[n, k]),
            "P_offer_day[MW]": plan.ev_mw[n].tolist(),
            "P_set[MW]": float(cap),
        }

    def _stations(self) -> Sequence[Station]:
        return self.case.roads.stations if self.case.roads is not None else ()

    def _bus(self, i: int, plan: DispatchPlan) -> dict[str, Any]:
        k = self.position - plan.start
        values = {
            "P_load[MW]": float(plan.p_load_mw[i, k]),
            "Q_load[MVar]": float(plan.q_load_mvar[i, k]),
            "P_gen[MW]": float(plan.p_gen_mw[i, k]),
            "Q_gen[MVar]": float(plan.q_gen_mvar[i, k]),
        }
        return values | ({"Vm_soc[pu]": float(plan.grid.vm_pu[i, k])} if plan.record.usable else {})
