"""Davidson's law, the paper's choice for charging stations (Eq 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from cosim.arrays import Array
from cosim.bounds import NonNegative
from cosim.charging.stations import LawSettings, Share
from cosim.traffic.laws.base import Law, LinkParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class DavidsonSettings(LawSettings):
    """Settings of Davidson's law.

    Attributes
    ----------
    j
        Size of the waiting time (R_n of Eq 3).
    knee
        Share of the capacity above which the waiting time grows along its tangent, and a station is told as above its
        knee.
    """

    kind: Literal["davidson"] = "davidson"
    j: NonNegative = 0.1
    knee: Share = 0.9


class Davidson(Law):
    """Davidson (1966), ``c = t0 (1 + J v / (cap - v))``, continued by its tangent from the knee.

    Beyond ``v = knee * cap`` the tangent replaces the curve (Akcelik 1978; Taylor 1984), in the
    integral too, so that time, slope and integral are continuous and finite for every flow.
    """

    kind = "davidson"
    Settings: ClassVar[type] = DavidsonSettings

    def __init__(self, links: LinkParameters) -> None:
        self._t0 = links.free_flow_min
        self._capacity = links.capacity_vph
        self._knee_vph = links.settings["knee"] * links.capacity_vph
        self._j = links.settings["j"]
        self._scale = links.free_flow_min * self._j

    def value(self, flow_vph: Array) -> Array:
        """Return the travel time; the tangent counts from the knee."""
        curved = np.minimum(flow_vph, self._knee_vph)
        room = self._capacity - curved
        slope = self._scale * self._capacity / room**2
        return np.asarray(self._t0 + self._scale * curved / room + slope * (flow_vph - curved))

    def derivative(self, flow_vph: Array) -> Array:
        """Return ``t0 J cap / (cap - v)^2``, constant beyond the knee."""
        room = self._capacity - np.minimum(flow_vph, self._knee_vph)
        return np.asarray(self._scale * self._capacity / room**2)

    def integral(self, flow_vph: Array) -> Array:
        """Return ``t0 ((1 - J) v - J cap ln(1 - v / cap))`` up to the knee, then the tangent's."""
        curved = np.minimum(flow_vph, self._knee_vph)
        beyond = flow_vph - curved
        room = self._capacity - curved
        area = self._t0 * (1.0 - self._j) * curved
        area = area - self._scale * self._capacity * np.log1p(-curved / self._capacity)
        at_knee = self._t0 + self._scale * curved / room
        slope = self._scale * self._capacity / room**2
        return np.asarray(area + at_knee * beyond + 0.5 * slope * beyond**2)
