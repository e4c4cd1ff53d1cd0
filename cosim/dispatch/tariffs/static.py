"""Given prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from cosim.arrays import Array
from cosim.bounds import check_bounds
from cosim.dispatch.tariffs.base import Tariff
from cosim.timeline import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticTariffSettings:
    """Given prices per MWh, one per period (a list, a constant, or a column of a file).

    Attributes
    ----------
    prices_per_mwh
        Price of each period.
    """

    kind: Literal["static"] = "static"
    prices_per_mwh: Series

    def __post_init__(self) -> None:
        check_bounds(self, "tariff")


class StaticTariff(Tariff):
    """Prices that are known in advance."""

    kind = "static"
    Settings: ClassVar[type] = StaticTariffSettings
    series_fields = ("prices_per_mwh",)

    def price_per_mwh(self, equivalent_load_mw: Array) -> Array:
        """Return the given prices."""
        return self.series["prices_per_mwh"]
