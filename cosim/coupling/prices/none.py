"""Drivers see time only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from cosim.arrays import Array
from cosim.coupling.prices.base import Known, PriceRule


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPriceSettings:
    """Nothing to set."""

    kind: Literal["none"] = "none"


class NoPrice(PriceRule):
    """Drivers see time only."""

    kind = "none"
    Settings: ClassVar[type] = NoPriceSettings
    seen = False

    def announced(self, known: Known) -> Array | None:
        """Return nothing."""
        return None
