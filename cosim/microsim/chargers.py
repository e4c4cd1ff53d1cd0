"""From the stations of a scenario to the queues beside the simulated roads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from cosim.arrays import Array
from cosim.charging.stations import Station
from cosim.errors import InputError, Problem
from cosim.microsim.model import MicroStation
from cosim.microsim.sections import BYPASS_M, SPEED_MPS, SPUR
from cosim.microsim.states import LinkSlice, RunQuality, StationSeries
from cosim.units import MINUTES_PER_HOUR, SECONDS_PER_HOUR, h_to_min, min_to_s, s_to_h

SPUR_S = sum(length_m / speed_mps for _, length_m, speed_mps in SPUR)
"""Time of a lone vehicle on a station's spur, s."""
DETOUR_S = SPUR_S - BYPASS_M / SPEED_MPS
"""How much longer the spur takes than the road beside it, s: the part of a station's access that is driven."""

CHANCE = 2.0


def late_vehicles(quality: RunQuality, links: LinkSlice, arrivals: Array, spur_s: float = SPUR_S) -> int:
    """Return how many vehicles are under way beyond those that flows and times account for (Little's law).

    A measurement ends while vehicles are on their way; flow times time says how many, and chance adds two standard
    deviations of a Poisson number.

    Parameters
    ----------
    quality
        Counters at the end.
    links
        Flows and times of the links until then.
    arrivals
        Arrivals of each station in that time, veh/h, shape (S,).
    spur_s
        Time of a lone vehicle beside the roads on its way to a station and back.
    """
    on_links = float((links.link_flow_vph * np.nan_to_num(links.link_time_min)).sum()) / MINUTES_PER_HOUR
    on_spurs = float(np.sum(arrivals)) * spur_s / SECONDS_PER_HOUR
    expected = on_links + on_spurs
    return max(0, round(quality.unfinished - expected - CHANCE * math.sqrt(expected)))


def arrivals_vph(series: StationSeries, links: LinkSlice) -> Array:
    """Return the arrivals of each station while the links were measured, veh/h, shape (S,)."""
    inside = (series.end_s > links.begin_s) & (series.end_s <= links.end_s)
    arrivals: Array = series.arrivals[:, inside].sum(axis=1) / s_to_h(links.end_s - links.begin_s)
    return arrivals


def micro_stations(
    stations: Sequence[Station],
    lots: Mapping[str, tuple[str, ...]],
    energy_kwh: float,
    detour_s: float = DETOUR_S,
) -> tuple[MicroStation, ...]:
    """Return the stations as their queues see them.

    The detour (of a spur) is a part of the access time; the rest of it is spent beside the charger.

    Parameters
    ----------
    stations
        The stations.
    lots
        Where vehicles park, by the name of the station.
    energy_kwh
        Energy of one visit.
    detour_s
        How much longer a vehicle drives than on the road beside.

    Raises
    ------
    InputError
        If a station's chargers are not known.
    """
    unknown = [one.name for one in stations if one.chargers is None or one.charger_kw is None]
    if unknown:
        reason = f"stations {', '.join(unknown)} are given by capacity_vph; a queue needs its servers"
        raise InputError(Problem(field="stations", reason=reason, remedy="give chargers, charger_kw, access_min"))
    found = []
    for one in stations:
        if one.chargers is None or one.charger_kw is None:
            continue
        service_min = h_to_min(energy_kwh / one.charger_kw)
        access_s = min_to_s(one.free_flow_min - service_min)
        found.append(
            MicroStation(
                name=one.name, lots=lots[one.name], chargers=one.chargers,
                charger_kw=one.charger_kw, energy_kwh=energy_kwh, dwell_s=max(0.0, access_s - detour_s),
            )
        )  # fmt: skip
    return tuple(found)
