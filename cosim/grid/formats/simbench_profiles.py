"""SimBench's yearly profiles by their own names: quarter hours of a day, by the clock.

Their ``time`` is the clock on the wall in Central Europe, summer time included, without a word of it: the day on which
the clocks go forward has 92 rows, the one on which they go back 100. A day is therefore looked up by its time and not
by counting rows; a span over a change of the clocks, with which the day of a scenario would part from it, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.tables import did_you_mean

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

QUARTER_MIN = 15
_TIME = "time"
_STAMP = "%d.%m.%Y %H:%M"
_FAMILIES = ("load", "renewables", "powerplants")
"""Tables of profiles that are read; those of storages only feed in, so that no energy balance could hold."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profiles:
    """The profiles of a net, as shares of an element's own power.

    Attributes
    ----------
    columns
        A value each quarter hour of the year, by name.
    stamps
        Time of each on the wall, as the file spells it.
    """

    columns: Mapping[str, Any]
    stamps: tuple[str, ...]

    def between(self, first_day: str, periods: int, period_min: int) -> dict[str, Array]:
        """Return the mean of each profile in each period from the midnight of a day on, shape (T,).

        Raises
        ------
        InputError
            If the periods are no whole quarter hours, the day is not in the year, or the clocks are changed on the way.
        """
        if period_min % QUARTER_MIN:
            reason = f"the profiles have a value each {QUARTER_MIN} min, and a period is {period_min} min"
            raise InputError(Problem(field="first_day", reason=reason, remedy=f"use a multiple of {QUARTER_MIN}"))
        a_period = period_min // QUARTER_MIN
        start = self._start(first_day)
        rows = slice(start, start + periods * a_period)
        self._check_clock(first_day, rows)
        return {
            name: np.asarray(values[rows], dtype=np.float64).reshape(periods, a_period).mean(axis=1)
            for name, values in self.columns.items()
        }

    def _start(self, first_day: str) -> int:
        """Return the row of the midnight with which a day begins."""
        try:
            stamp = datetime.strptime(first_day, "%Y-%m-%d").strftime(_STAMP)
            return self.stamps.index(stamp)
        except ValueError:
            last = datetime.strptime(self.stamps[-1], _STAMP).date()
            first = datetime.strptime(self.stamps[0], _STAMP).date()
            reason = f"{first_day!r} is no day of the profiles"
            raise InputError(Problem(field="first_day", reason=reason, remedy=f"{first} to {last}")) from None

    def _check_clock(self, first_day: str, rows: slice) -> None:
        """Refuse a span that ends after the profiles do, or in which the clocks are changed."""
        found = self.stamps[rows]
        if len(found) < rows.stop - rows.start:
            reason = (
                f"the profiles end {(rows.stop - rows.start - len(found)) * QUARTER_MIN} min before the last period"
            )
            raise InputError(Problem(field="first_day", reason=reason, remedy="begin earlier"))
        start = datetime.strptime(first_day, "%Y-%m-%d")
        for row, stamp in enumerate(found):
            due = (start + row * timedelta(minutes=QUARTER_MIN)).strftime(_STAMP)
            if stamp != due:
                count = sum(one.startswith(due[:10]) for one in self.stamps)
                reason = f"the clocks are changed before {stamp}: that day has {count} quarter hours, not 96"
                raise InputError(Problem(field="first_day", reason=reason, remedy="choose days without the change"))

    def named(self, name: str, suffix: str = "") -> str:
        """Return the column of an element's profile.

        Raises
        ------
        InputError
            If there is none.
        """
        if name + suffix in self.columns:
            return name + suffix
        reason = f"there is no profile {name + suffix!r}"
        raise InputError(Problem(field="profile", reason=reason, remedy=did_you_mean(name, list(self.columns))))


def profiles_of(net: pandapowerNet) -> Profiles | None:
    """Return the profiles that a SimBench net brings along; None of a net without any."""
    tables = net.get("profiles")
    if not isinstance(tables, dict) or "load" not in tables:
        return None
    columns = {
        str(name): tables[family][name].to_numpy()
        for family in _FAMILIES
        for name in (tables[family].columns if family in tables else ())
        if name != _TIME
    }
    return Profiles(columns=columns, stamps=tuple(tables["load"][_TIME]))
