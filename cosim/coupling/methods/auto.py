"""The methods one after the other: each goes on from the best round of those before, once it makes no headway."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.coupling.methods.base import Method, Query, Roads, Round

HALVED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Auto:
    """A chain of methods.

    Attributes
    ----------
    chain
        Each method with its patience: rounds within which the residual must have halved.
    at
        Place of the method at work.
    best
        The best round of all.
    reference_mw, waited
        The residual that is to be halved, and for how many rounds it was not.
    """

    chain: tuple[tuple[Method, int], ...]
    at: int = 0
    best: Round | None = None
    reference_mw: float = np.inf
    waited: int = 0

    @property
    def name(self) -> str:
        """The methods so far, e.g. ``iterate, newton``."""
        return ", ".join(method.name for method, _ in self.chain[: self.at + 1])

    def first(self, roads: Roads, price_per_mwh: Array, start: Any) -> tuple[Auto, Query]:  # noqa: ANN401
        """Return the first method's first query."""
        method, query = self.chain[0][0].first(roads, price_per_mwh, start)
        return self._with(method), query

    def resume(self, roads: Roads, best: Round) -> tuple[Auto, Query | None]:
        """Hand a best round to the first method."""
        method, query = self.chain[0][0].resume(roads, best)
        return self._with(method), query

    def next(self, roads: Roads, done: Round) -> tuple[Auto, Query | None]:
        """Return the next query of the method at work, or the first of its successor."""
        auto, finite = self._noted(done), bool(np.isfinite(done.residual_mw))
        method, patience = auto.chain[auto.at]
        if finite and (auto.at == len(auto.chain) - 1 or auto.waited < patience):
            method, query = method.next(roads, done)
            if query is not None:
                return auto._with(method), query
        return auto._handed_over(roads, done.start)

    def _with(self, method: Method) -> Auto:
        """Return the chain with what the method at work remembers now."""
        at = self.at
        return replace(self, chain=(*self.chain[:at], (method, self.chain[at][1]), *self.chain[at + 1 :]))

    def _noted(self, done: Round) -> Auto:
        """Return the chain with a round judged: headway or not, the best or not."""
        residual = done.residual_mw
        better = np.isfinite(residual) and (self.best is None or residual < self.best.residual_mw)
        kept = replace(self, best=done if better else self.best)
        if residual <= HALVED * self.reference_mw:
            return replace(kept, reference_mw=residual, waited=0)
        return replace(kept, waited=self.waited + 1)

    def _handed_over(self, roads: Roads, start: Any) -> tuple[Auto, Query | None]:  # noqa: ANN401
        """Return the first query of the next method that can serve here; None at the end of the chain."""
        auto, best = self, self.best
        while best is not None and auto.at < len(auto.chain) - 1:
            auto = replace(auto, at=auto.at + 1, reference_mw=np.inf, waited=0)
            method, query = auto.chain[auto.at][0].resume(roads, replace(best, start=start))
            if query is not None:
                return auto._with(method), query
        return auto, None
