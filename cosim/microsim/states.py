"""What goes through the port of the microscopic engines: what is claimed of some time, and what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from cosim.arrays import Array, IntArray, freeze
from cosim.charging.stations import Station
from cosim.errors import InputError, Problem
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet


class Roads(Protocol):
    """The road side of a scenario, as an engine sees it; `cosim.scenario.road_case.RoadCase` is one.

    Attributes
    ----------
    network, streets
        Roads with one virtual link per station, and without them.
    paths
        The K paths.
    stations
        The S stations.
    energy_kwh
        Energy of one visit, drawn from the grid.
    own_net
        The SUMO network that the roads were imported from; None where there is none.
    """

    @property
    def network(self) -> RoadNetwork: ...  # noqa: D102 - above
    @property
    def streets(self) -> RoadNetwork: ...  # noqa: D102
    @property
    def paths(self) -> PathSet: ...  # noqa: D102
    @property
    def stations(self) -> tuple[Station, ...]: ...  # noqa: D102
    @property
    def energy_kwh(self) -> float: ...  # noqa: D102
    @property
    def own_net(self) -> Path | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretch:
    """Constant flows for some time.

    Attributes
    ----------
    path_flow_vph
        Flow of every path, veh/h, shape (K,).
    duration_s
        How long, s; whole hundredths.
    period
        Number of the period; part of the vehicles' names and of the seeds of their departures, so the stretches of a
        claim need different ones.
    warm_up
        Whether nothing is measured yet: other names and departures than in the measured time of the same period.
    """

    path_flow_vph: Array
    duration_s: float
    period: int
    warm_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Claim:
    """What the macroscopic side claims of a window; with the engine's roads it is all that a result depends on.

    Attributes
    ----------
    stretches
        Flows from 0 on, one behind the other.
    warmup_s, measured_s
        Length of both parts of the window, s.
    p_set_mw
        Power that each of the S stations may draw, MW; infinite where it is what is installed.
    slice_s
        Also measure the links in intervals of this length, from 0 on, s; 0 does not.
    seed
        Of the departures and of the engine.
    """

    stretches: tuple[Stretch, ...]
    warmup_s: float
    measured_s: float
    p_set_mw: Array = field(default_factory=lambda: np.zeros(0))
    slice_s: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        freeze(self)
        if not (self.p_set_mw >= 0.0).all():
            raise InputError(Problem(field="p_set_mw", reason=f"{self.p_set_mw} must be >= 0, infinite for no cap"))


def steady(
    path_flow_vph: Array, *, warmup_s: float, measured_s: float, period: int, p_set_mw: Array, seed: int
) -> Claim:
    """Return the claim of a window with the same flows throughout; both parts have their own whole vehicles."""
    parts = ((warmup_s, True), (measured_s, False))
    return Claim(
        stretches=tuple(
            Stretch(path_flow_vph=path_flow_vph, duration_s=duration_s, period=period, warm_up=warm_up)
            for duration_s, warm_up in parts
            if duration_s > 0.0
        ),
        warmup_s=warmup_s,
        measured_s=measured_s,
        p_set_mw=p_set_mw,
        seed=seed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One vehicle at a station; times in s of the simulation, NaN for what had not happened at the end.

    Attributes
    ----------
    arrive_s, plug_s, leave_s
        When it parked, was plugged in and left; ``wait_s`` is ``plug_s - arrive_s``.
    energy_kwh
        Drawn from the grid.
    reason
        Why it left, or ``queued``, ``plugged``, ``dwelling`` at the end.
    """

    vehicle_id: str
    station: str
    lot_id: str
    arrive_s: float
    wait_s: float
    plug_s: float
    energy_kwh: float
    leave_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StationSeries:
    """Stations over time, one row per station and one column per interval (60 s), shape (S, R); ``end_s`` (R,).

    Attributes
    ----------
    p_mw
        Mean power in the interval.
    plugged, queue
        Vehicles at its end.
    arrivals, sessions
        Vehicles that parked, and sessions that ended, within it.
    wait_mean_min, wait_p50_min, wait_p95_min
        Waits of the vehicles plugged in within it; NaN if there was none.
    ledger_kwh
        Energy drawn since the start.
    """

    names: tuple[str, ...]
    end_s: Array
    p_mw: Array
    plugged: IntArray
    queue: IntArray
    arrivals: IntArray
    sessions: IntArray
    wait_mean_min: Array
    wait_p50_min: Array
    wait_p95_min: Array
    ledger_kwh: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuality:
    """Vehicles of a run by what became of them, and events that must not happen."""

    loaded: int
    inserted: int
    arrived: int
    running: int
    never_inserted: int
    teleports: int
    collisions: int
    emergency_stops: int
    parked: int = 0

    @property
    def unfinished(self) -> int:
        """Vehicles that were still on the road at the end, parked ones not counted."""
        return self.running - self.parked


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkSlice:
    """Links in ``[begin, end)``: flow, mean time (NaN where nobody left) and number of vehicles, shape (L,).

    ``occupancy`` is the share of each link's length that vehicles cover; only on a user's own network.
    """

    begin_s: float
    end_s: float
    link_flow_vph: Array
    link_time_min: Array
    link_time_n: Array
    occupancy: Array = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroState:
    """What an engine measured in a window, or in a period of a day; times and lengths are those of its own roads.

    Attributes
    ----------
    links
        The links in the measured time.
    stations
        In intervals of 60 s from 0 on, a warm-up included, of a day those of the period; None without stations.
    sessions
        The vehicles that parked (in a day: whose visit ended in the period, and in its last also who is still there).
    quality
        Counters of the window, or of the period.
    late_vehicles
        Vehicles under way beyond those that flows and times account for.
    seed
        Of the simulation.
    path_time_min, path_time_n
        Mean time of the vehicles of each path that arrived in the measured time, time parked not counted, and their
        number, shape (K,); not in a day.
    slices
        Links in the intervals of `Claim.slice_s`, from 0 on.
    model
        ``micro`` for single vehicles, ``meso`` for queues of them.
    digest
        SHA-256 of everything measured, equal for equal claims; empty in a day.
    cpu_s
        CPU time that it took.
    repeated
        Why it was simulated a second time, by another process; empty if it was not. It changes no number.
    """

    links: LinkSlice
    stations: StationSeries | None
    sessions: tuple[Session, ...]
    quality: RunQuality
    late_vehicles: int
    seed: int
    path_time_min: Array = field(default_factory=lambda: np.zeros(0))
    path_time_n: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    slices: tuple[LinkSlice, ...] = ()
    model: str = "micro"
    digest: str = ""
    cpu_s: float = math.nan
    repeated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationNow:
    """A station at this moment.

    Attributes
    ----------
    plugged, queue
        Vehicles that charge and wait.
    wait_min
        Mean wait of the last hour's, min; 0 if there was none.
    """

    plugged: int
    queue: int
    wait_min: float
