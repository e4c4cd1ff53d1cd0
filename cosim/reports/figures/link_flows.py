"""Flow of every road link in every period."""

from __future__ import annotations

from cosim.reports import frames, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Roads", 1)
TITLE = "Link flows"
CAPTION = "Vehicles per hour on every road link in equilibrium. The buttons switch to volume/capacity and travel time."

_VIEWS = {
    "flow_vph": ("Flow", "veh/h", "%{z:,.1f} veh/h"),
    "volume_capacity": ("Volume/capacity", "v/c", "%{z:.1%} of capacity"),
    "travel_time_min": ("Travel time", "min", "%{z:.2f} min"),
}


def draw(result: RunResult) -> Figure:
    """Draw link by period, with buttons for flow [veh/h], volume/capacity and travel time [min].

    Parameters
    ----------
    result
        A run with table ``links``.

    Raises
    ------
    NothingToDraw
        If the run has no links.
    """
    links, axis = frames.table(result, "links", "link", "flow_vph"), frames.period_axis(result)
    views = [column for column in _VIEWS if frames.known(links, column)]
    flow = frames.matrix(links, "link", "flow_vph", axis)
    figure = style.heat_canvas(axis, TITLE, list(flow.index), "link")
    for column in views:
        values = flow if column == "flow_vph" else frames.matrix(links, "link", column, axis)
        _, unit, hover = _VIEWS[column]
        trace = style.heat(axis, values, row_name="Link", unit=unit, scale=style.FLOW_SCALE, zmin=0, hover=hover)
        figure.add_trace(trace | {"visible": column == views[0]})
    if len(views) > 1:
        figure.update_layout(updatemenus=[_buttons(views)])
    return figure


def _buttons(views: list[str]) -> dict[str, object]:
    """Return the row of buttons above the map."""
    buttons = [
        {"label": _VIEWS[view][0], "method": "restyle", "args": [{"visible": [other == view for other in views]}]}
        for view in views
    ]
    place = {"x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
    look = {"bgcolor": "#f4f6f8", "bordercolor": "#d5dce3", "font": {"size": 11}, "pad": {"b": 2, "t": 0}}
    return {"type": "buttons", "direction": "right", "showactive": True, "buttons": buttons, **place, **look}
