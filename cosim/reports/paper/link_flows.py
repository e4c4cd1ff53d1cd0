"""Figure 5: flow of every road over the day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array
from cosim.reports import style
from cosim.reports.paper.charts import Chart, Heat, Trace, panel
from cosim.reports.paper.claims import Check, PaperFigure, at_most, equals
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import Material

HIGH = 0.9
"""Share of the day's largest flow from which on an hour belongs to a peak."""
PEAKS = 2
CONSERVED_VPH = 1e-6


def draw(material: Material) -> Chart:
    """Draw link by hour [veh/h] in colours, and the sum over the links."""
    day = material.day
    flows = day.matrix("links", "link", "flow_vph")
    z = np.array(list(flows.values()))
    heat = Heat(
        x_label="hour", y_label="road", z_label="veh/h", x=day.hours, rows=tuple(flows), z=z,
    )  # fmt: skip
    total = Trace(name="all roads", y=z.sum(axis=0), colour=style.SERIES[0])
    return Chart(parts=(heat, panel("hour", "sum over roads (veh/h)", day.hours, [total])), height=(2.2, 1.0))


def judge(day: PaperDay) -> Sequence[Check]:
    """Return that the day has two peaks, and that no vehicle is lost at an inner node."""
    flows = np.array(list(day.matrix("links", "link", "flow_vph").values()))
    left, nodes = _not_conserved_vph(day, flows)
    return (
        equals(f"peaks of traffic (hours above {HIGH:.0%} of the largest)", _peaks(flows.sum(axis=0)), PEAKS),
        at_most(
            f"flow into less flow out of the {nodes} inner nodes, largest", left, CONSERVED_VPH, "veh/h", rounding=True
        ),
    )


def _peaks(total: Array) -> int:
    """Return how many separate stretches of the day are close to its largest value."""
    high = total >= HIGH * total.max()
    return int(high[0]) + int((high[1:] & ~high[:-1]).sum())


def _not_conserved_vph(day: PaperDay, flows: Array) -> tuple[float, int]:
    """Return the largest difference between inflow and outflow of a node where no trip begins or ends."""
    streets = day.roads.streets
    order = {name: row for row, name in enumerate(day.matrix("links", "link", "flow_vph"))}
    rows = flows[[order[name] for name in streets.link_ids]]
    balance = np.zeros((len(streets.node_ids), flows.shape[1]))
    np.add.at(balance, streets.head, rows)
    np.subtract.at(balance, streets.tail, rows)
    ends = {name for pair in day.roads.demand.od_pairs for name in pair}
    inner = [n for n, name in enumerate(streets.node_ids) if name not in ends]
    return float(np.abs(balance[inner]).max()), len(inner)


def peak_vph(day: PaperDay) -> float:
    """Return the largest flow of a road."""
    return float(day.tables["links"]["flow_vph"].max())


FIGURE = PaperFigure(
    number=5,
    title="Traffic flow on road sections",
    says="Flows of the 19 roads over 24 hours, from the stochastic user equilibrium of each hour.",
    promised="holds",
    draw=draw,
    judge=judge,
    headline=("largest flow of a road", "veh/h", peak_vph),
    open_points=("traffic.theta_per_min", "traffic.capacity_column", "traffic.demand", "traffic.demand_profile"),
)
