"""Shedding of base load: the dearest last resort, per bus, at the load's own power factor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cosim.arrays import Array
from cosim.bounds import NonNegative, check_bounds
from cosim.dispatch.devices.base import Cost, Device, Injection, State, Window, solved

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSheddingSettings:
    """Price of base load that is not served."""

    name: str = "load_shedding"
    price_per_mwh: NonNegative

    def __post_init__(self) -> None:
        check_bounds(self, self.name)


class LoadShedding(Device):
    """0 <= shed <= base load; reactive load goes with it in proportion."""

    kind = "load_shedding"
    Settings: ClassVar[type] = LoadSheddingSettings
    side = "load"
    last_resort: ClassVar[bool] = True
    label = "Load not served"
    colour = "#c92a2a"

    def declare(self) -> None:
        """Create the shed power per bus."""
        shape = (len(self.buses), self.frame.periods)
        self.shed_mw = self.variable(*shape)
        self.load_mw = self.parameter("load_mw", *shape)
        self.q_per_p = self.parameter("q_per_p", *shape)

    def load(self, window: Window, state: State) -> None:
        """Set the base load and its reactive share."""
        p_mw = np.maximum(window.base_p_mw[list(self.buses)], 0.0)
        q_mvar = window.base_q_mvar[list(self.buses)]
        self.load_mw.value = p_mw
        self.q_per_p.value = np.divide(q_mvar, p_mw, out=np.zeros_like(p_mw), where=p_mw > 0.0)

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield the bounds."""
        yield self.shed_mw >= 0
        yield self.shed_mw <= self.load_mw

    def costs(self) -> Iterator[Cost]:
        """Yield the price of the shedding."""
        yield Cost(term="load_shedding", variable=self.shed_mw, linear=self.settings.price_per_mwh)

    def injections(self) -> Iterator[Injection]:
        """Yield the shed power at each bus."""
        import cvxpy as cp

        yield Injection(buses=self.buses, p_mw=self.shed_mw, q_mvar=cp.multiply(self.q_per_p, self.shed_mw))

    def power(self) -> tuple[Array, Array]:
        """Return the shed power of all buses together [MW, Mvar]."""
        shed = self.by_bus_mw()
        return shed.sum(axis=0), (shed * np.asarray(self.q_per_p.value)).sum(axis=0)

    def by_bus_mw(self) -> Array:
        """Return the shed power per bus, shape ``(buses, periods)``."""
        return solved(self.shed_mw)
