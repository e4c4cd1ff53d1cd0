"""Where the nodes of a SUMO network are drawn; lengths do not follow from it."""

from __future__ import annotations

import math

import numpy as np

from cosim.arrays import Array
from cosim.traffic.network import RoadNetwork

Point = tuple[float, float]
"""x and y, m."""
TYPICAL_M = 2000.0
"""Distance that the median link is drawn with."""
CLOSEST_M = 400.0
"""Nodes drawn closer would leave no room for junctions and sections."""


def along(start: Point, end: Point, share: float) -> Point:
    """Return the point at a share of the line."""
    return (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))


def aside(start: Point, end: Point, share: float, distance_m: float) -> Point:
    """Return a point to the right of the line."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    x, y = along(start, end, share)
    return (x + distance_m * dy / length, y - distance_m * dx / length)


def node_points(network: RoadNetwork) -> tuple[Point, ...]:
    """Return the place of each node, m.

    The network's coordinates are scaled so that the median link is 2000 m long; where any two nodes would come too
    close, all are put on a circle in the order of the network.
    """
    road = ~network.is_station
    xy = np.asarray(network.node_xy, dtype=np.float64)
    distances = np.hypot(*(xy[network.head[road]] - xy[network.tail[road]]).T)
    median = float(np.median(distances)) if distances.size else 0.0
    if median > 0.0 and np.isfinite(xy).all():
        scaled = (xy - xy.min(axis=0)) * (TYPICAL_M / median)
        if _closest_m(scaled) >= CLOSEST_M:
            return tuple((float(x), float(y)) for x, y in np.round(scaled, 2))
    angles = 2.0 * np.pi * np.arange(len(xy)) / len(xy)
    radius = TYPICAL_M * max(1.0, len(xy) / (2.0 * np.pi))
    return tuple((float(x), float(y)) for x, y in np.round(radius * np.array([np.cos(angles), np.sin(angles)]).T, 2))


def _closest_m(xy: Array) -> float:
    """Return the smallest distance of two nodes."""
    from scipy.spatial import cKDTree

    if len(xy) == 1:
        return math.inf
    distance, _ = cKDTree(xy).query(xy, k=2)
    return float(np.asarray(distance)[:, 1].min())
