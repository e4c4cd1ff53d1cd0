"""Scatter plots of what a model says over what was measured, panel beside panel, with the line of equality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cosim.reports import plot, style
from cosim.reports.plot import Figure

if TYPE_CHECKING:
    import pandas as pd

MODELS = {"SUE": ("SUE", "#0072b2", "circle"), "null": ("Null model (free-flow logit)", "#d55e00", "x")}
"""Name, colour and mark of each model."""


def panels(title: str, units: Sequence[tuple[str, str]], *, height: int = 400) -> Figure:
    """Return an empty figure with one square panel per pair of axis titles (across, up)."""
    figure = Figure((1.0,) * len(units), spacing=0.12, beside=True)
    style.paper(figure, title, height)
    figure.update_layout(hovermode="closest")
    axis = {"gridcolor": style.HAIR, "zeroline": False, "tickfont": {"size": 11, "color": style.MUTED}}
    for column, (across, up) in enumerate(units, start=1):
        figure.update_xaxes(title={"text": across, "font": {"size": 12}}, panel=column, **axis)
        figure.update_yaxes(title={"text": up, "font": {"size": 12}, "standoff": 8}, panel=column, **axis)
    return figure


def points(
    figure: Figure, column: int, across: pd.Series[float], up: pd.Series[float], names: Sequence[str], model: str
) -> None:
    """Add a model's points to a panel; each is named on hover."""
    label, colour, mark = MODELS[model]
    figure.add_trace(
        plot.scatter(
            x=list(across), y=list(up), mode="markers", name=label, legendgroup=model, showlegend=column == 1,
            marker={"color": style.faded(colour, 0.75), "size": 7, "symbol": mark},
            text=[style.escape(name) for name in names],
            hovertemplate="%{text}<br>across %{x:.4g}<br>up %{y:.4g}<extra></extra>",
        ),
        panel=column,
    )  # fmt: skip


def equality(figure: Figure, column: int, *values: pd.Series[float]) -> None:
    """Draw the line on which both axes are equal, over the range of some values."""
    low = min(float(one.min()) for one in values)
    high = max(float(one.max()) for one in values)
    line = {"color": style.MUTED, "width": 1.2, "dash": "dash"}
    figure.add_trace(
        plot.scatter(x=[low, high], y=[low, high], mode="lines", line=line, name="equal", hoverinfo="skip",
                   legendgroup="equal", showlegend=column == 1),
        panel=column,
    )  # fmt: skip
