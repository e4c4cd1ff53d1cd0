"""The best local optimum of the AC problem that several starts find: what to read a cost against where no bound helps.

Where the relaxation is far from the AC problem its bound says little. A local optimum says something else, and less
than a bound: a cheaper plan may exist, but none was found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cosim.arrays import Array
from cosim.dispatch.controller import Controller, carried, initial_states, make_window
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.dispatch.restoration import PowerFlow

SAYS_NOTHING = 1e-4
"""Gap to the bound, relative, from which on a local optimum is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptimum:
    """What the starts found.

    Attributes
    ----------
    cost
        The smallest cost of a local optimum, summed over the windows; NaN where some window has none.
    found, starts
        How many starts ended at a local optimum, and how many there were.
    """

    cost: float
    found: int
    starts: int

    def gap_rel(self, cost: float) -> float:
        """Return how far a cost is above it, relative; negative if the cost is the better of the two."""
        return (cost - self.cost) / max(1.0, abs(self.cost))

    @property
    def sentence(self) -> str:
        """What may be said of it."""
        if math.isnan(self.cost):
            return f"no local optimum found from {self.starts} starts"
        return f"best local AC optimum found, no bound ({self.found} of {self.starts} starts ended at one)"


NOT_ASKED = LocalOptimum(cost=math.nan, found=0, starts=0)


def local_optimum(dispatch: DispatchCase, ev_mw: Array, power_flow: PowerFlow | None) -> LocalOptimum:
    """Return the best local optimum of the day with the charging load as it came.

    Parameters
    ----------
    dispatch
        The day: solved at once, or period by period from the states in which the plans of before leave the devices.
    ev_mw
        Charging load, shape (s, T).
    power_flow
        For those plans.
    """
    controller, states = Controller(dispatch, power_flow), initial_states(dispatch)
    windows = []
    for k in range(dispatch.periods if dispatch.settings.mode == "single_period" else 1):
        load = ev_mw[:, k : k + controller.horizon(k)]
        window = make_window(dispatch, k, controller.window_periods, load)
        windows.append(controller.solver.local_optima(window, states))
        if k + 1 < dispatch.periods and dispatch.settings.mode == "single_period":
            states = carried(states, controller.plan(k, load, states=states))
    return LocalOptimum(
        cost=math.fsum(_least(found) for found in windows),
        found=sum(one is not None for found in windows for one in found),
        starts=sum(len(found) for found in windows),
    )


def _least(found: Sequence[DispatchPlan | None]) -> float:
    return min((float(one.total_cost.sum()) for one in found if one is not None), default=math.nan)
