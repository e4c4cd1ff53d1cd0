"""SUMO simulator: the path flows of an equilibrium as single vehicles, with queues at the charging stations.

Entities: one ``Micro`` with its ``Link`` and ``Station`` children. In the mode ``windows`` every chosen period is
simulated on its own, with a warm-up, from an empty network; in the mode ``continuous`` one simulation runs through all
periods and answers every coupling step. ``meso`` is the same with queues of vehicles in place of single ones, a step
per period, without stations: flows of a day in seconds.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import mosaik_api_v3
import numpy as np
from mosaik_api_v3.types import CreateResult

from cosim import supervision
from cosim.arrays import Array
from cosim.errors import ComponentError
from cosim.microsim.chargers import late_vehicles, micro_stations
from cosim.microsim.continuous import ContinuousDay
from cosim.microsim.model import LinkSlice, RunQuality, StationSeries, WindowInput, WindowResult
from cosim.microsim.network import build_net
from cosim.microsim.scratch import Scratch
from cosim.microsim.vehicles import micro_demand, micro_routes, warmup_time_s, window_demand
from cosim.microsim.windows import run_windows
from cosim.quantities import meta
from cosim.results.micro_parts import MicroPeriod, micro_part
from cosim.simulators.base import Inputs, PeriodSimulator, child
from cosim.traffic.performance import link_cost
from cosim.units import kw_to_mw, min_to_h, min_to_s, s_to_h

FLOWS, CAP = "path_flow[veh/h]", "P_set[MW]"
NOTHING = RunQuality(
    loaded=0, inserted=0, arrived=0, running=0, never_inserted=0, teleports=0, collisions=0, emergency_stops=0
)


class Simulator(PeriodSimulator):
    """Steps of a period (``windows``) or of ``microsim.coupling_s`` (``continuous``); records and links are events."""

    name = "sumo"

    def __init__(self) -> None:
        super().__init__(meta("sumo", "hybrid", {"Micro": []}))
        self.folder: Scratch | None = None
        self.day: ContinuousDay | None = None

    def setup(self, **params: Any) -> None:  # noqa: ANN401 - mosaik's interface
        """Build the SUMO network of the scenario's roads."""
        super().setup(**params)
        case = self.case
        if case.roads is None:
            raise ComponentError(f"scenario '{case.name}' has no roads for a microscopic simulation")
        self.roads, self.micro = case.roads, case.microsim
        self.meso = self.micro.mode == "meso"
        self.folder = Scratch()
        self.net = build_net(
            self.roads.streets,
            () if self.meso else self.roads.stations,
            Path(self.folder.name),
            length_scale=self.micro.length_scale,
            variant="plain" if self.meso else self.micro.variant,
        )
        self.stations = () if self.meso else micro_stations(self.roads.stations, self.net, self.roads.energy_kwh)
        self.continuous = self.micro.mode in ("continuous", "meso")
        self.coupling_s = case.timeline.period_s if self.meso else self.micro.coupling_s
        if self.continuous:
            self.step_size = round(self.coupling_s / self.time_resolution)
        self.path_at = {name: k for k, name in enumerate(self.roads.paths.ids)}
        self.links: LinkSlice | None = None
        self.before, self.sent = NOTHING, np.zeros(len(self.path_at))
        self.values = [dict[str, float]() for _ in self.stations]
        self.record: dict[str, Any] | None = None

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:  # noqa: ANN401
        """Create the one Micro with its children."""
        if num != 1 or self.entities:
            raise ComponentError("sumo: there is one Micro per simulator")
        self.entities = {"Micro-0": model}
        self.link_at = {f"Link-{link}": a for a, link in enumerate(self.net.link_ids)}
        self.station_at = {f"Station-{station.name}": n for n, station in enumerate(self.stations)}
        children = [child(eid, "Link", id=self.net.link_ids[a]) for eid, a in self.link_at.items()]
        for eid, n in self.station_at.items():
            station = self.roads.stations[n]
            children.append(child(eid, "Station", id=station.name, bus=station.bus, node=station.node))
        return [{"eid": "Micro-0", "type": "Micro", "rel": [], "children": children}]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Simulate the period, or the next coupling step of the day."""
        position = self.period_at(time)
        opens = position != self.position
        self.position, self.record = position, None
        caps = self._caps(inputs)
        if self.continuous:
            self._step(round(time * self.time_resolution), self._flows(inputs) if opens else None, caps)
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
        capped: Array = np.maximum(caps, 0.0)
        return capped

    def _windows(self, inputs: Inputs, caps: Array) -> None:
        """Simulate the period's windows, one per seed, if it is among the chosen ones."""
        measured: list[MicroPeriod] = []
        self.links = None
        if self.position + 1 in self._chosen():
            flows = self._flows(inputs)
            windows = [self.window(flows, caps, self.case.seed + k) for k in range(self.micro.seeds)]
            found = run_windows(windows, jobs=self.micro.jobs)
            measured = [self._window(given, one) for given, one in zip(windows, found, strict=True)]
            self._keep_window(measured)
        self.record = micro_part(self.position + 1, self.net.link_ids, measured, length_scale=self.micro.length_scale)
        self.periods_done += 1

    def _chosen(self) -> tuple[int, ...]:
        """Return the periods of the windows; by default the one with most trips."""
        if self.micro.periods is not None:
            return self.micro.periods
        return (int(np.argmax(self.roads.demand_vph.sum(axis=1))) + 1,)

    def window(self, flows: Array, caps: Array, seed: int) -> WindowInput:
        """Return the window of the present period."""
        warmup_s = self._warmup_s(flows)
        measured_s = float(self.case.timeline.period_s)
        demand = window_demand(
            self.net, self.roads.paths, flows,
            warmup_s=warmup_s, measured_s=measured_s, period=self.position + 1, seed=seed,
        )  # fmt: skip
        return WindowInput(
            net=self.net, demand=demand, stations=self.stations, p_set_mw=caps,
            warmup_s=warmup_s, measured_s=measured_s, step_s=self.micro.step_s, seed=seed,
        )  # fmt: skip

    def _warmup_s(self, flows: Array) -> float:
        """Return how long the network fills, s: by open roads, or by the law's times where speeds follow the law."""
        roads, warmup_min = self.roads, self.micro.warmup_min
        if warmup_min is not None:
            return min_to_s(warmup_min)
        metered = bool(self.net.meters)
        times = link_cost(roads.network, roads.paths.link_flow(flows)) if metered else roads.network.free_flow_min
        return warmup_time_s(roads.network, roads.paths, length_scale=self.net.length_scale, link_time_min=times)

    def _window(self, given: WindowInput, result: WindowResult) -> MicroPeriod:
        """Return what a window measured; its links are those of the measured time."""
        links = LinkSlice(
            begin_s=given.warmup_s,
            end_s=result.sim_time_s,
            link_flow_vph=result.link_flow_vph,
            link_time_min=result.link_time_min,
            link_time_n=result.link_time_n,
        )
        return MicroPeriod(
            seed=result.seed,
            links=links,
            stations=result.stations if self.stations else None,
            begin_s=given.warmup_s,
            sessions=result.sessions,
            quality=result.quality,
            late_vehicles=late_vehicles(result.quality, links, _arrivals_vph(result.stations, links)),
            digest=result.digest,
        )

    def _keep_window(self, measured: list[MicroPeriod]) -> None:
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
            series = [(one.stations, one.begin_s) for one in measured if one.stations is not None]
            self.values[n] = _window_values(n, series)

    def _step(self, now_s: int, flows: Array | None, caps: Array) -> None:
        """Advance the day by one coupling step; close the period at its end."""
        day, timeline = self._day(), self.case.timeline
        if flows is not None:
            self.sent = flows
            demand = micro_demand(
                self.net, self.roads.paths, flows, begin_s=day.now_s, duration_s=float(timeline.period_s),
                period=self.position + 1, seed=self.case.seed,
            )  # fmt: skip
            day.add(demand)
        if abs(day.now_s - now_s) > EXACT_S:
            raise ComponentError(f"sumo: mosaik is at {now_s} s, SUMO at {day.now_s:g} s; start it at time 0")
        day.set_caps(caps)
        before = day.energy_kwh()
        day.advance(now_s + self.coupling_s, supervision.check)
        self._keep_step(day, (day.energy_kwh() - before) / s_to_h(self.coupling_s))
        if now_s + self.coupling_s == (self.position + 1) * timeline.period_s:
            self._close_period(day)

    def _sent_now(self, links: LinkSlice) -> tuple[LinkSlice, Array]:
        """Return the flows that are sent in the period with the times measured, and those of the stations, veh/h.

        A day fills and empties, so what leaves the links does not tell how many vehicles should be under way.
        """
        flow = self.roads.paths.link_flow(self.sent)
        open_min = self.roads.streets.free_flow_min * self.micro.length_scale
        time_min = np.where(links.link_time_n > 0, links.link_time_min, open_min)
        count = len(self.net.link_ids)
        return replace(links, link_flow_vph=flow[:count], link_time_min=time_min), flow[count:]

    def _day(self) -> ContinuousDay:
        if self.day is None:
            self.day = ContinuousDay(
                self.net, micro_routes(self.net, self.roads.paths), self.stations,
                step_s=self.micro.step_s, seed=self.case.seed, period_s=float(self.case.timeline.period_s),
                mesoscopic=self.meso,
            )  # fmt: skip
            self.day.__enter__()
        return self.day

    def _keep_step(self, day: ContinuousDay, p_kw: Array) -> None:
        state = day.counts()
        for n in range(len(self.stations)):
            self.values[n] = {
                "P[MW]": kw_to_mw(float(p_kw[n])),
                "E[MWh]": kw_to_mw(float(day.energy_kwh()[n])),
                "plugged[veh]": state[n].plugged,
                "queue[veh]": state[n].queue,
                "wait[min]": state[n].wait_min,
            }

    def _close_period(self, day: ContinuousDay) -> None:
        """Measure the period that ends now."""
        links, quality, series = day.period(), day.quality(), day.stations()
        self.links = links
        ends = self.periods_done + 1 == self.case.timeline.periods
        told = MicroPeriod(
            seed=self.case.seed,
            links=links,
            stations=series,
            begin_s=links.begin_s,
            sessions=day.ended_sessions() + (day.open_sessions() if ends else ()),
            quality=_since(quality, self.before),
            model="meso" if self.meso else "micro",
            late_vehicles=late_vehicles(quality, *self._sent_now(links)),
        )
        self.before = quality
        scale = self.micro.length_scale
        self.record = micro_part(self.position + 1, self.net.link_ids, [told], length_scale=scale, late=True)
        self.periods_done += 1
        if ends:
            day.finish()

    def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
        """Return the requested outputs; what has not been measured is not told."""
        return {eid: self.pick(eid, self._values(eid), attrs) for eid, attrs in outputs.items()}

    def _values(self, eid: str) -> dict[str, Any]:
        if eid in self.station_at:
            return dict(self.values[self.station_at[eid]])
        if eid in self.link_at:
            return self._link(self.link_at[eid])
        told = {"period": self.position + 1}
        return told if self.record is None else told | {"record": self.record}

    def _link(self, a: int) -> dict[str, Any]:
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
        """End SUMO and remove its files; does nothing the second time."""
        if self.day is not None:
            self.day.close()
        if self.folder is not None:
            self.folder.cleanup()


EXACT_S = 1e-6


def _arrivals_vph(series: StationSeries, links: LinkSlice) -> Array:
    """Return the arrivals of each station while the links were measured, veh/h, shape (S,)."""
    inside = (series.end_s > links.begin_s) & (series.end_s <= links.end_s)
    arrivals: Array = series.arrivals[:, inside].sum(axis=1) / s_to_h(links.end_s - links.begin_s)
    return arrivals


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


def _since(now: RunQuality, before: RunQuality) -> RunQuality:
    """Return the counters of a period; what is under way, parked or not inserted is as of now."""
    counted = ("loaded", "inserted", "arrived", "teleports", "collisions", "emergency_stops")
    return replace(now, **{name: getattr(now, name) - getattr(before, name) for name in counted})


def main() -> None:
    """Serve the simulator to a mosaik world in another process: ``python -m cosim.simulators.sumo HOST:PORT``."""
    mosaik_api_v3.start_simulation(Simulator())


if __name__ == "__main__":
    main()
