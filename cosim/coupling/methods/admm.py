"""Alternating direction method of multipliers between roads and dispatch: convergent for any convex pair.

Roads: loads s at prices ``p + beta (s - d)``; dispatch: ``min C(d) - p.d + beta/2 |d - s|^2``; then
``p <- p + beta (s - d)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cosim.arrays import Array
from cosim.coupling.methods.base import Query, Roads, Round

APART = 10.0
"""Ratio of the two residuals from which on beta is doubled or halved."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Admm:
    """Agreement on loads by a penalty that both sides see: ``beta``, and the last ``consent`` of the dispatch.

    Where no price changes the sum of the loads the dispatch keeps it, too, so that loads which the feeder cannot take
    in any split are found out at once.
    """

    name: ClassVar[str] = "admm"
    beta: float = np.nan
    consent: Array | None = None

    def first(self, roads: Roads, price_per_mwh: Array, start: Any) -> tuple[Admm, Query]:  # noqa: ANN401
        """Return the loads at the first price."""
        load_mw, detail = roads.respond(price_per_mwh, start)
        return _started(roads, price_per_mwh, load_mw, detail)

    def resume(self, roads: Roads, best: Round) -> tuple[Admm, Query | None]:
        """Start at the answer of the best round."""
        if roads.respond_rising is None:
            return self, None
        return _started(roads, best.answer.price_per_mwh, best.answer.load_mw, best.start)

    def next(self, roads: Roads, done: Round) -> tuple[Admm, Query | None]:
        """Return the loads at the price that the disagreement has moved."""
        if not np.isfinite(done.residual_mw):
            return self, None
        asked, consent, beta = done.query.load_mw, done.answer.load_mw, self.beta
        price = done.query.price_per_mwh + beta * (asked - consent)
        if self.consent is not None:
            apart, moved = (float(np.abs(part).max(initial=0.0)) for part in (asked - consent, consent - self.consent))
            if apart > APART * moved:
                beta *= 2.0
            elif moved > APART * apart:
                beta /= 2.0
        return Admm(beta=beta, consent=consent), _query(roads, price, consent, beta, done.start)


def _started(roads: Roads, price: Array, load: Array, start: Any) -> tuple[Admm, Query]:  # noqa: ANN401
    largest = float(np.abs(load).max(initial=0.0))
    level = float(np.abs(price).mean()) if price.size else 0.0
    beta = (level or 1.0) / (largest or 1.0)
    return Admm(beta=beta), _query(roads, price, load, beta, start)


def _query(roads: Roads, price: Array, consent: Array, beta: float, start: Any) -> Query:  # noqa: ANN401
    """Return the query at a price; the dispatch's penalty is written as a root."""
    if roads.respond_rising is None:
        load, detail = roads.respond(price, start)
    else:
        load, detail = roads.respond_rising(price - beta * consent, beta, start)
    stations, periods = np.atleast_2d(load.T).T.shape
    moves = np.eye(stations) - (1.0 / stations if roads.keeps_total and stations else 0.0)
    root = np.broadcast_to(moves / np.sqrt(beta), (periods, stations, stations))
    return Query(price_per_mwh=price, load_mw=load, detail=detail, root=root, start=detail)
