"""Charts by plotly, for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.plain import Document, Json
from cosim.reports import style
from cosim.reports.paper.charts import Chart, Diagram, Heat, Panel, Trace

if TYPE_CHECKING:
    import plotly.graph_objects as go

PIXELS = {Panel: 300, Heat: 420, Diagram: 620}
"""Height of a part whose relative height is one."""


def to_figure(chart: Chart, title: str) -> go.Figure:
    """Return the plotly figure of a chart: its parts below one another."""
    from plotly.subplots import make_subplots

    shares = chart.heights
    figure = make_subplots(rows=len(chart.parts), cols=1, row_heights=list(shares), vertical_spacing=0.12)
    tallest = max(PIXELS[type(part)] / share for part, share in zip(chart.parts, shares, strict=True))
    style.paper(figure, title, int(tallest * sum(shares)) + 120)
    seen: set[str] = set()
    for row, part in enumerate(chart.parts, start=1):
        if isinstance(part, Panel):
            _panel(figure, part, row, seen)
        elif isinstance(part, Heat):
            _heat(figure, part, row)
        else:
            _diagram(figure, part, row)
    return figure


def _panel(figure: go.Figure, part: Panel, row: int, seen: set[str]) -> None:
    """Add the series of a panel; those of a name that was there before share its entry in the legend."""
    for trace in part.traces:
        drawn = _trace(trace, part)
        drawn.update(legendgroup=trace.name, showlegend=trace.name not in seen)
        seen.add(trace.name)
        figure.add_trace(drawn, row=row, col=1)
    if any(trace.look == "bar" for trace in part.traces):
        figure.update_layout(barmode="relative")
    axis: dict[str, Json] = {"title": {"text": part.y_label}, "gridcolor": style.HAIR, "zerolinecolor": "#b8c2cc"}
    if part.log:
        axis |= {"type": "log", "exponentformat": "power"}
    figure.update_yaxes(axis, row=row, col=1)
    figure.update_xaxes({"showgrid": False, "zeroline": False, **_x_axis(part)}, row=row, col=1)


def _x_axis(part: Panel | Heat) -> Document:
    """Return title and range: parts of a chart over the same positions stand exactly below one another."""
    half = 0.5 * float(np.diff(part.x).min(initial=1.0))
    return {"title": {"text": part.x_label}, "range": [float(part.x[0]) - half, float(part.x[-1]) + half]}


def _trace(trace: Trace, part: Panel) -> go.Bar | go.Scatter:
    import plotly.graph_objects as go

    hover = "%{y:.4g}"
    if trace.look == "bar":
        return go.Bar(x=part.x, y=trace.y, name=trace.name, marker={"color": trace.colour}, hovertemplate=hover)
    line = {"color": trace.colour, "width": 2, "dash": "dash" if trace.dashed else "solid"}
    if trace.look == "step":
        line["shape"] = "hvh"
    return go.Scatter(
        x=part.x, y=trace.y, name=trace.name, line=line, marker={"color": trace.colour, "size": 7},
        mode="markers" if trace.look == "points" else "lines", hovertemplate=hover,
    )  # fmt: skip


def _heat(figure: go.Figure, part: Heat, row: int) -> None:
    import plotly.graph_objects as go

    z = np.log10(np.maximum(part.z, part.floor)) if part.log else part.z
    label = f"log10 {part.z_label}" if part.log else part.z_label
    figure.add_trace(
        go.Heatmap(
            x=part.x, y=list(part.rows), z=z, customdata=part.z,
            colorscale=list(style.GAP_SCALE if part.log else style.FLOW_SCALE),
            colorbar={"title": {"text": label}, "thickness": 11, "outlinewidth": 0},
            hovertemplate=f"{part.y_label} %{{y}}, {part.x_label} %{{x}}<br>%{{customdata:.3g}}<extra></extra>",
        ),
        row=row, col=1,
    )  # fmt: skip
    figure.update_yaxes(
        {"type": "category", "autorange": "reversed", "title": {"text": part.y_label}, "tickfont": {"size": 9}},
        row=row, col=1,
    )  # fmt: skip
    figure.update_xaxes(_x_axis(part), row=row, col=1)
    figure.update_layout(hovermode="closest")


def _diagram(figure: go.Figure, part: Diagram, row: int) -> None:
    import plotly.graph_objects as go

    for edge in part.edges:
        (x0, y0), (x1, y1) = part.place(edge.start), part.place(edge.end)
        line = {"color": edge.colour, "width": 1.4, "dash": "dash" if edge.dashed else "solid"}
        figure.add_trace(
            go.Scatter(x=[x0, x1], y=[y0, y1], mode="lines", line=line, showlegend=False, hoverinfo="skip"),
            row=row, col=1,
        )  # fmt: skip
        if edge.arrow:
            _arrow(figure, edge.colour, (x0, y0), (x1, y1), row)
        if edge.label:
            at = {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2 + (-0.12 if edge.dashed else 0.1)}
            text = style.escape(edge.label).replace(", ", "<br>")
            figure.add_annotation(
                text=text, font={"size": 10, "color": edge.colour}, showarrow=False, bgcolor="rgba(255,255,255,0.85)",
                row=row, col=1, **at,
            )  # fmt: skip
    for node in part.nodes:
        text = "<br>".join(style.escape(line) for line in node.label.split("<br>"))
        figure.add_annotation(
            x=node.x, y=node.y, text=text, showarrow=False, font={"size": 11, "color": "white"}, bgcolor=node.colour,
            borderpad=5 if node.square else 7, row=row, col=1,
        )  # fmt: skip
    for axis in ("xaxis", "yaxis"):
        figure.update_layout({f"{axis}{row if row > 1 else ''}": {"visible": False}})
    figure.update_layout(hovermode=False)


def _arrow(figure: go.Figure, colour: str, start: tuple[float, float], end: tuple[float, float], row: int) -> None:
    """Mark the direction of an edge in its second half, clear of the node that it ends at."""
    (x0, y0), (x1, y1) = start, end
    figure.add_annotation(
        x=x0 + 0.62 * (x1 - x0), y=y0 + 0.62 * (y1 - y0), ax=x0 + 0.5 * (x1 - x0), ay=y0 + 0.5 * (y1 - y0),
        axref="x", ayref="y", showarrow=True, arrowhead=2, arrowsize=1.3, arrowcolor=colour, text="", row=row, col=1,
    )  # fmt: skip
