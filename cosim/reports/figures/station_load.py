"""Arrivals and charging power of every station."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.reports import frames, plot, style
from cosim.reports.plot import Figure, Trace
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

PLACE = ("Charging", 1)
TITLE = "Charging stations"
CAPTION = (
    "Electric vehicles that arrive per hour (top) and charging power (bottom). "
    "A dotted line shows power that was asked for but not served."
)

_VISIBLE_MW = 1e-6


def draw(result: RunResult) -> Figure:
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
    served, asked = _power(stations, axis)
    arrivals = frames.matrix(stations, "station", "flow_vph", axis) if frames.known(stations, "flow_vph") else None
    panels = [
        (values, label, unit)
        for values, label, unit in ((arrivals, "arrivals (veh/h)", "veh/h"), (served, "power (MW)", "MW"))
        if values is not None
    ]
    if not panels:
        raise frames.NothingToDraw("the stations of this run have neither arrivals nor power")
    figure = style.canvas(axis, TITLE, [label for _, label, _ in panels], height=190 + 190 * len(panels))
    for row, (values, _, unit) in enumerate(panels, start=1):
        for k, station in enumerate(values.index):
            line = _line(axis, values.loc[station], f"Station {station}", k, unit)
            figure.add_trace(line | {"showlegend": row == 1}, panel=row)
    if served is not None and asked is not None:
        _unserved(figure, axis, served, asked, row=len(panels))
    figure.update_yaxes(rangemode="tozero")
    return figure


def _power(stations: pd.DataFrame, axis: frames.PeriodAxis) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Return served and demanded power [MW]; without a grid all demand counts as served."""
    asked = frames.matrix(stations, "station", "p_demand_mw", axis) if frames.known(stations, "p_demand_mw") else None
    if frames.known(stations, "energy_mwh"):
        return frames.matrix(stations, "station", "energy_mwh", axis) / axis.period_h, asked
    return asked, None


def _line(axis: frames.PeriodAxis, values: pd.Series[float], name: str, k: int, unit: str) -> Trace:
    """Return the line of one station; both panels share its colour and its place in the legend."""
    colour = style.SERIES[k % len(style.SERIES)]
    return style.curve(axis, values, name, colour, legendgroup=str(k), hovertemplate=f"%{{y:,.3f}} {unit}")


def _unserved(figure: Figure, axis: frames.PeriodAxis, served: pd.DataFrame, asked: pd.DataFrame, row: int) -> None:
    """Add the demanded power of stations that were not served in full."""
    for k, station in enumerate(served.index):
        if np.any((asked.loc[station] - served.loc[station]).to_numpy() > _VISIBLE_MW):
            line = _line(axis, asked.loc[station], f"Station {station}, asked", k, "MW")
            plot.merge(line, {"line": {"dash": "dot", "width": 1.4}})
            figure.add_trace(line, panel=row)
