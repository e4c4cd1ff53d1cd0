"""How one number differs from another, for comparisons."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cosim.reports.rows import Row, Value

_HUNDRED = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A number less another one, also in percent of that; None where that is zero."""

    difference: float
    percent: float | None

    @property
    def texts(self) -> tuple[str, str]:
        """Both as text.

        >>> Change(difference=-1.5, percent=-50.0).texts, Change(difference=0.0, percent=None).texts
        (('-1.5000', '-50 %'), ('0', ''))
        """
        sign = "+" if self.difference > 0.0 else ""
        told = Row(key="", label="", value=float(self.difference)).text
        if self.percent is None:
            return f"{sign}{told}", ""
        percent = f"{self.percent:+,.0f}" if abs(self.percent) >= _HUNDRED else f"{self.percent:+.3g}"
        return f"{sign}{told}", f"{percent} %".replace("+0 %", "0 %")


def change(first: Value, other: Value) -> Change | None:
    """Return how a number differs from the first one; None unless both are finite numbers."""
    if isinstance(first, str) or isinstance(other, str) or first is None or other is None:
        return None
    difference = float(other) - float(first)
    if not math.isfinite(difference):
        return None
    return Change(difference=difference, percent=_HUNDRED * difference / abs(first) if first else None)
