"""Edges that a simulation fills though the model sees room on them: there it says nothing of the simulated hour.

A travel-time law knows no lanes and no spillback: where a queue reaches back over a junction, times and choice of the
model are those of another hour. How far vehicles cover an edge tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array
from cosim.traffic.problem import SueProblem

FULL = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Jam:
    """An edge that fills up: share of its length that vehicles cover, and the model's largest flow over capacity."""

    edge: str
    occupancy: float
    volume_capacity: float


def jams(problem: SueProblem, flow_vph: Array, occupancies: Sequence[Array], most: float) -> tuple[Jam, ...]:
    """Return the edges that fill beyond a limit though the model's flow is below their capacity, fullest first.

    Parameters
    ----------
    problem
        With the roads, whose links name their edges.
    flow_vph
        The model's link flows, shape (L,).
    occupancies
        Of each run, shape (roads,); empty where it was not measured.
    most
        The limit.
    """
    measured = [one for one in occupancies if one.size]
    network = problem.network
    if not measured or not network.edge:
        return ()
    occupancy, found = np.mean(measured, axis=0), dict[str, Jam]()
    for link, share in enumerate(occupancy.tolist()):
        edge = network.edge[link]
        if not edge or edge.startswith(":"):
            continue
        use = float(flow_vph[link] / network.capacity_vph[link])
        before = found.get(edge)
        use = use if before is None else max(use, before.volume_capacity)
        found[edge] = Jam(edge=edge, occupancy=share, volume_capacity=use)
    full = [one for one in found.values() if one.occupancy > most and one.volume_capacity < FULL]
    return tuple(sorted(full, key=lambda one: (-one.occupancy, one.edge)))
