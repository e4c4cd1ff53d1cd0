"""Figure 3: bands of the tariff on the equivalent load."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.tariffs.dynamic import DynamicTariffSettings
from cosim.reports import style
from cosim.reports.paper.charts import Chart, Trace, panel
from cosim.reports.paper.claims import Check, PaperFigure, equals
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import Material

PEAK_HOURS = range(18, 23)
"""The hours of high prices that the paper's text names."""
BANDS = 3


def draw(material: Material) -> Chart:
    """Draw the equivalent load [MW] with its mean, and the price [money/MWh] below it."""
    day = material.day
    load, x = day.equivalent_load_mw, day.hours
    price = day.series("tariff_per_mwh")
    bands = [
        Trace(name=f"{name} hours", y=np.where(at, load, np.nan), colour=colour, look="points")
        for name, colour, at in zip(("peak", "flat", "valley"), style.SERIES[1:4], _bands(price), strict=True)
    ]
    above = panel(
        "hour", "equivalent load (MW)", x,
        [
            Trace(name="equivalent load", y=load, colour=style.SERIES[0]),
            *_edges(day),
            *bands,
        ],
    )  # fmt: skip
    below = panel("hour", "price (CNY/MWh)", x, [Trace(name="price", y=price, colour=style.DEMAND, look="step")])
    return Chart(parts=(above, below), height=(1.4, 1.0))


def _edges(day: PaperDay) -> list[Trace]:
    """Return the mean of the equivalent load, and what lies a share sigma of its range above and below."""
    load = day.equivalent_load_mw
    lines = {"mean": 0.0}
    if isinstance(day.tariff, DynamicTariffSettings):
        lines |= {
            "mean + sigma x range": day.tariff.sigma_threshold,
            "mean - sigma x range": -day.tariff.sigma_threshold,
        }
    return [
        Trace(name=name, y=np.full_like(load, load.mean() + share * np.ptp(load)), colour=style.MUTED, dashed=True)
        for name, share in lines.items()
    ]


def _bands(price: Array) -> tuple[Array, Array, Array]:
    """Return where the price is the highest, between, and the lowest."""
    high, low = price == price.max(), price == price.min()
    return high, ~high & ~low, low


def judge(day: PaperDay) -> Sequence[Check]:
    """Return that there are three bands, and that the highest price holds in the hours that the paper names."""
    price = day.series("tariff_per_mwh")
    named = np.isin(day.hours, list(PEAK_HOURS))
    return (
        equals("bands of the price", np.unique(price).size, BANDS, "prices"),
        equals("hours at the peak price other than 18 to 22", float(((price == price.max()) != named).sum()), 0, "h"),
    )


def peak_hours(day: PaperDay) -> float:
    """Return how many hours have the highest price."""
    price = day.series("tariff_per_mwh")
    return float((price == price.max()).sum())


FIGURE = PaperFigure(
    number=3,
    title="Dynamic time-of-use price",
    says="The equivalent load forms peak, flat and valley hours; prices are high from 18 to 22.",
    promised="holds",
    draw=draw,
    judge=judge,
    headline=("hours at the peak price", "h", peak_hours),
    open_points=("tariff", "feeder.load_profile", "devices.pv.available_mw", "devices.wind.available_mw"),
)
