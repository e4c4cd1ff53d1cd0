"""How large a feeder is: the power against which the figures of a period are judged.

A limit in MW, MWh or per unit says nothing of a feeder of unknown size. Judged against the feeder's own power it means
the same for 1 kW and for 100 MW a bus, and `base_mva` has no say in it.
"""

from __future__ import annotations

import numpy as np

from cosim.arrays import Array
from cosim.grid.feeder import Feeder

SMALLEST_POWER_MW = 1e-6
"""A feeder without load or generation is judged like one of 1 W."""
RESTING_SHARE = 0.05
"""Share of the largest power of the periods that one counts for at least: where a feeder of no nominal load
rests, rounding is still that of what it carries in other periods."""


def own_power_mw(feeder: Feeder, *powers_mw: Array) -> Array:
    """Return the feeder's own power per period [MW], shape (L,).

    It is the largest of the nominal load, of the sums over the buses of what is given, and of `RESTING_SHARE` of the
    largest of these sums over the periods.

    Parameters
    ----------
    feeder
        The feeder of n buses.
    powers_mw
        Powers per bus, shape (n, L) each: loads, generation; what is not finite counts nothing.
    """
    nominal = float(np.hypot(feeder.p_mw, feeder.q_mvar).sum())
    sums = [np.nan_to_num(np.abs(power), posinf=0.0).sum(axis=0) for power in powers_mw]
    largest: Array = np.max(sums, axis=0)
    return np.asarray(
        np.maximum(largest, max(nominal, SMALLEST_POWER_MW, RESTING_SHARE * float(largest.max(initial=0.0))))
    )
