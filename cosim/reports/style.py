"""How figures look: colours by kind of device, the period axis, canvas and heat map."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cosim.dispatch.devices import all_kinds
from cosim.dispatch.devices.traits import Traits
from cosim.reports import plot
from cosim.reports.frames import PeriodAxis
from cosim.reports.plot import PLAIN_TEMPLATE, Figure, Trace

if TYPE_CHECKING:
    import pandas as pd

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, MUTED, HAIR = "#1f2933", "#66737f", "#e4e9ee"
ALARM = "#c92a2a"
DEMAND = "#111827"

_LOG_FLOOR = 1e-16
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b6b7c", "#8c6d31")
"""Okabe and Ito's colours, told apart also by colour-blind readers."""

FLOW_SCALE = ["#f5f8fb", "#cfe1f0", "#8fbbdb", "#4a8fc1", "#1c639f", "#0b3c6f"]
VOLTAGE_SCALE = ["#8c2d04", "#d9853b", "#f4d9b8", "#f8f8f6", "#c3dbe9", "#5b9bc4", "#164a7d"]
GAP_SCALE = ["#f4f6f3", "#d5e3cf", "#9fc5a4", "#5b9f86", "#2b7272", "#17435a"]


def escape(text: object) -> str:
    """Return a user's name as literal text: plotly reads a subset of HTML in labels.

    >>> escape("<b>S1</b>")
    '&lt;b&gt;S1&lt;/b&gt;'
    """
    return html.escape(str(text), quote=False)


def kind_colour(traits: Traits, position: int = 0) -> str:
    """Return the colour of a kind of device; one without takes the series' colours by position."""
    return traits.colour or SERIES[position % len(SERIES)]


def colour_of(settings: type) -> str:
    """Return the colour of the kind of device that has these settings."""
    return next(device.colour for device in all_kinds().values() if device.Settings is settings)


def faded(colour: str, opacity: float) -> str:
    """Return a colour with an opacity.

    >>> faded("#102030", 0.5)
    'rgba(16, 32, 48, 0.5)'
    """
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"


def canvas(
    axis: PeriodAxis,
    title: str,
    units: Sequence[str],
    *,
    height: int = 380,
    shares: Sequence[float] | None = None,
) -> Figure:
    """Return an empty figure over the periods with one panel per unit, stacked, sharing the period axis.

    Parameters
    ----------
    units
        Title of each panel's vertical axis, with its unit.
    shares
        Height of each panel relative to the others.
    """
    figure = Figure(tuple(shares or (1.0,) * len(units)), spacing=0.09, shared=True)
    paper(figure, title, height)
    _style_axes(figure, axis, units)
    return figure


def paper(figure: Figure, title: str, height: int) -> None:
    """Set title, font, margins, legend and hover."""
    figure.update_layout(
        title={"text": title, "x": 0, "xref": "paper"},
        height=height,
        template=PLAIN_TEMPLATE,
        font={"family": FONT, "size": 13, "color": INK},
        colorway=list(SERIES),
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"l": 64, "r": 18, "t": 96, "b": 62},
        hovermode="x unified",
        hoverlabel={
            "font": {"family": FONT, "size": 12, "color": INK},
            "bgcolor": "rgba(255,255,255,0.96)",
            "bordercolor": HAIR,
        },
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 12},
            "traceorder": "normal",
        },
        bargap=0.18,
    )


def _style_axes(figure: Figure, axis: PeriodAxis, units: Sequence[str]) -> None:
    """Give every panel the period axis and its unit."""
    positions, texts = axis.ticks
    figure.update_xaxes(
        type="category",
        categoryorder="array",
        categoryarray=axis.labels,
        range=[-0.6, len(axis.labels) - 0.4],
        tickmode="array",
        tickvals=positions,
        ticktext=texts,
        unifiedhovertitle={"text": "<b>%{x}</b>"},
        tickangle=0,
        ticks="outside",
        ticklen=4,
        tickcolor=HAIR,
        tickfont={"size": 11, "color": MUTED},
        showgrid=False,
        linecolor="#b8c2cc",
        zeroline=False,
    )
    figure.update_xaxes(
        title={"text": "period, start (h:min)", "font": {"size": 11, "color": MUTED}, "standoff": 6},
        panel=len(units),
    )
    figure.update_yaxes(
        gridcolor=HAIR, zerolinecolor="#b8c2cc", zerolinewidth=1, tickfont={"size": 11, "color": MUTED}, nticks=7
    )
    for row, unit in enumerate(units, start=1):
        figure.update_yaxes(title={"text": unit, "font": {"size": 12}, "standoff": 8}, panel=row)


def heat_canvas(axis: PeriodAxis, title: str, rows: Sequence[str], unit: str) -> Figure:
    """Return an empty figure for `heat`: ids down, periods across; tall enough to name each row."""
    figure = canvas(axis, title, [unit], height=int(min(max(160 + 17 * len(rows), 260), 900)))
    figure.update_layout(hovermode="closest", margin={"l": 64, "r": 8})
    figure.update_yaxes(
        type="category", autorange="reversed", showgrid=False, zeroline=False, nticks=45, tickfont={"size": 10}
    )
    return figure


def heat(
    axis: PeriodAxis,
    values: pd.DataFrame,
    *,
    row_name: str,
    unit: str,
    scale: Sequence[str],
    **options: Any,  # noqa: ANN401 - plotly's own settings
) -> Trace:
    """Return a heat map of a matrix from `frames.matrix`; missing values stay white.

    Parameters
    ----------
    row_name
        What a row is, for the hover text.
    unit
        Unit of the values, beside the colour bar.
    **options
        More settings of plotly's heat map, for example ``zmin`` or ``customdata``.
    """
    hover = options.pop("hover", "%{z:,.4~g} " + unit)
    bar = {"title": {"text": unit, "font": {"size": 11}}, "thickness": 11, "outlinewidth": 0, "tickfont": {"size": 10}}
    bar |= options.pop("colorbar", {})
    return plot.heatmap(
        axis.labels,
        [escape(name) for name in values.index],
        values.to_numpy(),
        scale,
        colorbar=bar,
        xgap=1,
        ygap=1,
        hoverongaps=False,
        hovertemplate=f"{row_name} %{{y}}<br>%{{x}}<br><b>{hover}</b><extra></extra>",
        **options,
    )


def step(
    axis: PeriodAxis,
    values: Sequence[float] | pd.Series[float],
    name: str,
    colour: str,
    **options: Any,  # noqa: ANN401 - plotly's own settings
) -> Trace:
    """Return a line that holds each value over its period."""
    line = {"color": colour, "width": 2, "shape": "hvh"} | options.pop("line", {})
    return plot.scatter(axis.labels, list(values), name=escape(name), mode="lines", line=line, **options)


def curve(
    axis: PeriodAxis,
    values: Sequence[float] | pd.Series[float],
    name: str,
    colour: str,
    **options: Any,  # noqa: ANN401 - plotly's own settings
) -> Trace:
    """Return a line through the values with a small mark at each."""
    line = {"color": colour, "width": 2} | options.pop("line", {})
    marker = {"size": 4, "color": colour} | options.pop("marker", {})
    return plot.scatter(
        axis.labels, list(values), name=escape(name), mode="lines+markers", line=line, marker=marker, **options
    )


def limit(
    figure: Figure,
    value: float,
    text: str,
    *,
    panel: int = 1,
    colour: str = ALARM,
    above: bool = True,
    log: bool = False,
) -> None:
    """Draw a horizontal limit with its name; on a logarithmic axis plotly wants the name at the power of ten."""
    line = {"color": colour, "width": 1.2, "dash": "dash"}
    figure.add_shape(panel, type="line", x0=0, x1=1, xref="x domain", y0=value, y1=value, line=line)
    figure.add_annotation(
        panel,
        text=text,
        font={"size": 11, "color": colour},
        showarrow=False,
        x=0.004,
        xref="x domain",
        xanchor="left",
        y=math.log10(value) if log else value,
        yanchor="bottom" if above else "top",
    )


def log_curve(axis: PeriodAxis, values: pd.Series[float], name: str, colour: str, unit: str) -> Trace:
    """Return the sizes of values for a logarithmic axis; zero stands at the floor and hovers as itself."""
    shown = values.abs().clip(lower=_LOG_FLOOR)
    hover = f"%{{customdata:.2e}} {unit}"
    return curve(axis, shown, name, colour, customdata=list(values), hovertemplate=hover)


def log_axis(figure: Figure) -> None:
    """Make the vertical axis of the first panel logarithmic, in powers of ten."""
    figure.update_yaxes(type="log", exponentformat="power", dtick=2, zeroline=False, tickfont={"size": 9}, panel=1)
