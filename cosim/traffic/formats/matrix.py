"""From the cells of a trip matrix to a demand, whatever the file that they stood in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cosim.errors import InputError, Problem
from cosim.tables import did_you_mean
from cosim.traffic.demand import OdDemand
from cosim.traffic.formats.base import Zones

MOST_NAMED = 5


def demand_of(trips_vph: Mapping[tuple[str, str], float], remarks: Sequence[str] = ()) -> OdDemand:
    """Return one period of one class; trips within a zone and zeros are left out, the former with a remark."""
    kept = {pair: value for pair, value in trips_vph.items() if value > 0 and pair[0] != pair[1]}
    within = sum(value for (origin, destination), value in trips_vph.items() if origin == destination)
    said = (f"{within:,.10g} trips within zones are left out",) if within else ()
    return OdDemand(
        origins=tuple(origin for origin, _ in kept),
        destinations=tuple(destination for _, destination in kept),
        classes=("all",),
        trips_vph=np.array(list(kept.values()), dtype=np.float64).reshape(1, 1, len(kept)),
        remarks=(*remarks, *said),
    )


def at_nodes(demand: OdDemand, zones: Zones, file: str) -> OdDemand:
    """Return trips between zones as those between their nodes.

    Raises
    ------
    InputError
        Naming the zones that have no node, or several; and two zones with trips between them that share one.
    """
    used = list(dict.fromkeys((*demand.origins, *demand.destinations)))
    problems = [
        Problem(file=file, field="zone", reason=f"zone {zone!r} has {what}", remedy=remedy)
        for zone in used
        for what, remedy in _misplaced(zone, zones)
    ]
    if not problems:
        problems = [
            Problem(file=file, field="zone", reason=f"zones {o!r} and {d!r} are one node", remedy="give each its own")
            for o, d in demand.od_pairs
            if zones.node_of[o] == zones.node_of[d]
        ]
    if problems:
        raise InputError(problems[:MOST_NAMED])
    return replace(
        demand,
        origins=tuple(zones.node_of[zone] for zone in demand.origins),
        destinations=tuple(zones.node_of[zone] for zone in demand.destinations),
    )


def _misplaced(zone: str, zones: Zones) -> list[tuple[str, str]]:
    if zone in zones.shared:
        return [("several nodes", "make one of them its centroid")]
    return [] if zone in zones.node_of else [("no node", did_you_mean(zone, list(zones.node_of)))]
