"""What every law is, and the parameters that laws are built from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import ClassVar

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.guard import Guarded

Breach = tuple[int, str, str]
"""Position of the link, name of the parameter, and the rule that it breaks."""
FINITE = "must be finite"


def _zero() -> Array:
    return np.array(0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkParameters:
    """Parameters of links that share a law, arrays of one shape (units as in `RoadNetwork`).

    A law reads those that it knows; the others are 0.
    """

    free_flow_min: Array
    capacity_vph: Array
    alpha: Array = field(default_factory=_zero)
    beta: Array = field(default_factory=_zero)
    davidson_j: Array = field(default_factory=_zero)
    knee: Array = field(default_factory=_zero)
    servers: Array = field(default_factory=_zero)
    service_scv: Array = field(default_factory=_zero)

    def __post_init__(self) -> None:
        shape = np.shape(self.capacity_vph)
        for item in fields(self):
            object.__setattr__(self, item.name, np.broadcast_to(getattr(self, item.name), shape))


class Law(Guarded, ABC):
    """Travel time as a function of flow for a group of n links.

    `value` [min], `derivative` [min/(veh/h)] and `integral` [veh min/h] take and return arrays whose last axis is the
    group's (shape ``(n,)`` or ``(B, n)``); flows are >= 0. The law must be finite, increasing and convex for all of
    them, because logit loading ignores capacity, and ``integral' = value``, ``value' = derivative``.

    Attributes
    ----------
    kind
        Its name.
    for_stations
        Whether it may describe a charging station.
    needs_servers
        Whether it reads ``servers``, the number of chargers.
    """

    family = "law"
    kind: ClassVar[str]
    for_stations: ClassVar[bool] = True
    needs_servers: ClassVar[bool] = False

    @abstractmethod
    def __init__(self, links: LinkParameters) -> None: ...

    @staticmethod
    @abstractmethod
    def breaches(links: LinkParameters) -> Iterator[Breach]:
        """Yield every parameter that the law refuses."""

    @abstractmethod
    def value(self, flow_vph: Array) -> Array:
        """Return the travel time."""

    @abstractmethod
    def derivative(self, flow_vph: Array) -> Array:
        """Return the slope of the travel time."""

    @abstractmethod
    def integral(self, flow_vph: Array) -> Array:
        """Return the integral of the travel time from 0 to the flow."""


def common_breaches(links: LinkParameters) -> Iterator[Breach]:
    """Yield capacities <= 0 and negative times."""
    yield from broken("capacity_vph", links.capacity_vph, links.capacity_vph > 0, "must be > 0")
    yield from broken("free_flow_min", links.free_flow_min, links.free_flow_min >= 0, "must be >= 0")


def broken(name: str, values: Array, holds: BoolArray, rule: str) -> Iterator[Breach]:
    """Yield the positions at which a rule does not hold; values that are not finite break the rule of `FINITE` only."""
    for position in np.flatnonzero(~holds & (np.isfinite(values) | (rule == FINITE))):
        yield int(position), name, f"{values[position]:g} {rule}"
