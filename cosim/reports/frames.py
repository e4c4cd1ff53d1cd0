"""What figures and summary read from a run: the period axis, checked tables, and settings of the manifest."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.dispatch.devices import traits_of
from cosim.dispatch.devices.traits import Traits, told
from cosim.errors import InputError
from cosim.results.store import RunResult
from cosim.units import MINUTES_PER_HOUR, min_to_h

if TYPE_CHECKING:
    import pandas as pd

_CLOCK = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})")
_WIDEST = 7


class NothingToDraw(InputError):
    """The run has no such part, for example no storage or no road network."""


MOST_DRAWN, DRAWN = 1000, 168
"""Periods that figures show at most, and of a longer run: a page of a year would take a browser down."""


class ReadOnce(RunResult):
    """A run whose tables are read once, for a page that looks at them many times and changes none."""

    def __init__(self, result: RunResult) -> None:
        self.__dict__.update(result.__dict__)
        self._frames: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return one table; errors as of `RunResult`."""
        if name not in self._frames:
            self._frames[name] = super().__getitem__(name)
        return self._frames[name]


class Excerpt(ReadOnce):
    """A long run as figures show it: the periods from one to another; whatever is no table by period stays whole."""

    def __init__(self, result: ReadOnce, first: int, last: int) -> None:
        super().__init__(result)
        self.whole, self.first, self.last = result, first, last

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return the rows of one table within the periods; errors as of `RunResult`."""
        if name not in self._frames:
            frame = self.whole[name]
            if "period" in frame.columns:
                frame = frame[frame["period"].between(self.first, self.last)].reset_index(drop=True)
            self._frames[name] = frame
        return self._frames[name]


def drawn_part(result: ReadOnce) -> tuple[RunResult, str]:
    """Return what figures show of a run, and how that was chosen, in words; all of it up to `MOST_DRAWN` periods.

    Of a longer one these are the `DRAWN` periods around that of the lowest AC voltage, or the first ones.
    """
    if "periods" not in result or len(result["periods"]) <= MOST_DRAWN:
        return result, ""
    columns, why, middle = result["periods"], "the first ones", 1
    numbers = columns["period"]
    if "vmin_ac_pu" in columns and columns["vmin_ac_pu"].notna().any():
        middle = int(numbers.to_numpy()[int(np.nanargmin(columns["vmin_ac_pu"].to_numpy(dtype=float)))])
        why = f"those around period {middle:,}, which has the lowest AC voltage"
    first = max(1, min(middle - DRAWN // 2, int(numbers.max()) - DRAWN + 1))
    told = f"Figures show periods {first:,} to {first + DRAWN - 1:,} of {len(numbers):,}: {why}. Tables hold them all."
    return Excerpt(result, first, first + DRAWN - 1), told


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodAxis:
    """The periods of a run along the horizontal axis.

    Attributes
    ----------
    numbers
        Period numbers, from 1.
    clocks
        Clock span of each, ``07:00-08:00``.
    """

    numbers: tuple[int, ...]
    clocks: tuple[str, ...]

    @property
    def labels(self) -> list[str]:
        """Name of each period, as it appears on hover.

        >>> PeriodAxis(numbers=(8,), clocks=("07:00-08:00",)).labels
        ['Period 8 · 07:00–08:00']
        """
        return [f"Period {n} · {clock.replace('-', '–')}" for n, clock in zip(self.numbers, self.clocks, strict=True)]

    @property
    def ticks(self) -> tuple[list[int], list[str]]:
        """Positions and texts (number over start of the clock span) of at most seven ticks."""
        step = -(-len(self.numbers) // _WIDEST)
        positions = list(range(0, len(self.numbers), step))
        return positions, [f"{self.numbers[k]}<br>{self.clocks[k][:5]}" for k in positions]

    @property
    def period_h(self) -> float:
        """Length of a period, h.

        >>> PeriodAxis(numbers=(1,), clocks=("23:30-24:00",)).period_h
        0.5
        """
        match = _CLOCK.fullmatch(self.clocks[0])
        if match is None:
            raise InputError(f"clock span {self.clocks[0]!r} is not of the form 07:00-08:00")
        start_h, start_min, end_h, end_min = (int(part) for part in match.groups())
        return min_to_h((end_h - start_h) * MINUTES_PER_HOUR + end_min - start_min)


def period_axis(result: RunResult) -> PeriodAxis:
    """Return the committed periods in order."""
    frame = table(result, "periods", "clock").sort_values("period")
    return PeriodAxis(
        numbers=tuple(int(n) for n in frame["period"]), clocks=tuple(str(clock) for clock in frame["clock"])
    )


def table(result: RunResult, name: str, *columns: str) -> pd.DataFrame:
    """Return a table of the run that has these columns and at least one row.

    Raises
    ------
    NothingToDraw
        If the table, a column, or every row is missing.
    """
    if name not in result:
        raise NothingToDraw(f"this run has no table '{name}'")
    frame = result[name]
    if missing := [column for column in columns if column not in frame]:
        raise NothingToDraw(f"table '{name}' of this run has no column {', '.join(missing)}")
    if frame.empty:
        raise NothingToDraw(f"table '{name}' is empty")
    return frame


def kinds(result: RunResult) -> dict[str, Traits]:
    """Return the traits of every kind of device of a run, in the order of stacks and lists."""
    known = traits_of(result.manifest.get("kinds", {}))
    found = dict.fromkeys(str(kind) for kind in result["devices"]["kind"]) if "devices" in result else {}
    listed = {kind: known.get(kind) or told(kind, {}) for kind in found}
    return dict(sorted(listed.items(), key=lambda item: (item[1].rank, item[0])))


def devices(result: RunResult, what: str, of: Callable[[Traits], bool], *columns: str) -> pd.DataFrame:
    """Return the rows of table ``devices`` of the kinds that ``of`` takes.

    Raises
    ------
    NothingToDraw
        If the table, a column, or every row is missing; ``what`` names what the run does not have.
    """
    frame = table(result, "devices", "kind", "device", *columns)
    rows = frame[frame["kind"].isin([kind for kind, traits in kinds(result).items() if of(traits)])]
    if rows.empty:
        raise NothingToDraw(f"this run has no {what}")
    return rows


def matrix(frame: pd.DataFrame, rows: str, values: str, axis: PeriodAxis) -> pd.DataFrame:
    """Return ``values`` as a matrix: one row per id, in natural order, one column per period; gaps are NaN."""
    import pandas as pd

    ids = frame[rows].astype(str)
    long = pd.DataFrame({"row": ids, "period": frame["period"], "value": numbers(frame, values)})
    wide = long.pivot(index="row", columns="period", values="value")
    return wide.reindex(index=sorted(set(ids), key=natural), columns=list(axis.numbers)).astype(float)


def called(frame: pd.DataFrame, rows: str) -> dict[str, str]:
    """Return how texts call each id: with the name that its net has for it, if there is one."""
    ids = frame[rows].astype(str)
    names = frame["name"].astype(str) if "name" in frame else [""] * len(ids)
    return {one: f"{one} '{name}'" if name else one for one, name in zip(ids, names, strict=True)}


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sorting key under which numbers inside names count as numbers.

    >>> sorted(["1-12", "1-5", "10"], key=natural)
    ['1-5', '1-12', '10']
    """
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", name)
    return [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts]


def by_period(frame: pd.DataFrame, values: str, axis: PeriodAxis) -> pd.Series[float]:
    """Return the sum of a column over all ids, per period; a gap anywhere makes the period NaN."""
    groups = numbers(frame, values).groupby(frame["period"])
    total = groups.sum().where(groups.count() == groups.size())
    return total.reindex(list(axis.numbers))


def numbers(frame: pd.DataFrame, column: str) -> pd.Series[float]:
    """Return a column as floats; what the run did not have is NaN."""
    import pandas as pd

    return pd.to_numeric(frame[column]).astype(float)


def known(frame: pd.DataFrame, column: str) -> bool:
    """Whether a column is there with at least one number."""
    return column in frame and bool(numbers(frame, column).notna().any())


def setting(result: RunResult, *path: str) -> Any:  # noqa: ANN401 - whatever the scenario holds
    """Return a value of the resolved scenario in the manifest (``manifest["resolved"]``), or None."""
    value: Any = result.manifest.get("resolved")
    for key in path:
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def currency(result: RunResult) -> str:
    """Return the currency of the run, ``money`` if the manifest does not tell."""
    return str(result.manifest.get("currency") or setting(result, "currency") or "money")


def title(result: RunResult) -> str:
    """Return the scenario's title, or the folder's name."""
    return str(result.manifest.get("title") or setting(result, "title") or result.folder.name)


def listed_periods(periods: Sequence[int], most: int = 12) -> str:
    """Return period numbers as text.

    >>> listed_periods([3, 7]), listed_periods(range(1, 5), most=2)
    ('periods 3, 7', 'periods 1, 2 and 2 more')
    >>> listed_periods([4])
    'period 4'
    """
    shown = ", ".join(str(period) for period in list(periods)[:most])
    more = f" and {len(periods) - most} more" if len(periods) > most else ""
    return f"period{'s' if len(periods) > 1 else ''} {shown}{more}"
