"""Drivers see the marginal cost of their station's bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from cosim.arrays import Array
from cosim.bounds import check_bounds
from cosim.coupling.price import marked_up
from cosim.coupling.prices.base import Known, Markup, PriceRule


@dataclass(frozen=True, slots=True, kw_only=True)
class NodalPriceSettings:
    """Settings of the grid's prices.

    Attributes
    ----------
    markup
        On the grid's prices: 0.1 = 10 %.
    """

    kind: Literal["nodal"] = "nodal"
    markup: Markup = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, "ev_price")


class NodalPrice(PriceRule):
    """Drivers see the marginal cost of their station's bus."""

    kind = "nodal"
    Settings: ClassVar[type] = NodalPriceSettings
    nodal = True

    def announced(self, known: Known) -> Array | None:
        """Return the given prices of a scenario without a grid."""
        return known.given_per_mwh

    def offered(self, nodal_per_mwh: Array, tariff_per_mwh: Array) -> Array:
        """Return the node's prices with their mark-up."""
        return marked_up(nodal_per_mwh, self.markup)
