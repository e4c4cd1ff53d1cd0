"""Tariff and price at the stations."""

from __future__ import annotations

from cosim.reports import frames, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Charging", 3)
TITLE = "Prices"
CAPTION = (
    "Purchase tariff of the substation, nodal price at the stations (marginal cost of one more MWh there), the price "
    "that drivers pay if it enters their choice, and the range of nodal prices over all buses."
)


def draw(result: RunResult) -> Figure:
    """Draw tariff, station prices and the range of nodal prices, per MWh.

    Parameters
    ----------
    result
        A run with a tariff, nodal prices (table ``buses``) or station prices (table ``stations``).

    Raises
    ------
    NothingToDraw
        If the run has no price at all.
    """
    axis = frames.period_axis(result)
    unit = f"{style.escape(frames.currency(result))}/MWh"
    figure = style.canvas(axis, TITLE, [f"price ({unit})"], height=400)
    hover = f"%{{y:,.2f}} {unit}"
    _nodal_range(figure, result, axis, hover)
    periods = result["periods"]
    if frames.known(periods, "tariff_per_mwh"):
        tariff = frames.by_period(periods, "tariff_per_mwh", axis)
        figure.add_trace(style.step(axis, tariff, "Tariff", style.DEMAND, hovertemplate=hover, line={"dash": "dot"}))
    for column, words, dash in (("nodal_price_per_mwh", "nodal", "solid"), ("price_per_mwh", "paid", "dash")):
        if "stations" not in result or not frames.known(result["stations"], column):
            continue
        values = frames.matrix(result["stations"], "station", column, axis)
        for k, station in enumerate(values.index):
            name, colour = f"Station {station}, {words}", style.SERIES[k % len(style.SERIES)]
            line = style.step(axis, values.loc[station], name, colour, line={"dash": dash}, hovertemplate=hover)
            figure.add_trace(line)
    if not figure.data:
        raise frames.NothingToDraw("this run has no prices")
    return figure


def _nodal_range(figure: Figure, result: RunResult, axis: frames.PeriodAxis, hover: str) -> None:
    """Draw the band between the lowest and the highest nodal price."""
    if "buses" not in result or not frames.known(result["buses"], "price_per_mwh"):
        return
    nodal = frames.matrix(result["buses"], "bus", "price_per_mwh", axis)
    edge = {"width": 0.6}
    low = style.step(axis, nodal.min(), "Range over buses", "#b8c2cc", line=edge, hovertemplate=f"{hover} (lowest)")
    high = style.step(axis, nodal.max(), "Range over buses", "#b8c2cc", line=edge, hovertemplate=f"{hover} (highest)")
    figure.add_trace(low | {"showlegend": False})
    figure.add_trace(high | {"fill": "tonexty", "fillcolor": style.faded("#b8c2cc", 0.35)})
