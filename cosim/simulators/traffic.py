"""Traffic simulator: the stochastic user equilibrium of each period, and its side of the price-flow loop.

Entities: one ``Road`` with its ``Link`` and ``Station`` children. It unpacks what came on the wires, lets
`cosim.coupling.day` advance, and packs what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mosaik_api_v3.types import CreateResult

from cosim.arrays import Array
from cosim.coupling.accounts import told
from cosim.coupling.day import DayState, Opening, RoadSide, advance, loop_figures, network_of, seen_per_mwh
from cosim.coupling.methods import Answer
from cosim.errors import ComponentError
from cosim.quantities import meta
from cosim.records.traffic import CouplingFigures, TrafficPeriod
from cosim.results.charging import charging_columns, charging_gate
from cosim.results.parts import traffic_period
from cosim.scenario.case import SimulationCase
from cosim.scenario.road_case import RoadCase
from cosim.simulators.base import Inputs, PeriodSimulator, child, serve

PRICE, PRICE_DAY = "price[CNY/MWh]", "price_day[CNY/MWh]"
OFFER, OFFER_DAY = "P_offer[MW]", "P_offer_day[MW]"
ROOT = "Road-0"


class Simulator(PeriodSimulator):
    """Hybrid: it starts every period by itself, and answers the dispatch's prices within the period.

    In a day-ahead dispatch the loop runs once, in the first period, over the prices and loads of the whole day.
    """

    name = "traffic"

    def __init__(self) -> None:
        super().__init__(meta("traffic", "hybrid", {"Road": []}))

    def setup(self, **params: Any) -> None:  # noqa: ANN401 - mosaik's interface
        """Solve the day once, so that the dispatch has its forecast."""
        super().setup(**params)
        if self.case.roads is None:
            raise ComponentError(f"scenario '{self.case.name}' has no roads for a traffic simulator")
        self.roads: RoadCase = self.case.roads
        self.side, self.state = self.case.open_roads()
        if self.start is not None and self.start.roads is not None:
            self.state = self.start.roads
        self.behaviour = self.case.behaviour_rows()

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:  # noqa: ANN401
        """Create the one Road with its children."""
        if num != 1 or self.entities:
            raise ComponentError("traffic: there is one Road per simulator")
        network, stations = self.roads.network, self.roads.stations
        self.entities = {ROOT: model}
        self.link_at = {f"Link-{network.link_ids[a]}": int(a) for a in np.flatnonzero(~network.is_station)}
        self.station_at = {f"Station-{station.name}": n for n, station in enumerate(stations)}
        children = [child(eid, "Link", id=network.link_ids[a]) for eid, a in self.link_at.items()]
        children += [
            child(eid, "Station", id=stations[n].name, bus=stations[n].bus, node=stations[n].node)
            for eid, n in self.station_at.items()
        ]
        return [{"eid": ROOT, "type": "Road", "rel": [], "children": children}]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Open a period, or take the dispatch's answer within it."""
        position = self.period_at(time)
        if position != self.position:
            self.position = position
            outside = self._stations(inputs, PRICE)
            came: Opening | Answer = Opening(
                position=position, price_per_mwh=None if outside is None else outside[:, 0]
            )
            self.periods_done += 1
        else:
            came = self._answer(inputs)
        self.state, self.sent = advance(self.side, self.state, came)
        return time + self.step_size

    def _stations(self, inputs: Inputs, attr: str) -> Array | None:
        """Return the prices or loads that arrived, shape ``(s, periods)``; None if there are none."""
        found = {eid: self.single(eid, attr, ports[attr]) for eid, ports in inputs.items() if attr in ports}
        if not found:
            return None
        if missing := sorted(set(self.station_at) - set(found)):
            raise ComponentError(f"traffic: no {attr} for {', '.join(missing)} in period {self.position + 1}")
        return np.array([np.atleast_1d(found[eid]) for eid in self.station_at], dtype=float)

    def _answer(self, inputs: Inputs) -> Answer:
        """Return the dispatch's answer; a partner that sends prices alone dispatches what it is sent."""
        whole, query, sources = self.case.whole_day, self.state.query, inputs.get(ROOT, {}).get("answer", {})
        price, offer = (self._stations(inputs, attr) for attr in ((PRICE_DAY, OFFER_DAY) if whole else (PRICE, OFFER)))
        if query is not None and query.root is not None and not sources:
            raise ComponentError(
                f"traffic: no answer for {ROOT} in period {self.position + 1}, but the method of the coupling "
                "lets the dispatch move loads; connect query, answer and P_offer[MW], or set coupling.method to iterate"
            )
        record = self.single(ROOT, "answer", sources) if sources else {}
        if record.get("period", self.position + 1) != self.position + 1:
            raise ComponentError(f"traffic: answer of period {record['period']} came in period {self.position + 1}")
        asked = self.state.load_mw[:, [self.position]] if query is None else query.load_mw
        return Answer(
            price_per_mwh=np.full_like(asked, np.nan) if price is None else price,
            load_mw=asked if offer is None else offer,
            cost_per_h=float(record.get("cost_per_h", np.nan)),
            suboptimality_per_h=float(record.get("suboptimality_per_h", np.nan)),
            exact=bool(record.get("exact", False)),
            elastic=bool(record.get("elastic", True)),
            own_forecast=bool(record.get("own_forecast", False)),
        )

    def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
        """Return the requested outputs; the load is sent only while the loop runs."""
        return {eid: self.pick(eid, self._values(eid), attrs) for eid, attrs in outputs.items()}

    def _values(self, eid: str) -> dict[str, Any]:
        result = self.state.result
        if eid in self.link_at:
            a = self.link_at[eid]
            return {
                "flow[veh/h]": float(result.link_flow_vph[a]),
                "travel_time[min]": float(result.link_time_min[a]),
            }
        if eid in self.station_at:
            return self._station(self.station_at[eid])
        coupling = loop_figures(self.side, self.state)
        residual = coupling.coupling_residual_mw or 0.0
        return {
            "path_flow[veh/h]": dict(zip(self.roads.paths.ids, result.path_flow_vph.tolist(), strict=True)),
            "sue_residual": result.residual,
            "coupling_iterations": 1 if coupling.coupling_rounds is None else coupling.coupling_rounds,
            "coupling_converged": coupling.coupling_converged is not False,
            "query": self._query(),
            "period": self.position + 1,
            "record": road_period(self.case, self.side, self.state, self.behaviour),
            "state": self.state,
            **({"coupling_residual[MW]": residual} if np.isfinite(residual) else {}),
        }

    def _station(self, n: int) -> dict[str, Any]:
        result, network = self.state.result, network_of(self.side, self.state)
        a = int(network.station_positions[n])
        load_mw = self.sent.load_mw
        return {
            "P_forecast[MW]": self.sent.forecast_mw[n].tolist(),
            "flow[veh/h]": float(result.link_flow_vph[a]),
            "wait[min]": float(result.link_time_min[a] - network.free_flow_min[a] - network.fixed_min[a]),
            **({} if load_mw is None else {"P_demand[MW]": float(load_mw[n])}),
        }

    def _query(self) -> dict[str, Any]:
        """Return how the loads that are sent may move (without a root they may not), and whether they are final."""
        asked, query = self.state.query, {"period": self.position + 1, "firm": self.state.settled}
        if asked is None or asked.root is None:
            return query
        return query | {"price_per_mwh": asked.price_per_mwh.tolist(), "root": asked.root.tolist()}


def road_period(
    case: SimulationCase, side: RoadSide, state: DayState, behaviour: Sequence[Mapping[str, float]] | None
) -> TrafficPeriod:
    """Return what is told of the period at which the road side of a case stands; ``behaviour`` has a row a period."""
    if case.roads is None:
        raise ComponentError(f"scenario '{case.name}' has no roads to tell of")
    k = state.position
    return traffic_period(
        k + 1,
        network=network_of(side, state),
        paths=case.roads.paths,
        stations=case.roads.stations,
        result=state.result,
        charging=charging_columns(side.chargers, state.served, state.arriving_mw, k, energy_kwh=case.roads.energy_kwh),
        charging_gate=charging_gate(side.chargers, state.served, state.load_mw[:, k], k),
        price_per_mwh=seen_per_mwh(side, state),
        coupling=CouplingFigures() if case.dispatch is None else loop_figures(side, state),
        in_time=told(state.results, k, instant=side.instant, in_time=side.in_time),
        behaviour=None if behaviour is None else behaviour[k],
    )


def main() -> None:
    """Serve the simulator to a mosaik world in another process."""
    serve(Simulator)


if __name__ == "__main__":
    main()
