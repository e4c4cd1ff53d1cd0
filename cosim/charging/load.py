"""Charging load: arrivals at stations become electric power (Eq 9)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.errors import InputError
from cosim.units import KILO_PER_MEGA


def charging_mw(arrivals_vph: ArrayLike, energy_kwh: ArrayLike) -> Array:
    """Return the power that stations draw when every arrival takes ``energy_kwh`` (Eq 9).

    ``P[MW] = gamma E_B [kWh per vehicle] * arrivals [veh/h] / 1000``: the energy of one hour's
    arrivals is drawn within that hour.

    Parameters
    ----------
    arrivals_vph
        Arrivals of any shape, veh/h.
    energy_kwh
        Energy of one visit, kWh; one number, or one that broadcasts to the arrivals.

    Raises
    ------
    InputError
        If a value is negative or not finite.

    Examples
    --------
    >>> charging_mw([10.7, 24.8, 12.6], 20.0).round(3).tolist()
    [0.214, 0.496, 0.252]
    """
    arrivals = np.asarray(arrivals_vph, dtype=np.float64)
    energy = np.asarray(energy_kwh, dtype=np.float64)
    for name, values in (("arrivals_vph", arrivals), ("energy_kwh", energy)):
        if not np.all((values >= 0) & np.isfinite(values)):
            raise InputError(f"{name}: {values.tolist()} must be >= 0 and finite")
    return np.asarray(arrivals * energy / KILO_PER_MEGA)
