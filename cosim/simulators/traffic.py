"""Traffic simulator: the stochastic user equilibrium of each period, and its side of the price-flow loop.

Entities: one ``Road`` with its ``Link`` and ``Station`` children.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mosaik_api_v3.types import CreateResult

from cosim.arrays import Array
from cosim.coupling.accounts import told
from cosim.coupling.fixed_point import Answer, PriceLoop
from cosim.coupling.methods import METHODS, Query
from cosim.coupling.potential import OVER_ITS_CHARGERS, Certificate, certify
from cosim.coupling.queued_day import day_with_queues
from cosim.coupling.restarts import Restarts
from cosim.coupling.roads import Block, loop_tolerance
from cosim.errors import ComponentError
from cosim.quantities import meta
from cosim.records.traffic import CouplingFigures, TrafficPeriod
from cosim.results.charging import charging_columns, charging_gate
from cosim.results.parts import traffic_period
from cosim.simulators.base import Inputs, PeriodSimulator, child
from cosim.traffic.equilibrium import SueResult

PRICE, PRICE_DAY = "price[CNY/MWh]", "price_day[CNY/MWh]"
OFFER, OFFER_DAY = "P_offer[MW]", "P_offer_day[MW]"
ROOT = "Road-0"
ONE_AFTER_THE_OTHER = "roads and grid are solved one after the other"


class Simulator(PeriodSimulator):
    """Hybrid: it starts every period by itself, and answers the dispatch's prices within the period.

    In a day-ahead dispatch the loop runs once, in the first period, over the prices and loads of the whole day.
    """

    name = "traffic"

    def __init__(self) -> None:
        super().__init__(meta("traffic", "hybrid", {"Road": []}))

    def setup(self, **params: Any) -> None:  # noqa: ANN401 - mosaik's interface
        """Solve the day once at announced (or equal) prices, so that the dispatch has its forecast."""
        super().setup(**params)
        case = self.case
        if case.roads is None:
            raise ComponentError(f"scenario '{case.name}' has no roads for a traffic simulator")
        self.roads = case.roads
        self.response = case.response()
        self.behaviour = case.behaviour_rows()
        self.announced = case.announced_price_per_mwh()
        self.nodal = case.priced_by_node
        self.whole_day = case.whole_day
        self.chargers = case.chargers()
        self._day_pass()
        if case.iterated:
            self.response.tolerance = loop_tolerance(
                self.roads.tolerance,
                tolerance_mw=case.coupling.tolerance_mw,
                energy_kwh=self.roads.energy_kwh,
                link_flow_vph=max(float(result.link_flow_vph.sum()) for result in self.results),
            )
        self.seed = 0 if case.dispatch is None else case.dispatch.seed
        self.price = np.zeros_like(self.load_mw)
        if case.dispatch is not None:
            self.price[:] = case.dispatch.tariff_per_mwh[0]
        self.loop: PriceLoop | None = None
        self.certificate: Certificate | None = None
        self.restarts: Restarts | None = None
        self.rounds: int | None = None
        self.sending = False

    def _day_pass(self) -> None:
        """Solve all periods; travel times to the stations are those of a day in which nobody is left over."""
        self.results, plain_mw = self.response.day(self.announced)
        self.instant, self.in_time, self.account = self.case.accounts(self.results)
        block = self._roads(range(self.case.timeline.periods))
        self.results, self.arriving_mw, self.served = day_with_queues(block, self.results, np.zeros_like(plain_mw))
        self.load_mw = self.served.p_mw.copy()

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
            self._open(self._stations(inputs, PRICE))
            self.periods_done += 1
        else:
            self._receive(inputs)
        return time + self.step_size

    def _stations(self, inputs: Inputs, attr: str) -> Array | None:
        """Return the prices or loads that arrived, shape ``(s, periods)``; None if there are none."""
        found = {eid: self.single(eid, attr, ports[attr]) for eid, ports in inputs.items() if attr in ports}
        if not found:
            return None
        if missing := sorted(set(self.station_at) - set(found)):
            raise ComponentError(f"traffic: no {attr} for {', '.join(missing)} in period {self.position + 1}")
        return np.array([np.atleast_1d(found[eid]) for eid in self.station_at], dtype=float)

    def _open(self, outside: Array | None) -> None:
        """Solve the period at the price known at its start, and send the load."""
        k = self.position
        self.sending = bool(self.station_at)
        self.loop, self.rounds = (self.loop, 0) if self.whole_day and k > 0 else (None, None)
        if outside is not None:  # a price from outside holds for its period
            if self.announced is None:
                self.announced = np.zeros_like(self.load_mw)
            self.announced[:, k] = outside[:, 0]
        if not self.case.iterated:
            if outside is not None:  # else the day pass has solved the period already: forecast and outcome are one
                self._keep(*self._roads((k,)).respond(self.price[:, [k]]))
        elif not (self.whole_day and k > 0):
            self.loop = self._fresh_loop()
            self.certificate = self.restarts = None
            self.loop.start(self.price[:, self._block()])
            self._keep(self.loop.load_mw, self.loop.detail)

    def _receive(self, inputs: Inputs) -> None:
        """Take the dispatch's answer to the query that was sent; send the next one, or end the loop."""
        price = self._stations(inputs, PRICE_DAY if self.whole_day else PRICE)
        self.sending = False
        if self.loop is None or self.rounds == 0:
            return
        answer, loop = self._answer(inputs, price), self.loop
        if self.restarts is None:
            following = loop.receive(answer)
            self.price[:, self.position :] = loop.price_per_mwh[:, -1:]
            self.price[:, self._block()] = loop.price_per_mwh
            if following is None:
                following = self._finish(loop, answer)
        else:
            following = self.restarts.receive(answer)
        self.sending = following is not None
        kept = loop if following is None else following
        self._keep(kept.load_mw, kept.detail)

    def _finish(self, loop: PriceLoop, answer: Answer) -> Query | None:
        """Form the certificate of a finished loop; where it proves nothing, return the query of a random start."""
        block, coupling = self._roads(self._block()), self.case.coupling
        self._keep(loop.load_mw, loop.detail)
        exact_query = loop.query is None or loop.query.root is None
        self.certificate = certify(block, answer, loop.detail, exact_query=exact_query)
        compares = block.moves and loop.converged and coupling.random_starts > 0
        if not self.certificate.objection or not compares:
            return None
        self.restarts = Restarts(
            first=loop, fresh=self._fresh_loop, starts=coupling.random_starts,
            random=np.random.default_rng([self.seed, self.position]),
        )  # fmt: skip
        return self.restarts.start()

    def _fresh_loop(self) -> PriceLoop:
        coupling, block = self.case.coupling, self._roads(self._block())
        roads = block.roads()
        return PriceLoop(
            roads=roads,
            method=METHODS[coupling.method if block.moves else "iterate"](roads),
            tolerance_mw=coupling.tolerance_mw,
            round_limit=coupling.round_limit,
        )

    @property
    def _asked(self) -> Query | None:
        """The query that the dispatch answers next, or has answered last."""
        if self.restarts is not None and self.sending:
            return self.restarts.query
        return self.loop.query if self.loop is not None else None

    def _answer(self, inputs: Inputs, price: Array | None) -> Answer:
        """Return the dispatch's answer; a partner that sends prices alone dispatches what it is sent."""
        query = self._asked if self.restarts is None else self.restarts.query
        offer = self._stations(inputs, OFFER_DAY if self.whole_day else OFFER)
        sources = inputs.get(ROOT, {}).get("answer", {})
        if query is not None and query.root is not None and not sources:
            raise ComponentError(
                f"traffic: no answer for {ROOT} in period {self.position + 1}, but the method of the coupling "
                "lets the dispatch move loads; connect query, answer and P_offer[MW], or set coupling.method to iterate"
            )
        record = self.single(ROOT, "answer", sources) if sources else {}
        if record.get("period", self.position + 1) != self.position + 1:
            raise ComponentError(f"traffic: answer of period {record['period']} came in period {self.position + 1}")
        nothing = np.full_like(self.price[:, self._block()], np.nan)
        if offer is None and query is not None:
            offer = query.load_mw
        return Answer(
            price_per_mwh=nothing if price is None else price,
            load_mw=nothing if offer is None else offer,
            cost_per_h=float(record.get("cost_per_h", np.nan)),
            suboptimality_per_h=float(record.get("suboptimality_per_h", np.nan)),
            exact=bool(record.get("exact", False)),
            elastic=bool(record.get("elastic", True)),
            own_forecast=bool(record.get("own_forecast", False)),
        )

    def _block(self) -> list[int]:
        """Return the periods that one loop covers."""
        return list(range(self.case.timeline.periods)) if self.whole_day else [self.position]

    def _roads(self, positions: Sequence[int]) -> Block:
        """Return the road side of some periods; only the dispatch's nodal price moves drivers within the loop."""
        moves = self.nodal and self.announced is None
        return Block(
            response=self.response,
            positions=tuple(positions),
            seen=self._seen,
            moves=moves,
            account=self.account,
            day=self.results,
            chargers=self.chargers,
            backlog_mwh=self.served.backlog_mwh[:, positions[0] - 1] if positions[0] > 0 else 0.0,
        )

    def _seen(self, k: int, price: Array) -> Array | None:
        """Return the price that enters route choice: an announced one, the dispatch's nodal one, or none."""
        if self.announced is not None:
            return self.announced[:, k]
        return price if self.nodal else None

    def _keep(self, load_mw: Array, results: list[SueResult]) -> None:
        """Keep what was sent; only that is the period's result.

        What its visits draw later, and who is left over by its chargers, is known load in the periods after it.
        """
        block = self._block() if len(results) > 1 else [self.position]
        for k, result in zip(block, results, strict=True):
            self.results[k] = result
        if self.account.within_period:
            self.arriving_mw[:, block] = self.account.load_mw(self.results, block)
        else:
            self.arriving_mw = self.account.load_mw(self.results, range(self.case.timeline.periods))
        self.served = self.chargers.serve(self.arriving_mw)
        self.load_mw = self.served.p_mw.copy()
        self.load_mw[:, block] = load_mw

    def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
        """Return the requested outputs; the load is sent only while the loop runs."""
        return {eid: self.pick(eid, self._values(eid), attrs) for eid, attrs in outputs.items()}

    def _values(self, eid: str) -> dict[str, Any]:
        result, network = self.results[max(self.position, 0)], self.roads.network
        if eid in self.link_at:
            a = self.link_at[eid]
            return {
                "flow[veh/h]": float(result.link_flow_vph[a]),
                "travel_time[min]": float(result.link_time_min[a]),
            }
        if eid in self.station_at:
            n = self.station_at[eid]
            a = int(network.station_positions[n])
            wait = result.link_time_min[a] - network.free_flow_min[a] - self._fixed_min()[n]
            sent = {"P_demand[MW]": float(self.load_mw[n, max(self.position, 0)])} if self.sending else {}
            return {
                "P_forecast[MW]": self.load_mw[n].tolist(),
                "flow[veh/h]": float(result.link_flow_vph[a]),
                "wait[min]": float(wait),
                **sent,
            }
        return self._road(result)

    def _road(self, result: SueResult) -> dict[str, Any]:
        coupling = self._coupling()
        values: dict[str, Any] = {
            "path_flow[veh/h]": dict(zip(self.roads.paths.ids, result.path_flow_vph.tolist(), strict=True)),
            "sue_residual": result.residual,
            "coupling_iterations": 1 if coupling.coupling_rounds is None else coupling.coupling_rounds,
            "coupling_converged": coupling.coupling_converged is not False,
            "query": self._query(),
            "period": self.position + 1,
            "record": self._record(result, coupling),
        }
        residual = coupling.coupling_residual_mw or 0.0
        return values | ({"coupling_residual[MW]": residual} if np.isfinite(residual) else {})

    def _query(self) -> dict[str, Any]:
        """Return how the loads that are sent may move; without a root they may not."""
        query: dict[str, Any] = {"period": self.position + 1}
        asked = self._asked
        if asked is not None and asked.root is not None:
            query |= {"price_per_mwh": asked.price_per_mwh.tolist(), "root": asked.root.tolist()}
        return query

    def _fixed_min(self) -> Array:
        network = self.response.network(self._seen(self.position, self.price[:, self.position]))
        fixed: Array = network.fixed_min[network.station_positions]
        return fixed

    def _coupling(self) -> CouplingFigures:
        loop = self.loop
        if loop is None:
            over = self.chargers.overloaded(self.served)[:, self.position].any()
            objection = OVER_ITS_CHARGERS if over else ONE_AFTER_THE_OTHER
            return CouplingFigures(coupling_objection=None if self.case.dispatch is None else objection)
        known = CouplingFigures(
            coupling_rounds=loop.rounds if self.rounds is None else self.rounds,
            coupling_residual_mw=loop.residual_mw,
            coupling_converged=loop.converged,
            coupling_method=loop.method.name,
            coupling_nodal=self.nodal and self.announced is None,
        )
        return known if self.certificate is None or self.sending else self._certified(known, self.certificate)

    def _certified(self, known: CouplingFigures, found: Certificate) -> CouplingFigures:
        """Add what is proved of the period, and where loops from random prices ended; a day-ahead gap is the day's."""
        column, restarts = self.position if self.whole_day else 0, self.restarts
        spread = np.zeros(0) if restarts is None else restarts.spread_rel
        return replace(
            known,
            coupling_gap_road=found.gap_road_per_h,
            coupling_gap_grid=found.gap_grid_per_h,
            coupling_bound_vph=float(found.bound_vph[column]),
            coupling_objection=found.objection,
            coupling_starts=None if restarts is None else restarts.converged,
            coupling_spread_vph=None if restarts is None else restarts.spread_vph,
            coupling_spread_rel=float(spread[column]) if spread.size else None,
        )

    def _record(self, result: SueResult, coupling: CouplingFigures) -> TrafficPeriod:
        price = self._seen(self.position, self.price[:, self.position])
        return traffic_period(
            self.position + 1,
            network=self.response.network(price),
            paths=self.roads.paths,
            stations=self.roads.stations,
            result=result,
            charging=charging_columns(
                self.chargers, self.served, self.arriving_mw, self.position, energy_kwh=self.roads.energy_kwh
            ),
            charging_gate=charging_gate(self.chargers, self.served, self.load_mw[:, self.position], self.position),
            price_per_mwh=price,
            coupling=coupling,
            in_time=told(self.results, self.position, instant=self.instant, in_time=self.in_time),
            behaviour=None if self.behaviour is None else self.behaviour[self.position],
        )
