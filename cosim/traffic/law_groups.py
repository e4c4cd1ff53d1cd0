"""The links of a network by their laws: each law is built once, for all its links together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from cosim.arrays import IntArray
from cosim.charging.stations import Station
from cosim.traffic.laws import LAWS
from cosim.traffic.laws.base import COMMON, FINITE, Breach, Law, LinkParameters, broken, settings_breaches

LawName = str | type[Law]
"""A law of `LAWS` by its name, or a user's own class."""


def law_class(law: LawName) -> type[Law]:
    """Return the class of a law.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    return LAWS[law] if isinstance(law, str) else law


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LawGroup:
    """The links of one law: their positions and the law built from their parameters."""

    name: LawName
    members: IntArray
    law: Law = field(repr=False)


def group_by_law(laws: Sequence[LawName], links: LinkParameters) -> tuple[LawGroup, ...]:
    """Build each law once, for all its links together."""
    return tuple(
        LawGroup(name=name, members=members, law=law_class(name)(links.of(law_class(name), members)))
        for name, members in _members(laws)
    )


def law_settings(station: Station) -> dict[str, float]:
    """Return the numbers of a station's law by name; none of a law that there is not."""
    if isinstance(station.law, str):
        return LAWS[station.law].defaults() if station.law in LAWS else {}
    return {item.name: float(getattr(station.law, item.name)) for item in fields(station.law) if item.name != "kind"}


def breaches(laws: Sequence[LawName], links: LinkParameters) -> list[Breach]:
    """Return every parameter of every link that is not finite or that its law refuses."""
    found: list[Breach] = []
    for column in COMMON:
        values = getattr(links, column)
        found += broken(column, values, np.isfinite(values), FINITE)
    for name, members in _members(laws):
        law = law_class(name)
        own = links.of(law, members)
        for position, parameter, rule in (*law.breaches(own), *settings_breaches(law, own)):
            found.append((int(members[position]), parameter, rule))
    return sorted(dict.fromkeys(found))


def _members(laws: Sequence[LawName]) -> list[tuple[LawName, IntArray]]:
    """Return each law with the positions of its links."""
    where: dict[LawName, list[int]] = {}
    for position, law in enumerate(laws):
        where.setdefault(law, []).append(position)
    return [(law, np.array(positions, dtype=np.intp)) for law, positions in where.items()]
