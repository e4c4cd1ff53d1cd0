"""Every point at which a day can be stopped: from the state that is committed there, the next period is the same.

If the period behind a point, and the state behind that period, are those of the undisturbed day to the bit, then so is
all that follows: one period a point proves the day.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np

from cosim.records.period import tables
from cosim.results.states import StoredState, read_state, write_state
from cosim.world import run_world

RUN = "0" * 64
LOOP = ("coupling.mode=iterated", "coupling.ev_price=nodal")
CROWDED = ("ev.share=0.7", "ev.fast_charge_share=0.2")
MODES = {
    "sequential": (),
    "iterated": LOOP,
    "best_response": (*LOOP, "coupling.method=iterate"),
    "admm": (*LOOP, "coupling.method=admm"),
    "tariff_iterated": ("coupling.mode=iterated", "coupling.ev_price=tariff"),
    "noisy": ("dispatch.forecast=noisy", "dispatch.forecast_correlation=0.7"),
    "persistence": (*LOOP, "dispatch.forecast=persistence", "dispatch.lookahead_periods=3"),
    "foreseen": ("dispatch.forecast=day_ahead",),
    "single_period": ("dispatch.mode=single_period",),
    "kernel": (*LOOP, "ev.charging_load=kernel"),
    "charge_later": (*LOOP, "ev.charging_load=kernel", "ev.charge_later={cost_min: 60}", "coupling.random_starts=1"),
    "carried": (*LOOP, *CROWDED, "coupling.random_starts=1", "dispatch.mode=single_period"),
    "carried_sequential": (*CROWDED, "dispatch.mode=single_period"),
    "day_ahead": ("dispatch.mode=day_ahead",),
    "blocks": ("dispatch.mode=day_ahead", "dispatch.block_periods=4"),
    "day_ahead_iterated": (*LOOP, "dispatch.mode=day_ahead"),
}


def bits(one):
    """Return a state as nested tuples that are equal if every bit is, however its parts are shared or laid out."""
    if isinstance(one, np.ndarray):
        return (one.dtype.name, one.shape, one.tobytes())
    if is_dataclass(one):
        named = (item.name for item in fields(one) if item.name != "solve_time_s")  # of the clock, not of the day
        return (type(one).__name__, *((name, bits(getattr(one, name))) for name in named))
    if isinstance(one, dict):
        return tuple((name, bits(part)) for name, part in one.items())
    if isinstance(one, list | tuple):
        return tuple(bits(part) for part in one)
    return one.hex() if isinstance(one, float) else one


def day_of(case, start=None, periods=None):
    """Return the tables and the state of each period of a day, or of a part of it."""
    told, states = [], []
    run_world(
        case,
        lambda record, judged: told.append((tables(record), judged)),
        keep=states.append,
        start=start,
        periods=periods,
    )
    return told, states


def check_points(case, folder, points=None):
    """Stop a day behind periods (all by default), go on from what is stored there, and compare one period more.

    Returns
    -------
    list[int]
        The points that were looked at.
    """
    told, states = day_of(case)
    points = range(1, len(states)) if points is None else points
    for k in points:
        write_state(folder, StoredState(checkpoint=states[k - 1], run=RUN, digest=""))
        start = read_state(folder, k, of_run=RUN).checkpoint
        assert bits(start) == bits(states[k - 1]), f"the state of period {k} is not what was stored"
        ((found, judged),), (stands,) = day_of(case, start, k + 1)
        assert bits(found) == bits(told[k][0]), f"period {k + 1} behind a stop"
        assert bits(judged) == bits(told[k][1])
        assert bits(stands) == bits(states[k]), f"the state of period {k + 1} behind a stop"
    return list(points)
