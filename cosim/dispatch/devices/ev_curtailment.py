"""Curtailment of charging load: a priced last resort, per station."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cosim.bounds import NonNegative, check_bounds
from cosim.dispatch.devices.base import Array, Cost, Device, Injection, State, Window, solved

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True, slots=True, kw_only=True)
class EvCurtailmentSettings:
    """Price of charging load that is not served."""

    name: str = "ev_curtailment"
    price_per_mwh: NonNegative = 2000.0

    def __post_init__(self) -> None:
        check_bounds(self, self.name)


class EvCurtailment(Device):
    """0 <= curtailed <= charging load of the station; ``moved_mw`` is what the load is moved by within the solve."""

    kind = "ev_curtailment"
    Settings: ClassVar[type] = EvCurtailmentSettings
    side = "load"
    last_resort: ClassVar[bool] = True

    def declare(self) -> None:
        """Create the curtailed power per station."""
        self.cut_mw = self.variable(len(self.buses), self.frame.periods)
        self.load_mw = self.parameter("load_mw", len(self.buses), self.frame.periods)
        self.moved_mw: cp.Expression | float = 0.0
        self.at_most: cp.Constraint | None = None

    def load(self, window: Window, state: State) -> None:
        """Set the charging load."""
        self.load_mw.value = np.maximum(window.ev_p_mw, 0.0)

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield the bounds."""
        yield self.cut_mw >= 0
        self.at_most = self.cut_mw <= self.load_mw + self.moved_mw
        yield self.at_most

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

    def relief_per_mwh(self) -> Array:
        """Return by how much one more MW of load eases the bound on its own curtailment, shape ``(s, periods)``."""
        if self.at_most is None or self.at_most.dual_value is None:
            return np.full(self.cut_mw.shape, np.nan)
        relief: Array = np.asarray(self.at_most.dual_value, dtype=float) / self.frame.period_h
        return relief

    def by_bus_mw(self) -> Array:
        """Return the curtailed power per station, shape ``(stations, periods)``."""
        return solved(self.cut_mw)
