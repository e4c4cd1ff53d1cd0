"""When travellers reach the station on their path."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.traffic.paths import PathSet


def minutes_to_station(paths: PathSet, link_time_min: ArrayLike) -> Array:
    """Return the travel time from the origin to the station of each path, min, shape (K,).

    The sum over the links that are passed before the station's; NaN for a path without a station.

    Parameters
    ----------
    paths
        K paths over L links.
    link_time_min
        Shape (L,), min.

    Examples
    --------
    >>> from cosim.charging.stations import Station
    >>> from cosim.traffic.network import RoadNetwork
    >>> from cosim.traffic.paths import all_simple_paths
    >>> network = RoadNetwork(
    ...     node_ids=("a", "b", "c"), link_ids=("ab", "bc"), tail=[0, 1], head=[1, 2],
    ...     free_flow_min=[7.0, 5.0], capacity_vph=[900.0, 900.0],
    ... ).with_stations([Station(name="S", node="b", bus="1", free_flow_min=30.0, capacity_vph=60.0)])
    >>> paths = all_simple_paths(network, [("a", "c")], {"charging": True, "other": False})
    >>> minutes_to_station(paths, network.free_flow_min).tolist()
    [7.0, nan]
    """
    time = np.asarray(link_time_min, dtype=np.float64)[paths.links]
    place = np.full(len(paths), -1)
    stops = np.flatnonzero(paths.links == paths.station[paths.entry_path])
    place[paths.entry_path[stops]] = stops
    # Path by path: a difference of sums over all paths leaves rounding, even below 0 for a station at the origin.
    passed = np.where(np.arange(time.size) < place[paths.entry_path], time, 0.0)
    found = np.bincount(paths.entry_path, weights=passed, minlength=len(paths))
    return np.asarray(np.where(place >= 0, found, np.nan), dtype=np.float64)
