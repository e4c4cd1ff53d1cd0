"""By which account the energy of visits becomes load: in the period of departure, or in time.

Both are linear in the flows of the day. One of them is what the grid sees; results tell the other beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cosim.arrays import Array
from cosim.charging.load import charging_mw
from cosim.coupling.load_in_time import LoadInTime
from cosim.traffic.network import RoadNetwork
from cosim.traffic.problem import SueResult


class Account(Protocol):
    """What the price-flow loop and the simulators ask of an account."""

    @property
    def within_period(self) -> bool:
        """Whether all energy is drawn in the period of departure."""

    def load_mw(self, day: Sequence[SueResult], positions: Sequence[int]) -> Array:
        """Return the stations' load in some periods of a day of equilibria, shape ``(s, periods)``, MW."""

    def own_share(self, day: Sequence[SueResult], positions: Sequence[int]) -> Array:
        """Return the share of each period's visits that is drawn in the period itself, shape ``(s, periods)``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InstantAccount:
    """All energy in the period of departure (Eq 9)."""

    network: RoadNetwork
    energy_kwh: float

    @property
    def within_period(self) -> bool:
        """True."""
        return True

    def load_mw(self, day: Sequence[SueResult], positions: Sequence[int]) -> Array:
        """Return the load of some periods; those of the others do not matter."""
        at = self.network.station_positions
        return np.stack([charging_mw(day[k].link_flow_vph[at], self.energy_kwh) for k in positions], axis=1)

    def own_share(self, day: Sequence[SueResult], positions: Sequence[int]) -> Array:
        """Return ones."""
        return np.ones((self.network.station_positions.size, len(positions)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeAccount:
    """Energy when it is drawn, see `cosim.coupling.load_in_time`."""

    in_time: LoadInTime

    @property
    def within_period(self) -> bool:
        """False."""
        return False

    def load_mw(self, day: Sequence[SueResult], positions: Sequence[int]) -> Array:
        """Return the load of some periods: carry from earlier ones and the periods' own share."""
        return self.in_time.day_mw(path_flows(day))[:, list(positions)]

    def own_share(self, day: Sequence[SueResult], positions: Sequence[int]) -> Array:
        """Return the share of each period's own visits that is drawn in it; 0 where nobody comes."""
        return self.in_time.own_share(path_flows(day))[:, list(positions)]

    def pending_mwh(self, day: Sequence[SueResult]) -> Array:
        """Return the energy still to be drawn at the end of each period, shape ``(s, T)``, MWh."""
        return self.in_time.pending_mwh(path_flows(day))


def path_flows(day: Sequence[SueResult]) -> Array:
    """Return the flows of all paths in every period, shape ``(T, K)``, veh/h."""
    return np.stack([result.path_flow_vph for result in day])


def told(
    day: Sequence[SueResult], position: int, *, instant: InstantAccount, in_time: TimeAccount | None
) -> Mapping[str, Array]:
    """Return a period's station columns by both accounts; without the one in time where chargers are not known."""
    columns = {"p_instant_mw": instant.load_mw(day, [position])[:, 0]}
    if in_time is not None:
        columns["p_kernel_mw"] = in_time.load_mw(day, [position])[:, 0]
        columns["pending_mwh"] = in_time.pending_mwh(day)[:, position]
    return columns
