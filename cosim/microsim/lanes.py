"""Which lane leads where."""

from __future__ import annotations

import math
from collections.abc import Sequence

LANE_VPH = 1800.0
"""What one SUMO lane carries, veh/h."""
FEWEST_LANES = 2
"""One lane forbids overtaking: the fastest wait behind the slowest, 1.14 times the free-flow time."""
LanePairs = list[tuple[int, int]]
"""Lane before and lane behind of each connection of two edges."""


def body_lanes(capacity_vph: float) -> int:
    """Return the lanes of a link: ``max(2, ceil(c / 1800))``.

    >>> [body_lanes(c) for c in (200.0, 3600.0, 3601.0)]
    [2, 2, 3]
    """
    return max(FEWEST_LANES, math.ceil(capacity_vph / LANE_VPH))


def merge_lanes(lanes_into: Sequence[int]) -> list[list[int]]:
    """Return the lane of the merge section for each in-link and lane: ranks of (lane, in-link).

    Lane j of in-link q of k goes to lane ``j k + q`` where all have as many lanes, so that two lanes that merge
    come from different in-links.

    >>> merge_lanes([2, 2, 2])
    [[0, 3], [1, 4], [2, 5]]
    >>> merge_lanes([1, 3])
    [[0], [1, 2, 3]]
    """
    order = sorted((lane, link) for link, lanes in enumerate(lanes_into) for lane in range(lanes))
    targets: list[list[int]] = [[0] * lanes for lanes in lanes_into]
    for rank, (lane, link) in enumerate(order):
        targets[link][lane] = rank
    return targets


def spread_lanes(lanes_into: Sequence[int], lanes: int) -> list[LanePairs]:
    """Return the lane pairs of each in-link where a link has at least as many lanes as lead to it.

    Every lane of the link is entered by exactly one lane, in the order of `merge_lanes`.

    >>> spread_lanes([1, 1], 3)
    [[(0, 0), (0, 1)], [(0, 2)]]
    """
    ranks = {rank: (link, lane) for link, own in enumerate(merge_lanes(lanes_into)) for lane, rank in enumerate(own)}
    pairs: list[LanePairs] = [[] for _ in lanes_into]
    for target in range(lanes if lanes_into else 0):
        link, lane = ranks[target * len(ranks) // lanes]
        pairs[link].append((lane, target))
    return pairs


def side_by_side(lanes_before: int, lanes_after: int) -> LanePairs:
    """Connect lanes from the right; what is left over of either side goes with the last of the other."""
    most = max(lanes_before, lanes_after)
    return [(min(lane, lanes_before - 1), min(lane, lanes_after - 1)) for lane in range(most)]


def dropped_lane(lane: int, lanes_before: int, lanes_after: int) -> int:
    """Return the lane behind a lane drop (or gain): ``floor(lane after / before)``.

    >>> [dropped_lane(lane, 6, 2) for lane in range(6)]
    [0, 0, 0, 1, 1, 1]
    """
    return lane * lanes_after // lanes_before
