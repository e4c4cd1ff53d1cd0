"""Interruptible load: a paid cut that is not made up for later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import MinLen

from cosim.arrays import Array
from cosim.bounds import Fraction, NonNegative, check_bounds
from cosim.dispatch.devices.base import Cost, Device, Injection, State, Window, solved
from cosim.dispatch.devices.traits import Allowed, Did, Given

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptibleLoadSettings:
    """Settings of interruptible load at one bus.

    Attributes
    ----------
    name
        Unique name.
    bus
        Feeder bus.
    share
        Largest cut as a share of the bus's base load.
    pay_per_mwh
        Payment for each MWh that is cut.
    """

    kind: Literal["interruptible_load"] = "interruptible_load"
    name: Annotated[str, MinLen(1)]
    bus: str
    share: Fraction = 0.3
    pay_per_mwh: NonNegative = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, self.name)


class InterruptibleLoad(Device):
    """0 <= cut <= share * base load, active power only."""

    kind = "interruptible_load"
    Settings: ClassVar[type] = InterruptibleLoadSettings
    side = "load"
    label = "Interruptible load"

    def declare(self) -> None:
        """Create the cut and its cap."""
        self.cut_mw = self.variable()
        self.cap_mw = self.parameter("cap_mw")

    def load(self, window: Window, state: State) -> None:
        """Set the cap."""
        self.cap_mw.value = self.available_mw(window)

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield the bounds."""
        yield self.cut_mw >= 0
        yield self.cut_mw <= self.cap_mw

    def costs(self) -> Iterator[Cost]:
        """Yield the payment."""
        yield Cost(term="interruptible_load", variable=self.cut_mw, linear=self.settings.pay_per_mwh)

    def injections(self) -> Iterator[Injection]:
        """Yield the cut."""
        yield Injection(buses=(self.bus,), p_mw=self.cut_mw)

    def power(self) -> tuple[Array, Array]:
        """Return the cut [MW]."""
        p_mw = solved(self.cut_mw)
        return p_mw, np.zeros_like(p_mw)

    @classmethod
    def allowed(cls, settings: InterruptibleLoadSettings, given: Given) -> Allowed:
        """Return the largest cut."""
        cap = settings.share * np.maximum(given.base_p_mw, 0.0)
        return Allowed(p_min_mw=0.0, p_max_mw=cap, q_min_mvar=0.0, q_max_mvar=0.0)

    @classmethod
    def cut_share(cls, settings: InterruptibleLoadSettings) -> float:
        """Return the share."""
        return settings.share

    @classmethod
    def booked(cls, settings: InterruptibleLoadSettings, given: Given, did: Did) -> Array:
        """Return the payment for the cut."""
        return np.asarray(given.period_h * settings.pay_per_mwh * did.p_mw)

    def available_mw(self, window: Window) -> Array:
        """Return the cap on the cut."""
        return np.asarray(self.settings.share * np.maximum(window.base_p_mw[self.bus], 0.0))
