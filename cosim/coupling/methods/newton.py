"""Proximal Newton on the joint programme of roads and grid.

At a price p the roads answer loads s with the exact slope ``G = -ds/dp`` (symmetric, >= 0). The dispatch moves the
loads as the roads would to first order, ``min_y C(s + L y) - (L p).y + 1/2 |y|^2`` with ``L L = G``: directions in
which no price moves anybody (all equal) have no root, so the total is kept. The marginal cost at its answer d is the
next price, a subgradient of C also where a limit binds; ``s(p_next) - d`` is of second order. Where a step does not
halve the residual, it is shortened on the dual objective (Lee, Sun, Saunders 2014: proximal Newton-type methods).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from cosim.arrays import Array
from cosim.coupling.methods.base import Query, Roads, Round
from cosim.errors import InputError

DESCENT = 1e-4
SHORTEST = 1.0 / 128.0
NOISE_REL = 1e-9
HALVED = 0.5
NULL_REL = 1e-12
"""Share of the largest eigenvalue below which a direction counts as one that no price moves."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Newton:
    """Newton steps in the price, each by one dispatch that may move the loads.

    ``conjugate`` and ``residual`` are ``C*`` at the last price, and how far the round before was off.
    """

    name: ClassVar[str] = "newton"
    conjugate: float = np.nan
    residual: float = np.inf

    def first(self, roads: Roads, price_per_mwh: Array, start: Any) -> tuple[Newton, Query]:  # noqa: ANN401
        """Return the query at the first price.

        Raises
        ------
        InputError
            If the roads do not offer their slope.
        """
        query = _with_root(roads, roads.query(price_per_mwh, start))
        if query is None:
            reason = (
                "coupling.method 'newton' needs the slope of the loads over the price, which these roads do not offer"
            )
            raise InputError(f"{reason}; use 'admm' or 'auto'")
        return self, query

    def resume(self, roads: Roads, best: Round) -> tuple[Newton, Query | None]:
        """Start at the price that the best round's loads answered."""
        query = replace(best.query, start=best.start)
        if query.root is not None:  # those loads may have answered another price
            query = roads.query(query.price_per_mwh, best.start)
        return Newton(), _with_root(roads, query)

    def next(self, roads: Roads, done: Round) -> tuple[Newton, Query | None]:
        """Return the query at the answered price, or part of the way there."""
        if not np.isfinite(done.residual_mw):
            return self, None
        answer, step, start = done.answer, 1.0, done.start
        conjugate = float((answer.price_per_mwh * answer.load_mw).sum()) - answer.cost_per_h
        if done.residual_mw > HALVED * self.residual and np.isfinite(self.conjugate):
            step, start = self._shortened(roads, done, conjugate)
        query = Query(price_per_mwh=answer.price_per_mwh, load_mw=done.load_mw, detail=done.detail, start=start)
        if step < 1.0:
            before = done.query.price_per_mwh
            query = roads.query(before + step * (answer.price_per_mwh - before), start)
            conjugate = (1.0 - step) * self.conjugate + step * conjugate
        return Newton(conjugate=conjugate, residual=done.residual_mw), _with_root(roads, query)

    def _shortened(self, roads: Roads, done: Round, conjugate: float) -> tuple[float, Any]:
        """Return the step that lowers the dual objective enough, and what the roads start from after looking for it.

        The dual is ``C*(p) - value(p)``; on the way between two prices convexity bounds C* by its values at both, so
        that only the roads are asked again.
        """
        value, start = roads.value_per_h, done.start
        if value is None:
            return 1.0, start
        query, answer = done.query, done.answer
        change = answer.price_per_mwh - query.price_per_mwh
        rise = conjugate - self.conjugate
        slope = rise - float((query.load_mw * change).sum())
        here = value(query.price_per_mwh, query.detail)
        if not np.isfinite(here):  # no value there whose gradient is the load
            return 1.0, start
        noise = NOISE_REL * (abs(here) + abs(answer.cost_per_h))
        step = 1.0
        while step > SHORTEST:
            price = query.price_per_mwh + step * change
            start = roads.respond(price, start)[1]
            lower = here - value(price, start) + step * rise
            if not lower > DESCENT * step * slope + noise:
                break
            step /= 2.0
        return step, start


def _with_root(roads: Roads, query: Query) -> Query | None:
    if roads.steepness is None:
        return None
    return replace(query, root=symmetric_root(roads.steepness(query.price_per_mwh, query.detail)))


def symmetric_root(matrices: Array) -> Array:
    """Return L = L' with ``L L = G`` for symmetric G >= 0, shape ``(T, s, s)``; what rounding made negative is 0.

    >>> symmetric_root(np.array([[[4.0, 0.0], [0.0, 9.0]]]))[0].tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    symmetric = 0.5 * (matrices + np.swapaxes(matrices, 1, 2))
    values, vectors = np.linalg.eigh(symmetric)
    largest = np.abs(values).max(axis=1, initial=0.0, keepdims=True)
    kept = np.where(values > NULL_REL * largest, values, 0.0)
    root: Array = (vectors * np.sqrt(kept)[:, np.newaxis, :]) @ np.swapaxes(vectors, 1, 2)
    return root
