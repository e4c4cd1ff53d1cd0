"""Drivers see the purchase tariff, the same at every station."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from cosim.arrays import Array
from cosim.bounds import check_bounds
from cosim.coupling.price import marked_up
from cosim.coupling.prices.base import Known, Markup, PriceRule


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffPriceSettings:
    """Settings of the tariff as a price.

    Attributes
    ----------
    markup
        On the tariff: 0.1 = 10 %.
    """

    kind: Literal["tariff"] = "tariff"
    markup: Markup = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, "ev_price")


class TariffPrice(PriceRule):
    """Drivers see the purchase tariff, the same at every station."""

    kind = "tariff"
    Settings: ClassVar[type] = TariffPriceSettings
    needs_grid = True

    def announced(self, known: Known) -> Array | None:
        """Return the tariff with its mark-up at every station."""
        if known.tariff_per_mwh is None:
            return None
        return np.repeat(marked_up(known.tariff_per_mwh, self.markup)[None, :], known.shape[0], axis=0)
