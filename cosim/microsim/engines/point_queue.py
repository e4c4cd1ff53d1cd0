"""A fake of a traffic simulation: every link is its open time and a queue at its end that lets the capacity through.

Vehicles depart as for SUMO, drive every link in its free-flow time, and leave it first come, first served, one per
``3600 / capacity_vph`` seconds (Vickrey's point queue); stations are the same queues of chargers as beside SUMO. No
lane, no spillback, no junction: what comes out is how single vehicles and bounded capacities differ from flows and
laws. It answers within seconds, so it serves for trials and tests; it validates nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from heapq import heappop, heappush
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from cosim.arrays import Array
from cosim.microsim.chargers import micro_stations
from cosim.microsim.measurements import Trip, window_state
from cosim.microsim.model import CHARGING_TYPE, OTHER_TYPE, MicroDemand, MicroRoute, MicroStation
from cosim.microsim.pool import Stop
from cosim.microsim.port import Claim, Engine, EngineSettings, LinkSlice, MicroState, Nature, Roads, RunQuality
from cosim.microsim.states import Session, StationNow, StationSeries
from cosim.microsim.stations import ROW_S, StationQueues
from cosim.microsim.vehicles import claimed_vehicles
from cosim.units import SECONDS_PER_HOUR, min_to_s, s_to_min

DEPARTS = -1
"""Stage of a vehicle before its first link."""
REMARK = (
    "The engine point_queue is no traffic simulation: a link is its open time and a queue that lets its capacity "
    "through. A trial of loading, capacities and the queues at stations, no validation."
)


class PointQueue(Engine):
    """Point queues on the roads as they are; times of links without a queue are those of open roads."""

    kind = "point_queue"
    natures: ClassVar[Mapping[str, Nature]] = MappingProxyType(
        {"point_queue": Nature(basis="practical", meaning="open times and queues for capacity", remark=REMARK)}
    )

    def __init__(self, roads: Roads, settings: EngineSettings, *, mesoscopic: bool = False) -> None:
        super().__init__(roads, settings, mesoscopic=mesoscopic)
        self.variant, self.length_scale, self.link_ids = self.kind, settings.length_scale, roads.streets.link_ids
        lots = {one.name: (one.name,) for one in roads.stations}
        self.stations = micro_stations(roads.stations, lots, roads.energy_kwh, self.detour_s)
        self.routes = tuple(self._route(path) for path in range(len(roads.paths)))

    def _route(self, path: int) -> MicroRoute:
        paths = self.roads.paths
        whose = paths.commodities[paths.commodity[path]]
        station = int(paths.station[path])
        return MicroRoute(
            route_id=f"r{path}", edges=tuple(paths.path_link_ids(path)), user_class=whose.user_class,
            vehicle_type=CHARGING_TYPE if whose.needs_station else OTHER_TYPE, commodity=int(paths.commodity[path]),
            path=path, lot_id=paths.link_ids[station] if station >= 0 else "",
        )  # fmt: skip

    def window(self, claim: Claim, stop: Stop | None = None) -> MicroState:
        """Simulate one window."""
        began = time.thread_time()
        demand = claimed_vehicles(self.routes, self.roads.paths, claim)
        end_s = claim.warmup_s + claim.measured_s
        queues = self.run(claim.measured_s, claim.seed)
        queues.set_caps(self.caps(claim))
        queues.add(demand)
        queues.advance(end_s, stop)
        starts = np.arange(0.0, end_s, claim.slice_s).tolist() if claim.slice_s > 0.0 else []
        return window_state(
            demand,
            queues.measured(claim.warmup_s, end_s),
            tuple(queues.measured(begin_s, min(begin_s + claim.slice_s, end_s)) for begin_s in starts),
            queues.trips(),
            queues.queues,
            queues.quality(),
            spur_s=self.spur_s,
            seed=claim.seed,
            cpu_s=time.thread_time() - began,
        )

    def run(self, period_s: float, seed: int) -> Queues:
        """Return empty roads at 0."""
        return Queues(
            self.roads, self.stations, scale=self.length_scale, step_s=self.settings.step_s, period_s=period_s
        )


class Queues:
    """The links of some roads as point queues, advanced together with the stations' queues.

    Parameters
    ----------
    roads, stations
        Roads, and stations as their queues see them.
    scale
        Factor of all link lengths.
    step_s
        Step in which stations look for vehicles, s.
    period_s
        Length of the periods that `period` measures, s.
    """

    def __init__(
        self, roads: Roads, stations: tuple[MicroStation, ...], *, scale: float, step_s: float, period_s: float
    ) -> None:
        self.roads, self.step_s, self.period_s = roads, step_s, period_s
        self.ways = [tuple(int(link) for link in roads.paths.path_links(path)) for path in range(len(roads.paths))]
        self.open_s = [min_to_s(one) for one in (roads.streets.free_flow_min * scale).tolist()]
        self.headway_s = (SECONDS_PER_HOUR / roads.streets.capacity_vph).tolist()
        self.free_s = [0.0] * len(self.open_s)
        self.queues = StationQueues(stations, np.full(len(stations), np.inf), step_s)
        self.events: list[tuple[float, int, int, int]] = []
        self.names: list[str] = []
        self.number: dict[str, int] = {}
        self.path: list[int] = []
        self.depart_s: list[float] = []
        self.arrive_s: list[float] = []
        self.stop_s: list[float] = []
        self.parked: dict[int, tuple[float, int]] = {}
        self.left: list[tuple[float, int, float]] = []
        self.steps, self.inserted, self.periods, self.pushed = 0, 0, 0, 0

    @property
    def now_s(self) -> float:
        """Simulated time, s."""
        return round(self.steps * self.step_s, 3)

    def add(self, demand: MicroDemand) -> None:
        """Add the vehicles of a stretch that begins now."""
        lots = [route.lot_id for route in demand.routes]
        for name, path, depart_s in zip(
            demand.vehicle_ids, demand.route.tolist(), demand.depart_s.tolist(), strict=True
        ):
            vehicle = self.number[name] = len(self.names)
            self.names.append(name)
            self.path.append(path)
            self.depart_s.append(depart_s)
            self.arrive_s.append(-1.0)
            self.stop_s.append(0.0)
            self._push(depart_s, vehicle, DEPARTS)
            if lots[path]:
                self.queues.expect({name: lots[path]})

    def set_caps(self, p_set_mw: Array) -> None:
        """Set the power that each station may draw, MW, shape (S,); it holds from the next step."""
        self.queues.set_caps(p_set_mw)

    def advance(self, until_s: float, stop: Stop | None = None) -> None:
        """Simulate up to a time, a multiple of the step, s."""
        row = round(ROW_S / self.step_s)
        last = round(until_s / self.step_s)
        while self.steps < last:
            self.steps += 1
            for name in self.queues.advance(self.steps):
                vehicle = self.number[name]
                since_s, stage = self.parked.pop(vehicle)
                self.stop_s[vehicle] += self.now_s - since_s
                self._enter(self.now_s, vehicle, stage + 1)
            while self.events and self.events[0][0] <= self.now_s:
                self._happen(*heappop(self.events))
            if stop is not None and self.steps % row == 0:
                stop()

    def _push(self, at_s: float, vehicle: int, stage: int) -> None:
        self.pushed += 1  # who comes first goes first, also at the same moment
        heappush(self.events, (at_s, self.pushed, vehicle, stage))

    def _enter(self, now_s: float, vehicle: int, stage: int) -> None:
        """Let a vehicle begin a stage of its way: a link, a station, or the end."""
        way = self.ways[self.path[vehicle]]
        drives = stage < len(way) and way[stage] < len(self.open_s)
        self._push(now_s + self.open_s[way[stage]] if drives else now_s, vehicle, stage)

    def _happen(self, at_s: float, _: int, vehicle: int, stage: int) -> None:
        """Let a vehicle depart, reach the end of a link, park, or arrive."""
        way = self.ways[self.path[vehicle]]
        if stage == DEPARTS:
            self.inserted += 1
            self._enter(at_s, vehicle, 0)
        elif stage == len(way):
            self.arrive_s[vehicle] = at_s
        elif (link := way[stage]) < len(self.open_s):
            leave_s = max(at_s, self.free_s[link])
            self.free_s[link] = leave_s + self.headway_s[link]
            self.left.append((leave_s, link, leave_s - at_s + self.open_s[link]))
            self._enter(leave_s, vehicle, stage + 1)
        else:
            self.parked[vehicle] = (at_s, stage)
            self.queues.park(self.names[vehicle], self.now_s)

    def measured(self, begin_s: float, end_s: float) -> LinkSlice:
        """Return flows and times of the vehicles that left each link in ``[begin, end)``."""
        own = [(link, time_s) for leave_s, link, time_s in self.left if begin_s <= leave_s < end_s]
        links, times = np.array([link for link, _ in own], dtype=np.intp), np.array([time_s for _, time_s in own])
        count = np.bincount(links, minlength=len(self.open_s)).astype(np.float64)
        total = np.bincount(links, weights=times, minlength=len(self.open_s))
        return LinkSlice(
            begin_s=begin_s,
            end_s=end_s,
            link_flow_vph=count * SECONDS_PER_HOUR / (end_s - begin_s),
            link_time_min=np.where(count > 0, s_to_min(1.0) * total / np.maximum(count, 1.0), np.nan),
            link_time_n=count,
        )

    def period(self) -> LinkSlice:
        """Return the links in the period that ends now."""
        self.periods += 1
        return self.measured((self.periods - 1) * self.period_s, self.periods * self.period_s)

    def trips(self) -> dict[str, Trip]:
        """Return the journeys of all vehicles that departed."""
        return {
            name: Trip(
                depart_s=self.depart_s[k], arrival_s=self.arrive_s[k], stop_s=self.stop_s[k],
                duration_s=(self.arrive_s[k] if self.arrive_s[k] >= 0.0 else self.now_s) - self.depart_s[k],
            )
            for k, name in enumerate(self.names)
            if self.depart_s[k] <= self.now_s
        }  # fmt: skip

    def quality(self) -> RunQuality:
        """Return the counters since the start; nothing that must not happen can."""
        arrived = sum(one >= 0.0 for one in self.arrive_s)
        return RunQuality(
            loaded=len(self.names), inserted=self.inserted, arrived=arrived, running=self.inserted - arrived,
            never_inserted=len(self.names) - self.inserted, teleports=0, collisions=0, emergency_stops=0,
            parked=self.queues.parked,
        )  # fmt: skip

    def energy_kwh(self) -> Array:
        """Return the energy that each station has drawn since the start, kWh, shape (S,)."""
        return self.queues.energy_kwh()

    def counts(self) -> tuple[StationNow, ...]:
        """Return who is in each station."""
        return self.queues.counts(self.now_s)

    def stations(self) -> StationSeries | None:
        """Return the stations in the intervals of 60 s since the last call; None without stations."""
        return self.queues.take_series() if self.queues.banks else None

    def ended_sessions(self) -> tuple[Session, ...]:
        """Return the sessions that ended since the last call."""
        return self.queues.take_ended()

    def open_sessions(self) -> tuple[Session, ...]:
        """Return the sessions that have not ended."""
        return self.queues.inside_now()

    def finish(self) -> None:
        """Do nothing: there is nothing to end."""

    def close(self) -> None:
        """Do nothing: nothing is held."""
