"""Rows of the tables that tell a run or compare runs, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

Value = float | int | str | None

_HUNDRED, _MILLI = 100.0, 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number of the summary.

    Attributes
    ----------
    key
        Name for programs, unique in the summary.
    label, value, unit
        What it is. ``value`` is None where the run has no value.
    period, where
        Where an extreme value stands: period number, and bus, line, link or station.
    note
        What the reader must know, for example periods without a value.
    """

    key: str
    label: str
    value: Value
    unit: str = ""
    period: int | None = None
    where: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """Return the value as text.

        >>> Row(key="a", label="", value=33634.951).text, Row(key="b", label="", value=3e-9).text
        ('33,634.95', '3.00e-09')
        >>> Row(key="c", label="", value=0.988591).text, Row(key="d", label="", value=None).text
        ('0.98859', '–')
        """
        value = self.value
        if value is None:
            return "–"
        if isinstance(value, str | int):
            return value if isinstance(value, str) else f"{value:,}"
        if value == 0.0:
            return "0"
        if abs(value) >= _HUNDRED:
            return f"{value:,.2f}"
        return f"{value:#.5g}" if abs(value) >= _MILLI else f"{value:.2e}"

    @property
    def place(self) -> str:
        """Return where the value stands, and the note, as text.

        >>> Row(key="v", label="", value=1.0, period=20, where="bus 18").place
        'period 20, bus 18'
        """
        parts = [f"period {self.period}" if self.period is not None else "", self.where, self.note]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows that belong together."""

    title: str
    rows: tuple[Row, ...]
