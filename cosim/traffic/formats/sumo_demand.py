"""Demand of SUMO: trips, routes and flows between edges, and tazRelations between districts, as trips per hour."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cosim.errors import InputError, Problem
from cosim.tables import read_table
from cosim.traffic.formats.sumo_net import PASSENGER
from cosim.units import SECONDS_PER_HOUR, min_to_s, s_to_h
from cosim.xml_input import LARGE_MB, Element, number, read_xml

Pair = tuple[str, str]
DISTRICT = "taz:"
"""Begins the name of a node that is a district."""
_VEHICLES = frozenset({"trip", "vehicle", "flow"})
_TAGS = frozenset({"routes", "data", "demand", "vType", "route", "stop", "interval", "tazRelation", "person",
                   "personFlow", "containerFlow", *_VEHICLES})  # fmt: skip
NOWHERE, PEOPLE = "vehicles or flows without two edges, or that wait for others,", "persons or their flows"
_CLOCK = 3
"""Parts of a time h:mm:ss; with days there are four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class District:
    """A district (``taz``): the edges on which its trips begin and end."""

    name: str
    sources: tuple[str, ...]
    sinks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SumoDemand:
    """Trips per hour between edges, or districts whose names begin with ``taz:``.

    Attributes
    ----------
    trips_vph
        By origin and destination.
    remarks
        What was counted, what left out.
    """

    trips_vph: Mapping[Pair, float]
    remarks: tuple[str, ...] = ()


def read_demand(
    paths: Sequence[Path], *, vclass: str = PASSENGER, begin_s: float | None = None, end_s: float | None = None
) -> SumoDemand:
    """Read trips, routes, flows or tazRelations of a stretch of time.

    Parameters
    ----------
    paths
        The files; vehicles of all add up.
    vclass
        Class of the vehicles that count; a type that names none is a passenger car.
    begin_s, end_s
        The stretch, s; by default from the first departure's minute to the end of the last one's.

    Raises
    ------
    InputError
        With the line of every wrong number, or if no vehicle of the class departs in the stretch.
    """
    tables = [path for path in paths if path.suffix == ".csv"]
    read = [(path, read_xml(path, _TAGS, most_mb=LARGE_MB)) for path in paths if path not in tables]
    classes = {
        one.attributes.get("id", ""): one.attributes.get("vClass", PASSENGER)
        for _, elements in read
        for one in elements
        if one.tag == "vType"
    }
    counts = _Counts(vclass=vclass, classes=classes)
    for path, elements in read:
        counts.take(path, elements)
    if tables:
        if read or len(tables) > 1:
            raise InputError(Problem(file=str(tables[0]), reason="a table of trips per hour stands alone"))
        return SumoDemand(trips_vph=_hourly(tables[0]))
    return counts.demand(begin_s, end_s, ", ".join(path.name for path, _ in read))


def _hourly(path: Path) -> dict[Pair, float]:
    """Return trips per hour of a table origin, destination, trips_vph."""
    table = read_table(path, {"origin": str, "destination": str, "trips_vph": float})
    problems = table.duplicates("origin", "destination")
    rows = list(zip(*(table.columns[name] for name in ("origin", "destination", "trips_vph")), strict=True))
    problems += [
        table.problem(row, "trips_vph", f"{vph:g} must be >= 0") for row, (_, _, vph) in enumerate(rows) if vph < 0.0
    ]
    if problems:
        raise InputError(problems)
    return {(origin, destination): vph for origin, destination, vph in rows if vph > 0.0}


def read_districts(paths: Sequence[Path]) -> dict[str, District]:
    """Return the districts of additional files, by the name of their node."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    name = ""
    for path in paths:
        for one in read_xml(path, frozenset({"taz", "tazSource", "tazSink"}), most_mb=LARGE_MB):
            words = one.attributes
            if one.tag == "taz":
                name = DISTRICT + words.get("id", "")
                both = words.get("edges", "").split()
                found[name] = ([*both], [*both])
            elif one.tag in ("tazSource", "tazSink") and name:
                found[name][one.tag == "tazSink"].append(words.get("id", ""))
    return {
        name: District(name=name, sources=tuple(dict.fromkeys(a)), sinks=tuple(dict.fromkeys(b)))
        for name, (a, b) in found.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """What stands in the files: departures of single vehicles, and even flows over a stretch (begin, end, number)."""

    vclass: str
    classes: Mapping[str, str]
    single: list[tuple[Pair, float]] = field(default_factory=list)
    even: list[tuple[Pair, float, float, float]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    routes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)

    def take(self, path: Path, elements: Sequence[Element]) -> None:
        """Take what one file holds."""
        interval = elements[0]
        for at, one in enumerate(elements):
            if one.tag == "interval":
                interval = one
            elif one.tag == "tazRelation":
                self._relation(path, interval, one)
            elif one.tag == "route" and "id" in one.attributes and one.above[-1:] != ("vehicle",):
                self.routes[one.attributes["id"]] = tuple(one.attributes.get("edges", "").split())
            elif one.tag in _VEHICLES:
                self._vehicle(path, one, _own_route(elements, at))
            elif one.tag in ("person", "personFlow", "containerFlow"):
                self.lost[PEOPLE] += 1

    def _relation(self, path: Path, interval: Element, one: Element) -> None:
        kind = interval.attributes.get("id", "")
        if kind in self.classes and not self._counts(kind):
            return
        begin, end = (_time_s(path, interval, name) for name in ("begin", "end"))
        if not end > begin:
            reason = f"the interval ends at {end:g} s, it begins at {begin:g} s"
            raise InputError(Problem(file=str(path), line=interval.line, column=1, field="end", reason=reason))
        ends = (DISTRICT + one.attributes.get("from", ""), DISTRICT + one.attributes.get("to", ""))
        self.even.append((ends, begin, end, _positive(path, one, "count")))

    def _counts(self, kind: str) -> bool:
        vclass = self.classes.get(kind, PASSENGER)
        if vclass != self.vclass:
            self.others[vclass] += 1
            return False
        return True

    def _vehicle(self, path: Path, one: Element, edges: tuple[str, ...]) -> None:
        words = one.attributes
        if not self._counts(words.get("type", "")):
            return
        if name := words.get("route", ""):
            edges = self.routes.get(name, edges)
        pair = _ends(words, edges)
        if pair is None:
            self.lost[NOWHERE] += 1
            return
        if one.tag == "flow":
            self.even.append((pair, *_even(path, one)))
        elif words.get("depart", "") in ("triggered", "containerTriggered", "split"):
            self.lost[NOWHERE] += 1
        else:
            self.single.append((pair, _time_s(path, one, "depart")))

    def demand(self, begin_s: float | None, end_s: float | None, where: str) -> SumoDemand:
        """Return the trips per hour of a stretch."""
        times = [at for _, at in self.single]
        first = min([*times, *(begin for _, begin, _, _ in self.even)], default=0.0)
        minute = min_to_s(1.0)
        whole = [(math.floor(at / minute) + 1) * minute for at in times]
        begin = math.floor(first / minute) * minute if begin_s is None else begin_s
        end = max([*whole, *(stop for _, _, stop, _ in self.even)], default=0.0) if end_s is None else end_s
        if not end > begin:
            end = begin + minute
        number_of: dict[Pair, float] = {}
        for pair, at in self.single:
            if begin <= at < end:
                number_of[pair] = number_of.get(pair, 0.0) + 1.0
        for pair, start, stop, count in self.even:
            share = max(0.0, min(end, stop) - max(begin, start)) / (stop - start)
            number_of[pair] = number_of.get(pair, 0.0) + share * count
        number_of = {pair: count for pair, count in number_of.items() if count > 0.0}
        if not number_of:
            when = f" between {begin:g} and {end:g} s" if self.single or self.even else ""
            reason = f"no vehicle of the class {self.vclass!r} departs{when}"
            remedy = "trips and flows need 'from' and 'to', vehicles a route; --begin and --end choose the time"
            raise InputError(Problem(file=where, reason=reason, remedy=remedy))
        hours = s_to_h(end - begin)
        total = sum(number_of.values())
        counted = f"{total:g} trips from {begin:g} to {end:g} s are {total / hours:.6g} veh/h"
        return SumoDemand(
            trips_vph={pair: count / hours for pair, count in number_of.items()},
            remarks=(counted, *self._left_out()),
        )

    def _left_out(self) -> Iterator[str]:
        if self.others:
            rows = ", ".join(f"{count} {vclass}" for vclass, count in sorted(self.others.items()))
            yield f"vehicles or flows of other classes are left out: {rows}"
        yield from (f"{count} {what} are left out" for what, count in self.lost.items())


def _own_route(elements: Sequence[Element], at: int) -> tuple[str, ...]:
    """Return the edges of the route that stands inside a vehicle."""
    depth = len(elements[at].above)
    for one in elements[at + 1 :]:
        if len(one.above) <= depth:
            break
        if one.tag == "route":
            return tuple(one.attributes.get("edges", "").split())
    return ()


def _ends(words: Mapping[str, str], edges: tuple[str, ...]) -> Pair | None:
    if edges:
        return edges[0], edges[-1]
    ends = [DISTRICT + words[f"{end}Taz"] if f"{end}Taz" in words else words.get(end, "") for end in ("from", "to")]
    return (ends[0], ends[1]) if all(ends) else None


def _even(path: Path, one: Element) -> tuple[float, float, float]:
    """Return begin and end of a flow, s, and how many vehicles it sends."""
    begin = _time_s(path, one, "begin") if "begin" in one.attributes else 0.0
    end = _time_s(path, one, "end") if "end" in one.attributes else 24.0 * SECONDS_PER_HOUR
    if not end > begin:
        reason = f"the flow ends at {end:g} s, it begins at {begin:g} s"
        raise InputError(Problem(file=str(path), line=one.line, column=1, field="end", reason=reason))
    words, length_s = one.attributes, end - begin
    for name in ("vehsPerHour", "perHour"):
        if name in words:
            return begin, end, _positive(path, one, name) * s_to_h(length_s)
    if "probability" in words:
        return begin, end, _positive(path, one, "probability") * length_s
    if "period" in words:
        return begin, end, length_s / _period_s(path, one)
    return begin, end, _positive(path, one, "number")


def _period_s(path: Path, one: Element) -> float:
    """Return the mean time between two vehicles; ``exp(r)`` is r vehicles a second."""
    text = one.attributes["period"]
    rate = text.startswith("exp(") and text.endswith(")")
    try:
        value = float(text[4:-1] if rate else text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        reason = f"{text!r} must be a number > 0, or exp(RATE)"
        raise InputError(Problem(file=str(path), line=one.line, column=1, field="period", reason=reason))
    return 1.0 / value if rate else value


def _positive(path: Path, one: Element, name: str) -> float:
    value = number(path, one, name)
    if not value >= 0.0:
        reason = f"{value:g} must be >= 0"
        raise InputError(Problem(file=str(path), line=one.line, column=1, field=name, reason=reason))
    return value


def _time_s(path: Path, one: Element, name: str) -> float:
    """Return a time in seconds, written as such or as h:mm:ss."""
    parts = one.attributes.get(name, "").split(":")
    if len(parts) < _CLOCK:
        return number(path, one, name)
    try:
        *days, h, m, s = (float(part) for part in parts)
    except ValueError:
        reason = f"{one.attributes[name]!r} is no time"
        raise InputError(Problem(file=str(path), line=one.line, column=1, field=name, reason=reason)) from None
    return (24.0 * sum(days) + h) * SECONDS_PER_HOUR + min_to_s(m) + s
