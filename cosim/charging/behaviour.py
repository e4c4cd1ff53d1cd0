"""How electric vehicles spend a day, and which share of their trips contains a fast charge (p_z of Eq 2).

A fleet of vehicle days is simulated in steps of 15 minutes; its transitions between the four states give one
row-stochastic matrix per step (a time-inhomogeneous Markov chain, as Wang & Infield 2018 and Iversen et al. 2013), and
sampled days of that chain give p_z: trips started in a period that lead to a fast charge over trips started in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import Gt, Interval

from cosim.arrays import Array, IntArray, freeze
from cosim.bounds import Efficiency, Fraction, NonNegative, Positive, check_bounds
from cosim.errors import InputError, Problem
from cosim.timeline import MINUTES_PER_DAY
from cosim.units import h_to_min, min_to_h

Hour = Annotated[float, Interval(ge=0, le=24)]

STATES = ("driving", "parked", "slow", "fast")
DRIVING, PARKED, SLOW, FAST = range(4)
STEP_MIN = 15
STEPS = MINUTES_PER_DAY // STEP_MIN
UNITS_KM = {"km": 1.0, "miles": 1.609344}
_LOWEST_THRESHOLD, _HIGHEST_THRESHOLD = 0.05, 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourSettings:
    """The fleet of a Markov Monte Carlo simulation; distributions are normal unless said otherwise.

    Attributes
    ----------
    vehicles
        Simulated vehicle days, and sampled days of the chain.
    distance_unit
        How the lognormal daily distance is read; the fit is of miles (Tian, Shi, Jia 2010).
    distance_log_mean
        Mean logarithm of the lognormal daily distance, split evenly over the day's trips.
    distance_log_sd
        Standard deviation of that logarithm.
    first_departure_mean_h
        First trip of a day, hour of the clock.
    first_departure_sd_h
        Standard deviation of the first trip's hour.
    evening_departure_mean_h
        Last trip; past midnight it belongs to the next day.
    evening_departure_sd_h
        Standard deviation of the last trip's hour.
    midday_trip_share
        Share of the vehicles with a trip between the two.
    midday_departure_mean_h
        Hour of the trip between the first and the last.
    midday_departure_sd_h
        Standard deviation of that trip's hour.
    speed_kmh
        Mean speed.
    soc_mean
        State of charge at the first departure, truncated normal.
    soc_sd
        Standard deviation of the state of charge at the first departure.
    soc_min
        Lowest state of charge at the first departure.
    soc_max
        Highest state of charge at the first departure.
    consumption_kwh_per_km
        Energy of driving.
    battery_kwh
        Battery of a vehicle of the fleet.
    slow_kw
        Power of a slow charger.
    fast_kw
        Power of a fast charger.
    charge_efficiency
        Energy stored per energy taken.
    fast_threshold_mean
        State of charge below which a driver goes to a fast charger, one draw per vehicle.
    fast_threshold_sd
        Standard deviation of the state of charge below which a driver goes to a fast charger.
    fast_target_soc
        State of charge at which it leaves.
    slow_share
        Share of the last arrivals that plug in to a slow charger.

    Raises
    ------
    InputError
        With every value outside its bounds.
    """

    vehicles: Annotated[int, Interval(ge=100, le=1_000_000)] = 50_000
    distance_unit: Literal["km", "miles"] = "km"
    distance_log_mean: Annotated[float, Interval(ge=-5, le=7)] = 3.20
    distance_log_sd: Annotated[float, Interval(ge=0, le=2)] = 0.88
    first_departure_mean_h: Hour = 6.92
    first_departure_sd_h: Annotated[float, Interval(ge=0, le=12)] = 1.24
    evening_departure_mean_h: Hour = 17.6
    evening_departure_sd_h: Annotated[float, Interval(ge=0, le=12)] = 3.4
    midday_trip_share: Fraction = 0.35
    midday_departure_mean_h: Hour = 12.5
    midday_departure_sd_h: Annotated[float, Interval(ge=0, le=12)] = 1.5
    speed_kmh: Annotated[float, Interval(ge=3, le=200)] = 30.0
    soc_mean: Fraction = 0.6
    soc_sd: NonNegative = 0.15
    soc_min: Fraction = 0.25
    soc_max: Fraction = 0.95
    consumption_kwh_per_km: Positive = 0.17
    battery_kwh: Annotated[float, Gt(0)] = 40.0
    slow_kw: Positive = 7.0
    fast_kw: Positive = 60.0
    charge_efficiency: Efficiency = 0.92
    fast_threshold_mean: Fraction = 0.20
    fast_threshold_sd: NonNegative = 0.05
    fast_target_soc: Annotated[float, Interval(ge=0.8, le=1)] = 0.8
    slow_share: Fraction = 0.4

    def __post_init__(self) -> None:
        check_bounds(self)
        problems = []
        if self.distance_unit not in UNITS_KM:
            problems.append(Problem(field="distance_unit", reason=f"{self.distance_unit!r} is unknown: km or miles"))
        if not self.soc_min < self.soc_max:
            reason = f"{self.soc_min} must be below soc_max {self.soc_max}"
            problems.append(Problem(field="soc_min", reason=reason, remedy="swap them"))
        if self.battery_kwh * _LOWEST_THRESHOLD < self.step_kwh:
            reason = f"{self.battery_kwh:g} kWh are too few for {self.step_kwh:.3g} kWh in {STEP_MIN} min of driving"
            problems.append(Problem(field="battery_kwh", reason=reason, remedy="check speed and consumption"))
        if problems:
            raise InputError(problems)

    @property
    def step_kwh(self) -> float:
        """Energy of one step of driving, kWh."""
        return self.speed_kmh * min_to_h(STEP_MIN) * self.consumption_kwh_per_km


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FleetDay:
    """A simulated fleet, its Markov chain, and sampled days of the chain; S = 96 steps from midnight.

    Attributes
    ----------
    occupancy
        Share of the simulated vehicles in each of `STATES` at each step, shape (S, 4).
    soc
        Mean state of charge of the simulated vehicles at each step, shape (S,).
    fleet_trips, fleet_fast_trips
        Simulated trips started in each step, and those of them that lead to a fast charge, shape (S,).
    matrices
        Transition probabilities from each step to the next (the last: to the first), shape (S, 4, 4).
    trips, fast_trips
        The same as ``fleet_*`` of the sampled days of the chain.
    statistics
        Figures of both, for the manifest.
    """

    occupancy: Array
    soc: Array
    fleet_trips: IntArray
    fleet_fast_trips: IntArray
    matrices: Array
    trips: IntArray
    fast_trips: IntArray
    statistics: dict[str, float]

    def __post_init__(self) -> None:
        freeze(self)

    def by_period(self, periods: int, period_min: int) -> dict[str, Array]:
        """Return what each period sees of the sampled days; days repeat.

        Returns
        -------
        dict
            ``fast_charge_share`` (p_z; the day's where no trip starts), ``trips``, ``fast_charge_trips`` and
            ``soc`` (mean of the fleet), each of shape (periods,). Steps count by the part that lies in the period.
        """
        weight = _overlap(periods, period_min)
        trips, fast = weight @ self.trips, weight @ self.fast_trips
        mean = float(self.fast_trips.sum()) / max(float(self.trips.sum()), 1.0)
        share = np.divide(fast, trips, out=np.full(periods, mean), where=trips > 0)
        soc = weight @ self.soc / weight.sum(axis=1)
        return {"fast_charge_share": share, "trips": trips, "fast_charge_trips": fast, "soc": soc}


def simulate_fleet(settings: BehaviourSettings, rng: np.random.Generator) -> FleetDay:
    """Simulate vehicle days, count their transitions, and sample days of the Markov chain that these define.

    Parameters
    ----------
    settings
        The fleet.
    rng
        Source of all randomness; the same generator state gives the same numbers.
    """
    fleet = _Fleet(settings, rng)
    for _ in range(STEPS):
        fleet.step()
    fleet.close()
    counts = fleet.transitions
    left = counts.sum(axis=2, keepdims=True)
    stay = np.broadcast_to(np.eye(len(STATES)), counts.shape)
    matrices = np.where(left > 0, counts / np.maximum(left, 1), stay)
    occupancy = left[:, :, 0] / settings.vehicles
    sample = sample_chain(matrices, occupancy[0], settings.vehicles, rng)
    trips, fast = sample
    return FleetDay(
        occupancy=occupancy,
        soc=fleet.soc_sum / settings.vehicles,
        fleet_trips=fleet.trips,
        fleet_fast_trips=fleet.fast_trips,
        matrices=matrices,
        trips=trips,
        fast_trips=fast,
        statistics=_statistics(settings, fleet, sample),
    )


class ChainSample(NamedTuple):
    """Trips started in each step of sampled days, and those of them that lead to a fast charge, shape (S,)."""

    trips: IntArray
    fast_trips: IntArray


def sample_chain(matrices: Array, start: Array, days: int, rng: np.random.Generator) -> ChainSample:
    """Sample days of a time-inhomogeneous Markov chain and follow each trip to its end.

    A trip begins where a vehicle leaves the states parked and slow for driving; it leads to a fast charge if
    that is where it leaves driving for. Trips that are under way at midnight are followed into the next day.

    Parameters
    ----------
    matrices
        Shape (S, 4, 4), rows sum to 1.
    start
        Probability of each state at step 0, shape (4,).
    days
        Number of samples.
    rng
        Source of randomness.
    """
    bound = np.cumsum(matrices, axis=2)[:, :, :-1]
    state = np.searchsorted(np.cumsum(start)[:-1], rng.random(days), side="right")
    begun = np.full(days, -1)
    trips, fast = np.zeros(STEPS, dtype=np.intp), np.zeros(STEPS, dtype=np.intp)
    for step in range(2 * STEPS):
        before = state
        state = (rng.random(len(before))[:, np.newaxis] >= bound[step % STEPS, before]).sum(axis=1)
        ended = (begun >= 0) & (before == DRIVING) & (state != DRIVING)
        fast += np.bincount(begun[ended & (state == FAST)], minlength=STEPS)
        begun = np.where(ended, -1, begun)
        arrival = step + 1
        if arrival <= STEPS:  # the step at which the new state begins; midnight is the day's first
            starts = (state == DRIVING) & ((before == PARKED) | (before == SLOW))
            trips[arrival % STEPS] += int(starts.sum())
            begun = np.where(starts, arrival % STEPS, begun)
        if arrival >= STEPS:
            under_way = begun >= 0
            state, begun = state[under_way], begun[under_way]
            if not len(state):
                break
    return ChainSample(trips, fast)


class _Fleet:
    """Vehicle days that run in step, each from its own first departure for 24 hours."""

    def __init__(self, settings: BehaviourSettings, rng: np.random.Generator) -> None:
        n = settings.vehicles
        self.settings = settings
        first = _step_of(rng.normal(settings.first_departure_mean_h, settings.first_departure_sd_h, n))
        midday = _step_of(rng.normal(settings.midday_departure_mean_h, settings.midday_departure_sd_h, n))
        evening = _step_of(rng.normal(settings.evening_departure_mean_h, settings.evening_departure_sd_h, n))
        extra = rng.random(n) < settings.midday_trip_share
        self.n_trips = 2 + extra.astype(np.intp)
        second = np.where(extra, midday, evening)
        self.due = np.stack([np.zeros(n, dtype=np.intp), second - first, evening - first, np.full(n, 2 * STEPS)])
        daily = UNITS_KM[settings.distance_unit] * rng.lognormal(
            settings.distance_log_mean, settings.distance_log_sd, n
        )
        self.trip_km = daily / self.n_trips
        self.threshold = rng.normal(settings.fast_threshold_mean, settings.fast_threshold_sd, n)
        self.threshold = self.threshold.clip(_LOWEST_THRESHOLD, _HIGHEST_THRESHOLD)
        self.soc = _truncated_normal(settings, rng)
        self.plugs_in = rng.random(n) < settings.slow_share
        self.first = first % STEPS
        self.age = 0
        self.state = self.noted = self.noted_first = np.full(n, PARKED)
        self.made = np.zeros(n, dtype=np.intp)
        self.left_km = np.zeros(n)
        self.begun = np.full(n, -1)
        self.km = 0.0
        self.transitions = np.zeros((STEPS, len(STATES), len(STATES)), dtype=np.intp)
        self.trips, self.fast_trips = np.zeros(STEPS, dtype=np.intp), np.zeros(STEPS, dtype=np.intp)
        self.soc_sum = np.zeros(STEPS)

    @property
    def clock(self) -> IntArray:
        """The step of the day at which each vehicle is."""
        return (self.first + self.age) % STEPS

    def step(self) -> None:
        """Let vehicles depart, note where everybody is, then let 15 minutes pass."""
        self._depart()
        self._note()
        self._pass_time()
        self.age += 1

    def close(self) -> None:
        """Join the end of each day to its beginning."""
        self._count((self.first - 1) % STEPS, self.noted, self.noted_first)

    def _depart(self) -> None:
        """Begin the trips that are due; a vehicle rests for a step between two trips."""
        trip = np.where(self.made < self.n_trips, self.made, len(self.due) - 1)
        due = self.due[trip, np.arange(len(trip))] <= self.age
        departs = due & ((self.noted == PARKED) | (self.noted == SLOW))
        self.state = np.where(departs, DRIVING, self.state)
        self.left_km = np.where(departs, self.trip_km, self.left_km)
        self.made = self.made + departs
        self.begun = np.where(departs, self.clock, self.begun)
        self.trips += np.bincount(self.clock[departs], minlength=STEPS)
        self.km += float(self.trip_km[departs].sum())

    def _note(self) -> None:
        clock = self.clock
        if self.age == 0:
            self.noted_first = self.state
        else:
            self._count((clock - 1) % STEPS, self.noted, self.state)
        self.noted = self.state
        self.soc_sum += np.bincount(clock, weights=self.soc, minlength=STEPS)

    def _count(self, clock: IntArray, before: IntArray, after: IntArray) -> None:
        kinds = len(STATES)
        cell = (clock * kinds + before) * kinds + after
        self.transitions += np.bincount(cell, minlength=self.transitions.size).reshape(self.transitions.shape)

    def _pass_time(self) -> None:
        s = self.settings
        step_h = min_to_h(STEP_MIN)
        driving, slow, fast = (self.state == kind for kind in (DRIVING, SLOW, FAST))
        km = np.where(driving, np.minimum(self.left_km, s.speed_kmh * step_h), 0.0)
        power_kw = s.charge_efficiency * (s.slow_kw * slow + s.fast_kw * fast)
        target = np.where(fast, s.fast_target_soc, 1.0)
        charged = np.minimum(self.soc + power_kw * step_h / s.battery_kwh, np.maximum(target, self.soc))
        self.soc = charged - km * s.consumption_kwh_per_km / s.battery_kwh
        self.left_km = self.left_km - km
        empty = driving & (self.soc < self.threshold)
        arrived = driving & (self.left_km <= 0) & ~empty
        full = fast & (self.soc >= s.fast_target_soc)
        self.fast_trips += np.bincount(self.begun[empty & (self.begun >= 0)], minlength=STEPS)
        self.begun = np.where(empty | arrived, -1, self.begun)
        plugged = arrived & (self.made == self.n_trips) & self.plugs_in
        self.state = np.where(empty, FAST, self.state)
        self.state = np.where(arrived, np.where(plugged, SLOW, PARKED), self.state)
        self.state = np.where(full, np.where(self.left_km > 0, DRIVING, PARKED), self.state)
        self.state = np.where(slow & (self.soc >= 1.0), PARKED, self.state)


def _truncated_normal(settings: BehaviourSettings, rng: np.random.Generator) -> Array:
    """Draw the first states of charge; what lies outside is drawn again, and clipped after 100 draws."""
    soc = rng.normal(settings.soc_mean, settings.soc_sd, settings.vehicles)
    for _ in range(100):
        outside = (soc < settings.soc_min) | (soc > settings.soc_max)
        if not outside.any():
            break
        soc[outside] = rng.normal(settings.soc_mean, settings.soc_sd, int(outside.sum()))
    return soc.clip(settings.soc_min, settings.soc_max)


def _step_of(time_h: Array) -> IntArray:
    return np.floor(h_to_min(1.0) * time_h / STEP_MIN).astype(np.intp)


def _overlap(periods: int, period_min: int) -> Array:
    """Return the part of each step that lies in each period, shape (periods, S)."""
    begin = (np.arange(periods) * period_min % MINUTES_PER_DAY)[:, np.newaxis]
    step = np.arange(STEPS) * STEP_MIN
    shared = np.minimum(begin + period_min, step + STEP_MIN) - np.maximum(begin, step)
    return np.asarray(np.maximum(shared, 0.0) / STEP_MIN)


def _statistics(settings: BehaviourSettings, fleet: _Fleet, sample: ChainSample) -> dict[str, float]:
    n = settings.vehicles
    return {
        "vehicles": n,
        "trips_per_vehicle": float(fleet.trips.sum()) / n,
        "km_per_vehicle": fleet.km / n,
        "fast_charge_share": float(fleet.fast_trips.sum()) / float(fleet.trips.sum()),
        "chain_trips_per_vehicle": float(sample.trips.sum()) / n,
        "chain_fast_charge_share": float(sample.fast_trips.sum()) / max(float(sample.trips.sum()), 1.0),
    }
