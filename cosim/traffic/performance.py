"""Link performance: travel time, its derivative and its integral, side by side (Eq 3).

A law is one class: it says which parameters it refuses, and gives value, derivative and integral of
the same function. `LAWS` finds it by name; a new law is one more entry. To every law a link may add
``fixed_min + slope_min_per_vph * flow`` (a toll, a price, a penalty).

Negative flows count as 0. Every law is finite, increasing and convex for all flows >= 0, because
logit loading ignores capacity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cosim.traffic.network import RoadNetwork

FloatArray = NDArray[np.float64]
Breach = tuple[int, str, str]
"""Position of the link, name of the parameter, and the rule that it breaks."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkParameters:
    """Parameters of links that share a law, arrays of one shape (units as in `RoadNetwork`)."""

    free_flow_min: FloatArray
    capacity_vph: FloatArray
    alpha: FloatArray
    beta: FloatArray
    davidson_j: FloatArray
    knee: FloatArray
    servers: FloatArray


class Law(Protocol):
    """Travel time as a function of flow for a group of links.

    `value` [min], `derivative` [min/(veh/h)] and `integral` [veh min/h] take and return arrays of
    the group's shape; flows are >= 0.
    """

    def __init__(self, links: LinkParameters) -> None: ...

    @staticmethod
    def breaches(links: LinkParameters) -> Iterator[Breach]:
        """Yield every parameter that the law refuses."""

    def value(self, flow_vph: FloatArray) -> FloatArray:
        """Return the travel time."""

    def derivative(self, flow_vph: FloatArray) -> FloatArray:
        """Return the slope of the travel time."""

    def integral(self, flow_vph: FloatArray) -> FloatArray:
        """Return the integral of the travel time from 0 to the flow."""


class Bpr:
    """Bureau of Public Roads (1964): ``c = t0 (1 + alpha (v / cap)^beta)``.

    ``c = t0 + b v`` is ``beta = 1, alpha = b cap / t0``.
    """

    def __init__(self, links: LinkParameters) -> None:
        self._t0 = links.free_flow_min
        self._capacity = links.capacity_vph
        self._delay = links.free_flow_min * links.alpha
        self._beta = np.where(self._delay == 0, 1.0, links.beta)

    @staticmethod
    def breaches(links: LinkParameters) -> Iterator[Breach]:
        """Yield capacities <= 0, negative times, negative alpha, and beta < 1 where it matters."""
        yield from _common_breaches(links)
        yield from _broken("alpha", links.alpha, links.alpha >= 0, "must be >= 0")
        inert = links.free_flow_min * links.alpha == 0
        yield from _broken("beta", links.beta, (links.beta >= 1) | inert, "must be >= 1")

    def value(self, flow_vph: FloatArray) -> FloatArray:
        """Return ``t0 + t0 alpha r^beta`` with ``r = v / cap``."""
        return np.asarray(self._t0 + self._delay * (flow_vph / self._capacity) ** self._beta)

    def derivative(self, flow_vph: FloatArray) -> FloatArray:
        """Return ``t0 alpha beta r^(beta - 1) / cap``."""
        power = (flow_vph / self._capacity) ** (self._beta - 1.0)
        return np.asarray(self._delay * self._beta * power / self._capacity)

    def integral(self, flow_vph: FloatArray) -> FloatArray:
        """Return ``t0 (v + alpha cap r^(beta + 1) / (beta + 1))``."""
        ratio = flow_vph / self._capacity
        delay = self._delay * ratio**self._beta / (self._beta + 1.0)
        return np.asarray(flow_vph * (self._t0 + delay))


class Davidson:
    """Davidson (1966), ``c = t0 (1 + J v / (cap - v))``, continued by its tangent from the knee.

    Beyond ``v = knee * cap`` the tangent replaces the curve (Akcelik 1978; Taylor 1984), in the
    integral too, so that time, slope and integral are continuous and finite for every flow.
    """

    def __init__(self, links: LinkParameters) -> None:
        self._t0 = links.free_flow_min
        self._capacity = links.capacity_vph
        self._knee_vph = links.knee * links.capacity_vph
        self._j = links.davidson_j
        self._scale = links.free_flow_min * links.davidson_j

    @staticmethod
    def breaches(links: LinkParameters) -> Iterator[Breach]:
        """Yield capacities <= 0, negative times or shapes, and knees outside (0, 1)."""
        yield from _common_breaches(links)
        yield from _broken("davidson_j", links.davidson_j, links.davidson_j >= 0, "must be >= 0")
        inside = (links.knee > 0) & (links.knee < 1)
        yield from _broken("knee", links.knee, inside, "must be between 0 and 1")

    def value(self, flow_vph: FloatArray) -> FloatArray:
        """Return the travel time; the tangent counts from the knee."""
        curved = np.minimum(flow_vph, self._knee_vph)
        room = self._capacity - curved
        slope = self._scale * self._capacity / room**2
        return np.asarray(self._t0 + self._scale * curved / room + slope * (flow_vph - curved))

    def derivative(self, flow_vph: FloatArray) -> FloatArray:
        """Return ``t0 J cap / (cap - v)^2``, constant beyond the knee."""
        room = self._capacity - np.minimum(flow_vph, self._knee_vph)
        return np.asarray(self._scale * self._capacity / room**2)

    def integral(self, flow_vph: FloatArray) -> FloatArray:
        """Return ``t0 ((1 - J) v - J cap ln(1 - v / cap))`` up to the knee, then the tangent's."""
        curved = np.minimum(flow_vph, self._knee_vph)
        beyond = flow_vph - curved
        room = self._capacity - curved
        area = self._t0 * (1.0 - self._j) * curved
        area = area - self._scale * self._capacity * np.log1p(-curved / self._capacity)
        at_knee = self._t0 + self._scale * curved / room
        slope = self._scale * self._capacity / room**2
        return np.asarray(area + at_knee * beyond + 0.5 * slope * beyond**2)


LAWS: dict[str, type[Law]] = {"bpr": Bpr, "davidson": Davidson}
"""Every law by its name in data files."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LawGroup:
    """The links of one law: their positions and the law built from their parameters."""

    name: str
    members: NDArray[np.intp]
    law: Law = field(repr=False)


def group_by_law(laws: Sequence[str], links: LinkParameters) -> tuple[LawGroup, ...]:
    """Build each law once, for all its links together."""
    names = np.asarray(laws)
    groups = []
    for name in dict.fromkeys(laws):
        members = np.flatnonzero(names == name)
        law = LAWS[name](select(links, members))
        groups.append(LawGroup(name=name, members=members, law=law))
    return tuple(groups)


def select(links: LinkParameters, members: NDArray[np.intp]) -> LinkParameters:
    """Return the parameters of the links at positions ``members``."""
    return LinkParameters(**{name: getattr(links, name)[members] for name in LinkParameters.__slots__})


def breaches(laws: Sequence[str], links: LinkParameters) -> list[Breach]:
    """Return every parameter of every link that is not finite or that its law refuses."""
    found: list[Breach] = []
    for name in LinkParameters.__slots__:
        values = getattr(links, name)
        found += _broken(name, values, np.isfinite(values), "must be finite")
    names = np.asarray(laws)
    for name in dict.fromkeys(laws):
        members = np.flatnonzero(names == name)
        for position, parameter, rule in LAWS[name].breaches(select(links, members)):
            found.append((int(members[position]), parameter, rule))
    return sorted(dict.fromkeys(found))


def link_cost(network: RoadNetwork, flow_vph: FloatArray) -> FloatArray:
    """Return the travel time of every link at its flow, min, shape (L,) (Eq 3)."""
    flow = np.maximum(flow_vph, 0.0)
    added = network.fixed_min + network.slope_min_per_vph * flow
    return _by_law(network, flow, lambda law, group_flow: law.value(group_flow)) + added


def link_cost_derivative(network: RoadNetwork, flow_vph: FloatArray) -> FloatArray:
    """Return the slope of every link's travel time, min/(veh/h), shape (L,)."""
    flow = np.maximum(flow_vph, 0.0)
    slope = _by_law(network, flow, lambda law, group_flow: law.derivative(group_flow))
    return slope + network.slope_min_per_vph


def link_cost_integral(network: RoadNetwork, flow_vph: FloatArray) -> FloatArray:
    """Return the integral of every link's travel time from 0 to its flow, veh min/h, shape (L,)."""
    flow = np.maximum(flow_vph, 0.0)
    added = flow * (network.fixed_min + 0.5 * network.slope_min_per_vph * flow)
    return _by_law(network, flow, lambda law, group_flow: law.integral(group_flow)) + added


def _by_law(network: RoadNetwork, flow: FloatArray, evaluate: Callable[[Law, FloatArray], FloatArray]) -> FloatArray:
    result = np.empty_like(flow)
    for group in network.law_groups:
        result[group.members] = evaluate(group.law, flow[group.members])
    return result


def _common_breaches(links: LinkParameters) -> Iterator[Breach]:
    yield from _broken("capacity_vph", links.capacity_vph, links.capacity_vph > 0, "must be > 0")
    yield from _broken("free_flow_min", links.free_flow_min, links.free_flow_min >= 0, "must be >= 0")


def _broken(name: str, values: FloatArray, holds: NDArray[np.bool_], rule: str) -> Iterator[Breach]:
    for position in np.flatnonzero(~holds & (np.isfinite(values) | (rule == "must be finite"))):
        yield int(position), name, f"{values[position]:g} {rule}"
