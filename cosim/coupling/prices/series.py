"""Drivers see the prices of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import MinLen

from cosim.arrays import Array
from cosim.coupling.prices.base import Known, PriceRule


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPriceSettings:
    """Settings of given prices.

    Attributes
    ----------
    file
        CSV file: ``period`` and one column per station, money/MWh.
    """

    kind: Literal["series"] = "series"
    file: Annotated[str, MinLen(1)]


class SeriesPrice(PriceRule):
    """Drivers see the prices of a file."""

    kind = "series"
    Settings: ClassVar[type] = SeriesPriceSettings
    files = ("file",)

    def announced(self, known: Known) -> Array | None:
        """Return the prices of the file."""
        return known.files["file"]
