"""Price bands of the tariff on the equivalent load (Eq 22)."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from cosim.reports import frames, style
from cosim.reports.figures.power_balance import demand_mw
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

PLACE = ("Charging", 2)
TITLE = "Tariff bands on the equivalent load"
CAPTION = (
    "Base load plus charging demand less the photovoltaic and wind forecast, its mean, and the purchase tariff "
    "that follows from it (shaded by price)."
)

_BANDS = ("#e3f1ea", "#fdf6e3", "#fbe3de")
_MOST_PRICES = 24
"""Prices for which there is room beside each other."""


def equivalent_load_mw(result: RunResult, axis: frames.PeriodAxis) -> pd.Series[float]:
    """Return base load + charging demand - available photovoltaic and wind power per period, MW."""
    devices = frames.table(result, "devices", "kind", "available_mw")
    offering = [kind for kind, traits in frames.kinds(result).items() if traits.offers]
    renewable = devices[devices["kind"].isin(offering)]
    demand = demand_mw(result, axis)
    return demand if renewable.empty else demand - frames.by_period(renewable, "available_mw", axis)


def draw(result: RunResult) -> Figure:
    """Draw the equivalent load [MW], its mean, thresholds where the scenario gives them, and the price bands.

    Parameters
    ----------
    result
        A run with tables ``periods`` (tariff), ``buses`` and ``devices``.

    Raises
    ------
    NothingToDraw
        If the run has no grid or no tariff.
    """
    axis = frames.period_axis(result)
    periods = frames.table(result, "periods", "tariff_per_mwh")
    tariff = frames.by_period(periods, "tariff_per_mwh", axis)
    if tariff.isna().all():
        raise frames.NothingToDraw("this run has no tariff")
    load = equivalent_load_mw(result, axis)
    figure = style.canvas(axis, TITLE, ["equivalent load (MW)"], height=400)
    figure.update_layout(showlegend=True)
    figure.add_trace(style.curve(axis, load, "Equivalent load", style.DEMAND, hovertemplate="%{y:.3f} MW"))
    _shade(figure, tariff, frames.currency(result))
    low, high = float(load.min()), float(load.max())
    if np.isfinite(low):
        figure.update_yaxes(range=[low - 0.1 * (high - low), high + 0.25 * (high - low)])
    _thresholds(figure, load, frames.setting(result, "tariff", "sigma_threshold"))
    return figure


def _shade(figure: Figure, tariff: pd.Series[float], money: str) -> None:
    """Shade runs of equal price and print the price above each that has room; of a price that never rests, the ends."""
    levels = sorted(set(tariff.dropna().round(6)))
    runs = [(float(price), len(list(run))) for price, run in groupby(tariff.round(6))]
    roomy = [length for price, length in runs if price in levels and _MOST_PRICES * length >= len(tariff)]
    start = 0
    for price, length in runs:
        if price in levels:
            place = levels.index(price) / max(len(levels) - 1, 1) if len(levels) > 1 else 0.5
            colour = _BANDS[round(place * (len(_BANDS) - 1))]
            figure.add_shape(
                type="rect", x0=start - 0.5, x1=start + length - 0.5, y0=0, y1=1, yref="y domain", fillcolor=colour,
                line={"width": 0}, layer="below",
            )  # fmt: skip
            if length in roomy or (not roomy and price in (levels[0], levels[-1])):
                wide = not roomy or 0.5 * _MOST_PRICES * length > len(tariff)
                figure.add_annotation(
                    x=start + length / 2 - 0.5, y=1.0, yref="paper", yanchor="top", showarrow=False,
                    text=f"<b>{price:,.0f}</b>" + (f"<br>{style.escape(money)}/MWh" if wide else ""),
                    font={"size": 11, "color": style.MUTED},
                )  # fmt: skip
        start += length


def _thresholds(figure: Figure, load: pd.Series[float], sigma: object) -> None:
    """Draw the mean and, for the dynamic tariff, the two thresholds around it."""
    mean, spread = float(load.mean()), float(load.max() - load.min())
    if not np.isfinite(mean):
        return
    style.limit(figure, mean, f"mean {mean:.2f} MW", colour=style.MUTED)
    if isinstance(sigma, int | float):
        style.limit(figure, mean + sigma * spread, f"peak from {mean + sigma * spread:.2f} MW", colour="#b4532a")
        style.limit(figure, mean - sigma * spread, f"valley to {mean - sigma * spread:.2f} MW", colour="#2b7a5b")
