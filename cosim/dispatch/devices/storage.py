"""Battery storage with charge and discharge efficiency (Eq 18)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import MinLen

from cosim.arrays import Array
from cosim.bounds import Efficiency, Fraction, NonNegative, Positive, check_bounds
from cosim.dispatch.devices.base import Cost, Device, Injection, State, Window, booked_last, solved
from cosim.dispatch.devices.traits import Allowed, Did, Given
from cosim.errors import InputError

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """Settings of a battery.

    Attributes
    ----------
    name
        Unique name.
    bus
        Feeder bus.
    capacity_mwh
        Energy capacity.
    p_max_mw
        Largest charge and discharge power.
    s_max_mva
        Inverter rating.
    charge_efficiency
        Energy stored per energy taken.
    discharge_efficiency
        Energy given per energy taken from the store.
    soc_min
        Lowest energy, as a share of the capacity.
    soc_max
        Highest energy, as a share.
    soc_initial
        Energy before the first period, as a share.
    soc_end
        Energy at the end of the day against its start: ``at_least`` (default), ``equal`` or ``free``.
    reactive
        Whether the inverter gives reactive power inside its circle.
    wear_cost_per_mwh
        Cost of discharged energy.
    """

    kind: Literal["storage"] = "storage"
    name: Annotated[str, MinLen(1)]
    bus: str
    capacity_mwh: Positive
    p_max_mw: NonNegative
    s_max_mva: NonNegative
    charge_efficiency: Efficiency = 0.95
    discharge_efficiency: Efficiency = 0.95
    soc_min: Fraction = 0.2
    soc_max: Fraction = 0.8
    soc_initial: Fraction = 0.5
    soc_end: Literal["at_least", "equal", "free"] = "at_least"
    reactive: bool = True
    wear_cost_per_mwh: NonNegative = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, self.name)
        if not self.soc_min <= self.soc_initial <= self.soc_max:
            raise InputError(
                f"{self.name}.soc_initial: {self.soc_initial} is outside soc_min {self.soc_min} to "
                f"soc_max {self.soc_max}; give a fraction between them"
            )


class Storage(Device):
    """Battery: E_t = E_{t-1} + n_ch Pch dt - Pdis dt / n_dis, inside its state-of-charge window."""

    kind = "storage"
    Settings: ClassVar[type] = StorageSettings
    label = "Storage"
    gives = "Storage, discharging"
    takes = "Storage, charging"
    energy = "Storage discharged"
    colour = "#7a5cc7"

    def declare(self) -> None:
        """Create charge, discharge, reactive power, energy, and (elastic) the shortfall of the end condition."""
        self.charge_mw = self.variable()
        self.discharge_mw = self.variable()
        self.stored_mwh = self.variable()
        self.q_mvar = self.variable() if self.settings.reactive else None
        self.charge_cap_mw = self.parameter("charge_cap_mw")
        self.discharge_cap_mw = self.parameter("discharge_cap_mw")
        self.start_mwh = self.scalar("start_mwh")
        self.has_end = self.frame.couples_periods and self.settings.soc_end != "free"
        self.end_mwh = self.scalar("end_mwh") if self.has_end else None
        soft = self.frame.elastic and self.has_end
        self.shortfall_mwh = self.variable(1) if soft else None
        self.excess_mwh = self.variable(1) if soft and self.settings.soc_end == "equal" else None

    def load(self, window: Window, state: State) -> None:
        """Set the power caps (0 without supply and for a barred direction), the energy at the start and at the end."""
        cap = np.where(window.active, self.settings.p_max_mw, 0.0)
        may_charge = window.first_of_pair.get(self.name)
        self.charge_cap_mw.value = cap if may_charge is None else np.where(may_charge, cap, 0.0)
        self.discharge_cap_mw.value = cap if may_charge is None else np.where(may_charge, 0.0, cap)
        self.start_mwh.value = state["energy_mwh"]
        if self.end_mwh is not None:
            self.end_mwh.value = self.settings.soc_initial * self.settings.capacity_mwh

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield Eq 18 and the inverter circle."""
        s, dt = self.settings, self.frame.period_h
        gain = dt * (s.charge_efficiency * self.charge_mw - self.discharge_mw / s.discharge_efficiency)
        yield self.charge_mw >= 0
        yield self.charge_mw <= self.charge_cap_mw
        yield self.discharge_mw >= 0
        yield self.discharge_mw <= self.discharge_cap_mw
        yield self.stored_mwh[0] == self.start_mwh + gain[0]
        if self.frame.periods > 1:
            yield self.stored_mwh[1:] == self.stored_mwh[:-1] + gain[1:]
        yield self.stored_mwh >= s.soc_min * s.capacity_mwh
        yield self.stored_mwh <= s.soc_max * s.capacity_mwh
        if self.q_mvar is not None:
            yield self.circle(self.discharge_mw - self.charge_mw, self.q_mvar, s.s_max_mva)
        elif s.s_max_mva < s.p_max_mw:
            yield self.charge_mw <= s.s_max_mva
            yield self.discharge_mw <= s.s_max_mva
        yield from self._end_condition()

    def _end_condition(self) -> Iterator[cp.Constraint]:
        """Yield E_end >= E_start (or ==), softened in the elastic model."""
        if self.end_mwh is None:
            return
        balance = self.stored_mwh[-1] - self.end_mwh
        if self.shortfall_mwh is not None:
            yield self.shortfall_mwh >= 0
            balance = balance + self.shortfall_mwh[0]
        if self.excess_mwh is not None:
            yield self.excess_mwh >= 0
            balance = balance - self.excess_mwh[0]
        yield balance == 0 if self.settings.soc_end == "equal" else balance >= 0

    def costs(self) -> Iterator[Cost]:
        """Yield the wear and, in the elastic model, the price of a missed end condition."""
        if self.settings.wear_cost_per_mwh:
            yield Cost(term="wear", variable=self.discharge_mw, linear=self.settings.wear_cost_per_mwh)
        price = self.frame.shortfall_price_per_mwh
        for slack in (self.shortfall_mwh, self.excess_mwh):
            if slack is not None:
                yield Cost(term="unmet_balance", variable=slack, linear=price, per_hour=False)

    def injections(self) -> Iterator[Injection]:
        """Yield discharge less charge."""
        yield Injection(buses=(self.bus,), p_mw=self.discharge_mw - self.charge_mw, q_mvar=self.q_mvar)

    def power(self) -> tuple[Array, Array]:
        """Return discharge less charge [MW] and reactive power [Mvar]."""
        p_mw = solved(self.discharge_mw) - solved(self.charge_mw)
        return p_mw, np.zeros_like(p_mw) if self.q_mvar is None else solved(self.q_mvar)

    def energy_mwh(self) -> Array:
        """Return the stored energy at the end of each period."""
        return solved(self.stored_mwh)

    def overlap_mw(self) -> Array:
        """Return min(charge, discharge); 0 without losses and wear, where the difference alone means anything."""
        s = self.settings
        counts = s.charge_efficiency * s.discharge_efficiency < 1.0 or s.wear_cost_per_mwh > 0.0
        smaller: Array = np.minimum(solved(self.charge_mw), solved(self.discharge_mw)).clip(min=0.0)
        return smaller if counts else np.zeros_like(smaller)

    def opposites(self) -> tuple[cp.Variable, cp.Variable]:
        """Return charge and discharge."""
        return self.charge_mw, self.discharge_mw

    def opposite_max_mw(self) -> float:
        """Return the largest charge and discharge power."""
        return float(self.settings.p_max_mw)

    def recursion_mwh(self, state: State) -> Array:
        """Return E_t - (E_{t-1} + n_ch Pch dt - Pdis dt / n_dis)."""
        s, energy = self.settings, self.energy_mwh()
        gain = s.charge_efficiency * solved(self.charge_mw) - solved(self.discharge_mw) / s.discharge_efficiency
        before = np.concatenate([[state["energy_mwh"]], energy[:-1]])
        error: Array = energy - before - self.frame.period_h * gain
        return error

    def missed(self, window: Window) -> Array:
        """Return how far the balance over the window was missed, MWh, booked in its last period."""
        return booked_last(self.frame, window, self.shortfall_mwh, self.excess_mwh)

    @classmethod
    def allowed(cls, settings: StorageSettings, given: Given) -> Allowed:
        """Return the limits of power and energy."""
        most = min(settings.p_max_mw, settings.s_max_mva)
        q_max = settings.s_max_mva if settings.reactive else 0.0
        return Allowed(
            p_min_mw=-most, p_max_mw=most, q_min_mvar=-q_max, q_max_mvar=q_max, s_max_mva=settings.s_max_mva,
            energy_min_mwh=settings.soc_min * settings.capacity_mwh,
            energy_max_mwh=settings.soc_max * settings.capacity_mwh,
        )  # fmt: skip

    @classmethod
    def booked(cls, settings: StorageSettings, given: Given, did: Did) -> Array:
        """Return the wear, and the price of a missed end condition."""
        wear = given.period_h * settings.wear_cost_per_mwh * did.given_mw
        return np.asarray(wear + given.shortfall_price_per_mwh * did.missed)

    @classmethod
    def gained_mwh(cls, settings: StorageSettings, given: Given, did: Did) -> Array:
        """Return n_ch Pch dt - Pdis dt / n_dis."""
        gained = settings.charge_efficiency * did.taken_mw - did.given_mw / settings.discharge_efficiency
        return np.asarray(given.period_h * gained)

    @classmethod
    def beyond_day(cls, settings: StorageSettings, given: Given, did: Did) -> Array:
        """Return by how much the day ends below (or beside) the energy that it began with."""
        found = np.zeros_like(did.p_mw)
        if given.couples_periods and settings.soc_end != "free":
            ahead = did.energy_mwh[-1] - settings.soc_initial * settings.capacity_mwh
            found[-1] = abs(ahead) if settings.soc_end == "equal" else max(-ahead, 0.0)
        return found

    @classmethod
    def initial_state(cls, settings: StorageSettings) -> dict[str, float]:
        """Return the energy before the first period."""
        return {"energy_mwh": settings.soc_initial * settings.capacity_mwh}

    def next_state(self, state: State, window: Window, periods: int) -> dict[str, float]:
        """Return the energy after the applied periods, clipped by rounding into its window."""
        s = self.settings
        energy = solved(self.stored_mwh)[periods - 1]
        low, high = s.soc_min * s.capacity_mwh, s.soc_max * s.capacity_mwh
        return {"energy_mwh": float(np.clip(energy, low, high))}
