"""Which routes of a list travellers would not take: through one junction twice, or far longer than the best.

Junctions are known where the nodes name them: in networks with a link for every movement, a route may pass a junction
again on another of its edges without repeating a node.
"""

from __future__ import annotations

from collections.abc import Sequence

from cosim.arrays import Array
from cosim.traffic.network import RoadNetwork

MOST_TIMES_BEST = 1.5
"""Longer routes are dropped, relative to the best of the pair."""
Links = tuple[int, ...]


def sensible(network: RoadNetwork, rows: Sequence[Links], link_cost_min: Array) -> list[Links]:
    """Return the routes of one commodity that pass no junction twice and take at most 1.5 times the best.

    All of them where the nodes name no junctions. The best one stays in any case, and so does one that is all there is;
    on its way to a station and behind it a route may pass a junction once each.

    Parameters
    ----------
    network
        The roads.
    rows
        Positions of links, the cheapest route first.
    link_cost_min
        What the routes were ordered by, shape (L,).
    """
    if not network.junction or not rows:
        return list(rows)
    single = [row for row in rows if not passes_twice(network, row)] or [rows[0]]
    cost = [float(link_cost_min[list(row)].sum()) for row in single]
    most = MOST_TIMES_BEST * cost[0]
    return [row for row, own in zip(single, cost, strict=True) if own <= most]


def passes_twice(network: RoadNetwork, row: Links) -> bool:
    """Return whether a route comes to a junction again that it has left; a visit to a station begins anew."""
    passed: set[str] = set()
    now = ""
    for link in row:
        if network.is_station[link]:
            passed, now = set(), ""
            continue
        for node in (network.tail[link], network.head[link]):
            name = network.junction[node]
            if name == now:
                continue
            if name and name in passed:
                return True
            if name:
                passed.add(name)
            now = name or now
    return False
