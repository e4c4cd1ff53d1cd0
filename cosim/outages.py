"""Outages of lines and stations: what is out, when, and who knows of it beforehand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cosim.arrays import BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One line or station that is out for some periods.

    Attributes
    ----------
    at
        Position of the line or station.
    start, stop
        Positions of its first period and of the first one after it.
    announced
        Whether it is known beforehand; else it is known, with its end, from its first period on.
    """

    at: int
    start: int
    stop: int
    announced: bool = True

    def known(self, position: int | None) -> bool:
        """Whether it is known in a period; None knows everything."""
        return position is None or self.announced or self.start <= position


def out(outages: Iterable[Outage], count: int, periods: int, seen_in: int | None = None) -> BoolArray:
    """Return which of ``count`` lines or stations are out in which periods, as known in one, shape (count, periods).

    >>> out([Outage(at=1, start=1, stop=3, announced=False)], 2, 4).astype(int).tolist()
    [[0, 0, 0, 0], [0, 1, 1, 0]]
    >>> bool(out([Outage(at=1, start=1, stop=3, announced=False)], 2, 4, seen_in=0).any())
    False
    """
    found = np.zeros((count, periods), dtype=np.bool_)
    for one in outages:
        if one.known(seen_in):
            found[one.at, one.start : one.stop] = True
    return found
