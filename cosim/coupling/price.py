"""What a driver pays at a station, as minutes on the station's virtual link."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.units import kw_to_mw


def station_cost_min(
    price_per_mwh: ArrayLike, *, energy_kwh: float, access_fee: ArrayLike, value_of_time_per_min: float
) -> Array:
    """Return the constant cost of a visit in minutes.

    ``fixed_min = (p_n E + fee_n) / VOT``. Every charging vehicle charges once and takes the same energy, so one price
    for all stations is a constant per OD pair and moves nobody: logit ignores constants (Eq 7).

    Parameters
    ----------
    price_per_mwh
        Price per station, shape ``(s,)``.
    energy_kwh
        Energy of one visit, kWh.
    access_fee
        Fee of one visit per station.
    value_of_time_per_min
        Money per minute, one for all charging vehicles.

    Examples
    --------
    >>> station_cost_min([800.0], energy_kwh=20.0, access_fee=0.0, value_of_time_per_min=0.5)
    array([32.])
    """
    price = np.asarray(price_per_mwh, dtype=float)
    energy_mwh = kw_to_mw(energy_kwh)
    cost: Array = (price * energy_mwh + np.asarray(access_fee, dtype=float)) / value_of_time_per_min
    return cost


def marked_up(price_per_mwh: ArrayLike, markup: float) -> Array:
    """Return the retail price ``p (1 + markup)``."""
    price: Array = np.asarray(price_per_mwh, dtype=float) * (1.0 + markup)
    return price
