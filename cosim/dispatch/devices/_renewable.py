"""What photovoltaic and wind share: a forecast bound and an inverter circle (Eq 19)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import MinLen

from cosim.bounds import NonNegative, check_bounds
from cosim.dispatch.devices.base import Array, Device, Injection, State, Window, solved
from cosim.timeline import Series

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewableSettings:
    """Settings of a weather-driven generator.

    Attributes
    ----------
    s_max_mva
        Inverter rating.
    available_mw
        Power that the weather offers in each period.
    curtailable
        False means must-take: all that is offered, up to the rating, is fed in.
    reactive
        Whether the inverter gives reactive power inside its circle; False means unity power factor.
    """

    name: Annotated[str, MinLen(1)]
    bus: str
    s_max_mva: NonNegative
    available_mw: Series
    curtailable: bool = True
    reactive: bool = True

    def __post_init__(self) -> None:
        check_bounds(self, self.name)


class Renewable(Device):
    """0 <= P <= forecast, P^2 + Q^2 <= S^2."""

    series_fields: ClassVar[tuple[str, ...]] = ("available_mw",)

    def declare(self) -> None:
        """Create power and the forecast."""
        self.p_mw = self.variable()
        self.q_mvar = self.variable() if self.settings.reactive else None
        self.forecast_mw = self.parameter("forecast_mw")

    def load(self, window: Window, state: State) -> None:  # noqa: ARG002 - the weather has no memory here
        """Set the forecast, cut at the rating."""
        self.forecast_mw.value = self.available_mw(window)

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield the forecast bound and the circle."""
        if self.settings.curtailable or self.frame.elastic:
            yield self.p_mw >= 0
            yield self.p_mw <= self.forecast_mw
        else:
            yield self.p_mw == self.forecast_mw
        if self.q_mvar is not None:
            yield self.circle(self.p_mw, self.q_mvar, self.settings.s_max_mva)

    def injections(self) -> Iterator[Injection]:
        """Yield the generation."""
        yield Injection(buses=(self.bus,), p_mw=self.p_mw, q_mvar=self.q_mvar)

    def power(self) -> tuple[Array, Array]:
        """Return generation P [MW] and Q [Mvar]."""
        p_mw = solved(self.p_mw)
        return p_mw, np.zeros_like(p_mw) if self.q_mvar is None else solved(self.q_mvar)

    def missed(self, window: Window) -> Array:
        """Return must-take power that was not taken, MW."""
        if self.settings.curtailable:
            return np.zeros(self.frame.periods)
        return self.available_mw(window) - solved(self.p_mw)

    def available_mw(self, window: Window) -> Array:
        """Return what weather and rating allow."""
        offered: Array = np.minimum(window.series[self.name]["available_mw"], self.settings.s_max_mva)
        return offered
