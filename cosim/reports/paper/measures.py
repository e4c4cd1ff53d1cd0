"""What the days of the reproduction come to, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cosim.reports.paper.balance import import_mwh, import_peak_mw, loss_mwh, paid, peak_valley_mw, unserved_mwh
from cosim.reports.paper.day import PaperDay


def lowest_voltage_pu(day: PaperDay) -> float:
    """Return the lowest AC voltage."""
    return float(day.series("vmin_ac_pu").min())


def hours_below(day: PaperDay) -> float:
    """Return in how many hours some bus is below its lower limit (by more than the gate's 1e-4 pu)."""
    low = float(day.dispatch.feeder.v_min_pu.min())
    return float((day.series("vmin_ac_pu") < low - 1e-4).sum()) * day.period_h


MEASURES: Mapping[str, tuple[str, Callable[[PaperDay], float]]] = MappingProxyType(
    {
        "Peak-valley difference of the import": ("MW", peak_valley_mw),
        "Peak of the import": ("MW", import_peak_mw),
        "Energy bought": ("MWh", import_mwh),
        "Losses": ("MWh", loss_mwh),
        "Paid": ("CNY", paid),
        "Lowest AC voltage": ("pu", lowest_voltage_pu),
        "Hours below the lower voltage limit": ("h", hours_below),
        "Not served": ("MWh", unserved_mwh),
    }
)
"""Name, unit, and the function of a day."""


LARGE = 1e4


def shown(value: float) -> str:
    """Return a value with five digits, or whole where it is large.

    >>> shown(70.7461234), shown(40408.76)
    ('70.746', '40,409')
    """
    return f"{value:,.0f}" if abs(value) >= LARGE else f"{value:,.5g}"
