"""Arrivals and charging power of every station."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.reports import frames, style
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

TITLE = "Charging stations"
CAPTION = (
    "Electric vehicles that arrive per hour (top) and charging power (bottom). "
    "A dotted line shows power that was asked for but not served."
)

_VISIBLE_MW = 1e-6


def draw(result: RunResult) -> go.Figure:
    """Draw arrivals [veh/h] and charging power [MW] per station.

    Parameters
    ----------
    result
        A run with table ``stations``.

    Raises
    ------
    NothingToDraw
        If the run has no stations, or neither arrivals nor power.
    """
    stations, axis = frames.table(result, "stations", "station"), frames.period_axis(result)
    panels = [
        (column, label, unit)
        for column, label, unit in (
            ("flow_vph", "arrivals (veh/h)", "veh/h"),
            (_power(stations), "power (MW)", "MW"),
        )
        if frames.known(stations, column)
    ]
    if not panels:
        raise frames.NothingToDraw("the stations of this run have neither arrivals nor power")
    figure = style.canvas(axis, TITLE, [label for _, label, _ in panels], height=190 + 190 * len(panels))
    for row, (column, _, unit) in enumerate(panels, start=1):
        _panel(figure, stations, axis, column, unit, row)
    figure.update_yaxes(rangemode="tozero")
    return figure


def _power(stations: pd.DataFrame) -> str:
    """Return the served power, or the demanded one where no grid answered."""
    return "p_set_mw" if frames.known(stations, "p_set_mw") else "p_demand_mw"


def _panel(
    figure: go.Figure, stations: pd.DataFrame, axis: frames.PeriodAxis, column: str, unit: str, row: int
) -> None:
    """Draw one quantity of all stations."""
    values = frames.matrix(stations, "station", column, axis)
    asked = (
        frames.matrix(stations, "station", "p_demand_mw", axis)
        if column == "p_set_mw" and frames.known(stations, "p_demand_mw")
        else values
    )
    for k, station in enumerate(values.index):
        colour = style.SERIES[k % len(style.SERIES)]
        common = {"legendgroup": str(k), "hovertemplate": f"%{{y:,.3f}} {unit}"}
        name = f"Station {station}"
        figure.add_trace(
            style.curve(axis, values.loc[station], name, colour, showlegend=row == 1, **common), row=row, col=1
        )
        unserved = (asked.loc[station] - values.loc[station]).to_numpy()
        if np.any(unserved > _VISIBLE_MW):
            dotted = style.step(
                axis, asked.loc[station], f"{name}, asked", colour, line={"dash": "dot", "width": 1.4}, **common
            )
            figure.add_trace(dotted, row=row, col=1)
