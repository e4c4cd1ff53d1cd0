"""Further starts, where nothing proves that the equilibrium is the only one: they should end at the same flows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.coupling import fixed_point
from cosim.coupling.fixed_point import PriceLoop
from cosim.coupling.methods.base import Answer, Query, Roads
from cosim.quantities.checks import relative

PRICE_RANGE = (0.0, 2.0)
"""Random first prices, as a share of the highest price of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Restarts:
    """Further loops of the same periods from random prices as they stand, driven from outside like the loop itself.

    After the last one the query of the first loop's result is sent once more, so that the dispatch stands at it.

    Attributes
    ----------
    first
        The finished loop whose result stands.
    seed, starts
        Source and number of the first prices.
    loop, begun
        The loop at work, and how many there were with it.
    spread_vph
        Largest sum of path-flow differences between a converged loop's result and the first one's, veh/h; NaN while
        none has converged.
    spread_rel
        The same for each period of its own, over the period's demand; empty while none has converged.
    converged
        How many of the loops converged.
    closing, ended
        Whether the first loop's query is sent once more; whether all is over.
    """

    first: PriceLoop
    seed: tuple[int, ...]
    starts: int
    loop: PriceLoop
    begun: int = 1
    spread_vph: float = np.nan
    spread_rel: Array = field(default_factory=lambda: np.zeros(0))
    converged: int = 0
    closing: bool = False
    ended: bool = False

    @property
    def query(self) -> Query:
        """What was sent last."""
        return self.first.query if self.closing else self.loop.query


def begin(roads: Roads, first: PriceLoop, *, seed: tuple[int, ...], starts: int) -> Restarts:
    """Return the restarts of a finished loop, with the first query of the first random start."""
    return Restarts(first=first, seed=seed, starts=starts, loop=_begun(roads, first, seed, 0, first.start))


def step(roads: Roads, restarts: Restarts, answer: Answer) -> Restarts:
    """Take the dispatch's answer; return the restarts with the next query, or ended."""
    if restarts.closing:
        return replace(restarts, ended=True)
    loop = fixed_point.step(roads, restarts.loop, answer)
    restarts = replace(restarts, loop=loop)
    if not loop.ended:
        return restarts
    restarts = _compared(restarts)
    if restarts.begun < restarts.starts:
        following = _begun(roads, restarts.first, restarts.seed, restarts.begun, loop.start)
        return replace(restarts, loop=following, begun=restarts.begun + 1)
    return replace(restarts, closing=True)


def _begun(roads: Roads, first: PriceLoop, seed: tuple[int, ...], number: int, start: Any) -> PriceLoop:  # noqa: ANN401
    """Return the loop from the random price of that number; each is a further stretch of one stream."""
    low, high = (share * float(np.abs(first.price_per_mwh).max(initial=1.0)) for share in PRICE_RANGE)
    price = np.random.default_rng(seed).uniform(low, high, (number + 1, *first.price_per_mwh.shape))[number]
    return fixed_point.begin(
        roads, price, method=first.chosen, tolerance_mw=first.tolerance_mw, round_limit=first.round_limit, start=start
    )


def _compared(restarts: Restarts) -> Restarts:
    """Return the restarts with the finished loop's distance from the first one's result, if it converged."""
    first, loop = restarts.first, restarts.loop
    if not loop.converged:
        return restarts
    pairs = list(zip(first.detail, loop.detail, strict=True))
    away = np.array([np.abs(mine.path_flow_vph - theirs.path_flow_vph).sum() for mine, theirs in pairs])
    demand = np.array([mine.path_flow_vph.sum() for mine, _ in pairs])
    spread, before = np.asarray(relative("coupling_spread_rel", away, demand)), restarts.spread_rel
    return replace(
        restarts,
        converged=restarts.converged + 1,
        spread_vph=float(np.fmax(restarts.spread_vph, away.max(initial=0.0))),
        spread_rel=np.fmax(before, spread) if before.size else spread,
    )
