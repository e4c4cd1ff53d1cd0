"""Flow of the busiest road links over the day."""

from __future__ import annotations

from cosim.reports import frames, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Roads", 2)
TITLE = "Busiest links over the day"
CAPTION = "The six links with most vehicles in colour, all others in grey; point at a line for its name and flow."

_COLOURED = 6


def draw(result: RunResult) -> Figure:
    """Draw link flows [veh/h] as lines; the busiest six are coloured and named.

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
    flow = frames.matrix(links, "link", "flow_vph", axis)
    busiest = list(flow.sum(axis=1).sort_values(ascending=False, kind="stable").index[:_COLOURED])
    figure = style.canvas(axis, TITLE, ["flow (veh/h)"], height=420)
    figure.update_layout(hovermode="closest")
    hover = "Link %{fullData.name}<br>%{x}<br><b>%{y:,.1f} veh/h</b><extra></extra>"
    for link in [name for name in flow.index if name not in busiest]:
        grey = style.curve(
            axis, flow.loc[link], link, "#c3ccd5", line={"width": 1.2}, marker={"size": 3}, showlegend=False
        )
        figure.add_trace(grey | {"hovertemplate": hover})
    for link, colour in zip(busiest, style.SERIES, strict=False):
        figure.add_trace(style.curve(axis, flow.loc[link], link, colour, hovertemplate=hover))
    figure.update_yaxes(rangemode="tozero")
    return figure
