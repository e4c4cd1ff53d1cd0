"""What chargers can serve: at most their power; what is asked beyond it waits for the next period, or leaves.

A station is a fluid queue, first in, first out. With arriving energy A, chargers' power c, period h and the backlog B
left over from earlier periods::

    served = min(B + A, c h),   B' = B + A - served

A station that is asked for more than its chargers can give (``B + A > c h``) is *overloaded*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array, BoolArray
from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.units import h_to_min

ROUNDING = 1e-9
"""Share of the chargers' power up to which an excess is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Served:
    """What s stations serve in T periods; arrays of shape ``(s, T)``.

    Attributes
    ----------
    p_mw
        Mean power of the chargers, MW.
    backlog_mwh
        Energy of those who wait at the end of each period, MWh.
    unserved_mwh
        Energy of those who left without it, MWh.
    """

    p_mw: Array
    backlog_mwh: Array
    unserved_mwh: Array

    def over_mwh(self) -> Array:
        """Return the energy asked for beyond the chargers' power in each period: carried on, or unserved."""
        return self.backlog_mwh + self.unserved_mwh

    def closed(self) -> Self:
        """Return the same with the last period's backlog as unserved: nobody serves it within the horizon."""
        if not self.backlog_mwh.shape[1] or not self.backlog_mwh[:, -1].any():
            return self
        backlog, unserved = self.backlog_mwh.copy(), self.unserved_mwh.copy()
        unserved[:, -1] += backlog[:, -1]
        backlog[:, -1] = 0.0
        return replace(self, backlog_mwh=backlog, unserved_mwh=unserved)


def joined(before: Served, after: Served, done: int) -> Served:
    """Return what was served in the first ``done`` periods of a day, and what is in those after them."""
    names = ("p_mw", "backlog_mwh", "unserved_mwh")
    return Served(**{name: np.hstack([getattr(before, name)[:, :done], getattr(after, name)]) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chargers:
    """The chargers of s stations.

    Attributes
    ----------
    power_mw
        Power of all chargers of each station together, MW, shape ``(s,)``.
    carries
        Whether those beyond it wait for the next period, shape ``(s,)``; else they leave.
    period_h
        Length of a period, h.
    out
        Where an outage leaves the chargers without power, in all periods of the day, shape ``(s, T)``; None: nowhere.
    """

    power_mw: Array
    carries: BoolArray
    period_h: float
    out: BoolArray | None = None

    def power_in(self, position: int) -> Array:
        """Return the power of all chargers of each station in a period of the day, MW, shape ``(s,)``."""
        return self.power_mw if self.out is None else np.where(self.out[:, position], 0.0, self.power_mw)

    def power_over(self, first: int, periods: int) -> Array:
        """Return the same in consecutive periods, shape ``(s, periods)``."""
        power = np.repeat(self.power_mw[:, None], periods, axis=1)
        return power if self.out is None else np.where(self.out[:, first : first + periods], 0.0, power)

    def serve(self, arriving_mw: ArrayLike, backlog_mwh: ArrayLike = 0.0, first: int = 0) -> Served:
        """Return what is served of a load over consecutive periods.

        Parameters
        ----------
        arriving_mw
            Load that those who arrive ask for, shape ``(s, T)``, MW.
        backlog_mwh
            Energy of those who wait at the beginning, shape ``(s,)``, MWh.
        first
            The first of the periods, from 0.

        Raises
        ------
        InputError
            If a load or a backlog is negative or not finite.

        Examples
        --------
        >>> station = Chargers(power_mw=np.array([0.6]), carries=np.array([True]), period_h=1.0)
        >>> found = station.serve([[1.0, 0.4, 0.1]])
        >>> found.p_mw.round(3).tolist(), found.backlog_mwh.round(3).tolist()
        ([[0.6, 0.6, 0.3]], [[0.4, 0.2, 0.0]])
        """
        arriving = np.array(arriving_mw, dtype=np.float64)
        waiting = np.broadcast_to(np.asarray(backlog_mwh, dtype=np.float64), self.power_mw.shape)
        for name, values in (("arriving_mw", arriving), ("backlog_mwh", waiting)):
            if not np.all((values >= 0.0) & np.isfinite(values)):
                raise InputError(f"{name}: {values.tolist()} must be >= 0 and finite")
        found = Served(p_mw=arriving, backlog_mwh=np.zeros_like(arriving), unserved_mwh=np.zeros_like(arriving))
        periods = arriving.shape[1]
        power = self.power_over(first, periods)
        busy = np.flatnonzero((arriving > power).any(axis=0)).tolist()
        k = 0 if waiting.any() else (busy[0] if busy else periods)
        while k < periods:
            asked = arriving[:, k] + waiting / self.period_h
            found.p_mw[:, k] = np.minimum(asked, power[:, k])
            over = (asked - found.p_mw[:, k]) * self.period_h
            waiting = np.where(self.carries, over, 0.0)
            found.backlog_mwh[:, k] = waiting
            found.unserved_mwh[:, k] = np.where(self.carries, 0.0, over)
            k = k + 1 if waiting.any() else next((at for at in busy if at > k), periods)
        return found

    def wait_min(self, backlog_mwh: ArrayLike) -> Array:
        """Return how long the chargers take for a backlog: what an arrival waits at least, min, of its shape.

        Parameters
        ----------
        backlog_mwh
            Shape ``(s,)`` or ``(s, T)``.
        """
        backlog = np.asarray(backlog_mwh, dtype=np.float64)
        power = np.broadcast_to(self.power_mw if backlog.ndim == 1 else self.power_mw[:, None], backlog.shape)
        hours = np.divide(backlog, power, out=np.zeros_like(backlog), where=power > 0.0)
        return np.asarray(h_to_min(1.0) * hours)

    def excess_mw(self, found: Served) -> Array:
        """Return by how much the mean power asked for exceeds the chargers' in each period, shape ``(s, T)``."""
        return found.over_mwh() / self.period_h

    def overloaded(self, found: Served) -> BoolArray:
        """Return where the chargers are asked for more than they can give, beyond rounding, shape ``(s, T)``."""
        return np.asarray(self.excess_mw(found) > ROUNDING * self.power_mw[:, None])


def chargers_of(
    stations: Sequence[Station], *, energy_kwh: float, period_h: float, out: BoolArray | None = None
) -> Chargers:
    """Return the chargers of stations, whichever way they are given.

    Parameters
    ----------
    energy_kwh
        Energy of one visit: a station that says vehicles per hour gives that much to each.
    period_h
        Length of a period.
    out
        As in `Chargers`.
    """
    return Chargers(
        power_mw=np.array([one.power_mw(energy_kwh) for one in stations], dtype=np.float64),
        carries=np.array([one.overload == "carry" for one in stations], dtype=np.bool_),
        period_h=period_h,
        out=out,
    )
