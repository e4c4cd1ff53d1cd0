"""Between a run and its microscopic simulation: a period's problem, its vehicles, and what SUMO measured of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError
from cosim.microsim.chargers import DETOUR_S, late_vehicles, micro_stations
from cosim.microsim.model import MicroNet, MicroStation, RunOptions, Variant, WindowInput, WindowResult
from cosim.microsim.network import build_net
from cosim.microsim.simulation import check_step
from cosim.microsim.vehicles import warmup_time_s, window_demand
from cosim.results.store import RunResult
from cosim.results.stored import matrix, read_path_flows
from cosim.scenario.case import SimulationCase
from cosim.scenario.road_case import RoadCase
from cosim.traffic.calibration import MICRO_CURVE
from cosim.traffic.performance import link_cost
from cosim.traffic.problem import SueProblem
from cosim.units import SECONDS_PER_HOUR, s_to_min
from cosim.validation.micro import UNUSED_FACTOR, MicroClaim, MicroSeen
from cosim.validation.micro_verdict import Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSettings:
    """How windows are simulated.

    Attributes
    ----------
    length_scale, variant, step_s
        Network and step of SUMO.
    warmup_s
        Time before anything is measured; None takes what the longest path needs.
    measured_s
        Measured time.
    """

    length_scale: float = 1.0
    variant: Variant = "merge"
    step_s: float = 1.0
    warmup_s: float | None = None
    measured_s: float = SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroStudy:
    """The road side of a scenario with its SUMO network.

    Attributes
    ----------
    case, roads
        The scenario.
    net, stations
        Network, and stations as their queues see them.
    settings
        How windows are simulated.
    """

    case: SimulationCase
    roads: RoadCase
    net: MicroNet
    stations: tuple[MicroStation, ...]
    settings: WindowSettings

    @property
    def unused_factor(self) -> float:
        """Time of a link that nobody uses over its free-flow time, as the simulation has it."""
        follows_law = self.roads.link_law is not None or self.settings.variant == "metered"
        return 1.0 if follows_law else UNUSED_FACTOR

    def curve_min(self, observed: MicroSeen) -> Array | None:
        """Return the times of `MICRO_CURVE` at measured flows, shape (L,), min; None where it does not hold."""
        if self.settings.variant != "merge":
            return None
        streets = self.roads.streets
        n = len(streets.link_ids)
        use = observed.link_flow_vph[:n] / MICRO_CURVE.capacity_vph(streets)
        time = np.full(len(observed.link_flow_vph), np.nan)
        time[:n] = streets.free_flow_min * MICRO_CURVE.time_ratio(use)
        return time

    @property
    def basis(self) -> Basis:
        """Whether times and route choice can be judged: the scenario's laws hold on a metered net, none at signals."""
        by_net: dict[str, Basis] = {"metered": "matched", "signals": "practical"}
        return by_net.get(self.settings.variant, self.case.microsim.capacity_basis)

    def warmup_s(self, link_flow_vph: Array) -> float:
        """Return the time before anything is measured, s: by open roads, or by the law's times on a metered net.

        Parameters
        ----------
        link_flow_vph
            Flows that the window will drive, stations last, shape (L,), veh/h.
        """
        if self.settings.warmup_s is not None:
            return self.settings.warmup_s
        network = self.roads.network
        metered = self.settings.variant == "metered"
        times = link_cost(network, link_flow_vph) if metered else network.free_flow_min
        return warmup_time_s(network, self.roads.paths, length_scale=self.net.length_scale, link_time_min=times)

    def problem(self, period: int, price_per_mwh: Array | None = None, wait_min: Array | None = None) -> SueProblem:
        """Return the equilibrium problem of a period (from 1) at the prices, and waits for others, that drivers saw."""
        return self.case.response().period(period - 1, price_per_mwh, wait_min=wait_min)

    def window(
        self, claim: MicroClaim, *, period: int, seed: int, p_set_mw: Array | None = None, slice_s: float = 0.0
    ) -> WindowInput:
        """Return the window that drives a claim's path flows in one period."""
        warmup_s = self.warmup_s(claim.link_flow_vph)
        demand = window_demand(
            self.net, self.roads.paths, claim.path_flow_vph,
            warmup_s=warmup_s, measured_s=self.settings.measured_s, period=period, seed=seed,
        )  # fmt: skip
        return WindowInput(
            net=self.net,
            demand=demand,
            stations=self.stations,
            p_set_mw=np.full(len(self.stations), np.inf) if p_set_mw is None else p_set_mw,
            warmup_s=warmup_s,
            measured_s=self.settings.measured_s,
            step_s=self.settings.step_s,
            seed=seed,
            options=RunOptions(slice_s=slice_s),
        )


def open_study(case: SimulationCase, folder: Path, settings: WindowSettings) -> MicroStudy:
    """Build the SUMO network of a scenario's roads into a folder.

    Raises
    ------
    InputError
        If the scenario has no roads, a station is not told by its chargers, or SUMO's step does not fit.
    """
    check_step(settings.step_s)
    roads = case.roads
    if roads is None:
        raise InputError(f"scenario '{case.name}' has no roads; there is no equilibrium to hold against a simulation")
    net = build_net(roads.streets, roads.stations, folder, length_scale=settings.length_scale, variant=settings.variant)
    return MicroStudy(
        case=case,
        roads=roads,
        net=net,
        settings=settings,
        stations=micro_stations(roads.stations, net, roads.energy_kwh),
    )


def stored_path_flows(roads: RoadCase, result: RunResult, period: int) -> Array:
    """Return the path flows of a period of a run, in the order of the scenario's path set, shape (K,)."""
    paths = roads.paths
    classes = (paths.commodities[number].user_class for number in paths.commodity.tolist())
    return read_path_flows(result, list(zip(classes, paths.names, strict=True)), period)


def stored_prices(case: SimulationCase, result: RunResult, period: int) -> Array | None:
    """Return the prices that drivers saw in a period of a run, shape (S,); None if they saw none."""
    if case.roads is None or not case.roads.stations or case.coupling.ev_price == "none":
        return None
    return _of_stations(case.roads, result, "price_per_mwh", period)


def stored_waits(case: SimulationCase, result: RunResult, period: int) -> Array | None:
    """Return how long a period's visits wait for those left over before it, min, shape (S,); None if there are none."""
    if case.roads is None or not case.roads.stations or period == 1:
        return None
    backlog = _of_stations(case.roads, result, "backlog_mwh", period - 1)
    return case.chargers().wait_min(backlog) if backlog.any() else None


def stored_setpoints(roads: RoadCase, result: RunResult, period: int) -> Array | None:
    """Return the stations' power caps of a period, MW, shape (S,).

    Infinite where the dispatch curtails nothing: sessions are lumpy, and a cap at the planned mean would starve them.
    None in a run without a grid.
    """
    if not roads.stations or "p_set_mw" not in result["stations"]:
        return None
    cap = _of_stations(roads, result, "p_set_mw", period)
    curtailed = _of_stations(roads, result, "curtailed_mw", period)
    return np.where(curtailed > 0.0, cap, np.inf)


def _of_stations(roads: RoadCase, result: RunResult, column: str, period: int) -> Array:
    table = result["stations"]
    names = [station.name for station in roads.stations]
    return matrix(table[table["period"] == period], "station", column, names, [period])[:, 0]


def seen(study: MicroStudy, result: WindowResult) -> MicroSeen:
    """Return what a window measured, at full length of the links and with the stations behind the roads."""
    stations = _stations_seen(study, result)
    scale, quality = study.net.length_scale, result.quality
    paths = study.roads.paths
    n = np.where(paths.station < 0, result.path_time_n, 0)
    return MicroSeen(
        seed=result.seed,
        link_flow_vph=np.concatenate([result.link_flow_vph, stations["arrivals_vph"]]),
        link_time_min=np.concatenate([result.link_time_min / scale, stations["time_min"]]),
        link_vehicles=np.concatenate([result.link_time_n, stations["left"]]),
        path_time_min=np.where(n > 0, result.path_time_min / scale, np.nan),
        path_vehicles=n.astype(np.float64),
        station_growth_vph=stations["growth_vph"],
        station_wait_min=stations["wait_min"],
        station_energy_kwh=stations["energy_kwh"],
        station_ledger_error_kwh=stations["ledger_error_kwh"],
        vehicles=quality.loaded,
        teleported=quality.teleports,
        never_inserted=quality.never_inserted,
        unfinished=late_vehicles(result.quality, result, stations["arrivals_vph"]),
        collisions=quality.collisions,
        emergency_stops=quality.emergency_stops,
    )


def _stations_seen(study: MicroStudy, result: WindowResult) -> dict[str, Array]:
    """Return what the stations' sessions and ledgers tell of the measured time, arrays of shape (S,).

    A station that nobody left is not an empty one: its time is then at least how long those inside have been there.
    """
    begin_s, end_s = result.sim_time_s - study.settings.measured_s, result.sim_time_s
    per_hour = SECONDS_PER_HOUR / (end_s - begin_s)
    rows: dict[str, list[float]] = {
        name: [] for name in ("arrivals_vph", "growth_vph", "time_min", "left", "wait_min", "energy_kwh",
                              "ledger_error_kwh")
    }  # fmt: skip
    for station in study.stations:
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
        time_s = float(np.mean(stays_s)) + DETOUR_S if stays_s else math.nan
        rows["time_min"].append(s_to_min(time_s))
        rows["wait_min"].append(s_to_min(float(np.mean(waits))) if waits else math.nan)
        ledger = _ledger_kwh(result, station.name)
        rows["energy_kwh"].append(float(np.interp(end_s, *ledger) - np.interp(begin_s, *ledger)))
        rows["ledger_error_kwh"].append(abs(float(ledger[1][-1]) - math.fsum(one.energy_kwh for one in own)))
    return {name: np.array(values, dtype=np.float64) for name, values in rows.items()}


def _ledger_kwh(result: WindowResult, station: str) -> tuple[Array, Array]:
    """Return times and energies of a station's ledger, beginning with nothing at 0."""
    at = result.stations.names.index(station)
    return np.append(0.0, result.stations.end_s), np.append(0.0, result.stations.ledger_kwh[at])
