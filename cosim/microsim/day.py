"""A day in one simulation: flows come period by period, setpoints and measurements step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from cosim.arrays import Array
from cosim.microsim.chargers import late_vehicles
from cosim.microsim.model import MicroDemand, MicroRoute
from cosim.microsim.pool import Stop
from cosim.microsim.states import LinkSlice, MicroState, Roads, RunQuality, Session, StationNow, StationSeries
from cosim.microsim.vehicles import micro_demand

COUNTED = ("loaded", "inserted", "arrived", "teleports", "collisions", "emergency_stops")
"""Counters that add up; what is under way, parked or not inserted is as of now."""


class Run(Protocol):
    """A simulation that an engine advances from outside; it starts at 0 without vehicles."""

    @property
    def now_s(self) -> float:
        """Simulated time, s."""

    def add(self, demand: MicroDemand) -> None:
        """Add the vehicles of a stretch that begins now."""

    def set_caps(self, p_set_mw: Array) -> None:
        """Set the power that each station may draw, MW, shape (S,); it holds from the next step."""

    def advance(self, until_s: float, stop: Stop | None = None) -> None:
        """Simulate up to a time, s."""

    def energy_kwh(self) -> Array:
        """Return the energy that each station has drawn since the start, kWh, shape (S,)."""

    def period(self) -> LinkSlice:
        """Return the links in the period that ends now."""

    def quality(self) -> RunQuality:
        """Return the counters since the start."""

    def counts(self) -> tuple[StationNow, ...]:
        """Return who is in each station."""

    def stations(self) -> StationSeries | None:
        """Return the stations in the intervals of 60 s since the last call; None without stations."""

    def ended_sessions(self) -> tuple[Session, ...]:
        """Return the sessions that ended since the last call."""

    def open_sessions(self) -> tuple[Session, ...]:
        """Return the sessions that have not ended."""

    def finish(self) -> object:
        """End the simulation in order."""

    def close(self) -> None:
        """Let go of whatever it holds; does nothing the second time."""


class Day:
    """A simulation through all periods.

    Parameters
    ----------
    run
        The engine's simulation.
    routes, roads
        The way of each path, and the roads.
    period_s, seed
        Length of a period, s, and seed of the departures.
    length_scale, spur_s
        Of the engine's roads.
    model
        ``micro`` or ``meso``.
    """

    def __init__(
        self,
        run: Run,
        routes: tuple[MicroRoute, ...],
        roads: Roads,
        *,
        period_s: float,
        seed: int,
        length_scale: float,
        spur_s: float,
        model: str,
    ) -> None:
        self.run, self.routes, self.roads = run, routes, roads
        self.period_s, self.seed, self.model = period_s, seed, model
        self.length_scale, self.spur_s = length_scale, spur_s
        self.sent = np.zeros(len(routes))
        self.before: RunQuality | None = None

    @property
    def now_s(self) -> float:
        """Simulated time, s."""
        return self.run.now_s

    def begin(self, path_flow_vph: Array, period: int) -> None:
        """Send the vehicles of a period (from 1) that begins now; flows in veh/h, shape (K,)."""
        self.sent = path_flow_vph
        demand = micro_demand(
            self.routes, self.roads.paths, path_flow_vph, begin_s=self.run.now_s, duration_s=self.period_s,
            period=period, seed=self.seed,
        )  # fmt: skip
        self.run.add(demand)

    def advance(self, until_s: float, p_set_mw: Array, stop: Stop | None = None) -> tuple[Array, Array]:
        """Simulate up to a time; return energy drawn since the start and since the last call, kWh, shape (S,) each.

        Parameters
        ----------
        until_s
            The time, s.
        p_set_mw
            Power that each station may draw, MW, shape (S,).
        stop
            Called every simulated minute; ends the run by raising.
        """
        self.run.set_caps(p_set_mw)
        before = self.run.energy_kwh()
        self.run.advance(until_s, stop)
        after = self.run.energy_kwh()
        return after, after - before

    def counts(self) -> tuple[StationNow, ...]:
        """Return who is in each station."""
        return self.run.counts()

    def end(self, *, last: bool) -> MicroState:
        """Return what was measured in the period that ends now; the last one ends the simulation, too."""
        links, quality = self.run.period(), self.run.quality()
        before = {name: getattr(self.before, name, 0) for name in COUNTED}
        state = MicroState(
            links=links,
            stations=self.run.stations(),
            sessions=self.run.ended_sessions() + (self.run.open_sessions() if last else ()),
            quality=replace(quality, **{name: getattr(quality, name) - before[name] for name in COUNTED}),
            late_vehicles=late_vehicles(quality, *self._sent_now(links), self.spur_s),
            seed=self.seed,
            model=self.model,
        )
        self.before = quality
        if last:
            self.run.finish()
        return state

    def _sent_now(self, links: LinkSlice) -> tuple[LinkSlice, Array]:
        """Return the flows that are sent in the period with the times measured, and those of the stations, veh/h.

        A day fills and empties, so what leaves the links does not tell how many vehicles should be under way.
        """
        flow = self.roads.paths.link_flow(self.sent)
        open_min = self.roads.streets.free_flow_min * self.length_scale
        time_min = np.where(links.link_time_n > 0, links.link_time_min, open_min)
        count = len(links.link_flow_vph)
        return replace(links, link_flow_vph=flow[:count], link_time_min=time_min), flow[count:]

    def close(self) -> None:
        """Let go of whatever the engine holds; does nothing the second time."""
        self.run.close()
