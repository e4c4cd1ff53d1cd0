"""Rules of the price that drivers see: one file each, found by name; a user's own by entry points ``cosim.prices``."""

from __future__ import annotations

from cosim.coupling.prices.base import PriceRule
from cosim.plugins import Catalogue

PRICES: Catalogue[PriceRule] = Catalogue("cosim.coupling.prices", "cosim.prices", PriceRule)  # type: ignore[type-abstract]
"""Every rule by its ``kind`` in scenarios."""
