"""What photovoltaic and wind share: a forecast bound and an inverter circle (Eq 19)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import Interval, MinLen

from cosim.arrays import Array
from cosim.bounds import NonNegative, check_bounds
from cosim.dispatch.devices.base import Device, Injection, State, Window, solved
from cosim.dispatch.devices.traits import Allowed, Did, Given
from cosim.errors import InputError
from cosim.timeline import Series

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewableSettings:
    """Settings of a weather-driven generator.

    Attributes
    ----------
    name
        Unique name.
    bus
        Feeder bus.
    s_max_mva
        Inverter rating.
    available_mw
        Power that the weather offers in each period.
    curtailable
        False means must-take: all that is offered, up to the rating, is fed in.
    reactive
        Whether the inverter gives reactive power inside its circle; False means a fixed power factor.
    power_factor
        The fixed power factor: Q = P tan(acos(power_factor)), given to the grid; negative: taken from it. Unity by
        default; needs ``reactive: false``.
    """

    name: Annotated[str, MinLen(1)]
    bus: str
    s_max_mva: NonNegative
    available_mw: Series
    curtailable: bool = True
    reactive: bool = True
    power_factor: Annotated[float, Interval(ge=-1, le=1)] = 1.0

    def __post_init__(self) -> None:
        check_bounds(self, self.name)
        if self.power_factor == 0.0:
            raise InputError(f"{self.name}.power_factor: 0 gives no active power; use 0.8 to 1, negative to take Q")
        if self.reactive and self.power_factor != 1.0:
            raise InputError(
                f"{self.name}.power_factor: {self.power_factor:g} is fixed, but the inverter is free to choose; "
                "set 'reactive: false'"
            )


class Renewable(Device):
    """0 <= P <= forecast, P^2 + Q^2 <= S^2; Q is free in the circle or tied to P."""

    series_fields: ClassVar[tuple[str, ...]] = ("available_mw",)
    offers = True

    def declare(self) -> None:
        """Create power and the forecast."""
        self.p_mw = self.variable()
        self.q_mvar = self.variable() if self.settings.reactive else None
        factor = self.settings.power_factor
        self.q_per_p = float(np.sign(factor) * np.sqrt(1.0 / factor**2 - 1.0))
        self.forecast_mw = self.parameter("forecast_mw")
        self.must_take = not (self.settings.curtailable or self.frame.elastic)
        self.q_most_mvar = self.parameter("q_most_mvar") if self.must_take and self.settings.reactive else None

    def load(self, window: Window, state: State) -> None:
        """Set the forecast, cut at the rating, and the reactive power that it leaves where all of it is taken."""
        self.forecast_mw.value = self.available_mw(window)
        if self.q_most_mvar is not None:
            self.q_most_mvar.value = np.sqrt(np.maximum(self.settings.s_max_mva**2 - self.forecast_mw.value**2, 0.0))

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield the forecast bound and the circle.

        Where P is given, the circle is a bound on Q, and told as one: at the rating it is a point, and a cone without
        room would let a solver's rounding of 1e-9 pass as its root, 1e-4 of the rating, in reactive power.
        """
        if not self.must_take:
            yield self.p_mw >= 0
            yield self.p_mw <= self.forecast_mw
        else:
            yield self.p_mw == self.forecast_mw
        if self.q_mvar is not None and self.q_most_mvar is not None:
            yield self.q_mvar <= self.q_most_mvar
            yield self.q_mvar >= -self.q_most_mvar
        elif self.q_mvar is not None:
            yield self.circle(self.p_mw, self.q_mvar, self.settings.s_max_mva)

    def injections(self) -> Iterator[Injection]:
        """Yield the generation."""
        q_mvar = self.q_mvar
        if q_mvar is None and self.q_per_p:
            q_mvar = self.q_per_p * self.p_mw
        yield Injection(buses=(self.bus,), p_mw=self.p_mw, q_mvar=q_mvar)

    def power(self) -> tuple[Array, Array]:
        """Return generation P [MW] and Q [Mvar]."""
        p_mw = solved(self.p_mw)
        return p_mw, self.q_per_p * p_mw if self.q_mvar is None else solved(self.q_mvar)

    def missed(self, window: Window) -> Array:
        """Return must-take power that was not taken, MW."""
        if self.settings.curtailable:
            return np.zeros(self.frame.periods)
        return self.available_mw(window) - solved(self.p_mw)

    @classmethod
    def allowed(cls, settings: RenewableSettings, given: Given) -> Allowed:
        """Return what weather and rating allow, and the reactive power that goes with it."""
        factor = settings.power_factor
        largest = settings.s_max_mva * (1.0 if settings.reactive else abs(factor))
        most = np.minimum(given.series["available_mw"], largest)
        tied = float(np.sign(factor) * np.sqrt(1.0 / factor**2 - 1.0)) * most
        low, high = (
            (-settings.s_max_mva, settings.s_max_mva)
            if settings.reactive
            else (np.minimum(tied, 0.0), np.maximum(tied, 0.0))
        )
        return Allowed(p_min_mw=0.0, p_max_mw=most, q_min_mvar=low, q_max_mvar=high, s_max_mva=settings.s_max_mva)

    @classmethod
    def booked(cls, settings: RenewableSettings, given: Given, did: Did) -> Array:
        """Return nothing: the weather is free."""
        return np.zeros_like(did.p_mw)

    @classmethod
    def beyond_day(cls, settings: RenewableSettings, given: Given, did: Did) -> Array:
        """Return must-take power that is not taken, and reactive power beside a fixed power factor."""
        found = np.zeros_like(did.p_mw)
        factor = settings.power_factor
        if not settings.curtailable:
            largest = settings.s_max_mva * (1.0 if settings.reactive else abs(factor))
            found = np.maximum(np.minimum(given.series["available_mw"], largest) - did.p_mw, 0.0)
        if not settings.reactive:
            tied = np.sign(factor) * np.sqrt(1.0 / factor**2 - 1.0) * did.p_mw
            found = np.maximum(found, np.abs(did.q_mvar - tied))
        return np.asarray(found)

    def available_mw(self, window: Window) -> Array:
        """Return what weather and rating allow, at the fixed power factor where there is one."""
        largest = self.settings.s_max_mva * (1.0 if self.settings.reactive else abs(self.settings.power_factor))
        offered: Array = np.minimum(window.series[self.name]["available_mw"], largest)
        return offered
