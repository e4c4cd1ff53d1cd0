"""Which edges of a SUMO network lie between an origin and a destination, and which pairs must turn back."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cosim.traffic.formats.sumo_demand import District, Pair
from cosim.traffic.formats.sumo_net import SumoNet

Next = dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What the trips can reach.

    Attributes
    ----------
    sources, sinks
        Edges on which trips with a way begin and end.
    joined
        Pairs that a way without turning back joins.
    turning
        Pairs that only a way with turning back joins, and the turnarounds of the quickest.
    """

    sources: frozenset[str]
    sinks: frozenset[str]
    joined: frozenset[Pair]
    turning: Mapping[Pair, tuple[Pair, ...]]


def reach_of(net: SumoNet, pairs: Iterable[Pair], zones: Mapping[str, District]) -> Reach:
    """Return what pairs of edges or districts can reach."""
    ahead = _ahead(net.edges, net.movements)
    by_origin: dict[str, list[str]] = {}
    for origin, destination in pairs:
        by_origin.setdefault(origin, []).append(destination)
    joined, turning = set[Pair](), dict[Pair, tuple[Pair, ...]]()
    sources, sinks = set[str](), set[str]()
    for origin, destinations in by_origin.items():
        begins = zones[origin].sources if origin in zones else (origin,)
        reached = _reached([after for edge in begins for after in ahead[edge]], ahead)
        for destination in destinations:
            ends = zones[destination].sinks if destination in zones else (destination,)
            if hit := [edge for edge in ends if edge in reached]:
                joined.add((origin, destination))
                sources.update(begins)
                sinks.update(hit)
            elif (back := _turning_back(net, begins, ends)) is not None:
                turning[origin, destination] = back
                sources.update(begins)
                sinks.update(ends)
    return Reach(sources=frozenset(sources), sinks=frozenset(sinks), joined=frozenset(joined), turning=turning)


def between(net: SumoNet, reach: Reach) -> set[str]:
    """Return the edges that can be reached from an origin, and from which a destination can be reached.

    All edges where there are no trips. Where pairs turn back, over the turnarounds that they need, too.
    """
    if not reach.sources:
        return set(net.edges)
    ways = [*net.movements, *(pair for own in reach.turning.values() for pair in own)]
    behind: Next = {edge: [] for edge in net.edges}
    for before, after in ways:
        behind[after].append(before)
    return _reached(reach.sources, _ahead(net.edges, ways)) & _reached(reach.sinks, behind)


def needed_turnarounds(reach: Reach) -> tuple[Pair, ...]:
    """Return the turnarounds without which some pair has no way."""
    return tuple(dict.fromkeys(pair for own in reach.turning.values() for pair in own))


def _ahead(edges: Iterable[str], ways: Iterable[Pair]) -> Next:
    ahead: Next = {edge: [] for edge in edges}
    for before, after in ways:
        ahead[before].append(after)
    return ahead


def _reached(start: Iterable[str], ahead: Next) -> set[str]:
    reached = set(start)
    waiting = list(reached)
    while waiting:
        new = [edge for edge in ahead[waiting.pop()] if edge not in reached]
        reached.update(new)
        waiting += new
    return reached


def _turning_back(net: SumoNet, begins: Sequence[str], ends: Sequence[str]) -> tuple[Pair, ...] | None:
    """Return the turnarounds of the quickest way that may turn back; None if there is none."""
    ways = {**net.movements, **net.turnarounds}
    ahead = _ahead(net.edges, ways)
    goal = set(ends)
    queue: list[tuple[float, str, tuple[Pair, ...]]] = []
    done = set[str]()

    def leave(edge: str, time_s: float, back: tuple[Pair, ...]) -> None:
        for after in ahead[edge]:
            pair = (edge, after)
            cost = time_s + net.edges[after].time_s + ways[pair].time_s
            heapq.heappush(queue, (cost, after, (*back, pair) if pair in net.turnarounds else back))

    for edge in begins:
        leave(edge, 0.0, ())
    while queue:
        time_s, edge, back = heapq.heappop(queue)
        if edge in goal:
            return back
        if edge not in done:
            done.add(edge)
            leave(edge, time_s, back)
    return None
