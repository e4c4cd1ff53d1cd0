"""Best response with a damped price: roads answer a price, the dispatch answers exactly their loads.

The *price* is damped, never the flows: damped flows would be no equilibrium. The step follows Aitken's vector rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array
from cosim.coupling.methods.base import Query, Roads, Round

STEP_RANGE = (0.02, 1.0)


@dataclass(slots=True)
class Iterate:
    """Damped best response; fast while nothing binds, cycles where a binding limit lets the price jump."""

    roads: Roads
    name: str = "iterate"
    _error: Array | None = None
    _step: float = 1.0

    def first(self, price_per_mwh: Array) -> Query:
        """Return the loads at the first price."""
        return self.roads.query(price_per_mwh)

    def resume(self, best: Round) -> Query | None:
        """Start at the price of a round."""
        return self.roads.query(best.answer.price_per_mwh)

    def next(self, done: Round) -> Query | None:
        """Return the loads at ``price + a e`` with Aitken's step ``a <- -a (e_prev . de) / (de . de)``."""
        if not np.isfinite(done.residual_mw):
            return None
        price = done.query.price_per_mwh
        error = done.answer.price_per_mwh - price
        if self._error is not None:
            change = error - self._error
            square = float((change * change).sum())
            step = -self._step * float((self._error * change).sum()) / square if square > 0.0 else self._step / 2.0
            self._step = float(np.clip(step, *STEP_RANGE))
        self._error = error
        return self.roads.query(price + self._step * error)
