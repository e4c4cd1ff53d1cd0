"""Figure 10: load that demand response moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.devices.demand_response import DemandResponseSettings
from cosim.reports import style
from cosim.reports.paper.charts import Chart, Trace, panel
from cosim.reports.paper.claims import Check, PaperFigure, at_least, at_most
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import Material
from cosim.reports.paper.tariff import PEAK_HOURS

REFILL_HOURS = (7, 8)
ROUNDING = 1e-6
IN_PEAK = 0.95
"""Share of the cut energy that must fall into the peak hours."""
LEAST_REFILL_MWH = 0.01


def draw(material: Material) -> Chart:
    """Draw per node what is cut (up) and what comes back (down) [MW], and the price below."""
    day = material.day
    moved = [
        Trace(name=f"node {name}", y=power, colour=style.SERIES[k], look="bar")
        for k, (name, power) in enumerate(_by_node(day).items())
    ]
    price = Trace(name="price", y=day.series("tariff_per_mwh"), colour=style.DEMAND, look="step")
    return Chart(
        parts=(
            panel("hour", "cut (+), refilled (-) (MW)", day.hours, moved),
            panel("hour", "price (CNY/MWh)", day.hours, [price]),
        ),
        height=(1.8, 1.0),
    )


def _by_node(day: PaperDay) -> dict[str, Array]:
    """Return the power cut [MW] per node with demand response."""
    power = day.devices(DemandResponseSettings)
    return {one.bus: power[one.name] for one in day.dispatch.devices if one.name in power}


def judge(day: PaperDay) -> Sequence[Check]:
    """Return the cap of 30 %, cuts in the peak, refill in the hours the paper names, and a balance of zero."""
    nodes = _by_node(day)
    cuts = np.array(list(nodes.values())).reshape(len(nodes), -1)
    feeder = day.dispatch.feeder
    base = day.dispatch.base_p_mw[[feeder.bus_position(bus) for bus in nodes]]
    cut_mwh, peak = np.maximum(cuts, 0.0).sum(), np.isin(day.hours, list(PEAK_HOURS))
    in_peak = float(np.maximum(cuts[:, peak], 0.0).sum() / cut_mwh) if cut_mwh > 0.0 else 0.0
    refill = np.maximum(-cuts[:, np.isin(day.hours, REFILL_HOURS)], 0.0).sum() * day.period_h
    return (
        at_most("share of a node's load that is moved, largest", float((np.abs(cuts) / base).max()), 0.3 + ROUNDING),
        at_least("share of the cut energy in hours 18 to 22", in_peak, IN_PEAK),
        at_least("refilled in hours 7 and 8", float(refill), LEAST_REFILL_MWH, "MWh"),
        at_most(
            "cut less refilled over the day, largest of a node",
            float(np.abs(cuts.sum(axis=1)).max()) * day.period_h, ROUNDING, "MWh", rounding=True,
        ),
    )  # fmt: skip


def moved_mwh(day: PaperDay) -> float:
    """Return the energy that is cut."""
    return float(sum(np.maximum(one, 0.0).sum() for one in _by_node(day).values())) * day.period_h


FIGURE = PaperFigure(
    number=10,
    title="Demand response",
    says="At nodes 7, 8, 24, 25 at most 30 % is cut, most in hours 18 to 22, and it comes back in hours like 7 and 8.",
    promised="holds",
    draw=draw,
    judge=judge,
    headline=("energy moved", "MWh", moved_mwh),
    open_points=("tariff", "dispatch.loss_price_per_mwh", "devices.dr7.pay_per_mwh"),
)
