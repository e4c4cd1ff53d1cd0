"""Dispatch simulator: answers charging loads with prices, caps and setpoints.

Entities: one ``Dispatch`` with a ``Port`` per station (or per load given in its place) and a ``Bus`` per bus.
With a ``query`` the loads may move as it says; the answer tells the loads dispatched. It unpacks what came on the
wires, lets `cosim.coupling.dispatch_day` advance, and packs what is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mosaik_api_v3.types import CreateResult

from cosim.arrays import Array
from cosim.charging.stations import Station
from cosim.coupling.dispatch_day import Demand, Dispatched, advance, open_day
from cosim.coupling.methods import Query
from cosim.errors import ComponentError
from cosim.quantities import meta
from cosim.results.parts import caps_mw, dispatch_period
from cosim.simulators.base import Inputs, PeriodSimulator, child, serve

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
        self.side = self.case.grid_side()
        kept = None if self.start is None else self.start.dispatch
        self.state = open_day(self.side) if kept is None else kept
        self.done: Dispatched | None = None

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
        """Plan the window for the load that arrived."""
        position = self.period_at(time)
        self.periods_done += position != self.position
        self.position = position
        self.state, self.done = advance(self.side, self.state, self._demand(inputs))
        return None if self.port_at else time + self.step_size

    def _demand(self, inputs: Inputs) -> Demand:
        """Return the load of this period, the forecast of all where the window is longer, and how they may move."""
        k, foreseen = self.position, self.side.controller.horizon(self.position) > 1
        now, forecast = np.zeros(len(self.port_at)), np.zeros((len(self.port_at), self.dispatch.periods))
        for eid, n in self.port_at.items():
            ports = inputs.get(eid, {})
            for attr in (DEMAND, FORECAST) if foreseen else (DEMAND,):
                if attr not in ports:
                    raise ComponentError(f"dispatch: no {attr} for {eid} in period {k + 1}")
            now[n] = self.total(eid, DEMAND, ports[DEMAND])
            if foreseen:
                forecast[n] = self._forecast(eid, ports[FORECAST])
        query, firm = self._query(inputs, now)
        return Demand(position=k, load_mw=now, forecast_mw=forecast, query=query, firm=firm)

    def _query(self, inputs: Inputs, load_mw: Array) -> tuple[Query | None, bool]:
        """Return how the loads may move, None without a query or for fixed loads, and whether they are firm."""
        ports = inputs.get(ROOT, {})
        query = self.single(ROOT, "query", ports["query"]) if "query" in ports else {"period": self.position + 1}
        if query["period"] != self.position + 1:
            raise ComponentError(f"dispatch: query of period {query['period']} came in period {self.position + 1}")
        firm = bool(query.get("firm", True))
        if "root" not in query:
            return None, firm
        price, root = (np.array(query[name], dtype=float) for name in ("price_per_mwh", "root"))
        return Query(price_per_mwh=price, load_mw=load_mw[:, None], root=root), firm

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
        done = self.done
        return {} if done is None else {eid: self.pick(eid, self._values(eid, done), a) for eid, a in outputs.items()}

    def _values(self, eid: str, done: Dispatched) -> dict[str, Any]:
        if eid in self.port_at:
            return self._port(self.port_at[eid], done)
        if eid in self.bus_at:
            return self._bus(self.bus_at[eid], done)
        plan, k = done.plan, done.column
        values: dict[str, Any] = {
            "status": plan.record.status,
            "period": self.position + 1,
            "record": dispatch_period(self.dispatch, plan, k, stations=self._stations()),
            "state": self.state,
            "answer": self._answer(done),
        }
        if plan.record.usable:
            values["cost[CNY]"] = float(plan.total_cost[k])
            values["cone_gap"] = float(np.abs(plan.cone.gap_pu2[:, k]).max())
        return values

    def _answer(self, done: Dispatched) -> dict[str, Any]:
        """Return what the price-flow loop needs besides prices and loads; costs are those of the window."""
        told = {"period": self.position + 1, "usable": done.plan.record.usable}
        if not done.plan.record.usable:
            return told
        names = ("cost_per_h", "suboptimality_per_h", "exact", "elastic", "own_forecast")
        answer = {name: getattr(done.answer, name) for name in names}
        return told | {
            name: value for name, value in answer.items() if np.isfinite(value)
        }  # of a repair not all is known

    def _port(self, n: int, done: Dispatched) -> dict[str, Any]:
        """Return price and cap; without an answer there is no price, and the cap is the load demanded."""
        plan, k, price = done.plan, done.column, done.price_per_mwh[n]
        if not plan.record.usable:
            return {"P_set[MW]": float(plan.ev_mw[n, k])}
        stations = self._stations()
        served = plan.ev_mw[n, k] - plan.ev_curtailed_mw[n, k]
        cap = caps_mw(stations, plan, k, self.dispatch.limits)[n] if stations else served
        return {
            **({"price[CNY/MWh]": float(price[k])} if np.isfinite(price[k]) else {}),
            **({"price_day[CNY/MWh]": price.tolist()} if np.isfinite(price).all() else {}),
            "P_offer[MW]": float(plan.ev_mw[n, k]),
            "P_offer_day[MW]": plan.ev_mw[n].tolist(),
            "P_set[MW]": float(cap),
        }

    def _stations(self) -> Sequence[Station]:
        return self.case.roads.stations if self.case.roads is not None else ()

    def _bus(self, i: int, done: Dispatched) -> dict[str, Any]:
        plan, k = done.plan, done.column
        values = {
            "P_load[MW]": float(plan.p_load_mw[i, k]),
            "Q_load[MVar]": float(plan.q_load_mvar[i, k]),
            "P_gen[MW]": float(plan.p_gen_mw[i, k]),
            "Q_gen[MVar]": float(plan.q_gen_mvar[i, k]),
        }
        return values | ({"Vm_soc[pu]": float(plan.grid.vm_pu[i, k])} if plan.record.usable else {})


def main() -> None:
    """Serve the simulator to a mosaik world in another process."""
    serve(Simulator)


if __name__ == "__main__":
    main()
