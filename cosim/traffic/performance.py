"""Link performance: travel time, its derivative and its integral, over all links of a network (Eq 3).

The laws stand in `cosim.traffic.laws`, one file each. To every law a link may add
``fixed_min + slope_min_per_vph * flow`` (a toll, a price, a penalty).

Negative flows count as 0. Every law is finite, increasing and convex for all flows >= 0, because
logit loading ignores capacity.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.errors import PluginError
from cosim.traffic.law_groups import LawGroup
from cosim.traffic.laws.base import Law
from cosim.traffic.network import RoadNetwork

MOST_USE = 1e3
"""Flow over capacity up to which every law must be finite; far beyond, numbers may end."""
FEW = 5
"""Links that an error names."""


def link_cost(network: RoadNetwork, flow_vph: Array) -> Array:
    """Return the travel time of every link at its flow, min, shape (L,) or (B, L) (Eq 3)."""
    flow = np.maximum(flow_vph, 0.0)
    added = network.fixed_min + network.slope_min_per_vph * flow
    time = _by_law(network, flow, lambda law, group_flow: law.value(group_flow))
    if (time < 0.0).any():
        link = int(np.argwhere(time < 0.0)[0, -1])
        group = next(one for one in network.law_groups if link in one.members)
        raise PluginError(
            _law(group), f"gave a time of {time[..., link].min():g} min", [f"link {network.link_ids[link]!r}"]
        )
    return time + added


def link_cost_derivative(network: RoadNetwork, flow_vph: Array) -> Array:
    """Return the slope of every link's travel time, min/(veh/h), shape (L,)."""
    flow = np.maximum(flow_vph, 0.0)
    slope = _by_law(network, flow, lambda law, group_flow: law.derivative(group_flow))
    return slope + network.slope_min_per_vph


def link_cost_integral(network: RoadNetwork, flow_vph: Array) -> Array:
    """Return the integral of every link's travel time from 0 to its flow, veh min/h, shape (L,)."""
    flow = np.maximum(flow_vph, 0.0)
    added = flow * (network.fixed_min + 0.5 * network.slope_min_per_vph * flow)
    return _by_law(network, flow, lambda law, group_flow: law.integral(group_flow)) + added


def _by_law(network: RoadNetwork, flow: Array, evaluate: Callable[[Law, Array], Array]) -> Array:
    result = np.empty_like(flow)
    for group in network.law_groups:
        own = flow[..., group.members]
        try:
            found = evaluate(group.law, own)
        except PluginError as error:
            raise error.at(f"links {_named(network, group.members)}") from error
        result[..., group.members] = _numbers(network, group, own, found)
    return result


def _numbers(network: RoadNetwork, group: LawGroup, flow: Array, found: object) -> Array:
    """Return what a law gave; refuse what is no number at a flow that is one, or beyond all numbers at a usual flow."""
    values = found if isinstance(found, np.ndarray) and found.dtype.kind == "f" else None
    if values is None or values.shape != flow.shape:
        kind, shape = getattr(found, "dtype", "no numbers"), getattr(found, "shape", ())
        told = f"{type(found).__name__} of {kind}, shape {shape}"
        told += f"; must be an array of floats, shape {flow.shape}"
        raise PluginError(_law(group), f"gave {told}", [f"links {_named(network, group.members)}"])
    if np.isfinite(values).all():
        return values
    usual = flow <= MOST_USE * network.capacity_vph[group.members]
    wrong = np.argwhere(np.isfinite(flow) & (np.isnan(values) | (usual & np.isinf(values))))
    if len(wrong):
        first = tuple(wrong[0])
        told = f"gave {values[first]:g} for a flow of {flow[first]:g} veh/h"
        raise PluginError(_law(group), told, [f"link {_named(network, group.members[np.unique(wrong[:, -1])])}"])
    return values


def _law(group: LawGroup) -> str:
    law = type(group.law)
    return f"law {law.kind!r} ({law.__module__}.{law.__qualname__})"


def _named(network: RoadNetwork, positions: IntArray) -> str:
    """Return the first links by name, and how many more there are."""
    names = ", ".join(repr(network.link_ids[position]) for position in positions[:FEW].tolist())
    return names if len(positions) <= FEW else f"{names} and {len(positions) - FEW} more"
