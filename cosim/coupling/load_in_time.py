"""When the energy of charging is drawn: the flows of a day become a load that follows departures through time.

Travel times to the stations are those of the day pass (or of any equilibria given), path by path; they do not follow
the price-flow loop. The load is therefore linear in the path flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.charging.kernel import drawn_by_period, periods_of_load
from cosim.charging.stations import Station
from cosim.errors import InputError, Problem
from cosim.traffic.arrival import minutes_to_station
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet
from cosim.traffic.problem import SueResult
from cosim.units import MINUTES_PER_HOUR, kw_to_mw, min_to_h

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadInTime:
    """The linear map from path flows to the stations' load over T periods.

    Attributes
    ----------
    path, station
        The C paths past a station, and the place of their station among the s stations, both of shape ``(C,)``.
    stations
        How many there are.
    drawn
        Share of their energy that departures of a period on a path have drawn by the end of that period and of the
        J - 1 that follow, shape ``(T, C, J)``.
    energy_kwh
        Energy of one visit.
    period_h
        Length of a period.
    """

    path: IntArray
    station: IntArray
    stations: int
    drawn: Array
    energy_kwh: float
    period_h: float

    def day_mw(self, path_flow_vph: Array) -> Array:
        """Return the load of every station and period, shape ``(s, T)``, MW.

        ``P_n(t) = E sum_(t' <= t) sum_(k past n) f_k(t') (S_k(t - t') - S_k(t - t' - 1))``, S the share drawn by the
        end of the period: what departures of period t' draw in t. What falls after the last period is not in it.

        Parameters
        ----------
        path_flow_vph
            Flows of all K paths in every period, shape ``(T, K)``, veh/h.
        """
        share = np.diff(self.drawn, axis=2, prepend=0.0)
        return self._gathered(path_flow_vph, share) * kw_to_mw(self.energy_kwh)

    def pending_mwh(self, path_flow_vph: Array) -> Array:
        """Return the energy that those who have left are still to draw at the end of each period, ``(s, T)``, MWh.

        ``E h sum_(t' <= t) sum_(k past n) f_k(t') (1 - S_k(t - t'))``; its last column is carried over to the next day.
        """
        return self._gathered(path_flow_vph, 1.0 - self.drawn) * kw_to_mw(self.energy_kwh) * self.period_h

    def own_share(self, path_flow_vph: Array) -> Array:
        """Return the share of the visits of a period's departures that is drawn in the period itself, ``(s, T)``.

        0 where nobody comes.
        """
        own = self._gathered(path_flow_vph, self.drawn[:, :, :1])
        visits = self._gathered(path_flow_vph, np.ones_like(self.drawn[:, :, :1]))
        return np.divide(own, visits, out=np.zeros_like(own), where=visits > 0.0)

    def _gathered(self, path_flow_vph: Array, weight: Array) -> Array:
        """Return ``sum_(t', k) f_k(t') weight[t', k, t - t']`` for every station and period, shape ``(s, T)``."""
        periods, _, reach = weight.shape
        flow = np.asarray(path_flow_vph, dtype=np.float64)[:, self.path]
        total = np.zeros((self.stations, periods))
        for n in range(self.stations):
            at = np.flatnonzero(self.station == n)
            for j in range(reach):
                drawn = flow[: periods - j, at] * weight[: periods - j, at, j]
                total[n, j:] += drawn.sum(axis=1)
        return total


def load_in_time(
    network: RoadNetwork,
    paths: PathSet,
    stations: Sequence[Station],
    day: Sequence[SueResult],
    *,
    energy_kwh: float,
    period_h: float,
) -> LoadInTime:
    """Fix the times of a day's visits from its equilibria.

    The lag of a path is the travel time to its station in the period of departure, and the station's access time; then
    one charger's power is drawn over the service time. Waiting for a charger is left out: it is the mean of a law that
    says nothing of when, and has no meaning beyond the capacity.

    Parameters
    ----------
    network
        With the s stations' links.
    paths
        Choice sets of the day.
    stations
        In the order of their links.
    day
        Equilibria of the T periods.
    energy_kwh
        Energy of one visit.
    period_h
        Length of a period.

    Raises
    ------
    InputError
        Naming every station whose chargers are not known (only they part access from service time), or whose time
        without waiting is shorter than the service.
    """
    _check(stations, energy_kwh)
    path = np.flatnonzero(paths.station >= 0)
    station = np.searchsorted(network.station_positions, paths.station[path])
    service_h = np.array([_service_h(one, energy_kwh) for one in stations])
    access_h = np.array([min_to_h(one.free_flow_min) for one in stations]) - service_h
    travel_min = np.stack([minutes_to_station(paths, one.link_time_min)[path] for one in day])
    lag_h = travel_min / MINUTES_PER_HOUR + np.maximum(access_h, 0.0)[station]  # 0 may be off by rounding
    service_h = service_h[station]
    reach = periods_of_load(lag_h, service_h, period_h=period_h, limit=len(day))
    return LoadInTime(
        path=path,
        station=station,
        stations=len(stations),
        drawn=drawn_by_period(lag_h, service_h, period_h=period_h, periods=reach),
        energy_kwh=energy_kwh,
        period_h=period_h,
    )


def _service_h(station: Station, energy_kwh: float) -> float:
    return energy_kwh / station.charger_kw if station.charger_kw is not None else float("nan")


def _check(stations: Sequence[Station], energy_kwh: float) -> None:
    """Refuse stations whose access and service time are not known apart."""
    problems = []
    for one in stations:
        time_h = min_to_h(one.free_flow_min)
        if one.charger_kw is None:
            reason = f"station {one.name!r} does not say its chargers' power, which load in time needs"
            remedy = "give chargers, charger_kw, access_min in place of free_flow_min, capacity_vph"
            problems.append(Problem(field="charger_kw", reason=reason, remedy=remedy))
        elif _service_h(one, energy_kwh) > time_h * (1.0 + _ROUNDING):
            reason = f"station {one.name!r} serves {energy_kwh:g} kWh at {one.charger_kw:g} kW within {time_h:g} h"
            problems.append(Problem(field="free_flow_min", reason=reason, remedy="give it the time of the service"))
    if problems:
        raise InputError(problems)
