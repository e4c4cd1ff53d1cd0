"""Trip tables of VISUM in the O format (``$OR``, ``$ON``, ``$OMR``...): one pair a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cosim.errors import InputError, Problem
from cosim.tables import MOST_MISTAKES
from cosim.traffic.demand import OdDemand
from cosim.traffic.formats.base import Format
from cosim.traffic.formats.matrix import demand_of
from cosim.traffic.formats.tntp_text import is_number
from cosim.units import MINUTES_PER_HOUR, min_to_h

_HEAD = re.compile(r"\$O([A-Z]*)(?:;.*)?", re.IGNORECASE)
_CLOCK = re.compile(r"([0-9]{1,2})\.([0-5][0-9])")
_FIELDS = 3
Line = tuple[int, str]


def read_visum_trips(path: Path | str, _network: Path | None = None) -> OdDemand:
    """Read trips between zones as trips per hour: cells times the factor, over the hours from one time to the other.

    Times are hours and minutes with a point between them: 7.50 is 7:50. Lines that begin with ``*`` are comments; the
    line of a vehicle type (``M`` in the head) is passed over. Several matrices in one file are not read.

    Raises
    ------
    InputError
        With file and line of every mistake.
    """
    file = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(Problem(file=file, reason=f"cannot be read: {error}", remedy="name a file")) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    rows = iter([(number, line) for number, line in lines if line and not line.startswith("*")])
    number, head = next(rows, (1, ""))
    kind = _HEAD.fullmatch(head)
    if kind is None:
        reason = f"{head[:20]!r} is not the head of the O format"
        raise InputError(Problem(file, number, 1, reason=reason, remedy="export '$O', one pair a line"))
    if "M" in kind[1].upper():
        _needed(rows, file, "the line of the vehicle type")
    hours = 1.0 if "N" in kind[1].upper() else _hours(_needed(rows, file, "the line of times"), file)
    factor_line = _needed(rows, file, "the line of the factor")
    if not is_number(factor_line[1]) or float(factor_line[1]) <= 0:
        reason = f"the factor {factor_line[1][:20]!r} must be a number > 0"
        raise InputError(Problem(file, factor_line[0], 1, "factor", reason, "write 1.0"))
    return demand_of(_trips(list(rows), float(factor_line[1]) / hours, file))


def _needed(rows: Iterator[Line], file: str, what: str) -> Line:
    found = next(rows, None)
    if found is None:
        raise InputError(Problem(file=file, reason=f"{what} is missing", remedy="export the file again"))
    return found


def _hours(line: Line, file: str) -> float:
    times = [_CLOCK.fullmatch(word) for word in line[1].split()]
    if len(times) != 2 or None in times:  # noqa: PLR2004 - from and to
        remedy = "write hours and two digits of minutes: 7.00 8.30"
        raise InputError(Problem(file, line[0], 1, "times", f"{line[1][:40]!r} are no two times", remedy))
    start, end = (int(MINUTES_PER_HOUR) * int(time[1]) + int(time[2]) for time in times if time is not None)
    if end <= start:
        reason = f"the time {line[1]} ends before it begins"
        raise InputError(Problem(file, line[0], 1, "times", reason, "give a span within one day"))
    return min_to_h(end - start)


def _trips(rows: list[Line], per_h: float, file: str) -> dict[tuple[str, str], float]:
    trips: dict[tuple[str, str], float] = {}
    problems: list[Problem] = []
    for number, line in rows:
        fields = line.split()
        reason, remedy = "", "one pair a line: origin, destination, trips"
        if len(fields) != _FIELDS:
            reason = f"the line has {len(fields)} fields, must have 3"
        elif not is_number(fields[2]) or float(fields[2]) < 0:
            reason = f"trips {fields[2]!r} must be a number >= 0"
        elif (fields[0], fields[1]) in trips:
            reason, remedy = f"the pair {fields[0]} -> {fields[1]} stands twice", "add them up"
        if reason:
            problems.append(Problem(file, number, 1, "", reason, remedy))
        else:
            trips[fields[0], fields[1]] = float(fields[2]) * per_h
        if len(problems) >= MOST_MISTAKES:
            break
    if problems:
        raise InputError(problems)
    return trips


FORMAT = Format(
    name="VISUM",
    owns_trips=lambda _, header: header.lstrip().upper().startswith("$O"),
    trips=read_visum_trips,
    by_zone=True,
)
