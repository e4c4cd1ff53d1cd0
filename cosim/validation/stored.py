"""The dispatch of a run as it was stored: setpoints, relaxed state and figures per period, as plain arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.dispatch.branch_flow import FlowValues
from cosim.dispatch.devices.traits import Traits
from cosim.dispatch.exactness import ConeGap, cone_gap
from cosim.grid.feeder import Feeder, FloatArray
from cosim.grid.own_power import own_power_mw


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredDevice:
    """What one device did over T periods; NaN where a quantity has no meaning or there is no answer."""

    name: str
    kind: str
    traits: Traits
    bus: str
    p_mw: FloatArray
    q_mvar: FloatArray
    energy_mwh: FloatArray
    overlap_mw: FloatArray
    missed: FloatArray
    cost: FloatArray


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

    periods: NDArray[np.int64]
    p_load_mw: FloatArray
    q_load_mvar: FloatArray
    p_gen_mw: FloatArray
    q_gen_mvar: FloatArray
    shed_mw: FloatArray
    vm_pu: FloatArray
    price_per_mwh: FloatArray
    vm_ac_pu: FloatArray
    p_line_mw: FloatArray
    q_line_mvar: FloatArray
    i_ka: FloatArray
    figures: Mapping[str, list[Any]]
    devices: Mapping[str, StoredDevice]
    missing: NDArray[np.int64]

    def __post_init__(self) -> None:
        for item in fields(self):
            if isinstance(value := getattr(self, item.name), np.ndarray):
                value.setflags(write=False)

    @property
    def length(self) -> int:
        """Number of periods T."""
        return len(self.periods)

    @property
    def injection(self) -> tuple[FloatArray, FloatArray]:
        """Net injections P [MW] and Q [Mvar] per bus, shape (n, T)."""
        return self.p_gen_mw - self.p_load_mw, self.q_gen_mvar - self.q_load_mvar

    def number(self, name: str, k: int) -> float:
        """Return a figure of period column ``k``; NaN if it was not stored."""
        value = self.figures.get(name, [None] * self.length)[k]
        return math.nan if value is None else float(value)

    def optional(self, name: str, k: int) -> float | None:
        """Return a figure of period column ``k``; None where the run has no such column."""
        return self.number(name, k) if name in self.figures else None

    def numbers(self, name: str) -> FloatArray:
        """Return a figure of all periods, NaN where it was not stored, shape (T,)."""
        return np.array([self.number(name, k) for k in range(self.length)])

    def word(self, name: str, k: int) -> str | None:
        """Return a text of period column ``k``; None if it was not stored."""
        value = self.figures.get(name, [None] * self.length)[k]
        return value if isinstance(value, str) and value else None

    def flag(self, name: str) -> NDArray[np.bool_]:
        """Return a truth value of all periods, False where it was not stored, shape (T,)."""
        return np.array([value is True for value in self.figures.get(name, [None] * self.length)], dtype=bool)

    def cost_terms(self) -> dict[str, FloatArray]:
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
