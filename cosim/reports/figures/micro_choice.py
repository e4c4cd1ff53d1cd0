"""Route choice at simulated times: the paths that drivers would take against those that the model gave them."""

from __future__ import annotations

from cosim.reports import frames, plot, scatter, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Microsimulation", 2)
TITLE = "Route choice closure"
CAPTION = (
    "Left: flow of each path in the model, and the flow that would choose it at the simulated times; in an "
    "equilibrium they are equal. Right: the share of demand that would move. This is the telling test."
)
PATHS, STATISTICS = "validation_routes", "validation_statistics"


def draw(result: RunResult) -> Figure:
    """Draw path flows against chosen flows, and the closure by period.

    Parameters
    ----------
    result
        A run that was validated.

    Raises
    ------
    NothingToDraw
        If it was not.
    """
    if PATHS not in result:
        raise frames.NothingToDraw("this run has no validation; cosim validate RUN writes it")
    table = frames.table(result, PATHS, "model", "path", "class", "flow_vph", "flow_chosen_vph")
    figure = scatter.panels(
        TITLE,
        [("flow chosen at simulated times (veh/h)", "flow, model (veh/h)"), ("period", "would move (% of demand)")],
    )
    scatter.equality(figure, 1, table["flow_chosen_vph"], table["flow_vph"])
    for model in scatter.MODELS:
        own = table[table["model"] == model]
        names = [f"{path}, {kind}" for path, kind in zip(own["path"], own["class"], strict=True)]
        scatter.points(figure, 1, own["flow_chosen_vph"], own["flow_vph"], names, model)
    _bars(figure, result)
    return figure


def _bars(figure: Figure, result: RunResult) -> None:
    """Add the closure of each model and period, with its interval."""
    table = frames.table(result, STATISTICS, "model", "period", "statistic", "mean", "high")
    table = table[table["statistic"] == "closure"]
    for model, (label, colour, _) in scatter.MODELS.items():
        own = table[table["model"] == model]
        spread = (100.0 * (own["high"] - own["mean"])).fillna(0.0)
        figure.add_trace(
            plot.bar(
                x=[f"period {period}" for period in own["period"]], y=list(100.0 * own["mean"]), name=label,
                legendgroup=model, showlegend=False, marker={"color": style.faded(colour, 0.8)},
                error_y={"type": "data", "array": list(spread), "thickness": 1.2, "color": style.MUTED},
                hovertemplate="%{x}<br>%{y:.2f} % would move<extra></extra>",
            ),
            panel=2,
        )  # fmt: skip
