"""Curtailment of charging load: a priced last resort, per station."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cosim.arrays import Array
from cosim.bounds import NonNegative, check_bounds
from cosim.dispatch.devices.base import Cost, Device, Injection, State, Window, solved

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True, slots=True, kw_only=True)
class EvCurtailmentSettings:
    """Price of charging load that is not served."""

    name: str = "ev_curtailment"
    price_per_mwh: NonNegative

    def __post_init__(self) -> None:
        check_bounds(self, self.name)


class EvCurtailment(Device):
    """0 <= curtailed <= charging load of the station; ``moved_mw`` states what the load is moved by in the solve."""

    kind = "ev_curtailment"
    Settings: ClassVar[type] = EvCurtailmentSettings
    side = "load"
    last_resort: ClassVar[bool] = True
    label = "Charging not served"
    colour = "#e8590c"

    def declare(self) -> None:
        """Create the curtailed power per station."""
        self.cut_mw = self.variable(len(self.buses), self.frame.periods)
        self.load_mw = self.parameter("load_mw", len(self.buses), self.frame.periods)
        self.moved_mw: Callable[[], cp.Expression] | None = None

    def load(self, window: Window, state: State) -> None:
        """Set the charging load."""
        self.load_mw.value = np.maximum(window.ev_p_mw, 0.0)

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield the bounds."""
        yield self.cut_mw >= 0
        yield self.cut_mw <= (self.load_mw if self.moved_mw is None else self.load_mw + self.moved_mw())

    def costs(self) -> Iterator[Cost]:
        """Yield the price of the curtailment."""
        yield Cost(term="ev_curtailment", variable=self.cut_mw, linear=self.settings.price_per_mwh)

    def injections(self) -> Iterator[Injection]:
        """Yield the curtailed power at each station's bus."""
        yield Injection(buses=self.buses, p_mw=self.cut_mw)

    def power(self) -> tuple[Array, Array]:
        """Return the curtailed power of all stations together [MW]; charging takes no reactive power."""
        p_mw = self.by_bus_mw().sum(axis=0)
        return p_mw, np.zeros_like(p_mw)

    def marginal_cost_per_mwh(self, bus_price_per_mwh: Array) -> Array:
        """Return what one more MWh of each station's load costs, shape ``(s, periods)``: to serve it, or to curtail it.

        The multiplier of the curtailment's own upper bound is not asked. At a station without load the bounds read
        ``0 <= curtailed <= 0``: that multiplier is then any number from ``max(0, price - curtailment price)`` on, and a
        solver returns one without meaning. Where there is load it is that least number, so one rule serves both.

        Parameters
        ----------
        bus_price_per_mwh
            Nodal prices of the stations' buses.
        """
        cost: Array = np.minimum(bus_price_per_mwh, self.settings.price_per_mwh)
        return cost

    def by_bus_mw(self) -> Array:
        """Return the curtailed power per station, shape ``(stations, periods)``."""
        return solved(self.cut_mw)
