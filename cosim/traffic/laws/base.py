"""What every law is, and the parameters that laws are built from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, make_dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from cosim.arrays import Array, BoolArray, IntArray
from cosim.bounds import marks_of, rules
from cosim.charging.stations import LawSettings
from cosim.guard import Guarded

Breach = tuple[int, str, str]
"""Position of the link, name of the parameter, and the rule that it breaks."""
FINITE = "must be finite"


def _zero() -> Array:
    return np.array(0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkParameters:
    """Parameters of links, arrays of one shape (units as in `RoadNetwork`).

    ``settings`` holds the settings of their laws by name; a law finds all of its own there.
    """

    free_flow_min: Array
    capacity_vph: Array
    servers: Array = field(default_factory=_zero)
    settings: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = np.shape(self.capacity_vph)
        for name in COMMON:
            object.__setattr__(self, name, np.broadcast_to(getattr(self, name), shape))
        spread = {name: np.broadcast_to(values, shape) for name, values in self.settings.items()}
        object.__setattr__(self, "settings", spread)

    def of(self, law: type[Law], members: IntArray) -> LinkParameters:
        """Return the parameters of the links at positions ``members``, which follow a law; absent ones by default."""
        common: dict[str, Any] = {name: getattr(self, name)[members] for name in COMMON}
        own = {
            name: self.settings[name][members] if name in self.settings else np.array(default)
            for name, default in law.defaults().items()
        }
        return LinkParameters(settings=own, **common)


COMMON = ("free_flow_min", "capacity_vph", "servers")
"""What every link has, whatever its law."""


class Law(Guarded, ABC):
    """Travel time as a function of flow for a group of n links.

    `value` [min], `derivative` [min/(veh/h)] and `integral` [veh min/h] take and return arrays whose last axis is the
    group's (shape ``(n,)`` or ``(B, n)``); flows are >= 0. The law must be finite, increasing and convex for all of
    them, because logit loading ignores capacity, and ``integral' = value``, ``value' = derivative``.

    Attributes
    ----------
    kind
        Its name.
    Settings
        Frozen dataclass of its settings, numbers with their bounds: keys of a station's ``law``, columns of a road's
        ``links.csv``. A law that declares none has those of its base, at least every
        station's knee.
    for_stations
        Whether it may describe a charging station.
    needs_servers
        Whether it reads ``servers``, the number of chargers.
    """

    family = "law"
    kind: ClassVar[str]
    Settings: ClassVar[type[Any]]
    for_stations: ClassVar[bool] = True
    needs_servers: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - a subclass's own
        super().__init_subclass__(**options)
        kind = vars(cls).get("kind")
        if kind is not None and "Settings" not in vars(cls):
            marks = [("kind", Literal[kind], kind)]
            bases = (getattr(cls, "Settings", LawSettings),)
            cls.Settings = make_dataclass(f"{cls.__name__}Settings", marks, bases=bases, frozen=True, kw_only=True)

    @classmethod
    def defaults(cls) -> dict[str, float]:
        """Return the numbers among the settings with their defaults; NaN where there is none."""
        return {
            item.name: float("nan") if item.default is MISSING else float(item.default)
            for item in fields(cls.Settings)
            if item.name != "kind"
        }

    @abstractmethod
    def __init__(self, links: LinkParameters) -> None: ...

    @staticmethod
    def breaches(links: LinkParameters) -> Iterator[Breach]:
        """Yield every parameter that the law refuses, besides settings outside their bounds."""
        yield from common_breaches(links)

    @abstractmethod
    def value(self, flow_vph: Array) -> Array:
        """Return the travel time."""

    @abstractmethod
    def derivative(self, flow_vph: Array) -> Array:
        """Return the slope of the travel time."""

    @abstractmethod
    def integral(self, flow_vph: Array) -> Array:
        """Return the integral of the travel time from 0 to the flow."""


def settings_breaches(law: type[Law], links: LinkParameters) -> Iterator[Breach]:
    """Yield settings that are not finite or outside the bounds that their law declares."""
    marks = marks_of(law.Settings)  # type: ignore[arg-type] # a class
    for name, values in links.settings.items():
        yield from broken(name, values, np.isfinite(values), FINITE)
        for rule, holds, limit in rules(marks[name]):
            yield from broken(name, values, holds(values, limit), f"{rule}; check sign and unit")


def common_breaches(links: LinkParameters) -> Iterator[Breach]:
    """Yield capacities <= 0 and negative times."""
    yield from broken(
        "capacity_vph", links.capacity_vph, links.capacity_vph > 0, "must be > 0; check it, or remove the link"
    )
    yield from broken("free_flow_min", links.free_flow_min, links.free_flow_min >= 0, "must be >= 0; check the sign")


def broken(name: str, values: Array, holds: BoolArray, rule: str) -> Iterator[Breach]:
    """Yield the positions at which a rule does not hold; values that are not finite break the rule of `FINITE` only."""
    for position in np.flatnonzero(~holds & (np.isfinite(values) | (rule == FINITE))):
        yield int(position), name, f"{values[position]:g} {rule}"
