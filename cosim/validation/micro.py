"""An equilibrium against a microscopic simulation of its own path flows: every statistic of one run, and over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.errors import InputError
from cosim.microsim.port import UNUSED_FACTOR
from cosim.traffic.problem import SueProblem
from cosim.validation.jam import jams
from cosim.validation.metrics import Estimate, estimate, geh, mape, percent_rmse, r_squared, rmse, skill
from cosim.validation.micro_limits import MicroLimits
from cosim.validation.route_choice import class_closure, closure, delivered_flow

CHARGING = "charging"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroClaim:
    """What a model says of one period, to be held against the simulation.

    Attributes
    ----------
    name
        ``SUE``, or ``null`` (see `null_claim`).
    path_flow_vph
        Shape (K,), veh/h: the routes that the simulation drives.
    link_flow_vph, link_time_min
        Of all links, stations last, shape (L,); times without prices and other constants.
    station_energy_kwh
        Energy that the stations deliver in the measured span, shape (S,); None tells nothing of it.
    """

    name: str
    path_flow_vph: Array
    link_flow_vph: Array
    link_time_min: Array
    station_energy_kwh: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroSeen:
    """What one run of the simulation measured, at full length of the links.

    Attributes
    ----------
    seed
        Seed of the run.
    link_flow_vph, link_time_min, link_vehicles
        Of all links, stations last, shape (L,); NaN where no vehicle tells a time. Of a station: arrivals, time from
        arrival to departure with access, vehicles that left.
    path_time_min, path_vehicles
        Of every path, shape (K,), min; of paths without a station only.
    station_growth_vph
        Arrivals less departures of each station, shape (S,), veh/h.
    station_wait_min, station_energy_kwh, station_ledger_error_kwh
        Mean wait, energy of the measured span, and how far ledger and sessions disagree, shape (S,).
    link_occupancy
        Share of the length of each road that vehicles cover, shape (roads,); empty where it is not measured.
    vehicles, teleported, never_inserted, unfinished, collisions, emergency_stops
        Quality of the run; counts.
    """

    seed: int
    link_flow_vph: Array
    link_time_min: Array
    link_vehicles: Array
    path_time_min: Array
    path_vehicles: Array
    station_growth_vph: Array
    station_wait_min: Array
    station_energy_kwh: Array
    station_ledger_error_kwh: Array
    vehicles: int
    teleported: int
    never_inserted: int
    unfinished: int
    collisions: int
    emergency_stops: int
    link_occupancy: Array = field(default_factory=lambda: np.zeros(0))


def sue_claim(problem: SueProblem, path_flow_vph: Array) -> MicroClaim:
    """Return what path flows of an equilibrium claim: their link flows, and the link laws' times at these."""
    flow = problem.path_set.link_flow(path_flow_vph)
    return MicroClaim(
        name="SUE", path_flow_vph=path_flow_vph, link_flow_vph=flow, link_time_min=times_min(problem, flow)
    )


def null_claim(problem: SueProblem) -> MicroClaim:
    """Return the null model: free-flow logit, and times as if there were no traffic; no equilibrium at all."""
    loaded = problem.load(problem.empty_cost_min)
    return MicroClaim(
        name="null",
        path_flow_vph=loaded.path_flow_vph,
        link_flow_vph=loaded.link_flow_vph,
        link_time_min=times_min(problem, np.zeros(len(problem.network.link_ids))),
    )


def times_min(problem: SueProblem, flow_vph: Array) -> Array:
    """Return the links' travel times without prices and other constants, min, shape (L,)."""
    network = problem.network
    return problem.link_cost(flow_vph) - network.fixed_min - network.slope_min_per_vph * np.maximum(flow_vph, 0.0)


def measured_cost_min(problem: SueProblem, seen: MicroSeen, unused_factor: float = UNUSED_FACTOR) -> Array:
    """Return what every link costs by the simulation, prices included, min, shape (L,).

    A road that nobody used takes ``unused_factor`` times its free-flow time, a station without sessions its law's time
    without traffic.
    """
    network = problem.network
    empty = times_min(problem, np.zeros(len(network.link_ids)))
    factor = np.where(network.is_station, 1.0, unused_factor)
    time = np.where(np.isfinite(seen.link_time_min), seen.link_time_min, factor * empty)
    return np.asarray(time + network.fixed_min + network.slope_min_per_vph * np.maximum(seen.link_flow_vph, 0.0))


def expected_flow(problem: SueProblem, claim: MicroClaim, seen: MicroSeen) -> Array:
    """Return the link flows that a run can show: the claim's, without vehicles that its stations kept, shape (L,)."""
    network = problem.network
    lost = np.zeros(len(network.link_ids))
    stations = network.station_positions
    arrivals = seen.link_flow_vph[stations]
    lost[stations] = np.clip(seen.station_growth_vph / np.where(arrivals > 0.0, arrivals, 1.0), -1.0, 1.0)
    return delivered_flow(problem, claim.path_flow_vph, lost)


def statistics(
    problem: SueProblem,
    claim: MicroClaim,
    seen: MicroSeen,
    limits: MicroLimits,
    unused_factor: float = UNUSED_FACTOR,
    curve_min: Array | None = None,
) -> dict[str, float]:
    """Return every statistic of one run, by name (see `cosim.validation.micro_verdict.STATISTICS`).

    Parameters
    ----------
    problem
        Network, paths and demand of the period.
    claim
        What the model says.
    seen
        What the run measured.
    limits
        The GEH that counts as reproduced, and how many vehicles make a time.
    unused_factor
        See `measured_cost_min`.
    curve_min
        Times of the links by the curve that simulated lanes follow, at the measured flows, shape (L,), min; None leaves
        the comparison out.

    Raises
    ------
    InputError
        If arrays do not fit the problem.
    """
    _check(problem, claim, seen)
    return (
        _flow_statistics(problem, claim, seen, limits)
        | _time_statistics(problem, claim, seen, limits)
        | _curve_statistics(problem, seen, limits, curve_min)
        | _choice_statistics(problem, claim, seen, unused_factor)
        | _station_statistics(problem, claim, seen)
        | _quality_statistics(seen)
        | _jam_statistics(problem, claim, seen, limits)
    )


def _flow_statistics(problem: SueProblem, claim: MicroClaim, seen: MicroSeen, limits: MicroLimits) -> dict[str, float]:
    roads = ~problem.network.is_station
    measured, expected = seen.link_flow_vph[roads], expected_flow(problem, claim, seen)[roads]
    difference, total = geh(measured, expected), float(expected.sum())
    return {
        "geh_share": float(np.mean(difference < limits.geh)),
        "geh_max": float(difference.max()),
        "flow_rmse_vph": rmse(measured, expected),
        "flow_rmse_percent": percent_rmse(measured, expected),
        "flow_r2": r_squared(measured, expected),
        "total_flow_rel": abs(float(measured.sum()) - total) / total if total > 0.0 else math.nan,
    }


def compared_links(problem: SueProblem, seen: MicroSeen, limits: MicroLimits) -> BoolArray:
    """Return the roads whose measured time rests on enough vehicles, shape (L,)."""
    enough = (seen.link_vehicles >= limits.link_vehicles) & np.isfinite(seen.link_time_min)
    return np.asarray(enough & ~problem.network.is_station)


def compared_paths(problem: SueProblem, seen: MicroSeen, limits: MicroLimits) -> BoolArray:
    """Return the paths without a station whose measured time rests on enough vehicles, shape (K,)."""
    enough = (seen.path_vehicles >= limits.link_vehicles) & np.isfinite(seen.path_time_min)
    return np.asarray(enough & (problem.path_set.station < 0))


def _time_statistics(problem: SueProblem, claim: MicroClaim, seen: MicroSeen, limits: MicroLimits) -> dict[str, float]:
    links, paths = compared_links(problem, seen, limits), compared_paths(problem, seen, limits)
    measured, said = seen.link_time_min[links], claim.link_time_min[links]
    free = problem.network.free_flow_min[links]
    counted = free > 0.0
    route_said = route_times_min(problem, claim.link_time_min)[paths]
    return {
        "time_mape": mape(measured, said),
        "time_worst": _worst(measured, said),
        "time_rmse_rel": rmse(measured[counted] / free[counted], said[counted] / free[counted]),
        "time_r2": r_squared(measured[counted] / free[counted], said[counted] / free[counted]),
        "time_ratio_max": float((measured[counted] / free[counted]).max()) if counted.any() else math.nan,
        "route_time_mape": mape(seen.path_time_min[paths], route_said),
        "route_time_worst": _worst(seen.path_time_min[paths], route_said),
        "links_compared": float(links.sum()),
        "routes_compared": float(paths.sum()),
    }


def _curve_statistics(
    problem: SueProblem, seen: MicroSeen, limits: MicroLimits, curve_min: Array | None
) -> dict[str, float]:
    if curve_min is None:
        return {}
    links = compared_links(problem, seen, limits)
    return {"curve_mape": mape(seen.link_time_min[links], curve_min[links])}


def route_times_min(problem: SueProblem, link_time_min: Array) -> Array:
    """Return the time of every path, prices and overlap terms left out, min, shape (K,)."""
    return problem.path_set.route_cost(link_time_min) - problem.path_set.offset_min


def _worst(measured: Array, said: Array) -> float:
    return float(np.max(np.abs(said - measured) / measured)) if measured.size else math.nan


def _choice_statistics(
    problem: SueProblem, claim: MicroClaim, seen: MicroSeen, unused_factor: float
) -> dict[str, float]:
    cost = measured_cost_min(problem, seen, unused_factor)
    return {
        "closure": closure(problem, claim.path_flow_vph, cost),
        "closure_charging": class_closure(problem, claim.path_flow_vph, cost, CHARGING),
    }


def _station_statistics(problem: SueProblem, claim: MicroClaim, seen: MicroSeen) -> dict[str, float]:
    stations = problem.network.station_positions
    if not stations.size:
        return dict.fromkeys(
            ("station_geh_max", "station_wait_error_min", "station_energy_rel", "ledger_kwh"), math.nan
        )
    said = claim.link_time_min[stations] - problem.network.free_flow_min[stations]
    told = np.isfinite(seen.station_wait_min)
    return {
        "station_geh_max": float(geh(seen.link_flow_vph[stations], claim.link_flow_vph[stations]).max()),
        "station_wait_error_min": (
            float(np.abs(said[told] - seen.station_wait_min[told]).max()) if told.any() else math.nan
        ),
        "station_energy_rel": _energy_rel(claim, seen),
        "ledger_kwh": float(np.abs(seen.station_ledger_error_kwh).max()),
    }


def _energy_rel(claim: MicroClaim, seen: MicroSeen) -> float:
    """Return the signed relative difference of the energy of all stations together."""
    if claim.station_energy_kwh is None or not claim.station_energy_kwh.sum() > 0.0:
        return math.nan
    planned = float(claim.station_energy_kwh.sum())
    return (float(seen.station_energy_kwh.sum()) - planned) / planned


def _quality_statistics(seen: MicroSeen) -> dict[str, float]:
    per_vehicle = 1.0 / seen.vehicles if seen.vehicles else math.nan
    return {
        "teleported_share": seen.teleported * per_vehicle,
        "not_inserted_share": seen.never_inserted * per_vehicle,
        "unfinished_share": seen.unfinished * per_vehicle,
        "collisions": float(seen.collisions),
        "emergency_stops": float(seen.emergency_stops),
    }


def _jam_statistics(problem: SueProblem, claim: MicroClaim, seen: MicroSeen, limits: MicroLimits) -> dict[str, float]:
    if not seen.link_occupancy.size:
        return {}
    found = jams(problem, claim.link_flow_vph, [seen.link_occupancy], limits.jam_occupancy)
    return {"jammed_edges": float(len(found))}


def over_seeds(runs: Sequence[Mapping[str, float]]) -> dict[str, Estimate]:
    """Return mean and interval of every statistic over runs with independent seeds.

    Raises
    ------
    InputError
        If there is no run.
    """
    if not runs:
        raise InputError("no run of the simulation to take the mean of; give at least one seed")
    return {name: estimate([run[name] for run in runs]) for name in runs[0]}


def with_skill(own: dict[str, Estimate], null: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Return the statistics with the skill of their means against the null model's: closure and travel time."""
    found = dict(own)
    for name, error in (("closure_skill", "closure"), ("time_skill", "time_mape")):
        value = skill(own[error].mean, null[error].mean)
        low = skill(own[error].high, null[error].low)
        high = skill(own[error].low, null[error].high)
        found[name] = Estimate(mean=value, low=low, high=high, least=value, most=value, n=own[error].n)
    return found


def _check(problem: SueProblem, claim: MicroClaim, seen: MicroSeen) -> None:
    n_links, n_paths = len(problem.network.link_ids), len(problem.path_set)
    n_stations = problem.network.station_positions.size
    expected = {
        "link_flow_vph": n_links, "link_time_min": n_links, "link_vehicles": n_links, "path_time_min": n_paths,
        "path_vehicles": n_paths, "station_growth_vph": n_stations, "station_wait_min": n_stations,
        "station_energy_kwh": n_stations, "station_ledger_error_kwh": n_stations,
    }  # fmt: skip
    for name, size in expected.items():
        if (shape := np.shape(getattr(seen, name))) != (size,):
            raise InputError(f"measured {name} of seed {seen.seed} has shape {shape}, must be ({size},)")
    if not np.isfinite(seen.link_flow_vph).all():
        raise InputError(f"measured link_flow_vph of seed {seen.seed} is not finite on every link")
    if np.shape(claim.link_time_min) != (n_links,) or np.shape(claim.path_flow_vph) != (n_paths,):
        raise InputError(f"the claim '{claim.name}' was made for another network or path set")
