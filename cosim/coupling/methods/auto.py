"""The methods one after the other: each goes on from the best round of those before, once it makes no headway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array
from cosim.coupling.methods.base import Method, Query, Round

HALVED = 0.5


@dataclass(slots=True)
class Auto:
    """A chain of methods.

    Attributes
    ----------
    chain
        Each method with its patience: rounds within which the residual must have halved.
    """

    chain: tuple[tuple[Method, int], ...]
    _at: int = 0
    _best: Round | None = None
    _reference_mw: float = np.inf
    _waited: int = 0

    @property
    def name(self) -> str:
        """The methods so far, e.g. ``iterate, newton``."""
        return ", ".join(method.name for method, _ in self.chain[: self._at + 1])

    def first(self, price_per_mwh: Array) -> Query:
        """Return the first method's first query."""
        return self.chain[0][0].first(price_per_mwh)

    def resume(self, best: Round) -> Query | None:
        """Hand a best round to the first method."""
        return self.chain[0][0].resume(best)

    def next(self, done: Round) -> Query | None:
        """Return the next query of the method at work, or the first of its successor."""
        method, patience = self.chain[self._at]
        if done.residual_mw <= HALVED * self._reference_mw:
            self._reference_mw, self._waited = done.residual_mw, 0
        else:
            self._waited += 1
        if np.isfinite(done.residual_mw) and (self._best is None or done.residual_mw < self._best.residual_mw):
            self._best = done
        last = self._at == len(self.chain) - 1
        if np.isfinite(done.residual_mw) and (last or self._waited < patience):
            query = method.next(done)
            if query is not None:
                return query
        return self._hand_over()

    def _hand_over(self) -> Query | None:
        """Return the first query of the next method that can serve here; None at the end of the chain."""
        while self._best is not None and self._at < len(self.chain) - 1:
            self._at += 1
            self._reference_mw, self._waited = np.inf, 0
            query = self.chain[self._at][0].resume(self._best)
            if query is not None:
                return query
        return None
