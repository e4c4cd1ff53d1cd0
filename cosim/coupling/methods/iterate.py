"""Best response with a damped price: roads answer a price, the dispatch answers exactly their loads.

The *price* is damped, never the flows: damped flows would be no equilibrium. The step follows Aitken's vector rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cosim.arrays import Array
from cosim.coupling.methods.base import Query, Roads, Round

STEP_RANGE = (0.02, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Iterate:
    """Damped best response; fast while nothing binds, cycles where a binding limit lets the price jump.

    ``error`` is the last difference of price answered and sent, ``step`` the last step.
    """

    name: ClassVar[str] = "iterate"
    error: Array | None = None
    step: float = 1.0

    def first(self, roads: Roads, price_per_mwh: Array, start: Any) -> tuple[Iterate, Query]:  # noqa: ANN401
        """Return the loads at the first price."""
        return self, roads.query(price_per_mwh, start)

    def resume(self, roads: Roads, best: Round) -> tuple[Iterate, Query | None]:
        """Start at the price of a round."""
        return self, roads.query(best.answer.price_per_mwh, best.start)

    def next(self, roads: Roads, done: Round) -> tuple[Iterate, Query | None]:
        """Return the loads at ``price + a e`` with Aitken's step ``a <- -a (e_prev . de) / (de . de)``."""
        if not np.isfinite(done.residual_mw):
            return self, None
        price, step = done.query.price_per_mwh, self.step
        error = done.answer.price_per_mwh - price
        if self.error is not None:
            change = error - self.error
            square = float((change * change).sum())
            step = -step * float((self.error * change).sum()) / square if square > 0.0 else step / 2.0
            step = float(np.clip(step, *STEP_RANGE))
        return Iterate(error=error, step=step), roads.query(price + step * error, done.start)
