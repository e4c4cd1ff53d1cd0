"""Fixed point of station price and charging load, by best response with a damped price.

The road side answers a price with loads (an equilibrium at that price), the grid side answers loads with nodal prices.
The *price* is damped, never the flows: damped flows would be no equilibrium. The step follows Aitken's vector rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Response = Callable[[Array], tuple[Array, Any]]
"""Charging load per station [MW] at station prices per MWh, of the same shape, and whatever else belongs to it."""

STEP_RANGE = (0.02, 1.0)


@dataclass(slots=True, kw_only=True)
class PriceIteration:
    """One period's loop, driven from outside: by mosaik's same-time loop or by `iterate`.

    Call `start` with the first price, send the returned load to the dispatch, and hand every answer to `receive`; None
    means that the loop is over and the last load sent is the result.

    Attributes
    ----------
    respond
        The road side; prices have shape ``(s,)`` or ``(s, T)``.
    tolerance_mw
        Largest accepted difference between the load sent and the load at the price it was answered with.
    round_limit
        Largest number of rounds (dispatches).
    price_per_mwh, load_mw, detail
        The last price that was answered, the load sent for it, and what `respond` gave with it.
    residual_mw
        Difference of the last round; NaN before the first answer.
    converged
        Whether the last residual is within the tolerance.
    history
        Residual of every round.
    """

    respond: Response
    tolerance_mw: float = 1e-6
    round_limit: int = 100
    price_per_mwh: Array = field(default_factory=lambda: np.zeros(0))
    load_mw: Array = field(default_factory=lambda: np.zeros(0))
    detail: Any = None
    rounds: int = 0
    residual_mw: float = float("nan")
    history: list[float] = field(default_factory=list)
    _error: Array | None = None
    _step: float = 1.0

    @property
    def converged(self) -> bool:
        """Whether the last residual is within the tolerance; NaN is not."""
        return self.residual_mw <= self.tolerance_mw

    def start(self, price_per_mwh: Array) -> Array:
        """Return the load at the first price, to be sent to the dispatch."""
        return self._send(np.array(price_per_mwh, dtype=float))

    def receive(self, answer_per_mwh: Array) -> Array | None:
        """Take the dispatch's prices for the last load; return the next load, or None at the end."""
        answer = np.asarray(answer_per_mwh, dtype=float)
        self.residual_mw = (
            float(np.abs(self.respond(answer)[0] - self.load_mw).max(initial=0.0))
            if np.isfinite(answer).all()
            else float("nan")
        )
        self.history.append(self.residual_mw)
        if self.converged or self.rounds >= self.round_limit or not np.isfinite(self.residual_mw):
            return None
        return self._send(self._damped(answer))

    def _send(self, price: Array) -> Array:
        self.price_per_mwh = price
        self.load_mw, self.detail = self.respond(price)
        self.rounds += 1
        return self.load_mw

    def _damped(self, answer: Array) -> Array:
        """Return ``price + a e`` with Aitken's step ``a <- -a (e_prev . de) / (de . de)``, kept inside its range."""
        error = answer - self.price_per_mwh
        if self._error is not None:
            change = error - self._error
            square = float((change * change).sum())
            step = -self._step * float((self._error * change).sum()) / square if square > 0.0 else self._step / 2.0
            self._step = float(np.clip(step, *STEP_RANGE))
        self._error = error
        return self.price_per_mwh + self._step * error


def iterate(
    respond: Response,
    dispatch: Callable[[Array], Array],
    price_per_mwh: Array,
    *,
    tolerance_mw: float = 1e-6,
    round_limit: int = 100,
) -> PriceIteration:
    """Run one period's loop in plain Python; the simulators run the same steps over mosaik.

    Parameters
    ----------
    respond
        The road side: load per station [MW] at given prices, and any detail.
    dispatch
        Prices per MWh at given loads.
    price_per_mwh
        First price.

    Examples
    --------
    >>> loop = iterate(lambda p: (2.0 - 0.01 * p, None), lambda d: 50.0 * d, np.array([0.0]))
    >>> loop.converged, bool(abs(loop.load_mw[0] - 4 / 3) < 1e-6)
    (True, True)
    """
    loop = PriceIteration(respond=respond, tolerance_mw=tolerance_mw, round_limit=round_limit)
    load: Array | None = loop.start(price_per_mwh)
    while load is not None:
        load = loop.receive(dispatch(load))
    return loop
