"""The links of a network by their laws: each law is built once, for all its links together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cosim.arrays import IntArray
from cosim.traffic.laws import LAWS
from cosim.traffic.laws.base import FINITE, Breach, Law, LinkParameters, broken

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
        LawGroup(name=name, members=members, law=law_class(name)(select(links, members)))
        for name, members in _members(laws)
    )


def select(links: LinkParameters, members: IntArray) -> LinkParameters:
    """Return the parameters of the links at positions ``members``."""
    return LinkParameters(**{name: getattr(links, name)[members] for name in LinkParameters.__slots__})


def breaches(laws: Sequence[LawName], links: LinkParameters) -> list[Breach]:
    """Return every parameter of every link that is not finite or that its law refuses."""
    found: list[Breach] = []
    for name in LinkParameters.__slots__:
        values = getattr(links, name)
        found += broken(name, values, np.isfinite(values), FINITE)
    for law, members in _members(laws):
        for position, parameter, rule in law_class(law).breaches(select(links, members)):
            found.append((int(members[position]), parameter, rule))
    return sorted(dict.fromkeys(found))


def _members(laws: Sequence[LawName]) -> list[tuple[LawName, IntArray]]:
    """Return each law with the positions of its links."""
    where: dict[LawName, list[int]] = {}
    for position, law in enumerate(laws):
        where.setdefault(law, []).append(position)
    return [(law, np.array(positions, dtype=np.intp)) for law, positions in where.items()]
