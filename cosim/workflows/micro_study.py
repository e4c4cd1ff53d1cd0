"""Between a run and its microscopic simulation: a period's problem, its vehicles, and what SUMO measured of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, StorageError
from cosim.microsim.port import Claim, Engine, EngineSettings, MicroState, StationSeries, open_engine, steady
from cosim.records.period import PeriodRecord
from cosim.results.store import RunResult
from cosim.results.stored import path_flows, read_records
from cosim.scenario.case import SimulationCase
from cosim.scenario.road_case import RoadCase
from cosim.traffic.calibration import MICRO_CURVE
from cosim.traffic.problem import SueProblem
from cosim.units import SECONDS_PER_HOUR, s_to_min
from cosim.validation.micro import MicroClaim, MicroSeen
from cosim.validation.micro_verdict import Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSettings(EngineSettings):
    """How windows are simulated.

    Attributes
    ----------
    warmup_s
        Time before anything is measured; None takes what the longest path needs.
    measured_s
        Measured time.
    """

    warmup_s: float | None = None
    measured_s: float = SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroStudy:
    """The road side of a scenario with an engine that simulates it; a context manager.

    Attributes
    ----------
    case, roads
        The scenario.
    engine
        Opened on the roads.
    settings
        How windows are simulated.
    """

    case: SimulationCase
    roads: RoadCase
    engine: Engine
    settings: WindowSettings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    @property
    def unused_factor(self) -> float:
        """Time of a link that nobody uses over its free-flow time, as the simulation has it."""
        nature = self.engine.nature
        return 1.0 if self.roads.link_law is not None or nature.follows_law else nature.unused_factor

    def curve_min(self, observed: MicroSeen) -> Array | None:
        """Return the times of `MICRO_CURVE` at measured flows, shape (L,), min; None where it does not hold."""
        if not self.engine.nature.lane_curve:
            return None
        streets = self.roads.streets
        n = len(streets.link_ids)
        use = observed.link_flow_vph[:n] / MICRO_CURVE.capacity_vph(streets)
        time = np.full(len(observed.link_flow_vph), np.nan)
        time[:n] = streets.free_flow_min * MICRO_CURVE.time_ratio(use)
        return time

    @property
    def basis(self) -> Basis:
        """Whether times and route choice can be judged: the engine's roads say, or the scenario."""
        nature = self.engine.nature
        if nature.needs_law and self.roads.link_law is None:
            return "practical"
        return nature.basis or self.case.microsim.capacity_basis

    def warmup_s(self, link_flow_vph: Array) -> float:
        """Return the time before anything is measured, s: as the scenario says or the engine needs.

        Parameters
        ----------
        link_flow_vph
            Flows that the window will drive, stations last, shape (L,), veh/h.
        """
        if self.settings.warmup_s is not None:
            return self.settings.warmup_s
        return self.engine.warmup_s(link_flow_vph)

    def problem(self, period: int, price_per_mwh: Array | None = None, wait_min: Array | None = None) -> SueProblem:
        """Return the equilibrium problem of a period (from 1) at the prices, and waits for others, that drivers saw."""
        return self.case.response().period(period - 1, price_per_mwh, wait_min=wait_min)

    def window(self, claim: MicroClaim, *, period: int, seed: int, p_set_mw: Array | None = None) -> Claim:
        """Return the window that drives a claim's path flows in one period."""
        return steady(
            claim.path_flow_vph,
            warmup_s=self.warmup_s(claim.link_flow_vph),
            measured_s=self.settings.measured_s,
            period=period,
            p_set_mw=np.zeros(0) if p_set_mw is None else p_set_mw,
            seed=seed,
        )


def open_study(case: SimulationCase, settings: WindowSettings) -> MicroStudy:
    """Open the engine on a scenario's roads; the study is to be closed.

    Raises
    ------
    InputError
        If the scenario has no roads, a station is not told by its chargers, or the engine's step does not fit.
    """
    roads = case.roads
    if roads is None:
        raise InputError(f"scenario '{case.name}' has no roads; there is no equilibrium to hold against a simulation")
    return MicroStudy(case=case, roads=roads, engine=open_engine(roads, settings), settings=settings)


def told_of(case: SimulationCase, result: RunResult, period: int) -> PeriodRecord:
    """Return what a run told of a period, stations in the order of the scenario.

    Raises
    ------
    StorageError
        If it has no such period.
    """
    stations = () if case.roads is None else case.roads.stations
    found = read_records(result, {"stations": [one.name for one in stations]}, [period])
    if not found:
        raise StorageError(f"run '{result.folder}' has no period {period}")
    return found[0]


def stored_path_flows(roads: RoadCase, told: PeriodRecord) -> Array:
    """Return the path flows of a period of a run, in the order of the scenario's path set, shape (K,)."""
    if told.traffic is None:
        raise StorageError(f"the run tells nothing of the roads in period {told.period}")
    paths = roads.paths
    classes = (paths.commodities[number].user_class for number in paths.commodity.tolist())
    return path_flows(told.traffic, list(zip(classes, paths.names, strict=True)))


def stored_prices(case: SimulationCase, told: PeriodRecord) -> Array | None:
    """Return the prices that drivers saw in a period of a run, shape (S,); None if they saw none."""
    rows = None if told.traffic is None else told.traffic.stations
    return None if rows is None or not case.coupling.rule.seen else rows.price_per_mwh


def stored_waits(case: SimulationCase, result: RunResult, period: int) -> Array | None:
    """Return how long a period's visits wait for those left over before it, min, shape (S,); None if there are none."""
    if case.roads is None or not case.roads.stations or period == 1:
        return None
    before = told_of(case, result, period - 1).traffic
    if before is None or before.stations is None or not before.stations.backlog_mwh.any():
        return None
    return case.chargers().wait_min(before.stations.backlog_mwh)


def stored_setpoints(told: PeriodRecord) -> Array | None:
    """Return the stations' power caps of a period, MW, shape (S,).

    Infinite where the dispatch curtails nothing: sessions are lumpy, and a cap at the planned mean would starve them.
    None in a run without a grid.
    """
    rows = None if told.dispatch is None else told.dispatch.stations
    return None if rows is None else np.where(rows.curtailed_mw > 0.0, np.maximum(rows.p_set_mw, 0.0), np.inf)


def seen(study: MicroStudy, result: MicroState) -> MicroSeen:
    """Return what a window measured, at full length of the links and with the stations behind the roads."""
    stations = _stations_seen(study, result)
    scale, quality = study.engine.length_scale, result.quality
    paths = study.roads.paths
    n = np.where(paths.station < 0, result.path_time_n, 0)
    return MicroSeen(
        seed=result.seed,
        link_flow_vph=np.concatenate([result.links.link_flow_vph, stations["arrivals_vph"]]),
        link_time_min=np.concatenate([result.links.link_time_min / scale, stations["time_min"]]),
        link_vehicles=np.concatenate([result.links.link_time_n, stations["left"]]),
        path_time_min=np.where(n > 0, result.path_time_min / scale, np.nan),
        path_vehicles=n.astype(np.float64),
        station_growth_vph=stations["growth_vph"],
        station_wait_min=stations["wait_min"],
        station_energy_kwh=stations["energy_kwh"],
        station_ledger_error_kwh=stations["ledger_error_kwh"],
        vehicles=quality.loaded,
        teleported=quality.teleports,
        never_inserted=quality.never_inserted,
        unfinished=result.late_vehicles,
        collisions=quality.collisions,
        emergency_stops=quality.emergency_stops,
        link_occupancy=result.links.occupancy,
    )


def _stations_seen(study: MicroStudy, result: MicroState) -> dict[str, Array]:
    """Return what the stations' sessions and ledgers tell of the measured time, arrays of shape (S,).

    A station that nobody left is not an empty one: its time is then at least how long those inside have been there.
    """
    begin_s, end_s = result.links.begin_s, result.links.end_s
    per_hour = SECONDS_PER_HOUR / (end_s - begin_s)
    rows: dict[str, list[float]] = {
        name: [] for name in ("arrivals_vph", "growth_vph", "time_min", "left", "wait_min", "energy_kwh",
                              "ledger_error_kwh")
    }  # fmt: skip
    for station in study.engine.stations:
        own = [one for one in result.sessions if one.station == station.name]
        came = sum(begin_s <= one.arrive_s < end_s for one in own)
        left = [one for one in own if begin_s <= one.leave_s < end_s]
        waits = [one.wait_s for one in own if begin_s <= one.plug_s < end_s]
        rows["arrivals_vph"].append(came * per_hour)
        rows["growth_vph"].append((came - len(left)) * per_hour)
        rows["left"].append(float(len(left)))
        stays_s = [one.leave_s - one.arrive_s for one in left] or [
            end_s - one.arrive_s for one in own if not one.leave_s < end_s
        ]
        time_s = float(np.mean(stays_s)) + study.engine.detour_s if stays_s else math.nan
        rows["time_min"].append(s_to_min(time_s))
        rows["wait_min"].append(s_to_min(float(np.mean(waits))) if waits else math.nan)
        ledger = _ledger_kwh(result.stations, station.name)
        rows["energy_kwh"].append(float(np.interp(end_s, *ledger) - np.interp(begin_s, *ledger)))
        rows["ledger_error_kwh"].append(abs(float(ledger[1][-1]) - math.fsum(one.energy_kwh for one in own)))
    return {name: np.array(values, dtype=np.float64) for name, values in rows.items()}


def _ledger_kwh(series: StationSeries | None, station: str) -> tuple[Array, Array]:
    """Return times and energies of a station's ledger, beginning with nothing at 0."""
    if series is None:
        return np.zeros(1), np.zeros(1)
    at = series.names.index(station)
    return np.append(0.0, series.end_s), np.append(0.0, series.ledger_kwh[at])
