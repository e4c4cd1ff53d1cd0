"""Lowest and highest voltage against the limits, in the relaxed dispatch and in the AC power flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosim.reports import frames, plot, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

PLACE = ("Power", 4)
TITLE = "Voltages"
CAPTION = (
    "Range over all buses in the dispatch (relaxed, shaded) and in the AC power flow (lines). "
    "Where the relaxation is exact, the lines lie on the edge of the shade."
)

_RELAXED, _AC = "#8fbbdb", "#0b3c6f"


def draw(result: RunResult) -> Figure:
    """Draw the range of voltages [pu] per period, relaxed and AC, and the limits of the buses.

    Parameters
    ----------
    result
        A run with table ``buses``.

    Raises
    ------
    NothingToDraw
        If the run has no buses or no voltage.
    """
    buses, axis = frames.table(result, "buses", "bus"), frames.period_axis(result)
    figure = style.canvas(axis, TITLE, ["voltage (pu)"], height=420)
    if frames.known(buses, "vm_pu"):
        _band(figure, axis, frames.matrix(buses, "bus", "vm_pu", axis))
    if frames.known(buses, "vm_ac_pu"):
        _lines(figure, axis, frames.matrix(buses, "bus", "vm_ac_pu", axis))
    if not figure.data:
        raise frames.NothingToDraw("the buses of this run have no voltage")
    for column, text, above in (("v_min_pu", "lower limit", False), ("v_max_pu", "upper limit", True)):
        for value in sorted(set(frames.numbers(buses, column).dropna())) if column in buses else ():
            style.limit(figure, value, f"{text} {value:g} pu", above=above)
    figure.update_yaxes(tickformat=".3f")
    return figure


def _extremes(values: pd.DataFrame) -> tuple[tuple[str, pd.Series[float], list[str]], ...]:
    """Return name, value per period, and the bus where it stands, of lowest and highest voltage."""
    low = [_where(values[period], lowest=True) for period in values]
    high = [_where(values[period], lowest=False) for period in values]
    return ("Lowest", values.min(), low), ("Highest", values.max(), high)


def _where(column: pd.Series[float], *, lowest: bool) -> str:
    """Return the id of the extreme bus, escaped; a dash where there is no value."""
    if column.isna().all():
        return "–"
    return style.escape(column.idxmin() if lowest else column.idxmax())


def _band(figure: Figure, axis: frames.PeriodAxis, values: pd.DataFrame) -> None:
    """Shade the range of the relaxed voltages."""
    for k, (name, value, buses) in enumerate(_extremes(values)):
        edge = style.curve(axis, value, "Range, relaxed", _RELAXED, line={"width": 0.8}, marker={"size": 1})
        hover = f"%{{y:.5f}} pu at bus %{{customdata}} ({name.lower()})"
        edge |= {"customdata": buses, "showlegend": k == 1, "hovertemplate": hover}
        if k == 1:
            edge |= {"fill": "tonexty", "fillcolor": style.faded(_RELAXED, 0.35)}
        figure.add_trace(edge)


def _lines(figure: Figure, axis: frames.PeriodAxis, values: pd.DataFrame) -> None:
    """Draw lowest and highest AC voltage."""
    for name, value, buses in _extremes(values):
        line = style.curve(axis, value, f"{name}, AC", _AC, line={"width": 1.6, "dash": "solid"})
        figure.add_trace(line | {"customdata": buses, "hovertemplate": "%{y:.5f} pu at bus %{customdata}"})
    mark = {"color": "#1c639f", "symbol": "diamond", "size": 5}
    plot.merge(figure.data[-1], {"line": {"color": "#1c639f"}, "marker": mark})
