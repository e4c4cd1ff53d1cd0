"""Figure 12: error of the relaxation by node and hour, with the AC check that it stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array
from cosim.reports import style
from cosim.reports.paper.charts import Chart, Heat, Trace, panel
from cosim.reports.paper.claims import Check, PaperFigure, at_most
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import Material

ERROR_PU2 = 1e-6
"""The level that the paper reports."""
VOLTAGE_PU = 1e-8
FLOOR_PU2 = 1e-16


def draw(material: Material) -> Chart:
    """Draw |l - (P^2 + Q^2) / v| [pu^2] by receiving node and hour, and the AC voltage difference below."""
    day = material.day
    error, nodes = by_node(day)
    heat = Heat(
        x_label="hour", y_label="node", z_label="error (pu²)", x=day.hours, rows=nodes, z=error, log=True,
        floor=FLOOR_PU2,
    )  # fmt: skip
    difference = np.maximum(np.abs(day.series("ac_dv_pu")), FLOOR_PU2)
    below = Trace(name="largest AC voltage difference", y=difference, colour=style.SERIES[0])
    return Chart(parts=(heat, panel("hour", "pu", day.hours, [below], log=True)), height=(2.4, 1.0))


def by_node(day: PaperDay) -> tuple[Array, tuple[str, ...]]:
    """Return the error (Eq 23) at each line's receiving node, shape ``(n, T)``; 0 at the first node, which has none."""
    gaps = day.matrix("lines", "to_bus", "cone_gap_pu2")
    nodes = day.dispatch.feeder.bus_ids
    nothing = np.zeros_like(day.hours)
    return np.abs(np.array([gaps.get(bus, nothing) for bus in nodes])), nodes


def judge(day: PaperDay) -> Sequence[Check]:
    """Return the largest error, and what the AC power flow of the setpoints says."""
    error, nodes = by_node(day)
    return (
        at_most(f"error of the relaxation, largest of {len(nodes)} nodes and all hours", float(error.max()), ERROR_PU2,
                "pu²", rounding=True),
        at_most("voltage against the AC power flow, largest difference", float(day.series("ac_dv_pu").max()),
                VOLTAGE_PU, "pu", rounding=True),
    )  # fmt: skip


def largest_error_pu2(day: PaperDay) -> float:
    """Return the largest error."""
    return float(by_node(day)[0].max())


FIGURE = PaperFigure(
    number=12,
    title="Error of the second-order cone relaxation",
    says="The error of every node and hour is of the order 1e-6.",
    promised="holds",
    draw=draw,
    judge=judge,
    headline=("largest error", "pu²", largest_error_pu2),
    open_points=("feeder.slack_vm_pu", "dispatch.loss_price_per_mwh"),
)
