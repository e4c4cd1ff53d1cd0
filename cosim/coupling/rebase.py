"""Go on with other inputs from where a day stands: what is over stays, what was foreseen is foreseen anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosim.arrays import Array
from cosim.charging.overload import joined
from cosim.coupling.accounts import TimeAccount
from cosim.coupling.day import DayState, RoadSide, block_of
from cosim.coupling.dispatch_day import DispatchState, GridSide
from cosim.dispatch.controller import carried, initial_states
from cosim.traffic.problem import SueResult


def rebased_roads(side: RoadSide, fresh: DayState, former: DayState, state: DayState) -> DayState:
    """Return where the roads of a day stand if it goes on with other inputs.

    Where nothing is foreseen otherwise than with the former inputs, that is where they stood.

    Parameters
    ----------
    side, fresh
        The road side with the new inputs, and its state before the day.
    former, state
        States of the road side with the former ones: before the day, and behind a period.
    """
    done, last = state.position + 1, state.load_mw.shape[1]
    if _alike(fresh, former):
        return state
    backlog = state.served.backlog_mwh[:, done - 1]
    results: tuple[SueResult, ...] = (*state.results[:done], *fresh.results[done:])
    after = replace(
        state, results=results, loop=None, restarts=None, certificate=None,
        announced_per_mwh=_announced(fresh, state, done),
    )  # fmt: skip
    if done < last and (backlog != fresh.served.backlog_mwh[:, done - 1]).any():
        rest = block_of(side, after, range(done, last))
        solved = rest.respond(np.zeros((backlog.size, last - done)), results[done:])[1]
        after = replace(after, results=(*results[:done], *solved))
    to_come = side.account.load_mw(after.results, range(done, last)) if done < last else state.arriving_mw[:, done:]
    served = side.chargers.serve(to_come, backlog, done)
    return replace(
        after,
        arriving_mw=np.hstack([state.arriving_mw[:, :done], to_come]),
        served=joined(state.served, served, done),
        load_mw=np.hstack([state.load_mw[:, :done], served.p_mw]),
    )


def pending_mwh(side: RoadSide, state: DayState) -> float:
    """Return the energy that those who have left are still to draw when the period at work ends, MWh."""
    account = side.account
    return (
        float(account.pending_mwh(state.results)[:, state.position].sum()) if isinstance(account, TimeAccount) else 0.0
    )


def rebased_dispatch(side: GridSide, state: DispatchState) -> DispatchState:
    """Return where the dispatch of a day stands if it goes on with other inputs, behind a period.

    A device that is new begins as it would begin the day; one that is gone takes along what it holds.
    """
    stands = state.devices if state.plan is None else carried(state.devices, state.plan)
    devices = {name: stands.get(name, first) for name, first in initial_states(side.case).items()}
    return replace(state, devices=devices, plan=None)


def _alike(fresh: DayState, former: DayState) -> bool:
    """Whether two days are foreseen, announced and served the same."""
    arrays = [(fresh.load_mw, former.load_mw), (fresh.arriving_mw, former.arriving_mw)]
    for one, other in zip(fresh.results, former.results, strict=True):
        arrays += [(one.path_flow_vph, other.path_flow_vph), (one.link_time_min, other.link_time_min)]
    if (fresh.announced_per_mwh is None) != (former.announced_per_mwh is None):
        return False
    if fresh.announced_per_mwh is not None and former.announced_per_mwh is not None:
        arrays.append((fresh.announced_per_mwh, former.announced_per_mwh))
    return all(np.array_equal(one, other) for one, other in arrays)


def _announced(fresh: DayState, state: DayState, done: int) -> Array | None:
    """Return the prices known before the day, or given from outside in the periods that are over."""
    if fresh.announced_per_mwh is None or state.announced_per_mwh is None:
        return fresh.announced_per_mwh
    return np.hstack([state.announced_per_mwh[:, :done], fresh.announced_per_mwh[:, done:]])
