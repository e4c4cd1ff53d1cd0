"""Positions of tap changers for a day: a bound by free ratios, then whole positions around them, each solved again.

A free ratio behind a free voltage is convex: ``v / t_max^2 <= v' <= v / t_min^2``. Its answer bounds what positions can
do, but the nearest whole ones may break a limit that a slack cone hides, so that those below and above are tried, and
each plan counts as any other does: with tight cones, or repaired.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from cosim.arrays import Array, IntArray, freeze
from cosim.dispatch.branch_flow import BranchFlow
from cosim.dispatch.controller import initial_states, make_window
from cosim.dispatch.exactness import exact_periods
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.problem import DispatchProblem
from cosim.dispatch.restoration import PowerFlow
from cosim.dispatch.solving import WindowSolver, serves_all
from cosim.errors import InputError
from cosim.grid.circuit import Taps
from cosim.grid.feeder import Feeder

MOST_TRIED_TOGETHER = 4
"""Tap changers up to which all combinations are tried; more go down one by one."""
Positions = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TapChoice:
    """Positions for a day.

    Attributes
    ----------
    taps
        The tap changers.
    position
        The positions chosen, shape (K,).
    cost
        Of the day with them, and with what switching costs; infinite if no positions tried had a sound plan.
    bound
        What no positions can cost less than.
    free_position
        What free ratios would choose, the mean over the day, shape (K,).
    tried
        Cost by positions; infinite where there was no sound plan.
    """

    taps: Taps
    position: IntArray
    cost: float
    bound: float
    free_position: Array
    tried: dict[Positions, float]

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def operations(self) -> int:
        """Steps between the positions before and those chosen."""
        return int(np.abs(self.position - self.taps.position).sum())


def with_taps(feeder: Feeder, taps: Taps, position: Positions | IntArray) -> Feeder:
    """Return the feeder with its tap changers at other positions.

    Raises
    ------
    InputError
        If it has none.
    """
    if feeder.circuit is None:
        raise InputError(f"feeder {feeder.name!r} has lines at one voltage only, no tap changers")
    return replace(feeder, circuit=feeder.circuit.tapped(taps, position))


def choose_taps(
    case: DispatchCase,
    taps: Taps,
    ev_mw: Array,
    *,
    power_flow: PowerFlow | None = None,
    price_per_operation: float = 0.0,
) -> TapChoice:
    """Choose one position of each tap changer for the whole day; never a dearer one than it has.

    Parameters
    ----------
    case
        The day.
    taps
        The tap changers of its feeder.
    ev_mw
        Charging load per station, shape (s, T).
    power_flow
        AC power flow, the last rung where a relaxation is inexact.
    price_per_operation
        What a step away from the present position costs.
    """
    search = _Search(case, taps, ev_mw, power_flow, price_per_operation)
    bound, free = search.relaxed()
    low = np.clip(np.floor(free), taps.lowest, taps.highest).astype(np.intp)
    high = np.clip(np.ceil(free), taps.lowest, taps.highest).astype(np.intp)
    search.cost(tuple(taps.position.tolist()))
    if len(taps) <= MOST_TRIED_TOGETHER:
        for position in product(*(sorted({a, b}) for a, b in zip(low.tolist(), high.tolist(), strict=True))):
            search.cost(position)
    else:
        nearest = np.clip(np.rint(free), taps.lowest, taps.highest).astype(np.intp)
        search.descend(tuple(nearest.tolist()), low, high)
    best = min(search.tried, key=lambda position: (search.tried[position], position))
    if not np.isfinite(search.tried[best]):
        best = tuple(taps.position.tolist())
    return TapChoice(
        taps=taps, position=np.array(best, dtype=np.intp), cost=search.tried[best], bound=bound, free_position=free,
        tried=search.tried,
    )  # fmt: skip


class _Search:
    """Costs of positions, each solved once."""

    def __init__(
        self, case: DispatchCase, taps: Taps, ev_mw: Array, power_flow: PowerFlow | None, price_per_operation: float
    ) -> None:
        self.case, self.taps, self.power_flow, self.price = case, taps, power_flow, price_per_operation
        self.window = make_window(case, 0, case.periods, ev_mw)
        self.states = initial_states(case)
        self.tried: dict[Positions, float] = {}

    def relaxed(self) -> tuple[float, Array]:
        """Return the bound, and the positions of free ratios; those at hand where there is no answer."""
        circuit = self.case.feeder.circuit
        if circuit is None:
            raise InputError(f"feeder {self.case.feeder.name!r} has lines at one voltage only, no tap changers")
        case = replace(self.case, feeder=replace(self.case.feeder, circuit=circuit.freed(self.taps)))
        for elastic in (False, True):
            problem = DispatchProblem(case, case.periods, elastic=elastic)
            plan = problem.solve(self.window, self.states)
            if plan.record.usable:
                flow: BranchFlow = problem.model(case.periods).flow
                bound = min(plan.record.primal_objective, plan.record.dual_objective)
                return bound, self.taps.real_position(flow.tap_factors().mean(axis=1))
        return -np.inf, self.taps.position.astype(np.float64)

    def cost(self, position: Positions) -> float:
        """Return the cost of a day with positions; infinite without a plan that serves all with tight cones."""
        if position not in self.tried:
            case = replace(self.case, feeder=with_taps(self.case.feeder, self.taps, position))
            solver = WindowSolver(case, case.periods, self.power_flow)
            plan = solver.plan(self.window, self.states, case.periods)
            exact = bool(exact_periods(plan.cone, case.limits).all())
            physical = exact and (plan.restoration is None or plan.restoration.method != "ac")
            sound = plan.record.usable and physical and serves_all(plan, case.limits)
            moved = self.price * float(np.abs(np.array(position) - self.taps.position).sum())
            self.tried[position] = float(plan.total_cost.sum()) + moved if sound else np.inf
        return self.tried[position]

    def descend(self, start: Positions, low: IntArray, high: IntArray) -> None:
        """Move one tap changer at a time between the positions below and above, until none gains."""
        best, gains = start, True
        self.cost(best)
        while gains:
            gains = False
            for k in range(len(best)):
                other = int(high[k]) if best[k] == low[k] else int(low[k])
                moved = (*best[:k], other, *best[k + 1 :])
                if self.cost(moved) < self.cost(best):
                    best, gains = moved, True
