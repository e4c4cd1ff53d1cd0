"""Charging loads that the dispatch may move: what it is offered by the roads, and what it consents to.

``min_y C(s + L y) - (L p).y + 1/2 |y|^2`` per hour: the loads s of the stations give way as the root L says; at price p
they would stay. ``L = 1/sqrt(beta)`` is a penalty ``beta/2 |d - s|^2``, ``L L = -ds/dp`` the response of drivers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.devices.base import Injection, Window, solved
from cosim.errors import ComponentError

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proposal:
    """How the loads of the window's first F periods may move.

    Attributes
    ----------
    price_per_mwh
        Price p at which the loads would stay, shape ``(s, F)``.
    root
        L per period, shape ``(F, s, s)``, MW per root of money per hour.
    """

    price_per_mwh: Array
    root: Array

    def __post_init__(self) -> None:
        stations, periods = self.price_per_mwh.shape
        if self.root.shape != (periods, stations, stations):
            raise ComponentError(f"root has shape {self.root.shape}, must be {(periods, stations, stations)}")
        if not (np.isfinite(self.price_per_mwh).all() and np.isfinite(self.root).all()):
            raise ComponentError("a proposal's price or root is not finite")


class Consent:
    """The movable part of the charging loads in a window.

    Parameters
    ----------
    stations
        Positions of the stations' buses.
    periods, flexible, period_h
        Columns of the window, how many of them (the first ones) may move, and their length.
    """

    def __init__(self, stations: tuple[int, ...], periods: int, flexible: int, period_h: float) -> None:
        import cvxpy as cp

        self.stations, self.flexible, self.period_h = stations, flexible, period_h
        count = len(stations)
        self.y = cp.Variable((count, flexible))
        self.root = [cp.Parameter((count, count)) for _ in range(flexible)]
        self.pull = cp.Parameter((count, flexible))
        self.load_mw = cp.Parameter((count, flexible))
        self.rest = periods - flexible

    def leaves(self) -> tuple[list[cp.Variable], list[cp.Parameter]]:
        """Return the variables and the parameters."""
        return [self.y], [*self.root, self.pull, self.load_mw]

    def moved_mw(self) -> cp.Expression:
        """Return ``L y``, shape ``(s, periods)``; 0 where nothing may move."""
        import cvxpy as cp

        moved = [
            cp.reshape(root @ self.y[:, k], (len(self.stations), 1), order="F") for k, root in enumerate(self.root)
        ]
        still = [np.zeros((len(self.stations), self.rest))] if self.rest else []
        return cp.hstack([*moved, *still])

    def injection(self) -> Injection:
        """Return the moved load as what it takes from the stations' buses."""
        return Injection(buses=self.stations, p_mw=-self.moved_mw())

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield that no load is negative."""
        yield self.load_mw + self.moved_mw()[:, : self.flexible] >= 0

    def cost(self) -> cp.Expression:
        """Return ``(1/2 |y|^2 - (L p).y) dt``."""
        import cvxpy as cp

        return self.period_h * (0.5 * cp.sum_squares(self.y) - cp.sum(cp.multiply(self.pull, self.y)))

    def load(self, window: Window, proposal: Proposal) -> None:
        """Set the parameters.

        Raises
        ------
        ComponentError
            If the proposal is not for the periods that may move.
        """
        expected = (len(self.stations), self.flexible)
        if proposal.price_per_mwh.shape != expected:
            raise ComponentError(f"a proposal for {proposal.price_per_mwh.shape} stations and periods, not {expected}")
        for parameter, root in zip(self.root, proposal.root, strict=True):
            parameter.value = root
        self.pull.value = np.einsum("kij,jk->ik", proposal.root, proposal.price_per_mwh)
        self.load_mw.value = window.ev_p_mw[:, : self.flexible]

    def settled(self, window: Window) -> Window:
        """Return the window with the loads consented to."""
        load = window.ev_p_mw.copy()
        moved = np.stack(
            [parameter.value @ y for parameter, y in zip(self.root, solved(self.y).T, strict=True)], axis=1
        )
        load[:, : self.flexible] += moved
        return replace(window, ev_p_mw=load)

    def paid(self) -> float:
        """Return the solved `cost`."""
        y = solved(self.y)
        return self.period_h * float(0.5 * (y * y).sum() - (np.asarray(self.pull.value) * y).sum())
