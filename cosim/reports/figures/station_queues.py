"""Waits at every station, and the vehicles that are left for the next period."""

from __future__ import annotations

import numpy as np

from cosim.reports import frames, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Charging", 1.5)
TITLE = "Waits and queues at the stations"
CAPTION = (
    "Time in the station beyond access and service, by the station's law; where more come than the chargers can serve, "
    "also the vehicles that are left at the end of the period."
)

_VISIBLE_VEH = 1e-6


def draw(result: RunResult) -> Figure:
    """Draw waits [min], and where there are any the vehicles left [veh], per station.

    Parameters
    ----------
    result
        A run with table ``stations``.

    Raises
    ------
    NothingToDraw
        If the run has no stations, or none has a wait.
    """
    stations, axis = frames.table(result, "stations", "station"), frames.period_axis(result)
    if not frames.known(stations, "wait_min"):
        raise frames.NothingToDraw("this run has no waits at stations")
    panels = [(frames.matrix(stations, "station", "wait_min", axis), "wait (min)", "min")]
    if frames.known(stations, "backlog_veh"):
        left = frames.matrix(stations, "station", "backlog_veh", axis)
        if np.any(left.to_numpy() > _VISIBLE_VEH):
            panels.append((left, "left (veh)", "veh"))
    figure = style.canvas(axis, TITLE, [label for _, label, _ in panels], height=190 + 190 * len(panels))
    for row, (values, _, unit) in enumerate(panels, start=1):
        for k, station in enumerate(values.index):
            colour = style.SERIES[k % len(style.SERIES)]
            name, hover = f"Station {station}", f"%{{y:,.3g}} {unit}"
            line = style.curve(axis, values.loc[station], name, colour, legendgroup=str(k), hovertemplate=hover)
            figure.add_trace(line | {"showlegend": row == 1}, panel=row)
    figure.update_layout(showlegend=True)
    figure.update_yaxes(rangemode="tozero")
    return figure
