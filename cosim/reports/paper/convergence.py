"""Figures 7 and 8: path flows of one OD pair by iteration of the paper's method, in the first and the second hour.

The paper's stop test asks how much a path flow still changes in one step. The step shortens with every iteration, so
the test passes whatever the distance from the equilibrium. Beside it stands the residual R, which no step length can
shrink.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from cosim.arrays import Array
from cosim.reports import style
from cosim.reports.paper.charts import Chart, Trace, panel
from cosim.reports.paper.claims import Check, PaperFigure, at_least, at_most
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import AveragedHour, Material

ORIGIN, DESTINATION = "1", "2"
SHORTENING, LITERAL = "1/(n+1)", "1/n"
"""Both readings of the step: the second is the damaged line as printed; it replaces the flows in the first step."""
SEVERAL = 3
TWO = 2
RESIDUAL = 1e-4
"""R from which on the flows count as an equilibrium here; the default method reaches 1e-8."""


def draw(material: Material, hour: int) -> Chart:
    """Draw the path flows [veh/h] of the OD pair by iteration, and step and residual below."""
    shown = material.averaged[SHORTENING].warm[hour]
    flows = by_route(material.day, shown.flows_vph)
    at = np.arange(float(shown.iterations + 1))
    upper = [
        Trace(name=name, y=values, colour=style.SERIES[k % len(style.SERIES)], dashed=k >= len(style.SERIES))
        for k, (name, values) in enumerate(flows.items())
    ]
    lower = [
        Trace(name="residual R", y=np.concatenate([[np.nan], shown.residuals]), colour=style.ALARM),
        Trace(name="step / demand", y=_relative_steps(shown), colour=style.MUTED, dashed=True),
    ]
    return Chart(
        parts=(
            panel("iteration", "path flow (veh/h)", at, upper),
            panel("iteration", "relative to the flow", at, lower, log=True),
        ),
        height=(1.6, 1.0),
    )


def _relative_steps(hour: AveragedHour) -> Array:
    total = hour.flows_vph[-1].sum()
    return np.concatenate([[np.nan], np.maximum(hour.steps_vph / total, np.finfo(float).tiny)])


def by_route(day: PaperDay, flows_vph: Array) -> dict[str, Array]:
    """Return the flow of all classes by route of the OD pair, the roads' nodes as name, each over the iterations."""
    network, paths = day.roads.network, day.roads.paths
    found: dict[str, Array] = {}
    for k, w in enumerate(paths.commodity):
        commodity = paths.commodities[w]
        if (commodity.origin, commodity.destination) != (ORIGIN, DESTINATION):
            continue
        roads = [a for a in paths.path_links(k) if not network.is_station[a]]
        nodes = [network.tail[roads[0]], *(network.head[a] for a in roads)]
        name = "-".join(network.node_ids[n] for n in nodes)
        found[name] = found.get(name, np.zeros(len(flows_vph))) + flows_vph[:, k]
    return found


def judge_first(material: Material) -> Sequence[Check]:
    """Return that the first hour takes several iterations, with either reading of the step."""
    return tuple(
        at_least(f"iterations of hour 1, step {step}", material.averaged[step].warm[0].iterations, SEVERAL)
        for step in (SHORTENING, LITERAL)
    )


def judge_second(material: Material) -> Sequence[Check]:
    """Return that the second hour takes two, that these are an equilibrium, that it is so at all hours, and pays."""
    day = material.averaged[SHORTENING]
    warm, cold = day.total
    worst = max(hour.iterations for hour in day.warm[1:])
    return (
        *(
            at_most(f"iterations of hour 2, step {step}", material.averaged[step].warm[1].iterations, TWO)
            for step in (SHORTENING, LITERAL)
        ),
        at_most("residual R of hour 2 where its step test passes", float(day.warm[1].residuals[-1]), RESIDUAL),
        at_most("iterations of any hour after the first", worst, TWO),
        at_most("iterations of the day, each hour from the one before, over those from a uniform start",
                warm / cold, 1.0),
    )  # fmt: skip


FIRST = PaperFigure(
    number=7,
    title="Path flows of OD pair (1, 2) by iteration, hour 1",
    says="From a uniform start the first hour takes more iterations.",
    promised="holds in part",
    why=(
        "With the step 1/(n+1) hour 1 takes several iterations, with the step 1/n as printed only two: there the first "
        "step replaces the flows altogether."
    ),
    draw=partial(draw, hour=0),
    judge_all=judge_first,
    iterations=True,
    open_points=("traffic.theta_per_min", "traffic.msa_step", "traffic.paper_step_test_vph"),
)
SECOND = PaperFigure(
    number=8,
    title="Path flows of OD pair (1, 2) by iteration, hour 2",
    says="Started from the hour before, the second hour has converged after two iterations.",
    promised="holds in part",
    why=(
        "The step test passes after two iterations, since step and demand hardly change between night hours. It does "
        "not say that the flows are an equilibrium (see R), and hours on the ramps of the day take more."
    ),
    draw=partial(draw, hour=1),
    judge_all=judge_second,
    iterations=True,
    open_points=("traffic.theta_per_min", "traffic.msa_step", "traffic.paper_step_test_vph"),
)
