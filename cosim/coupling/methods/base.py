"""What roads and dispatch say to each other in a round of the price-flow loop, and what a method must offer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cosim.arrays import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """What is asked of the dispatch in one round: ``min_y C(s + L y) - (L p).y + 1/2 |y|^2``, per hour.

    Attributes
    ----------
    price_per_mwh
        Price p that the loads answer to, shape ``(s, T)`` for T periods that are iterated together.
    load_mw
        Charging load s of the stations at that price, same shape.
    detail
        What else belongs to the loads (the equilibria).
    root
        L per period, shape ``(T, s, s)``, MW per root of money per hour: in which directions, and how willingly, the
        stations' loads may move. None asks for the dispatch of exactly these loads.
    start
        The detail of what the roads solved last: where they start from the next time. It changes the effort, not the
        answer beyond its tolerance.
    """

    price_per_mwh: Array
    load_mw: Array
    detail: Any = None
    root: Array | None = None
    start: Any = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What the dispatch answers.

    Attributes
    ----------
    price_per_mwh
        Marginal cost of each station's load at the loads dispatched, times one plus the mark-up, shape ``(s, T)``.
    load_mw
        Loads d that were dispatched: those asked for, or ``s + L y``.
    cost_per_h
        Cost C(d) of the solved window over the length of a period, money per hour.
    suboptimality_per_h
        How far that cost may lie above its optimum, money per hour.
    exact
        Whether the relaxation is exact as it was solved, so that the prices are those of its optimum.
    elastic
        Whether the priced last resorts were part of the model.
    own_forecast
        Whether the loads that the window foresees for later periods follow the loads asked for.
    """

    price_per_mwh: Array
    load_mw: Array
    cost_per_h: float = float("nan")
    suboptimality_per_h: float = float("nan")
    exact: bool = False
    elastic: bool = False
    own_forecast: bool = False

    @property
    def finite(self) -> bool:
        """Whether there is an answer."""
        return bool(np.isfinite(self.price_per_mwh).all() and np.isfinite(self.load_mw).all())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Round:
    """A query, its answer, and what the roads say to it.

    Attributes
    ----------
    load_mw, detail
        The loads at the answered price, and what belongs to them.
    residual_mw
        Largest difference between these loads and those dispatched; NaN without an answer.
    price_gap_rel
        Largest difference of the answered price from the price that the result would have, over the answered price.
    start
        As in `Query`.
    outlook_gap_mw
        Largest difference of the loads of later periods, as they were foreseen for the answer, from those that the
        result leaves: who comes now draws, or waits, in them, too.
    """

    query: Query
    answer: Answer
    load_mw: Array
    detail: Any
    residual_mw: float
    price_gap_rel: float = 0.0
    start: Any = None
    outlook_gap_mw: float = 0.0


Respond = Callable[[Array, Any], tuple[Array, Any]]
"""Loads [MW] at prices per MWh, of the same shape, and whatever else belongs to them (the detail); takes the prices,
and the detail to start from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roads:
    """The road side as functions of the stations' prices, shape ``(s, T)``.

    Attributes
    ----------
    respond
        Loads at prices.
    steepness
        ``G = -ds/dp`` at a price, given the detail of its response, shape ``(T, s, s)``, MW per (money/MWh); None where
        it is not offered.
    value_per_h
        ``min_f VOT Z(f) + p.s(f)`` at a price, given the detail, money per hour; its gradient is the load. NaN where
        there is none such.
    respond_rising
        Loads where each price rises with the station's own load, ``p + beta s``: takes p, beta, and the start.
    keeps_total
        Whether no price changes the sum of the loads.
    priced
        Whether anybody sees these prices; where nobody does they need not agree with what the dispatch answers.
    later_mw
        Loads of the periods that the dispatch foresees after these, given the detail; None where it foresees none that
        depend on it.
    """

    respond: Respond
    steepness: Callable[[Array, Any], Array] | None = None
    value_per_h: Callable[[Array, Any], float] | None = None
    respond_rising: Callable[[Array, float, Any], tuple[Array, Any]] | None = None
    keeps_total: bool = True
    priced: bool = True
    later_mw: Callable[[Any], Array] | None = None

    def query(self, price_per_mwh: Array, start: Any) -> Query:  # noqa: ANN401 - the roads' own
        """Return the query for exactly the loads at a price."""
        load_mw, detail = self.respond(price_per_mwh, start)
        return Query(price_per_mwh=price_per_mwh, load_mw=load_mw, detail=detail, start=detail)


class Method(Protocol):
    """A way to the fixed point: the next query after each round; it never judges whether the loop is over.

    What it remembers are its fields; every step returns the method with what it remembers from then on.
    """

    @property
    def name(self) -> str:
        """Name of the method at work."""

    def first(self, roads: Roads, price_per_mwh: Array, start: Any) -> tuple[Method, Query]:  # noqa: ANN401
        """Return the first query, at a first price."""

    def resume(self, roads: Roads, best: Round) -> tuple[Method, Query | None]:
        """Return the first query after another method's best round; None where this method cannot serve here."""

    def next(self, roads: Roads, done: Round) -> tuple[Method, Query | None]:
        """Return the query after a round; None where the method is at its end."""
