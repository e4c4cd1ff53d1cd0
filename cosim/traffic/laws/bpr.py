"""The Bureau of Public Roads' law; linear cost is one of its cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cosim.arrays import Array
from cosim.bounds import NonNegative, check_bounds
from cosim.traffic.laws.base import Breach, Law, LinkParameters, broken, common_breaches


@dataclass(frozen=True, slots=True, kw_only=True)
class BprSettings:
    """Size and exponent of the delay."""

    kind: Literal["bpr"] = "bpr"
    alpha: NonNegative = 0.15
    beta: float = 4.0

    def __post_init__(self) -> None:
        check_bounds(self, "law")


class Bpr(Law):
    """Bureau of Public Roads (1964): ``c = t0 (1 + alpha (v / cap)^beta)``.

    The linear cost ``c = t0 + b v`` is ``beta = 1, alpha = b cap / t0``.
    """

    kind = "bpr"
    Settings = BprSettings
    for_stations = False

    def __init__(self, links: LinkParameters) -> None:
        self._t0 = links.free_flow_min
        self._capacity = links.capacity_vph
        self._delay = links.free_flow_min * links.settings["alpha"]
        self._beta = np.where(self._delay == 0, 1.0, links.settings["beta"])

    @staticmethod
    def breaches(links: LinkParameters) -> Iterator[Breach]:
        """Yield capacities <= 0, negative times, and beta < 1 where it matters."""
        yield from common_breaches(links)
        beta, inert = links.settings["beta"], links.free_flow_min * links.settings["alpha"] == 0
        yield from broken("beta", beta, (beta >= 1) | inert, "must be >= 1; the usual value is 4")

    def value(self, flow_vph: Array) -> Array:
        """Return ``t0 + t0 alpha r^beta`` with ``r = v / cap``."""
        return np.asarray(self._t0 + self._delay * (flow_vph / self._capacity) ** self._beta)

    def derivative(self, flow_vph: Array) -> Array:
        """Return ``t0 alpha beta r^(beta - 1) / cap``."""
        power = (flow_vph / self._capacity) ** (self._beta - 1.0)
        return np.asarray(self._delay * self._beta * power / self._capacity)

    def integral(self, flow_vph: Array) -> Array:
        """Return ``t0 (v + alpha cap r^(beta + 1) / (beta + 1))``."""
        ratio = flow_vph / self._capacity
        delay = self._delay * ratio**self._beta / (self._beta + 1.0)
        return np.asarray(flow_vph * (self._t0 + delay))
