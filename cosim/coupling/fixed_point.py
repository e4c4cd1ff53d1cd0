"""The loop of price and charging load within a period: sends queries, judges answers, keeps the best round.

The road side answers a price with loads (an equilibrium at that price), the grid side loads with marginal costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.coupling.methods import METHODS, Answer, Method, Query, Roads, Round
from cosim.errors import ComponentError

__all__ = ["Answer", "PriceLoop", "Query", "Roads", "solve"]

PRICE_GAP_REL = 1e-6
"""Largest difference of price sent and answered, relative, at which a loop may end: where the load of a period hardly
answers its price (no demand, energy drawn later), equal loads say nothing of equal prices."""


@dataclass(slots=True, kw_only=True)
class PriceLoop:
    """One period's loop, driven from outside: by mosaik's same-time loop or by `solve`.

    Call `start` with the first price, have the dispatch answer the query, and hand every answer to `receive`; None
    means that the loop is over. The dispatch then stands at the query answered last, and price, load and detail are one
    set with it:

    - of a query for exactly given loads: the price sent, the equilibrium at it, the dispatch of exactly its loads;
    - of a query that may move the loads: the price *answered*, which is the marginal cost of the loads dispatched, and
      the equilibrium at it; its loads differ from those dispatched by the residual. At a binding limit exactly these
      loads may be infeasible by as little; the loads dispatched never are.

    Attributes
    ----------
    roads, method
        The road side, and the way to the fixed point.
    tolerance_mw
        Largest accepted difference between the loads dispatched and those at the price answered.
    round_limit
        Largest number of rounds (dispatches). Where it is hit, the best round's query is sent once more, so that its
        dispatch is the result.
    price_per_mwh, load_mw, detail
        The result; before the end, what was sent last.
    residual_mw
        Difference of the round that counts; NaN before the first answer.
    price_gap_rel
        Difference of its prices, sent and answered; 0 where the price answered is the result, or nobody sees a price.
    history
        Residual of every round.
    query, answer
        The last of each.
    """

    roads: Roads
    method: Method
    tolerance_mw: float = 1e-6
    round_limit: int = 100
    price_per_mwh: Array = field(default_factory=lambda: np.zeros(0))
    load_mw: Array = field(default_factory=lambda: np.zeros(0))
    detail: Any = None
    rounds: int = 0
    residual_mw: float = float("nan")
    price_gap_rel: float = float("nan")
    history: list[float] = field(default_factory=list)
    query: Query | None = None
    answer: Answer | None = None
    _best: Round | None = None
    _repeating: bool = False

    @property
    def converged(self) -> bool:
        """Whether loads and prices agree within the tolerances; NaN does not."""
        return self.residual_mw <= self.tolerance_mw and self.price_gap_rel <= PRICE_GAP_REL

    def start(self, price_per_mwh: Array) -> Query:
        """Return the first query."""
        self.rounds = 1
        return self._send(self.method.first(np.array(price_per_mwh, dtype=float)))

    def receive(self, answer: Answer) -> Query | None:
        """Take the dispatch's answer to the last query; return the next one, or None at the end."""
        self.answer = answer
        done = self._judged(answer)
        self.residual_mw, self.price_gap_rel = done.residual_mw, done.price_gap_rel
        if self._repeating:
            self._settle(done)
            return None
        self.history.append(done.residual_mw)
        if self._best is None or done.residual_mw < self._best.residual_mw or np.isnan(self._best.residual_mw):
            self._best = done
        if self.converged:
            self._settle(done)
            return None
        following = self.method.next(done) if self.rounds < self.round_limit else None
        if following is not None:
            self.rounds += 1
            return self._send(following)
        if self._best is done or not np.isfinite(self._best.residual_mw):
            self._settle(done)
            return None
        self._repeating = True
        return self._send(self._best.query)

    def _judged(self, answer: Answer) -> Round:
        """Return the round with the loads at the answered price; an answer that is no number has none."""
        query = self._asked()
        if not answer.finite:
            return Round(query=query, answer=answer, load_mw=query.load_mw, detail=query.detail, residual_mw=np.nan)
        load, detail = self.roads.respond(answer.price_per_mwh)
        residual = float(np.abs(load - answer.load_mw).max(initial=0.0))
        return Round(
            query=query, answer=answer, load_mw=load, detail=detail, residual_mw=residual,
            price_gap_rel=self._price_gap_rel(query, answer),
        )  # fmt: skip

    def _price_gap_rel(self, query: Query, answer: Answer) -> float:
        """Return how far the price that was sent is from the one answered, where that is the price of the result."""
        if query.root is not None or not self.roads.priced:
            return 0.0
        apart = np.abs(answer.price_per_mwh - query.price_per_mwh) / np.maximum(1.0, np.abs(answer.price_per_mwh))
        return float(apart.max(initial=0.0))

    def _asked(self) -> Query:
        if self.query is None:
            raise ComponentError("the price-flow loop got an answer before it was started; call start first")
        return self.query

    def _send(self, query: Query) -> Query:
        self.query = query
        self.price_per_mwh, self.load_mw, self.detail = query.price_per_mwh, query.load_mw, query.detail
        return query

    def _settle(self, done: Round) -> None:
        """Keep the set that belongs to the dispatch of the last query."""
        if done.query.root is not None and np.isfinite(done.residual_mw):
            self.price_per_mwh, self.load_mw, self.detail = done.answer.price_per_mwh, done.load_mw, done.detail


def solve(
    roads: Roads,
    dispatch: Callable[[Query], Answer],
    price_per_mwh: Array,
    *,
    method: str = "auto",
    tolerance_mw: float = 1e-6,
    round_limit: int = 100,
) -> PriceLoop:
    """Run one period's loop in plain Python; the simulators run the same steps over mosaik.

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
    >>> roads = Roads(respond=lambda p: (2.0 - 0.01 * p, None))
    >>> grid = lambda query: Answer(price_per_mwh=50.0 * query.load_mw, load_mw=query.load_mw)
    >>> loop = solve(roads, grid, np.array([[0.0]]), method="iterate")
    >>> loop.converged, bool(abs(loop.load_mw[0, 0] - 4 / 3) < 1e-6)
    (True, True)
    """
    loop = PriceLoop(roads=roads, method=METHODS[method](roads), tolerance_mw=tolerance_mw, round_limit=round_limit)
    query: Query | None = loop.start(price_per_mwh)
    while query is not None:
        query = loop.receive(dispatch(query))
    return loop
