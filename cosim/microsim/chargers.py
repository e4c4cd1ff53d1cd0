"""From the stations of a scenario to the queues beside the simulated roads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array
from cosim.charging.stations import Station
from cosim.errors import InputError, Problem
from cosim.microsim.model import LinkSlice, MicroNet, MicroStation, RunQuality, WindowResult
from cosim.microsim.sections import BYPASS_M, SPEED_MPS, SPUR
from cosim.units import MINUTES_PER_HOUR, SECONDS_PER_HOUR, h_to_min, min_to_s

SPUR_S = sum(length_m / speed_mps for _, length_m, speed_mps in SPUR)
"""Time of a lone vehicle on a station's spur, s."""
DETOUR_S = SPUR_S - BYPASS_M / SPEED_MPS
"""How much longer the spur takes than the road beside it, s: the part of a station's access that is driven."""

CHANCE = 2.0


def late_vehicles(quality: RunQuality, links: LinkSlice | WindowResult, arrivals_vph: Array) -> int:
    """Return how many vehicles are under way beyond those that flows and times account for (Little's law).

    A measurement ends while vehicles are on their way; flow times time says how many, and chance adds two standard
    deviations of a Poisson number.

    Parameters
    ----------
    quality
        Counters at the end.
    links
        Flows and times of the links until then.
    arrivals_vph
        Arrivals of each station in that time, veh/h, shape (S,).
    """
    on_links = float((links.link_flow_vph * np.nan_to_num(links.link_time_min)).sum()) / MINUTES_PER_HOUR
    on_spurs = float(np.sum(arrivals_vph)) * SPUR_S / SECONDS_PER_HOUR
    expected = on_links + on_spurs
    return max(0, round(quality.unfinished - expected - CHANCE * math.sqrt(expected)))


def micro_stations(stations: Sequence[Station], net: MicroNet, energy_kwh: float) -> tuple[MicroStation, ...]:
    """Return the stations as their queues see them.

    The spur is a part of the access time; the rest of it is spent beside the charger.

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
                name=one.name, lots=tuple(lot.lot_id for lot in net.lots_of(one.name)), chargers=one.chargers,
                charger_kw=one.charger_kw, energy_kwh=energy_kwh, dwell_s=max(0.0, access_s - DETOUR_S),
            )
        )  # fmt: skip
    return tuple(found)
