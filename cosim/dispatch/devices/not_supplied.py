"""Load of buses that an outage cuts off from the grid: nobody decides on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cosim.arrays import Array
from cosim.bounds import NonNegative, check_bounds
from cosim.dispatch.devices.base import Device, Injection, State, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSuppliedSettings:
    """Price of load at buses without supply: that of shedding it."""

    name: str = "not_supplied"
    price_per_mwh: NonNegative

    def __post_init__(self) -> None:
        check_bounds(self, self.name)


class NotSupplied(Device):
    """Load of buses without supply, charging included; the window's loads are without it."""

    kind = "not_supplied"
    Settings: ClassVar[type] = NotSuppliedSettings
    side = "load"
    last_resort: ClassVar[bool] = True
    label = "Load cut off by an outage"
    colour = "#868e96"

    def declare(self) -> None:
        """Begin without any."""
        self.p_mw = self.q_mvar = self.load_mw = np.zeros(self.frame.periods)

    def load(self, window: Window, state: State) -> None:
        """Take over what the window lost; what its buses would have fed in is worth nothing."""
        self.declare()
        if window.lost is not None:
            self.p_mw, self.q_mvar = window.lost.p_mw.sum(axis=0), window.lost.q_mvar.sum(axis=0)
            self.load_mw = window.lost.load_mw.sum(axis=0)

    def injections(self) -> Iterator[Injection]:
        """Yield nothing."""
        yield from ()

    def fixed_costs(self) -> Mapping[str, Array]:
        """Return the price of what is not supplied."""
        return {"not_supplied": self.frame.period_h * self.settings.price_per_mwh * self.load_mw}

    def power(self) -> tuple[Array, Array]:
        """Return the load that is not supplied [MW, Mvar]."""
        return self.p_mw, self.q_mvar
