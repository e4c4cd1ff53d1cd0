"""Figure 6: vehicles that charge at each station."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.reports import style
from cosim.reports.paper.charts import Chart, Trace, panel
from cosim.reports.paper.claims import Check, PaperFigure, at_most
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import Material
from cosim.units import kw_to_mw

ROUNDING_VPH = 1e-6
ROUNDING_MW = 1e-9


def draw(material: Material) -> Chart:
    """Draw the vehicles per hour that come to each station, and the power that they ask for."""
    day = material.day
    visits, load = (day.matrix("stations", "station", name) for name in ("flow_vph", "p_demand_mw"))
    upper = [
        Trace(name=f"station {name}", y=values, colour=style.SERIES[k], look="bar")
        for k, (name, values) in enumerate(visits.items())
    ]
    lower = [
        Trace(name=f"station {name}", y=values, colour=style.SERIES[k], look="step")
        for k, (name, values) in enumerate(load.items())
    ]
    return Chart(
        parts=(
            panel("hour", "vehicles charging (veh/h)", day.hours, upper),
            panel("hour", "charging load (MW)", day.hours, lower),
        )
    )


def judge(day: PaperDay) -> Sequence[Check]:
    """Return that the stations take all who want to charge (Eq 2), and that power is energy times visits (Eq 9)."""
    visits = np.array(list(day.matrix("stations", "station", "flow_vph").values()))
    load = np.array(list(day.matrix("stations", "station", "p_demand_mw").values()))
    missing = np.abs(visits.sum(axis=0) - day.roads.charging_vph).max()
    energy_mwh = kw_to_mw(day.roads.energy_kwh)
    return (
        at_most("visits of all stations less trips that want to charge, largest", missing, ROUNDING_VPH, "veh/h",
                rounding=True),
        at_most(
            f"load less visits times {day.roads.energy_kwh:g} kWh, largest",
            float(np.abs(load - energy_mwh * visits).max()), ROUNDING_MW, "MW", rounding=True,
        ),
    )  # fmt: skip


def charged_mwh(day: PaperDay) -> float:
    """Return the energy that all vehicles ask for."""
    return float(day.tables["stations"]["p_demand_mw"].sum()) * day.period_h


FIGURE = PaperFigure(
    number=6,
    title="Vehicles charging at the stations",
    says="Charging follows the traffic; each station's load is the energy of a visit times its vehicles.",
    promised="holds",
    draw=draw,
    judge=judge,
    headline=("energy charged", "MWh", charged_mwh),
    open_points=("ev", "stations", "traffic.theta_per_min"),
)
