"""Figure 11: power and state of charge of the storage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.devices.storage import StorageSettings
from cosim.reports import style
from cosim.reports.paper.charts import Chart, Trace, panel
from cosim.reports.paper.claims import Check, PaperFigure, at_least, at_most
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import Material

LOWEST, HIGHEST = 0.2, 0.8
ROUNDING = 1e-6
AT_PEAK = 0.95
"""Share of the discharged energy that must fall into hours at the peak price."""


def draw(material: Material) -> Chart:
    """Draw discharge (up) and charge (down) [MW], and the state of charge below."""
    day = material.day
    power = Trace(
        name="discharge (+), charge (-)",
        y=day.power_mw(StorageSettings),
        colour=style.colour_of(StorageSettings),
        look="bar",
    )
    charge = Trace(name="state of charge", y=state_of_charge(day), colour=style.SERIES[0])
    return Chart(
        parts=(panel("hour", "power (MW)", day.hours, [power]), panel("hour", "state of charge", day.hours, [charge]))
    )


def state_of_charge(day: PaperDay) -> Array:
    """Return stored energy over capacity at the end of each hour, all storage together, shape ``(T,)``."""
    energy = day.matrix("devices", "device", "energy_mwh")
    batteries = day.settings(StorageSettings)
    stored = np.sum([energy[one.name] for one in batteries], axis=0)
    return np.asarray(stored / sum(one.capacity_mwh for one in batteries))


def judge(day: PaperDay) -> Sequence[Check]:
    """Return that it charges cheap, discharges at the peak price, and keeps its window."""
    power, price = day.power_mw(StorageSettings), day.series("tariff_per_mwh")
    given, taken = np.maximum(power, 0.0), np.maximum(-power, 0.0)
    bought, sold = (float(price @ one / one.sum()) if one.sum() > 0.0 else np.nan for one in (taken, given))
    at_peak = float(given[price == price.max()].sum() / given.sum()) if given.sum() > 0.0 else 0.0
    charge = state_of_charge(day)
    return (
        at_most(f"mean price when charging, against {sold:.5g} when discharging", bought, sold, "CNY/MWh"),
        at_least("share of the discharge at the peak price", at_peak, AT_PEAK),
        at_least("lowest state of charge", float(charge.min()), LOWEST - ROUNDING),
        at_most("highest state of charge", float(charge.max()), HIGHEST + ROUNDING),
    )


def discharged_mwh(day: PaperDay) -> float:
    """Return the energy discharged."""
    return float(np.maximum(day.power_mw(StorageSettings), 0.0).sum()) * day.period_h


FIGURE = PaperFigure(
    number=11,
    title="Storage",
    says="It charges at low and discharges at high prices, between 0.2 and 0.8 of its capacity.",
    promised="holds",
    draw=draw,
    judge=judge,
    headline=("energy discharged", "MWh", discharged_mwh),
    open_points=("devices.ess.capacity_mwh", "devices.ess.p_max_mw", "devices.ess.charge_efficiency", "tariff"),
)
