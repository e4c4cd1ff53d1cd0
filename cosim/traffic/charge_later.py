"""The way out for vehicles that would charge under way: charge later, at a constant cost.

Without it every charging vehicle meets one station, whatever that costs. With it each of their choice sets also holds
the plain paths of the pair, at a constant for the trouble of charging later or at home. Constants on paths leave the
equilibrium the minimum of Fisk's programme, so every method for path sets solves it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosim.errors import InputError
from cosim.traffic.paths import PathSet
from cosim.traffic.routes import Commodity, Routes


def with_charge_later(paths: Routes, *, cost_min: float) -> PathSet:
    """Return the choice sets with the plain paths of the same pair offered to all who look for a station.

    The plain paths are those of another class of the same pair, with their own constants (path size) and ``cost_min``
    on top; they stand after the paths past a station. The shares among the latter keep their ratio (logit).

    Parameters
    ----------
    paths
        With a class that needs a station and one that does not.
    cost_min
        Cost of charging later, in minutes of travel, >= 0. Large: everybody charges under way, as without the option.

    Raises
    ------
    InputError
        If the cost is no such number, the routes are not listed as paths, or a pair has no plain paths.
    """
    if not 0 <= cost_min < np.inf:
        raise InputError(f"cost_min of charge_later: {cost_min} must be >= 0 and finite")
    if not isinstance(paths, PathSet):
        reason = f"charge_later adds a constant to listed paths; the route model {paths.model!r} lists none"
        raise InputError(f"{reason}; take a path set (all simple paths, or the k shortest)")
    plain = _plain_paths(paths)
    order, added = [], []
    for w, commodity in enumerate(paths.commodities):
        own = paths.paths_of(w)
        more = plain[commodity] if commodity.needs_station else own[:0]
        order += [own, more]
        added += [np.zeros(len(own)), np.full(len(more), cost_min)]
    kept = np.concatenate(order)
    sizes = np.diff(paths.row_start)[kept]
    counts = [len(one) + len(more) for one, more in zip(order[::2], order[1::2], strict=True)]
    return replace(
        paths,
        commodity=np.repeat(np.arange(len(paths.commodities)), counts),
        row_start=np.cumsum([0, *sizes.tolist()]),
        links=np.concatenate([paths.links[:0], *(np.array(paths.path_links(k), dtype=np.intp) for k in kept)]),
        station=paths.station[kept],
        offset_min=paths.offset_min[kept] + np.concatenate(added),
        model=f"{paths.model} with charging later at {cost_min:g} min",
    )


def _plain_paths(paths: PathSet) -> dict[Commodity, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Return for each commodity that needs a station the paths of its pair without one."""
    by_pair = {
        (one.origin, one.destination): paths.paths_of(w)
        for w, one in enumerate(paths.commodities)
        if not one.needs_station
    }
    found = {}
    for one in paths.commodities:
        if one.needs_station:
            if (pair := (one.origin, one.destination)) not in by_pair:
                raise InputError(f"charge_later: {one} has no class without a station whose paths it could take")
            found[one] = by_pair[pair]
    return found


def later(paths: PathSet) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which paths are those of a vehicle that charges later, shape (K,)."""
    needs = np.array([one.needs_station for one in paths.commodities], dtype=bool)
    return np.asarray(needs[paths.commodity] & (paths.station < 0))
