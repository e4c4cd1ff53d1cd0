"""Charts by plotly, for the page."""

from __future__ import annotations

import numpy as np

from cosim.plain import Document, Json
from cosim.reports import plot, style
from cosim.reports.paper.charts import Chart, Diagram, Heat, Panel, Trace
from cosim.reports.plot import Figure

PIXELS = {Panel: 300, Heat: 420, Diagram: 620}
"""Height of a part whose relative height is one."""


def to_figure(chart: Chart, title: str) -> Figure:
    """Return the plotly figure of a chart: its parts below one another."""
    shares = chart.heights
    figure = Figure(tuple(shares), spacing=0.12)
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


def _panel(figure: Figure, part: Panel, row: int, seen: set[str]) -> None:
    """Add the series of a panel; those of a name that was there before share its entry in the legend."""
    for trace in part.traces:
        legend = {"legendgroup": trace.name, "showlegend": trace.name not in seen}
        seen.add(trace.name)
        figure.add_trace(_trace(trace, part) | legend, row)
    if any(trace.look == "bar" for trace in part.traces):
        figure.update_layout(barmode="relative")
    axis: dict[str, Json] = {"title": {"text": part.y_label}, "gridcolor": style.HAIR, "zerolinecolor": "#b8c2cc"}
    if part.log:
        axis |= {"type": "log", "exponentformat": "power"}
    figure.update_yaxes(row, **axis)
    figure.update_xaxes(row, showgrid=False, zeroline=False, **_x_axis(part))


def _x_axis(part: Panel | Heat) -> Document:
    """Return title and range: parts of a chart over the same positions stand exactly below one another."""
    half = 0.5 * float(np.diff(part.x).min(initial=1.0))
    return {"title": {"text": part.x_label}, "range": [float(part.x[0]) - half, float(part.x[-1]) + half]}


def _trace(trace: Trace, part: Panel) -> plot.Trace:

    hover = "%{y:.4g}"
    if trace.look == "bar":
        return plot.bar(part.x, trace.y, name=trace.name, marker={"color": trace.colour}, hovertemplate=hover)
    line = {"color": trace.colour, "width": 2, "dash": "dash" if trace.dashed else "solid"}
    if trace.look == "step":
        line["shape"] = "hvh"
    return plot.scatter(
        part.x, trace.y, name=trace.name, line=line, marker={"color": trace.colour, "size": 7},
        mode="markers" if trace.look == "points" else "lines", hovertemplate=hover,
    )  # fmt: skip


def _heat(figure: Figure, part: Heat, row: int) -> None:

    z = np.log10(np.maximum(part.z, part.floor)) if part.log else part.z
    label = f"log10 {part.z_label}" if part.log else part.z_label
    figure.add_trace(
        plot.heatmap(
            part.x, part.rows, z, style.GAP_SCALE if part.log else style.FLOW_SCALE, customdata=part.z,
            colorbar={"title": {"text": label}, "thickness": 11, "outlinewidth": 0},
            hovertemplate=f"{part.y_label} %{{y}}, {part.x_label} %{{x}}<br>%{{customdata:.3g}}<extra></extra>",
        ),
        row,
    )  # fmt: skip
    figure.update_yaxes(row, type="category", autorange="reversed", title={"text": part.y_label}, tickfont={"size": 9})
    figure.update_xaxes(row, **_x_axis(part))
    figure.update_layout(hovermode="closest")


def _diagram(figure: Figure, part: Diagram, row: int) -> None:

    for edge in part.edges:
        (x0, y0), (x1, y1) = part.place(edge.start), part.place(edge.end)
        line = {"color": edge.colour, "width": 1.4, "dash": "dash" if edge.dashed else "solid"}
        figure.add_trace(
            plot.scatter([x0, x1], [y0, y1], mode="lines", line=line, showlegend=False, hoverinfo="skip"), row
        )
        if edge.arrow:
            _arrow(figure, edge.colour, (x0, y0), (x1, y1), row)
        if edge.label:
            at = {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2 + (-0.12 if edge.dashed else 0.1)}
            text = style.escape(edge.label).replace(", ", "<br>")
            figure.add_annotation(
                row, text=text, font={"size": 10, "color": edge.colour}, showarrow=False,
                bgcolor="rgba(255,255,255,0.85)", **at,
            )  # fmt: skip
    for node in part.nodes:
        text = "<br>".join(style.escape(line) for line in node.label.split("<br>"))
        figure.add_annotation(
            row, x=node.x, y=node.y, text=text, showarrow=False, font={"size": 11, "color": "white"},
            bgcolor=node.colour, borderpad=5 if node.square else 7,
        )  # fmt: skip
    figure.update_xaxes(row, visible=False)
    figure.update_yaxes(row, visible=False)
    figure.update_layout(hovermode=False)


def _arrow(figure: Figure, colour: str, start: tuple[float, float], end: tuple[float, float], row: int) -> None:
    """Mark the direction of an edge in its second half, clear of the node that it ends at."""
    (x0, y0), (x1, y1) = start, end
    figure.add_annotation(
        row, x=x0 + 0.62 * (x1 - x0), y=y0 + 0.62 * (y1 - y0), ax=x0 + 0.5 * (x1 - x0), ay=y0 + 0.5 * (y1 - y0),
        axref="x", ayref="y", showarrow=True, arrowhead=2, arrowsize=1.3, arrowcolor=colour, text="",
    )  # fmt: skip
