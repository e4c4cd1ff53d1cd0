"""The dispatch of a run as it was stored: setpoints, relaxed state and figures per period, as plain arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.arrays import Array, BoolArray, IntArray, freeze
from cosim.dispatch.branch_flow import FlowValues
from cosim.dispatch.devices.traits import Traits
from cosim.dispatch.exactness import ConeGap, cone_gap
from cosim.grid.feeder import Feeder
from cosim.grid.own_power import own_power_mw


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredDevice:
    """What one device did over T periods; NaN where a quantity has no meaning or there is no answer."""

    name: str
    kind: str
    traits: Traits
    bus: str
    p_mw: Array
    q_mvar: Array
    energy_mwh: Array
    overlap_mw: Array
    missed: Array
    cost: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredDispatch:
    """T stored periods of a feeder with n buses and m lines.

    Attributes
    ----------
    periods
        Their numbers, shape (T,).
    p_load_mw, q_load_mvar, p_gen_mw, q_gen_mvar, shed_mw
        Setpoints per bus, shape (n, T).
    vm_pu, price_per_mwh, vm_ac_pu
        Relaxed voltage, nodal price and the AC voltage of the run, shape (n, T).
    p_line_mw, q_line_mvar, i_ka
        Relaxed flow of each line, shape (m, T).
    figures
        Columns of table ``periods``, each of length T.
    devices
        Devices by name.
    missing
        Values of the tables that are none and may not be, shape (T,).
    """

    periods: IntArray
    p_load_mw: Array
    q_load_mvar: Array
    p_gen_mw: Array
    q_gen_mvar: Array
    shed_mw: Array
    vm_pu: Array
    price_per_mwh: Array
    vm_ac_pu: Array
    p_line_mw: Array
    q_line_mvar: Array
    i_ka: Array
    figures: Mapping[str, list[Any]]
    devices: Mapping[str, StoredDevice]
    missing: IntArray

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def length(self) -> int:
        """Number of periods T."""
        return len(self.periods)

    @property
    def injection(self) -> tuple[Array, Array]:
        """Net injections P [MW] and Q [Mvar] per bus, shape (n, T)."""
        return self.p_gen_mw - self.p_load_mw, self.q_gen_mvar - self.q_load_mvar

    def number(self, name: str, k: int) -> float:
        """Return a figure of period column ``k``; NaN if it was not stored."""
        value = self.figures.get(name, [None] * self.length)[k]
        return math.nan if value is None else float(value)

    def optional(self, name: str, k: int) -> float | None:
        """Return a figure of period column ``k``; None where the run has no such column."""
        return self.number(name, k) if name in self.figures else None

    def numbers(self, name: str) -> Array:
        """Return a figure of all periods, NaN where it was not stored, shape (T,)."""
        return np.array([self.number(name, k) for k in range(self.length)])

    def word(self, name: str, k: int) -> str | None:
        """Return a text of period column ``k``; None if it was not stored."""
        value = self.figures.get(name, [None] * self.length)[k]
        return value if isinstance(value, str) and value else None

    def flag(self, name: str) -> BoolArray:
        """Return a truth value of all periods, False where it was not stored, shape (T,)."""
        return np.array([value is True for value in self.figures.get(name, [None] * self.length)], dtype=bool)

    def cost_terms(self) -> dict[str, Array]:
        """Return the cost by term, shape (T,); a term that a solved period does not have is zero there."""
        solved = np.isfinite(self.numbers("cost"))
        terms = {}
        for column in self.figures:
            if column.startswith("cost_"):
                values = self.numbers(column)
                terms[column.removeprefix("cost_")] = np.where(solved & np.isnan(values), 0.0, values)
        return terms


def stored_gap(feeder: Feeder, stored: StoredDispatch) -> ConeGap:
    """Return the cone gap, recomputed from the stored flows, shape (m, T)."""
    flow = FlowValues(
        p=stored.p_line_mw / feeder.base_mva,
        q=stored.q_line_mvar / feeder.base_mva,
        current_sq=(stored.i_ka / feeder.base_current_ka) ** 2,
        voltage_sq=stored.vm_pu**2,
    )
    return cone_gap(flow, feeder, own_power_mw(feeder, stored.p_load_mw, stored.p_gen_mw))
