"""The loop of price and charging load within a period: sends queries, judges answers, keeps the best round.

The road side answers a price with loads (an equilibrium at that price), the grid side loads with marginal costs. A loop
is a value: `begin` and `step` return it as it stands, and whoever keeps one can go on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.coupling.methods import METHODS, Answer, Method, Query, Roads, Round

__all__ = ["Answer", "PriceLoop", "Query", "Roads", "begin", "solve", "step"]

PRICE_GAP_REL = 1e-6
"""Largest difference of price sent and answered, relative, at which a loop may end: where the load of a period hardly
answers its price (no demand, energy drawn later), equal loads say nothing of equal prices."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceLoop:
    """One period's loop as it stands, driven from outside: by mosaik's same-time loop or by `solve`.

    Have the dispatch answer ``query`` and hand the answer to `step`, until the loop has ``ended``. The dispatch then
    stands at the query answered last, and price, load and detail are one set with it:

    - of a query for exactly given loads: the price sent, the equilibrium at it, the dispatch of exactly its loads;
    - of a query that may move the loads: the price *answered*, which is the marginal cost of the loads dispatched, and
      the equilibrium at it; its loads differ from those dispatched by the residual. At a binding limit exactly these
      loads may be infeasible by as little; the loads dispatched never are.

    Attributes
    ----------
    chosen, method
        Name of the method in `METHODS`, and the method at work with what it remembers.
    tolerance_mw
        Largest accepted difference between the loads dispatched and those at the price answered, and between the loads
        of later periods as the dispatch foresaw them and as they then are.
    round_limit
        Largest number of rounds (dispatches). Where it is hit, the best round's query is sent once more, so that its
        dispatch is the result.
    query
        What was sent last.
    rounds
        How many queries were sent, the best round's repetition not counted.
    history
        Residual of every round.
    judged, best
        The round answered last, and that of the smallest residual; None before the first answer.
    repeating, ended
        Whether the best round's query is sent once more; whether the loop is over.
    """

    chosen: str
    method: Method
    tolerance_mw: float
    round_limit: int
    query: Query
    rounds: int = 1
    history: tuple[float, ...] = ()
    judged: Round | None = None
    best: Round | None = None
    repeating: bool = False
    ended: bool = False

    @property
    def residual_mw(self) -> float:
        """Difference of the round that counts; NaN before the first answer."""
        return np.nan if self.judged is None else self.judged.residual_mw

    @property
    def price_gap_rel(self) -> float:
        """Difference of its prices, sent and answered; 0 where the price answered is the result, or nobody sees any."""
        return np.nan if self.judged is None else self.judged.price_gap_rel

    @property
    def outlook_gap_mw(self) -> float:
        """Difference of the loads of later periods as they were foreseen; NaN before the first answer."""
        return np.nan if self.judged is None else self.judged.outlook_gap_mw

    @property
    def converged(self) -> bool:
        """Whether loads and prices agree within the tolerances; NaN does not."""
        agreed = self.residual_mw <= self.tolerance_mw and self.price_gap_rel <= PRICE_GAP_REL
        return agreed and self.outlook_gap_mw <= self.tolerance_mw

    @property
    def price_per_mwh(self) -> Array:
        """The price of the result; before the end, what was sent last."""
        moved = self._moved
        return self.query.price_per_mwh if moved is None else moved.answer.price_per_mwh

    @property
    def load_mw(self) -> Array:
        """The loads of the result; before the end, what was sent last."""
        return (self._moved or self.query).load_mw

    @property
    def detail(self) -> Any:  # noqa: ANN401 - the roads' own
        """What belongs to these loads: the equilibria."""
        return (self._moved or self.query).detail

    @property
    def start(self) -> Any:  # noqa: ANN401 - the roads' own
        """The detail of what the roads solved last."""
        return self.judged.start if self.ended and self.judged is not None else self.query.start

    @property
    def _moved(self) -> Round | None:
        """The last round, where its answer is the result: the dispatch moved the loads."""
        done = self.judged if self.ended else None
        return done if done is not None and done.query.root is not None and np.isfinite(done.residual_mw) else None


def begin(
    roads: Roads,
    price_per_mwh: Array,
    *,
    method: str,
    tolerance_mw: float,
    round_limit: int,
    start: Any = None,  # noqa: ANN401 - the roads' own
) -> PriceLoop:
    """Return a loop with its first query.

    Parameters
    ----------
    roads
        The road side; the same in every `step`.
    price_per_mwh
        First price, shape ``(s, T)``.
    method
        One of `cosim.coupling.methods.METHODS`.
    tolerance_mw, round_limit
        As in `PriceLoop`.
    start
        The detail that the roads start from.
    """
    at_work, query = METHODS[method](roads).first(roads, np.array(price_per_mwh, dtype=float), start)
    return PriceLoop(chosen=method, method=at_work, tolerance_mw=tolerance_mw, round_limit=round_limit, query=query)


def step(roads: Roads, loop: PriceLoop, answer: Answer) -> PriceLoop:
    """Take the dispatch's answer to the last query; return the loop with the next one, or ended."""
    done = _judged(roads, loop.query, answer)
    if loop.repeating:
        return replace(loop, judged=done, ended=True)
    best = loop.best
    if best is None or done.residual_mw < best.residual_mw or np.isnan(best.residual_mw):
        best = done
    loop = replace(loop, judged=done, best=best, history=(*loop.history, done.residual_mw))
    if loop.converged:
        return replace(loop, ended=True)
    if loop.rounds < loop.round_limit:
        method, following = loop.method.next(roads, done)
        loop = replace(loop, method=method)
        if following is not None:
            return replace(loop, query=following, rounds=loop.rounds + 1)
    if best is done or not np.isfinite(best.residual_mw):
        return replace(loop, ended=True)
    return replace(loop, query=replace(best.query, start=done.start), repeating=True)


def _judged(roads: Roads, query: Query, answer: Answer) -> Round:
    """Return the round with the loads at the answered price; an answer that is no number has none."""
    if not answer.finite:
        return Round(
            query=query, answer=answer, load_mw=query.load_mw, detail=query.detail, residual_mw=np.nan,
            start=query.start,
        )  # fmt: skip
    load, detail = roads.respond(answer.price_per_mwh, query.start)
    residual = float(np.abs(load - answer.load_mw).max(initial=0.0))
    return Round(
        query=query, answer=answer, load_mw=load, detail=detail, residual_mw=residual,
        price_gap_rel=_price_gap_rel(roads, query, answer), start=detail,
        outlook_gap_mw=_outlook_gap_mw(roads, query, detail),
    )  # fmt: skip


def _outlook_gap_mw(roads: Roads, query: Query, detail: Any) -> float:  # noqa: ANN401 - the roads' own
    """Return how far the loads of later periods are from those foreseen, where the loads asked for were moved."""
    if query.root is None or roads.later_mw is None:
        return 0.0
    return float(np.abs(roads.later_mw(detail) - roads.later_mw(query.detail)).max(initial=0.0))


def _price_gap_rel(roads: Roads, query: Query, answer: Answer) -> float:
    """Return how far the price that was sent is from the one answered, where that is the price of the result."""
    if query.root is not None or not roads.priced:
        return 0.0
    apart = np.abs(answer.price_per_mwh - query.price_per_mwh) / np.maximum(1.0, np.abs(answer.price_per_mwh))
    return float(apart.max(initial=0.0))


def solve(
    roads: Roads,
    dispatch: Callable[[Query], Answer],
    price_per_mwh: Array,
    *,
    method: str = "auto",
    tolerance_mw: float = 1e-6,
    round_limit: int = 100,
) -> PriceLoop:
    """Run one period's loop in plain Python.

    Parameters
    ----------
    roads
        The road side.
    dispatch
        The grid side.
    price_per_mwh
        First price, shape ``(s, T)``.
    method
        One of `cosim.coupling.methods.METHODS`.

    Examples
    --------
    >>> roads = Roads(respond=lambda p, start: (2.0 - 0.01 * p, None))
    >>> grid = lambda query: Answer(price_per_mwh=50.0 * query.load_mw, load_mw=query.load_mw)
    >>> loop = solve(roads, grid, np.array([[0.0]]), method="iterate")
    >>> loop.converged, bool(abs(loop.load_mw[0, 0] - 4 / 3) < 1e-6)
    (True, True)
    """
    loop = begin(roads, price_per_mwh, method=method, tolerance_mw=tolerance_mw, round_limit=round_limit)
    while not loop.ended:
        loop = step(roads, loop, dispatch(loop.query))
    return loop
