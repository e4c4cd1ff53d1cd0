"""SUMO simulator: the path flows of an equilibrium as single vehicles, with queues at the charging stations.

Entities: one ``Micro`` with its ``Link`` and ``Station`` children. In the mode ``windows`` every chosen period is
simulated on its own, with a warm-up, from an empty network; in the mode ``continuous`` one simulation runs through all
periods and answers every coupling step. ``meso`` is the same with queues of vehicles in place of single ones, a step
per period, without stations: flows of a day in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
from mosaik_api_v3.types import CreateResult, OutputData, OutputRequest

from cosim import watchdog
from cosim.arrays import Array
from cosim.errors import ComponentError
from cosim.microsim.port import (
    Claim,
    DayAnswer,
    DayLog,
    DayStep,
    EngineSettings,
    LinkSlice,
    MicroState,
    RepeatableDay,
    StationSeries,
    open_engine,
    steady,
)
from cosim.quantities import meta
from cosim.records.micro import MicroPeriod
from cosim.simulators.base import Inputs, PeriodSimulator, Values, child, serve
from cosim.units import kw_to_mw, min_to_h, min_to_s, s_to_h

FLOWS, CAP = "path_flow[veh/h]", "P_set[MW]"
EXACT_S = 1e-6


class Simulator(PeriodSimulator):
    """Steps of a period (``windows``) or of ``microsim.coupling_s`` (``continuous``); records and links are events."""

    name = "sumo"

    def __init__(self) -> None:
        super().__init__(meta("sumo", "hybrid", {"Micro": []}))
        self.open = ExitStack()
        self.day: RepeatableDay | None = None

    def setup(self, **params: Any) -> None:  # noqa: ANN401 - mosaik's interface
        """Open the engine on the scenario's roads."""
        super().setup(**params)
        case = self.case
        if case.roads is None:
            raise ComponentError(f"scenario '{case.name}' has no roads for a microscopic simulation")
        self.roads, self.micro = case.roads, case.microsim
        meso = self.micro.mode == "meso"
        names = ("engine", "length_scale", "variant", "step_s")
        settings = EngineSettings(**{name: getattr(self.micro, name) for name in names})
        self.engine = self.open.enter_context(open_engine(self.roads, settings, mesoscopic=meso))
        self.stations = self.roads.stations[: len(self.engine.stations)]
        self.continuous = case.one_simulation
        self.coupling_s = case.timeline.period_s if meso else self.micro.coupling_s
        if self.continuous:
            self.step_size = round(self.coupling_s / self.time_resolution)
        self.path_at = {name: k for k, name in enumerate(self.roads.paths.ids)}
        self.links: LinkSlice | None = None
        self.values = [dict[str, float]() for _ in self.stations]
        self.record: MicroPeriod | None = None

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:  # noqa: ANN401
        """Create the one Micro with its children."""
        if num != 1 or self.entities:
            raise ComponentError("sumo: there is one Micro per simulator")
        self.entities = {"Micro-0": model}
        self.link_at = {f"Link-{link}": a for a, link in enumerate(self.engine.link_ids)}
        self.station_at = {f"Station-{station.name}": n for n, station in enumerate(self.stations)}
        children = [child(eid, "Link", id=self.engine.link_ids[a]) for eid, a in self.link_at.items()]
        for eid, n in self.station_at.items():
            station = self.stations[n]
            children.append(child(eid, "Station", id=station.name, bus=station.bus, node=station.node))
        return [{"eid": "Micro-0", "type": "Micro", "rel": [], "children": children}]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Simulate the period, or the next coupling step of the day."""
        position = self.period_at(time)
        opens = position != self.position
        self.position, self.record = position, None
        caps = self._caps(inputs)
        if self.continuous:
            self._step(self.day_s(time), self._flows(inputs) if opens else None, caps)
        else:
            self._windows(inputs, caps)
        return time + self.step_size

    def _flows(self, inputs: Inputs) -> Array:
        """Return the flow of every path, veh/h, shape (K,)."""
        ports = inputs.get("Micro-0", {})
        if FLOWS not in ports:
            raise ComponentError(f"sumo: no {FLOWS} for Micro-0 in period {self.position + 1}")
        told: dict[str, float] = self.single("Micro-0", FLOWS, ports[FLOWS])
        if told.keys() != self.path_at.keys():
            odd = ", ".join(sorted(told.keys() ^ self.path_at.keys())[:3])
            raise ComponentError(f"sumo: {FLOWS} in period {self.position + 1} has other paths than the roads: {odd}")
        return np.array([told[name] for name in self.path_at])

    def _caps(self, inputs: Inputs) -> Array:
        """Return the caps of the stations, MW; a station that nobody caps may draw what is installed."""
        caps = np.full(len(self.stations), np.inf)
        for eid, n in self.station_at.items():
            if CAP in inputs.get(eid, {}):
                caps[n] = self.single(eid, CAP, inputs[eid][CAP])
        closed = self.roads.closed()
        if closed is not None:
            caps[closed[: len(caps), self.position]] = 0.0
        capped: Array = np.maximum(caps, 0.0)
        return capped

    def _windows(self, inputs: Inputs, caps: Array) -> None:
        """Simulate the period's windows, one per seed, if it is among the chosen ones."""
        measured: list[MicroState] = []
        self.links = None
        if self.position + 1 in self._chosen():
            flows = self._flows(inputs)
            claims = [self.claim(flows, caps, self.case.seed + k) for k in range(self.micro.seeds)]
            measured = self.engine.windows(claims, jobs=self.micro.jobs)
            self._keep_window(measured)
        self.record = self._told(measured)
        self.periods_done += 1

    def _told(self, runs: Sequence[MicroState], *, continuous: bool = False) -> MicroPeriod:
        return MicroPeriod(
            period=self.position + 1, link_ids=self.engine.link_ids, length_scale=self.micro.length_scale,
            runs=tuple(runs), continuous=continuous,
        )  # fmt: skip

    def _chosen(self) -> tuple[int, ...]:
        """Return the periods of the windows; by default the one with most trips."""
        if self.micro.periods is not None:
            return self.micro.periods
        return (int(np.argmax(self.roads.demand_vph.sum(axis=1))) + 1,)

    def claim(self, flows: Array, caps: Array, seed: int) -> Claim:
        """Return the claim of the present period's window."""
        warmup_min, link_flow = self.micro.warmup_min, self.roads.paths.link_flow(flows)
        return steady(
            flows,
            warmup_s=self.engine.warmup_s(link_flow) if warmup_min is None else min_to_s(warmup_min),
            measured_s=float(self.case.timeline.period_s),
            period=self.position + 1, p_set_mw=caps, seed=seed,
        )  # fmt: skip

    def _keep_window(self, measured: list[MicroState]) -> None:
        """Keep the mean over the seeds for the ports."""
        first = measured[0].links
        count = np.array([one.links.link_time_n for one in measured])
        times = np.array([np.nan_to_num(one.links.link_time_min) for one in measured])
        total = count.sum(axis=0)
        self.links = replace(
            first,
            link_flow_vph=np.mean([one.links.link_flow_vph for one in measured], axis=0),
            link_time_min=np.where(total > 0, (times * count).sum(axis=0) / np.maximum(total, 1), np.nan),
            link_time_n=total,
        )
        for n in range(len(self.stations)):
            series = [(one.stations, one.links.begin_s) for one in measured if one.stations is not None]
            self.values[n] = _window_values(n, series)

    def _step(self, now_s: int, flows: Array | None, caps: Array) -> None:
        """Advance the day by one coupling step; close the period at its end."""
        period_s = self.case.timeline.period_s
        if self.day is None:
            log = None if self.start is None else self.start.micro
            claims = () if log is None else log.claims
            self.day = RepeatableDay(lambda: self.engine.day(float(period_s), self.case.seed), claims)
            self.open.callback(self.day.close)
        if abs(self.day.now_s - now_s) > EXACT_S:
            raise ComponentError(f"sumo: mosaik is at {now_s} s, SUMO at {self.day.now_s:g} s; start it at time 0")
        until_s, end_s = now_s + self.coupling_s, (self.position + 1) * period_s
        last = until_s == end_s and self.periods_done + 1 == self.case.timeline.periods
        step = DayStep(
            period=self.position + 1, until_s=float(until_s), p_set_mw=caps, path_flow_vph=flows, last=last
        )  # fmt: skip
        self._keep_step(self.day.ask(step, watchdog.beat))

    def _keep_step(self, told: DayAnswer) -> None:
        """Keep the stations for the ports, and the period if it ends now."""
        p_kw = told.drawn_kwh / s_to_h(self.coupling_s)
        for n, state in enumerate(told.stations):
            self.values[n] = {
                "P[MW]": kw_to_mw(float(p_kw[n])),
                "E[MWh]": kw_to_mw(float(told.energy_kwh[n])),
                "plugged[veh]": state.plugged,
                "queue[veh]": state.queue,
                "wait[min]": state.wait_min,
            }
        if told.measured is not None:
            self.links = told.measured.links
            self.record = self._told([told.measured], continuous=True)
            self.periods_done += 1

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """Return the requested outputs; what has not been measured is not told."""
        return {eid: self.pick(eid, self._values(eid), attrs) for eid, attrs in outputs.items()}

    def _values(self, eid: str) -> Values:
        if eid in self.station_at:
            return dict(self.values[self.station_at[eid]])
        if eid in self.link_at:
            return self._link(self.link_at[eid])
        told: Values = {"period": self.position + 1}
        if self.record is None:
            return told
        told |= {"record": self.record}
        return told if self.day is None else told | {"state": DayLog(claims=self.day.claims)}

    def _link(self, a: int) -> Values:
        """Return flow and time of a link at full length; without a vehicle its time is that of an open road."""
        if self.links is None or self.record is None:
            return {}
        time_min = float(self.links.link_time_min[a]) / self.micro.length_scale
        free_min = float(self.roads.streets.free_flow_min[a])
        return {
            "flow[veh/h]": float(self.links.link_flow_vph[a]),
            "travel_time[min]": time_min if self.links.link_time_n[a] > 0 else free_min,
        }

    def finalize(self) -> None:
        """End the engine and remove its files; does nothing the second time."""
        self.open.close()


def _window_values(n: int, measured: list[tuple[StationSeries, float]]) -> dict[str, float]:
    """Return a station's values over the measured time, mean over the seeds; the wait is 0 if nobody was plugged in."""
    rows = []
    for series, begin_s in measured:
        inside = series.end_s > begin_s
        waits, weight = series.wait_mean_min[n, inside], np.isfinite(series.wait_mean_min[n, inside])
        p_mw = float(series.p_mw[n, inside].mean())
        rows.append(
            {
                "P[MW]": p_mw,
                "E[MWh]": p_mw * min_to_h(float(inside.sum())),
                "plugged[veh]": float(series.plugged[n, inside].mean()),
                "queue[veh]": float(series.queue[n, inside].mean()),
                "wait[min]": float(waits[weight].mean()) if weight.any() else 0.0,
            }
        )
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def main() -> None:
    """Serve the simulator to a mosaik world in another process."""
    serve(Simulator)


if __name__ == "__main__":
    main()
