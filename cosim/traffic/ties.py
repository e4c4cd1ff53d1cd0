"""When two ways are equally long: what is told apart by rounding alone is not told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array, IntArray

TIE_REL = 1e-9
"""Costs that differ by less, relative to themselves, are equal. Sums of the same link costs in another order or unit of
time differ by rounding, at most 1e-16 of themselves per link; differences that travellers could tell are far larger."""


def equally_long(cost_min: Array) -> IntArray:
    """Return ranks by cost, from 0; equal costs share one.

    In ascending order, a cost begins a new rank if it exceeds the one before by more than `TIE_REL`. So the ranks
    do not depend on the order of the costs or on their unit, and being equal is transitive.

    Parameters
    ----------
    cost_min
        Costs >= 0, inf where there is no way, shape (N,).

    Examples
    --------
    >>> equally_long(np.array([0.3, 0.0, 0.1 + 0.2, np.inf])).tolist()
    [1, 0, 1, 2]
    """
    order = np.argsort(cost_min, kind="stable")
    ascending = cost_min[order]
    rank = np.zeros(len(cost_min), dtype=np.intp)
    rank[order[1:]] = np.cumsum(ascending[1:] * (1.0 - TIE_REL) > ascending[:-1])
    return rank


def by_length(paths: Sequence[tuple[int, ...]], link_cost_min: Array) -> tuple[list[tuple[int, ...]], IntArray]:
    """Return paths (positions of links) in order of cost, equal ones in order of links, and their ranks by cost."""
    cost = np.array([float(link_cost_min[list(links)].sum()) for links in paths])
    found = sorted(zip(equally_long(cost).tolist(), paths, strict=True))
    return [links for _, links in found], np.array([rank for rank, _ in found], dtype=np.intp)
