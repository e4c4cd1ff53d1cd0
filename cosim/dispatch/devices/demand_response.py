"""Shiftable demand response: load cut in one period comes back in another (Eq 20)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import MinLen

from cosim.arrays import Array
from cosim.bounds import Fraction, NonNegative, check_bounds
from cosim.dispatch.devices.base import Cost, Device, Injection, State, Window, booked_last, solved
from cosim.dispatch.devices.traits import Allowed, Did, Given

if TYPE_CHECKING:
    import cvxpy as cp

ROUNDING_MWH = 1e-6
"""Balance that the solver's tolerance may leave open at the end of the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandResponseSettings:
    """Settings of shiftable load at one bus.

    Attributes
    ----------
    name
        Unique name.
    bus
        Feeder bus.
    share
        Largest cut and largest refill as a share of the bus's base load.
    pay_per_mwh
        Payment for each MWh that is cut (pi of Eq 21).
    """

    kind: Literal["demand_response"] = "demand_response"
    name: Annotated[str, MinLen(1)]
    bus: str
    share: Fraction = 0.3
    pay_per_mwh: NonNegative = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, self.name)


class DemandResponse(Device):
    """Shiftable load: 0 <= cut, refill <= share * base load; over the day the two are equal."""

    kind = "demand_response"
    Settings: ClassVar[type] = DemandResponseSettings
    side = "load"
    exclusive = False
    returns = True
    label = "Demand response"
    gives = "Demand response, cut"
    takes = "Demand response, refill"
    energy = "Demand response cut"
    colour = "#d6457f"

    def declare(self) -> None:
        """Create cut and refill, the caps and the balance still open."""
        self.cut_mw = self.variable()
        self.refill_mw = self.variable()
        self.cap_mw = self.parameter("cap_mw")
        self.open_mwh = self.scalar("open_mwh")
        soft = self.frame.elastic and self.frame.couples_periods
        self.unreturned_mwh = self.variable(1) if soft else None
        self.unserved_cut_mwh = self.variable(1) if soft else None

    def load(self, window: Window, state: State) -> None:
        """Set caps and open balance; alone, one period cannot keep a balance, so its caps are zero."""
        dt = self.frame.period_h
        cap = self.settings.share * np.maximum(window.base_p_mw[self.bus], 0.0)
        cap = cap if self.frame.couples_periods else np.zeros_like(cap)
        reach, balance = float(cap.sum()) * dt, state["open_mwh"]
        self.cap_mw.value = cap
        # What is beyond reach by rounding is cut off; what is truly beyond reach must stay visible as an unmet balance.
        rounding = abs(balance) <= reach + ROUNDING_MWH
        self.open_mwh.value = float(np.clip(balance, -reach, reach)) if rounding else balance

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield Eq 20."""
        yield self.cut_mw >= 0
        yield self.cut_mw <= self.cap_mw
        yield self.refill_mw >= 0
        yield self.refill_mw <= self.cap_mw
        if not self.frame.couples_periods:
            return
        returned = self.frame.period_h * sum_of(self.refill_mw - self.cut_mw)
        if self.unreturned_mwh is not None and self.unserved_cut_mwh is not None:
            yield self.unreturned_mwh >= 0
            yield self.unserved_cut_mwh >= 0
            returned = returned + self.unreturned_mwh[0] - self.unserved_cut_mwh[0]
        yield returned == self.open_mwh

    def costs(self) -> Iterator[Cost]:
        """Yield the payment for the cut and, in the elastic model, the price of an unmet balance."""
        yield Cost(term="demand_response", variable=self.cut_mw, linear=self.settings.pay_per_mwh)
        for slack in (self.unreturned_mwh, self.unserved_cut_mwh):
            if slack is not None:
                price = self.frame.shortfall_price_per_mwh
                yield Cost(term="unmet_balance", variable=slack, linear=price, per_hour=False)

    def injections(self) -> Iterator[Injection]:
        """Yield the cut less the refill."""
        yield Injection(buses=(self.bus,), p_mw=self.cut_mw - self.refill_mw)

    def power(self) -> tuple[Array, Array]:
        """Return cut less refill [MW]; reactive load is not shifted."""
        p_mw = solved(self.cut_mw) - solved(self.refill_mw)
        return p_mw, np.zeros_like(p_mw)

    def available_mw(self, window: Window) -> Array:
        """Return the cap on cut and refill."""
        return np.asarray(self.settings.share * np.maximum(window.base_p_mw[self.bus], 0.0))

    def overlap_mw(self) -> Array:
        """Return min(cut, refill)."""
        return np.minimum(solved(self.cut_mw), solved(self.refill_mw)).clip(min=0.0)

    def missed(self, window: Window) -> Array:
        """Return how far the balance over the window was missed, MWh, booked in its last period."""
        return booked_last(self.frame, window, self.unreturned_mwh, self.unserved_cut_mwh)

    @classmethod
    def allowed(cls, settings: DemandResponseSettings, given: Given) -> Allowed:
        """Return the largest cut and refill."""
        cap = settings.share * np.maximum(given.base_p_mw, 0.0) * given.couples_periods
        return Allowed(p_min_mw=-cap, p_max_mw=cap, q_min_mvar=0.0, q_max_mvar=0.0)

    @classmethod
    def cut_share(cls, settings: DemandResponseSettings) -> float:
        """Return the share."""
        return settings.share

    @classmethod
    def booked(cls, settings: DemandResponseSettings, given: Given, did: Did) -> Array:
        """Return the payment for the cut, and the price of an unmet balance."""
        paid = given.period_h * settings.pay_per_mwh * did.given_mw
        return np.asarray(paid + given.shortfall_price_per_mwh * did.missed)

    @classmethod
    def beyond_day(cls, settings: DemandResponseSettings, given: Given, did: Did) -> Array:
        """Return the energy that is cut and never made up for, or the other way round."""
        found = np.zeros_like(did.p_mw)
        found[-1] = abs(given.period_h * float(did.p_mw.sum())) * given.couples_periods
        return found

    @classmethod
    def initial_state(cls, settings: DemandResponseSettings) -> dict[str, float]:
        """Return the open balance (energy cut and not yet returned)."""
        return {"open_mwh": 0.0}

    def next_state(self, state: State, window: Window, periods: int) -> dict[str, float]:
        """Return the open balance after the applied periods."""
        p_mw, _ = self.power()
        return {"open_mwh": state["open_mwh"] + float(p_mw[:periods].sum()) * self.frame.period_h}


def sum_of(expression: cp.Expression) -> cp.Expression:
    """Return the sum over the periods."""
    import cvxpy as cp

    return cp.sum(expression)
