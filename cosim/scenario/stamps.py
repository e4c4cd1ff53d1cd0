"""Series by the clock: tables with a column ``time`` (ISO 8601), brought to the periods of a scenario.

All reckoning is in seconds of elapsed time: a day on which clocks are changed has 23 or 25 hours, and a stamp without
an offset is that of the scenario's zone. A row holds from its stamp to the next one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.errors import InputError, Problem
from cosim.scenario.schema import Scenario
from cosim.tables import Table, read_table
from cosim.timeline import Clock, Timeline, seconds_of
from cosim.units import SECONDS_PER_MINUTE

TIME = "time"
MOST_ROWS = 1_000_000


def first_instant(start: str, time_zone: str | None) -> datetime:
    """Return the midnight with which the periods begin; without an offset and a zone it is on a wall that has none.

    Raises
    ------
    InputError
        If it is no ISO 8601 time, no midnight, or zone and offset differ.
    """
    remedy = "write 2026-03-29, or 2026-03-29T00:00+01:00"
    try:
        stamp = datetime.fromisoformat(start)
    except ValueError:
        raise InputError(Problem(field="start", reason=f"{start!r} is no ISO 8601 time", remedy=remedy)) from None
    if (stamp.hour, stamp.minute, stamp.second, stamp.microsecond) != (0, 0, 0, 0):
        reason = f"{start!r} is no midnight: period 1 begins with a day"
        raise InputError(Problem(field="start", reason=reason, remedy=remedy))
    if time_zone is None:
        return stamp
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        reason = f"{time_zone!r} is no time zone"
        raise InputError(Problem(field="time_zone", reason=reason, remedy="write Europe/Berlin, or UTC")) from None
    local = stamp.replace(tzinfo=zone)
    if stamp.tzinfo is not None and stamp.utcoffset() != local.utcoffset():
        reason = f"{start!r} is not the midnight of {time_zone}, {local.isoformat(timespec='minutes')}"
        raise InputError(Problem(field="start", reason=reason, remedy="leave out the offset"))
    return local


def timeline_of(scenario: Scenario) -> Timeline:
    """Return the time axis of a scenario.

    Raises
    ------
    InputError
        If its start is no midnight of its zone, or periods do not divide a day.
    """
    start = None if scenario.start is None else first_instant(scenario.start, scenario.time_zone)
    return Timeline(periods=scenario.periods, period_min=scenario.period_min, start=start)


def clock_of(timeline: Timeline) -> Clock:
    """Return how stamps are read beside the periods."""
    return Clock(zone=None if timeline.start is None else timeline.start.tzinfo)


def edges_of(timeline: Timeline) -> IntArray:
    """Return the ends of the periods in seconds since 1970, UTC, shape (T + 1,).

    Raises
    ------
    InputError
        If the periods have no date.
    """
    begin = timeline.instant(0)
    begin = begin if begin.tzinfo is not None else begin.replace(tzinfo=UTC)
    return seconds_of(begin) + timeline.period_s * np.arange(timeline.periods + 1)


def is_stamped(path: Path) -> bool:
    """Whether a table of series has a column ``time`` in place of ``period``."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        names = {name.strip().strip('"') for name in file.readline(10_000).split(",")}
    return TIME in names and "period" not in names


def read_stamped(path: Path, timeline: Timeline) -> dict[str, list[float]]:
    """Return the means of a table's columns over the periods: energy is conserved whatever the lengths.

    Raises
    ------
    InputError
        If the scenario does not say when it begins, stamps are wrong, not evenly spaced, or do not cover the periods.
    """
    table = read_table(path, {TIME: str}, {"*": float}, MOST_ROWS)
    if timeline.start is None:
        reason = "the table is by 'time', but the scenario does not say when it begins"
        raise InputError(Problem(table.file, 1, 0, TIME, reason, "add 'start: 2026-01-01', or number the rows: period"))
    clock = clock_of(timeline)
    begin_s = _instants(table, clock)
    step_s = _even(table, begin_s, clock)
    edges_s = edges_of(timeline)
    _check_covered(table, begin_s, step_s, edges_s, clock)
    if problems := [
        table.problem(row, name, "the value is empty", "fill it in")
        for name, values in table.columns.items()
        for row, value in enumerate(values)
        if value is None
    ]:
        raise InputError(problems)
    rows_s = np.append(begin_s, begin_s[-1] + step_s)
    numbers = {name: np.array(values) for name, values in table.columns.items() if name != TIME}
    return {name: means(rows_s, values, edges_s).tolist() for name, values in numbers.items()}


def means(rows_s: IntArray, values: Array, edges_s: IntArray) -> Array:
    """Return the means over periods of what is constant between instants, shape (T,).

    Parameters
    ----------
    rows_s
        Instants, shape (n + 1,), ascending.
    values
        Between them, shape (n,).
    edges_s
        Ends of the periods, shape (T + 1,), within the instants.
    """
    cuts = np.union1d(rows_s, edges_s)
    cuts = cuts[(cuts >= edges_s[0]) & (cuts <= edges_s[-1])]
    row = np.searchsorted(rows_s, cuts[:-1], side="right") - 1
    period = np.searchsorted(edges_s, cuts[:-1], side="right") - 1
    pieces = np.bincount(period, minlength=len(edges_s) - 1)
    total = np.bincount(period, weights=values[row] * np.diff(cuts), minlength=len(edges_s) - 1)
    first = np.searchsorted(period, np.arange(len(edges_s) - 1))
    return np.where(pieces == 1, values[row[first]], total / np.diff(edges_s))  # one value is kept to the bit


def _instants(table: Table, clock: Clock) -> IntArray:
    problems: list[Problem] = []
    found: list[int] = []
    for row, text in enumerate(table.columns[TIME]):
        try:
            found.append(clock.read(text, found[-1] if found else None))
        except ValueError as error:
            known = "isoformat" not in str(error)
            reason = f"{text!r}: {error}" if known else f"{text!r} is no ISO 8601 time"
            problems.append(table.problem(row, TIME, reason, "write 2026-03-29T14:00, or with an offset"))
    if len(table) < 2:  # noqa: PLR2004 - two stamps make a step
        problems.append(Problem(table.file, field=TIME, reason="there are fewer than two rows", remedy="add rows"))
    if problems:
        raise InputError(problems)
    return np.array(found)


def _even(table: Table, begin_s: IntArray, clock: Clock) -> int:
    """Return the distance of the rows, s."""
    step_s = int(begin_s[1] - begin_s[0])
    minutes = step_s / SECONDS_PER_MINUTE
    problems = []
    for row, (before, after) in enumerate(pairwise(begin_s.tolist()), start=1):
        if after - before != step_s or step_s <= 0:
            due = clock.text(before + max(step_s, 0))
            reason = f"{clock.text(after)} after {clock.text(before)}: rows are {minutes:g} min apart"
            problems.append(table.problem(row, TIME, reason, f"add {due}" if step_s > 0 else "sort the rows"))
    if problems:
        raise InputError(problems)
    return step_s


def _check_covered(table: Table, begin_s: IntArray, step_s: int, edges_s: IntArray, clock: Clock) -> None:
    first, end = int(begin_s[0]), int(begin_s[-1]) + step_s
    if first > edges_s[0] or end < edges_s[-1]:
        reason = (
            f"the table goes from {clock.text(first)} to {clock.text(end)}, the periods from "
            f"{clock.text(int(edges_s[0]))} to {clock.text(int(edges_s[-1]))}"
        )
        raise InputError(Problem(table.file, field=TIME, reason=reason, remedy="add rows, or set start and periods"))
