"""A day before anything iterates: equilibria in which those left over by one period wait in the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cosim.arrays import Array
from cosim.charging.overload import Served
from cosim.coupling.roads import Block
from cosim.traffic.problem import SueResult


def day_with_queues(
    block: Block, results: Sequence[SueResult], price_per_mwh: Array
) -> tuple[list[SueResult], Array, Served]:
    """Return a day of equilibria in which those left over wait, the loads asked for, and what is served.

    Parameters
    ----------
    block
        All periods of the day, with its chargers.
    results
        The equilibria of the day as if nobody were left over; they stay up to the first period that leaves somebody.
    price_per_mwh
        Prices, shape ``(s, T)``.
    """
    found = block.served(results)
    late = np.flatnonzero(found.backlog_mwh.any(axis=0)) + 1
    after = tuple(block.positions[int(late[0]) :]) if late.size else ()
    day = list(results)
    if after:
        k = after[0]
        rest = replace(block, positions=after, day=day, backlog_mwh=found.backlog_mwh[:, k - 1])
        day[k:] = rest.respond(price_per_mwh[:, k:])[1]
    return day, block.arriving_mw(day), block.served(day)
