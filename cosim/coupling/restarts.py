"""Further starts, where nothing proves that the equilibrium is the only one: they should end at the same flows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cosim.arrays import Array
from cosim.coupling.fixed_point import PriceLoop
from cosim.coupling.methods.base import Answer, Query
from cosim.quantities.checks import relative

PRICE_RANGE = (0.0, 2.0)
"""Random first prices, as a share of the highest price of the answer."""


@dataclass(slots=True, kw_only=True)
class Restarts:
    """Further loops of the same periods from random prices, driven from outside like the loop itself.

    After the last one the query of the first loop's result is sent once more, so that the dispatch stands at it.

    Attributes
    ----------
    first
        The finished loop whose result stands.
    fresh
        Makes another loop of the same kind.
    random, starts
        Source and number of the first prices.
    query
        What was sent last.
    spread_vph
        Largest sum of path-flow differences between a converged loop's result and the first one's, veh/h; NaN while
        none has converged.
    spread_rel
        The same for each period of its own, over the period's demand; empty while none has converged.
    converged
        How many of the loops converged.
    """

    first: PriceLoop
    fresh: Callable[[], PriceLoop]
    random: np.random.Generator
    starts: int
    query: Query | None = None
    spread_vph: float = np.nan
    spread_rel: Array = field(default_factory=lambda: np.zeros(0))
    converged: int = 0
    _loops: list[PriceLoop] = field(default_factory=list)
    _closing: bool = False

    def start(self) -> Query | None:
        """Return the first query of the first random start."""
        self._loops.append(self.fresh())
        self.query = self._loops[-1].start(self._price())
        return self.query

    def receive(self, answer: Answer) -> Query | None:
        """Take the dispatch's answer; return the next query, or None when all starts have ended."""
        if self._closing:
            return None
        self.query = self._loops[-1].receive(answer)
        if self.query is not None:
            return self.query
        self._compare(self._loops[-1])
        if len(self._loops) < self.starts:
            return self.start()
        self._closing = True
        self.query = self.first.query
        return self.query

    def _price(self) -> Array:
        highest = float(np.abs(self.first.price_per_mwh).max(initial=1.0))
        low, high = PRICE_RANGE
        price: Array = self.random.uniform(low * highest, high * highest, self.first.price_per_mwh.shape)
        return price

    def _compare(self, loop: PriceLoop) -> None:
        if not loop.converged:
            return
        self.converged += 1
        pairs = list(zip(self.first.detail, loop.detail, strict=True))
        away = np.array([np.abs(mine.path_flow_vph - theirs.path_flow_vph).sum() for mine, theirs in pairs])
        demand = np.array([mine.path_flow_vph.sum() for mine, _ in pairs])
        self.spread_vph = float(np.fmax(self.spread_vph, away.max(initial=0.0)))
        spread = np.asarray(relative("coupling_spread_rel", away, demand))
        self.spread_rel = np.fmax(self.spread_rel, spread) if self.spread_rel.size else spread
