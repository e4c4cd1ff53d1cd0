"""Charging load without any interaction: what the stations would draw if every road and station were empty."""

from __future__ import annotations

import numpy as np

from cosim.arrays import Array
from cosim.charging.load import charging_mw
from cosim.coupling.roads import RoadResponse


def free_flow_load_mw(response: RoadResponse) -> Array:
    """Return the load per station and period if drivers choose at free-flow times and fees, shape ``(s, T)``, MW.

    One logit loading (Eq 7) of each period's demand at link costs without traffic, then Eq 9. Where all charge, the
    energy of all stations together is that of the equilibrium; only the split among them is another. Where drivers may
    charge later, that choice too is made at empty roads, and no price enters it.

    Parameters
    ----------
    response
        The road side; its prices are left out, its access fees are not.
    """
    columns = []
    for position in range(len(response.demand_vph)):
        problem = response.period(position, None)
        loaded = problem.load(problem.empty_cost_min)
        columns.append(charging_mw(loaded.link_flow_vph[problem.network.station_positions], response.energy_kwh))
    return np.stack(columns, axis=1)
