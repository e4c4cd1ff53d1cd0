"""The single time axis: periods of equal length from midnight, and their clock.

Positions count from 0; users see period numbers from 1 (period 1 = 00:00-01:00).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cosim.errors import InputError
from cosim.units import MINUTES_PER_HOUR, SECONDS_PER_MINUTE, min_to_h

MINUTES_PER_DAY = 1440
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A row of ``periods`` periods of ``period_min`` minutes each, of elapsed time.

    Attributes
    ----------
    periods, period_min
        How many, and how long each is.
    start
        Midnight with which they begin, in its zone; None: any day without a date.

    Raises
    ------
    InputError
        If there is no period, or the period does not divide a day.
    """

    periods: int = 24
    period_min: int = 60
    start: datetime | None = None

    def __post_init__(self) -> None:
        if self.periods < 1:
            raise InputError(f"periods: {self.periods} must be >= 1")
        if self.period_min < 1 or MINUTES_PER_DAY % self.period_min:
            raise InputError(f"period_min: {self.period_min} does not divide a day of {MINUTES_PER_DAY} min")

    @property
    def period_h(self) -> float:
        """Length of one period in hours."""
        return min_to_h(self.period_min)

    @property
    def period_s(self) -> int:
        """Length of one period in seconds."""
        return self.period_min * SECONDS_PER_MINUTE

    @property
    def end_s(self) -> int:
        """End of the last period in seconds."""
        return self.periods * self.period_s

    def position(self, time_s: int) -> int:
        """Return the position (from 0) of the period that starts at or contains ``time_s``."""
        return time_s // self.period_s

    def instant(self, position: int) -> datetime:
        """Return when a period begins, as a clock in the zone of the start shows it.

        Raises
        ------
        InputError
            If the periods have no date.
        """
        if self.start is None:
            raise InputError("the periods have no date; give 'start'")
        elapsed = timedelta(minutes=position * self.period_min)
        zone = self.start.tzinfo
        return self.start + elapsed if zone is None else (self.start.astimezone(UTC) + elapsed).astimezone(zone)

    @property
    def clocks_change(self) -> bool:
        """Whether clocks are changed within the periods."""
        return self.start is not None and self.start.utcoffset() != self.instant(self.periods).utcoffset()

    def clock(self, position: int) -> str:
        """Return the clock span of a period, with its day where the first one has a date.

        >>> Timeline().clock(0)
        '00:00-01:00'
        >>> from zoneinfo import ZoneInfo
        >>> Timeline(start=datetime(2026, 3, 29, tzinfo=ZoneInfo("Europe/Berlin"))).clock(1)
        '2026-03-29 01:00-03:00'
        """
        if self.start is not None:
            return f"{self.instant(position):%Y-%m-%d %H:%M}-{self.instant(position + 1):%H:%M}"
        start = position * self.period_min % MINUTES_PER_DAY
        end = start + self.period_min
        hours = int(MINUTES_PER_HOUR)
        return f"{start // hours:02d}:{start % hours:02d}-{end // hours:02d}:{end % hours:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Where stamps stand: the zone of those without an offset, None where there are none with one either."""

    zone: tzinfo | None

    def read(self, text: str, after_s: int | None = None) -> int:
        """Return the seconds of a stamp since 1970, UTC; of a time that comes twice the one after another instant.

        Raises
        ------
        ValueError
            If it is no ISO 8601 time, has an offset where none is known, or the clocks leave it out.
        """
        stamp = datetime.fromisoformat(text)
        if stamp.tzinfo is not None:
            if self.zone is None:
                raise ValueError("it has an offset, but 'start' has none")
            return seconds_of(stamp)
        if self.zone is None:
            return seconds_of(stamp.replace(tzinfo=UTC))
        first = stamp.replace(tzinfo=self.zone)
        if first.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != stamp:
            raise ValueError("the clocks leave it out that day")
        found = seconds_of(first)
        return found if after_s is None or found > after_s else seconds_of(first.replace(fold=1))

    def text(self, seconds: int) -> str:
        """Return an instant as users write it."""
        instant = _EPOCH + timedelta(seconds=seconds)
        local = instant.replace(tzinfo=None) if self.zone is None else instant.astimezone(self.zone)
        return local.isoformat(timespec="minutes")


def seconds_of(stamp: datetime) -> int:
    """Return the whole seconds of an instant since 1970, UTC."""
    return int((stamp - _EPOCH).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRef:
    """One column of a CSV file in the scenario's folder, times ``scale``: one value per period.

    Attributes
    ----------
    file
        CSV file of the scenario's folder.
    column
        Column of that file.
    scale
        Factor of all its values.
    """

    file: str
    column: str
    scale: float = 1.0


Series = float | tuple[float, ...] | SeriesRef
"""A quantity over the periods: constant, listed, or a column of a file."""
