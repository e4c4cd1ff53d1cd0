"""Waits at the stations: simulated queues against Davidson's and Erlang's laws."""

from __future__ import annotations

from cosim.reports import frames, plot, scatter, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Microsimulation", 3)
TITLE = "Waits at the stations"
CAPTION = (
    "Mean wait of each station in each validated period over the use of its chargers, of the simulated queue and by "
    "the laws. Davidson's law knows no number of chargers. Where the use is above 1 no law of lasting waits holds."
)
TABLE = "validation_stations"
_SERIES = (
    ("wait_sumo_min", "Simulated queue", "#111827", "circle"),
    ("wait_davidson_min", "Davidson", "#d55e00", "triangle-up"),
    ("wait_erlang_min", "Erlang", "#009e73", "square"),
)


def draw(result: RunResult) -> Figure:
    """Draw waits over the use of the chargers.

    Parameters
    ----------
    result
        A run with stations that was validated.

    Raises
    ------
    NothingToDraw
        If it was not, or has no stations.
    """
    if TABLE not in result:
        raise frames.NothingToDraw("this run has no validation of stations; cosim validate RUN writes it")
    table = frames.table(result, TABLE, "model", "station", "period", "use", *(column for column, *_ in _SERIES))
    table = table[table["model"] == "SUE"]
    figure = scatter.panels(TITLE, [("arrivals over capacity", "mean wait (min)")], height=360)
    names = [f"{name}, period {period}" for name, period in zip(table["station"], table["period"], strict=True)]
    for column, label, colour, mark in _SERIES:
        figure.add_trace(
            plot.scatter(
                x=list(table["use"]), y=list(table[column]), mode="markers", name=label,
                marker={"color": style.faded(colour, 0.8), "size": 8, "symbol": mark},
                text=[style.escape(name) for name in names],
                hovertemplate="%{text}<br>use %{x:.2f}<br>%{y:.3g} min<extra></extra>",
            )
        )  # fmt: skip
    return figure
