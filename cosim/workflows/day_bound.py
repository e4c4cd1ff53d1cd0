"""What the cost of a verified day stands against: the relaxation's bound, and a local optimum where that is far."""

from __future__ import annotations

import math
from dataclasses import replace

from cosim.arrays import Array
from cosim.dispatch.controller import initial_states, make_window
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.solving import WindowSolver
from cosim.errors import InputError
from cosim.grid.engines.judge import judge
from cosim.scenario.case import SimulationCase
from cosim.validation.ledger_entry import Ledger
from cosim.validation.stored import StoredDispatch
from cosim.workflows.local_optimum import NOT_ASKED, SAYS_NOTHING, LocalOptimum, local_optimum


def day_bound(case: SimulationCase, stored: StoredDispatch, ev_mw: Array, ledger: Ledger) -> tuple[str, float]:
    """Return which bound the day's cost has, and its value; NaN for a day that ended early."""
    dispatch = case.dispatch
    if dispatch is None:
        raise InputError(f"scenario '{case.name}' has no grid")
    mode = dispatch.settings.mode
    if mode == "single_period":
        return "period by period", math.fsum(entry.lower_bound for entry in ledger.entries)
    if mode == "day_ahead":  # the first period of each block tells the bound of its plan
        block = dispatch.settings.window_periods(dispatch.periods)
        bounds = [entry.lower_bound for entry in ledger.entries[::block]]
        return "day-ahead" if len(bounds) == 1 else "block by block", math.fsum(bounds)
    if stored.length < dispatch.periods:
        return "hindsight", math.nan
    elastic = bool(stored.elastic.any())
    return "hindsight", hindsight_bound(dispatch, ev_mw, elastic=elastic)


def day_local_optimum(case: SimulationCase, stored: StoredDispatch, ev_mw: Array, gap_rel: float) -> LocalOptimum:
    """Look for local optima of the AC problem where the gap to the bound says little."""
    dispatch = case.dispatch
    if dispatch is None or not gap_rel > SAYS_NOTHING or stored.length < dispatch.periods:
        return NOT_ASKED
    day = dispatch if dispatch.settings.mode == "single_period" else _at_once(dispatch)
    return local_optimum(day, ev_mw, judge(dispatch.feeder).solve)


def _at_once(dispatch: DispatchCase) -> DispatchCase:
    """Return the day as one programme that knows what came."""
    known = replace(
        dispatch.settings, mode="day_ahead", forecast="perfect", lookahead_periods=None, block_periods=None
    )  # fmt: skip
    return replace(dispatch.foreseen(), settings=known)


def hindsight_bound(dispatch: DispatchCase, ev_mw: Array, *, elastic: bool) -> float:
    """Return the bound of the day solved at once with what really came.

    Parameters
    ----------
    dispatch
        The day.
    ev_mw
        Charging load as it came, shape (s, T).
    elastic
        Whether the run used last resorts in some period; the bound then allows them, too.
    """
    day = _at_once(dispatch)
    window = make_window(day, 0, day.periods, ev_mw)
    solver, states = WindowSolver(day, day.periods), initial_states(day)
    plan = solver.problem(elastic=True).solve(window, states) if elastic else solver.relaxed(window, states)
    record = plan.record
    return min(record.primal_objective, record.dual_objective) if record.usable else math.nan
