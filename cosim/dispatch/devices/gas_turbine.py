"""Gas turbine with ramp and reactive limits (Eq 17) and quadratic cost (Eq 21)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import MinLen

from cosim.arrays import Array
from cosim.bounds import NonNegative, check_bounds
from cosim.dispatch.devices.base import (
    Cost,
    Device,
    Injection,
    State,
    Window,
    solved,
)
from cosim.dispatch.devices.traits import Allowed, Did, Given
from cosim.errors import InputError

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True, slots=True, kw_only=True)
class GasTurbineSettings:
    """Settings of a gas turbine.

    Attributes
    ----------
    name
        Unique name.
    bus
        Feeder bus.
    p_max_mw
        Largest active power; the smallest is 0.
    q_min_mvar
        Smallest reactive power.
    q_max_mvar
        Largest reactive power.
    ramp_mw_per_h
        Largest change of active power per hour; None means no limit.
    p_initial_mw
        Active power before the first period; None leaves the first period free.
    cost_quadratic_per_mw2h
        a of the cost a P² + b P per hour (Eq 21).
    cost_per_mwh
        b of the cost a P² + b P per hour (Eq 21).
    """

    kind: Literal["gas_turbine"] = "gas_turbine"
    name: Annotated[str, MinLen(1)]
    bus: str
    p_max_mw: NonNegative
    q_min_mvar: float = 0.0
    q_max_mvar: float = 0.0
    ramp_mw_per_h: NonNegative | None = None
    p_initial_mw: NonNegative | None = None
    cost_quadratic_per_mw2h: NonNegative = 0.0
    cost_per_mwh: float = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, self.name)
        if self.q_min_mvar > self.q_max_mvar:
            raise InputError(f"{self.name}.q_min_mvar: {self.q_min_mvar} above q_max_mvar {self.q_max_mvar}; swap them")
        if self.p_initial_mw is not None and self.p_initial_mw > self.p_max_mw:
            raise InputError(f"{self.name}.p_initial_mw: {self.p_initial_mw} above p_max_mw {self.p_max_mw}; lower it")


class GasTurbine(Device):
    """Gas turbine: 0 <= Pg <= Pmax, |Pg_t - Pg_{t-1}| <= ramp dt."""

    kind = "gas_turbine"
    Settings: ClassVar[type] = GasTurbineSettings
    label = "Gas turbine"
    colour = "#b4632a"

    def declare(self) -> None:
        """Create power, capacity and ramp limits."""
        self.p_mw = self.variable()
        self.q_mvar = self.variable()
        self.cap_mw = self.parameter("cap_mw")
        self.q_low_mvar = self.parameter("q_low_mvar")
        self.q_high_mvar = self.parameter("q_high_mvar")
        self.first_low_mw = self.scalar("first_low_mw")
        self.first_high_mw = self.scalar("first_high_mw")
        self.ramp_mw = self.parameter("ramp_mw", self.frame.periods - 1) if self.frame.periods > 1 else None

    def load(self, window: Window, state: State) -> None:
        """Set the capacity (0 without supply) and the ramp, free where it does not apply."""
        s = self.settings
        free = 2.0 * s.p_max_mw  # never binds, since 0 <= Pg <= Pmax
        ramp = free if s.ramp_mw_per_h is None else min(free, s.ramp_mw_per_h * self.frame.period_h)
        before = min(state["p_mw"], s.p_max_mw) if "p_mw" in state else None  # a fork may have lowered its limit
        self.cap_mw.value = np.where(window.active, s.p_max_mw, 0.0)
        self.q_low_mvar.value = np.where(window.active, s.q_min_mvar, 0.0)
        self.q_high_mvar.value = np.where(window.active, s.q_max_mvar, 0.0)
        held = before if window.active[0] else None  # cut off from the grid it stops, whatever its ramp
        self.first_low_mw.value = -free if held is None else held - ramp
        self.first_high_mw.value = free if held is None else held + ramp
        if self.ramp_mw is not None:
            self.ramp_mw.value = np.where(window.active[1:], ramp, free)

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield Eq 17."""
        yield self.p_mw >= 0
        yield self.p_mw <= self.cap_mw
        yield self.q_mvar >= self.q_low_mvar
        yield self.q_mvar <= self.q_high_mvar
        yield self.p_mw[0] >= self.first_low_mw
        yield self.p_mw[0] <= self.first_high_mw
        if self.ramp_mw is not None:
            yield self.p_mw[1:] - self.p_mw[:-1] <= self.ramp_mw
            yield self.p_mw[1:] - self.p_mw[:-1] >= -self.ramp_mw

    def costs(self) -> Iterator[Cost]:
        """Yield a Pg^2 + b Pg."""
        s = self.settings
        yield Cost(term="gas_turbine", variable=self.p_mw, linear=s.cost_per_mwh, quadratic=s.cost_quadratic_per_mw2h)

    def injections(self) -> Iterator[Injection]:
        """Yield the generation."""
        yield Injection(buses=(self.bus,), p_mw=self.p_mw, q_mvar=self.q_mvar)

    def power(self) -> tuple[Array, Array]:
        """Return generation P [MW] and Q [Mvar]."""
        return solved(self.p_mw), solved(self.q_mvar)

    def available_mw(self, window: Window) -> Array:
        """Return the capacity."""
        return np.where(window.active, self.settings.p_max_mw, 0.0)

    @classmethod
    def allowed(cls, settings: GasTurbineSettings, given: Given) -> Allowed:
        """Return the limits of active and reactive power; the ramp couples periods and is the model's."""
        return Allowed(
            p_min_mw=0.0, p_max_mw=settings.p_max_mw, q_min_mvar=settings.q_min_mvar, q_max_mvar=settings.q_max_mvar
        )

    @classmethod
    def booked(cls, settings: GasTurbineSettings, given: Given, did: Did) -> Array:
        """Return a Pg^2 + b Pg."""
        per_h = settings.cost_quadratic_per_mw2h * did.p_mw**2 + settings.cost_per_mwh * did.p_mw
        return np.asarray(given.period_h * per_h)

    @classmethod
    def beyond_day(cls, settings: GasTurbineSettings, given: Given, did: Did) -> Array:
        """Return by how much the power changes faster than the ramp."""
        if settings.ramp_mw_per_h is None:
            return np.zeros_like(did.p_mw)
        before = did.p_mw[0] if settings.p_initial_mw is None else settings.p_initial_mw
        step = np.abs(np.diff(did.p_mw, prepend=before))
        return np.asarray(np.maximum(step - settings.ramp_mw_per_h * given.period_h, 0.0))

    @classmethod
    def initial_state(cls, settings: GasTurbineSettings) -> dict[str, float]:
        """Return the power before the first period, where one is given."""
        start = settings.p_initial_mw
        return {} if start is None else {"p_mw": start}

    def next_state(self, state: State, window: Window, periods: int) -> dict[str, float]:
        """Return the last applied power, inside its limits."""
        return {"p_mw": float(np.clip(solved(self.p_mw)[periods - 1], 0.0, self.settings.p_max_mw))}
