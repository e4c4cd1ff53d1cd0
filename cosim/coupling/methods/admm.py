"""Alternating direction method of multipliers between roads and dispatch: convergent for any convex pair.

Roads: loads s at prices ``p + beta (s - d)``; dispatch: ``min C(d) - p.d + beta/2 |d - s|^2``; then
``p <- p + beta (s - d)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cosim.arrays import Array
from cosim.coupling.methods.base import Query, Roads, Round

APART = 10.0
"""Ratio of the two residuals from which on beta is doubled or halved."""


@dataclass(slots=True)
class Admm:
    """Agreement on loads by a penalty that both sides see.

    Where no price changes the sum of the loads the dispatch keeps it, too, so that loads which the feeder cannot take
    in any split are found out at once.
    """

    roads: Roads
    name: str = "admm"
    _beta: float = field(default=np.nan)
    _consent: Array | None = None

    def first(self, price_per_mwh: Array) -> Query:
        """Return the loads at the first price."""
        load_mw, _ = self.roads.respond(price_per_mwh)
        return self._started(price_per_mwh, load_mw)

    def resume(self, best: Round) -> Query | None:
        """Start at the answer of the best round."""
        if self.roads.respond_rising is None:
            return None
        return self._started(best.answer.price_per_mwh, best.answer.load_mw)

    def next(self, done: Round) -> Query | None:
        """Return the loads at the price that the disagreement has moved."""
        if not np.isfinite(done.residual_mw):
            return None
        asked, consent = done.query.load_mw, done.answer.load_mw
        price = done.query.price_per_mwh + self._beta * (asked - consent)
        if self._consent is not None:
            apart, moved = (float(np.abs(part).max(initial=0.0)) for part in (asked - consent, consent - self._consent))
            if apart > APART * moved:
                self._beta *= 2.0
            elif moved > APART * apart:
                self._beta /= 2.0
        self._consent = consent
        return self._query(price, consent)

    def _started(self, price: Array, load: Array) -> Query:
        largest = float(np.abs(load).max(initial=0.0))
        level = float(np.abs(price).mean()) if price.size else 0.0
        self._beta = (level or 1.0) / (largest or 1.0)
        self._consent = None
        return self._query(price, load)

    def _query(self, price: Array, consent: Array) -> Query:
        """Return the query at a price; the dispatch's penalty is written as a root."""
        if self.roads.respond_rising is None:
            load, detail = self.roads.respond(price)
        else:
            load, detail = self.roads.respond_rising(price - self._beta * consent, self._beta)
        stations, periods = np.atleast_2d(load.T).T.shape
        moves = np.eye(stations) - (1.0 / stations if self.roads.keeps_total and stations else 0.0)
        root = np.broadcast_to(moves / np.sqrt(self._beta), (periods, stations, stations))
        return Query(price_per_mwh=price, load_mw=load, detail=detail, root=root)
