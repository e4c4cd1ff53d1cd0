"""Overlap of routes: a constant that makes up for the links that routes of one pair share.

Logit takes all routes for independent: two that differ in one link draw almost twice as much as one. The path-size term
(Ben-Akiva & Bierlaire 1999) lowers the share of routes by what they have in common. It is a constant per path, so the
equilibrium stays the minimum of Fisk's programme.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet


def path_size(network: RoadNetwork, paths: PathSet) -> Array:
    """Return the size of every path, shape (K,): 1 for one that shares nothing, 1/n for one of n copies.

    ``PS_k = sum_{a in k} (t0_a / t0_k) / n_a`` with n_a the paths of the same commodity that use link a, at free flow.
    A path without any free-flow time counts its links equally.
    """
    n_paths, n_links = len(paths), len(paths.link_ids)
    users = np.bincount(paths.entry_cell, minlength=len(paths.commodities) * n_links)[paths.entry_cell]
    time = network.free_flow_min[paths.links]
    total = np.bincount(paths.entry_path, weights=time, minlength=n_paths)
    time = np.where(total[paths.entry_path] > 0, time, 1.0)
    total = np.bincount(paths.entry_path, weights=time, minlength=n_paths)
    sizes = np.bincount(paths.entry_path, weights=time / users, minlength=n_paths) / total
    return np.asarray(sizes, dtype=np.float64)


def with_path_size(network: RoadNetwork, paths: PathSet, *, beta: float, theta_per_min: float) -> PathSet:
    """Return the paths with ``-(beta / theta) ln PS_k`` minutes added to each.

    Parameters
    ----------
    network
        Its free-flow times weigh the links.
    paths
        Their own constants stay.
    beta
        Weight of the term, >= 0; 0 is plain logit, 1 the usual value.
    theta_per_min
        Dispersion of the problem that the paths are made for: another theta needs another call.

    Raises
    ------
    InputError
        If beta is negative, theta not positive, or one of them not finite.
    """
    if not 0 <= beta < np.inf:
        raise InputError(f"overlap_beta: {beta} must be >= 0 and finite")
    if not 0 < theta_per_min < np.inf:
        raise InputError(f"theta_per_min: {theta_per_min} must be > 0 and finite")
    offset = paths.offset_min - beta / theta_per_min * np.log(path_size(network, paths))
    return replace(paths, offset_min=offset, model=f"{paths.model} with path size {beta:g}")
