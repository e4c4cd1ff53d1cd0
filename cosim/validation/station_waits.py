"""Waits at stations as the laws tell them, beside those that a simulated queue measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from cosim.arrays import Array
from cosim.charging.stations import Station
from cosim.traffic.law_groups import law_settings
from cosim.traffic.laws import LAWS
from cosim.traffic.laws.base import LinkParameters

COMPARED = ("davidson", "erlang")
"""Laws whose waits are told beside the measured ones, whichever of them the equilibrium used."""


def law_waits_min(stations: Sequence[Station], flow_vph: Array) -> dict[str, Array]:
    """Return the mean wait of every station by each law, min, ``[law]`` of shape (S,).

    Parameters
    ----------
    stations
        With chargers, which the law ``erlang`` needs.
    flow_vph
        Arrivals, shape (S,).
    """
    laws = [law_settings(one) for one in stations]
    links = LinkParameters(
        free_flow_min=np.array([one.free_flow_min for one in stations]),
        capacity_vph=np.array([one.capacity_vph for one in stations]),
        servers=np.array([float(one.chargers or 0) for one in stations]),
        settings={name: np.array([law.get(name, np.nan) for law in laws]) for name in dict.fromkeys(chain(*laws))},
    )
    everywhere = np.arange(len(stations))
    waits = {}
    for name in COMPARED:
        time_min = LAWS[name](links.of(LAWS[name], everywhere)).value(np.asarray(flow_vph))
        waits[name] = time_min - links.free_flow_min
    return waits


def use_of_chargers(stations: Sequence[Station], flow_vph: Array) -> Array:
    """Return arrivals over capacity, shape (S,); above 1 no law of stationary waits holds."""
    return np.asarray(flow_vph / np.array([one.capacity_vph for one in stations]))
