"""A day of roads and grid without wires: the functions that the simulators call, in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cosim.arrays import Array
from cosim.coupling import day, dispatch_day
from cosim.coupling.day import DayState, Expected, Opening, RoadSide
from cosim.coupling.dispatch_day import Demand, Dispatched, DispatchState, GridSide
from cosim.coupling.methods import Answer

Stands = tuple[DayState, DispatchState]
"""Where both sides stand."""


def coupled(roads: RoadSide, grid: GridSide, stands: Stands) -> Iterator[tuple[Stands, Dispatched]]:
    """Yield where both sides stand at the end of each period that is still to come, and what was dispatched in it."""
    for k in range(stands[0].position + 1, len(stands[0].results)):
        stands, found = exchange(roads, grid, stands, Opening(position=k))
        while found is not None:
            done = found
            stands, found = exchange(roads, grid, stands, done.answer)
        yield stands, done


def exchange(
    roads: RoadSide, grid: GridSide, stands: Stands, told: Opening | Answer
) -> tuple[Stands, Dispatched | None]:
    """Let the roads take what they are told, and the dispatch answer what they send; None where the period ends."""
    state, sent = day.advance(roads, stands[0], told)
    if isinstance(told, Answer) and sent.load_mw is None:
        return (state, stands[1]), None
    load_mw = state.load_mw[:, state.position] if sent.load_mw is None else sent.load_mw
    asked = Demand(
        position=state.position, load_mw=load_mw, forecast_mw=sent.forecast_mw, query=sent.query, firm=state.settled
    )
    grid_state, done = dispatch_day.advance(grid, stands[1], asked)
    return (state, grid_state), done


def dispatched(grid: GridSide, load_mw: Array, expected: Sequence[Expected] = ()) -> Iterator[Dispatched]:
    """Yield what is dispatched in each period for charging loads that are known, shape ``(s, T)``.

    What is `expected` of an outage that nobody announced, is foreseen in its place.
    """
    state = dispatch_day.open_day(grid)
    for k in range(grid.case.periods):
        asked = Demand(position=k, load_mw=load_mw[:, k], forecast_mw=day.foreseen_mw(expected, k, load_mw))
        state, done = dispatch_day.advance(grid, state, asked)
        yield done
