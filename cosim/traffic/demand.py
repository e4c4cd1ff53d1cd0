"""Travel demand between origins and destinations, by period and user class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, read_only
from cosim.errors import InputError, Problem

_DIMENSIONS = 3  # periods, classes, OD pairs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OdDemand:
    """Trips per period, user class and OD pair.

    Attributes
    ----------
    origins, destinations
        Node ids of the W pairs.
    classes
        Names of the C user classes.
    trips_vph
        Shape (T, C, W), veh/h.
    remarks
        What the reader of its files had to say.

    Raises
    ------
    InputError
        If a pair stands twice or leads to itself, shapes do not fit, or trips are negative or not finite.
    """

    origins: tuple[str, ...]
    destinations: tuple[str, ...]
    classes: tuple[str, ...]
    trips_vph: Array
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("origins", "destinations", "classes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        trips = np.asarray(self.trips_vph, dtype=np.float64)
        expected = (len(self.classes), len(self.origins))
        if len(self.origins) != len(self.destinations):
            raise InputError(f"{len(self.origins)} origins for {len(self.destinations)} destinations")
        if trips.ndim != _DIMENSIONS or trips.shape[1:] != expected:
            rule = f"must be (periods, {expected[0]} classes, {expected[1]} pairs)"
            raise InputError(f"trips_vph has shape {trips.shape}, {rule}")
        object.__setattr__(self, "trips_vph", read_only(trips, np.float64, trips.shape, "trips_vph"))
        if problems := _problems(self):
            raise InputError(problems)

    @property
    def od_pairs(self) -> tuple[tuple[str, str], ...]:
        """The (origin, destination) pairs."""
        return tuple(zip(self.origins, self.destinations, strict=True))

    @property
    def demand_vph(self) -> Array:
        """Demand of the commodities (class, OD pair) in order, shape (T, C * W), veh/h."""
        return self.trips_vph.reshape(self.trips_vph.shape[0], -1)


def _problems(demand: OdDemand) -> list[Problem]:
    pairs = demand.od_pairs
    problems = [
        Problem(field="od", reason=f"the pair {pair[0]!r} -> {pair[1]!r} stands twice")
        for pair, count in Counter(pairs).items()
        if count > 1
    ]
    problems += [Problem(field="od", reason=f"the pair {o!r} -> {d!r} leads to itself") for o, d in pairs if o == d]
    problems += [
        Problem(field="classes", reason=f"the class {name!r} stands twice")
        for name in dict.fromkeys(demand.classes)
        if demand.classes.count(name) > 1
    ]
    trips = demand.trips_vph
    for period, klass, pair in np.argwhere(~((trips >= 0) & np.isfinite(trips))):
        origin, destination = pairs[pair]
        where = f"period {period + 1}, class {demand.classes[klass]!r}, {origin!r} -> {destination!r}"
        value = trips[period, klass, pair]
        problems.append(Problem(field="trips_vph", reason=f"{where}: {value:g} must be >= 0 and finite"))
    return problems
