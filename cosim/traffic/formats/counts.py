"""Read link counts, speeds and travel times: one row per link and sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cosim.errors import InputError, Problem
from cosim.tables import Table, did_you_mean, read_table
from cosim.timeline import Clock
from cosim.traffic.network import RoadNetwork
from cosim.traffic.observations import InferredFlow, LinkCounts, flow_from_speed, unknown_link
from cosim.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE, h_to_min

FLOW, SPEED, TIME = "flow_vph", "speed_kmh", "travel_time_min"
MEASURES = (FLOW, SPEED, TIME)
SPEED_ERROR = 0.05
_OPTIONAL: dict[str, type] = {"sample": int, "time": str} | dict.fromkeys(MEASURES, float)
_NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CountsFile:
    """Counts, with remarks on what was left aside."""

    counts: LinkCounts
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    """One row: link, sample, which measure, its value (a speed as travel time)."""

    link: str
    sample: int
    counted: bool
    value: float


def read_counts(
    path: Path | str,
    network: RoadNetwork,
    *,
    length_km: Mapping[str, float] = _NOTHING,
    speed_error: float = SPEED_ERROR,
    hours: float = 1.0,
) -> CountsFile:
    """Read counts; flows of links with speeds only are inferred by the inverse BPR law.

    Parameters
    ----------
    path
        A CSV file with ``link`` and one of ``flow_vph``, ``speed_kmh``, ``travel_time_min`` per row
        (hourly rates, whatever the length of a sample); ``sample``, or ``time`` (ISO 8601: equal stamps), tells
        which rows belong together, without either the n-th row of a link is its sample n.
    network
        Has the links.
    length_km
        Lengths of the links with speeds.
    speed_error
        Standard deviation of one speed or travel time, relative.
    hours
        Length of a sample, h.

    Raises
    ------
    InputError
        With file, line and field of every mistake.
    """
    table = _by_stamp(read_table(path, {"link": str}, _OPTIONAL), hours)
    if not 0 < speed_error < 1:
        raise InputError(Problem(field="speed_error", reason=f"{speed_error} must be between 0 and 1"))
    if problems := _mistakes(table, network, length_km):
        raise InputError(problems)
    readings = list(_readings(table, length_km))
    counted = [one for one in readings if one.counted]
    inferred, remarks = _inferred(network, readings, speed_error)
    links = list(dict.fromkeys(one.link for one in counted)) + list(inferred)
    if not links:
        reason = "no link has a count, or a travel time above its free-flow time"
        raise InputError(Problem(file=table.file, reason=reason, remedy="count flows"))
    samples = sorted({one.sample for one in readings})
    flow, seen = np.zeros((len(samples), len(links))), np.zeros((len(samples), len(links)), dtype=bool)
    extra = np.zeros(len(links))
    for one in readings:
        row = samples.index(one.sample)
        if one.counted or one.link in inferred:
            column = links.index(one.link)
            flow[row, column] = one.value if one.counted else inferred[one.link][0]
            extra[column] = 0.0 if one.counted else inferred[one.link][1] ** 2
            seen[row, column] = True
    kept = seen.any(axis=1)
    counts = LinkCounts(
        link_ids=tuple(links), flow_vph=flow[kept], observed=seen[kept], extra_variance=extra, hours=hours
    )
    return CountsFile(counts=counts, remarks=tuple(remarks))


def _by_stamp(table: Table, hours: float) -> Table:
    """Return the table with the samples that its stamps tell: rows of one instant are one, wherever they were counted.

    Raises
    ------
    InputError
        If stamps cannot be read, some have an offset and some none, or samples overlap; or ``sample`` stands beside.
    """
    texts = table.columns.get("time")
    if texts is None:
        return table
    if "sample" in table.columns:
        reason = "columns 'sample' and 'time' both tell which rows belong together"
        raise InputError(Problem(table.file, 1, 0, "time", reason, "keep one"))
    clock, problems = Clock(zone=UTC), list[Problem]()
    instants: list[tuple[int, bool]] = []
    for row, text in enumerate(texts):
        try:
            instants.append((clock.read(text or ""), datetime.fromisoformat(text).tzinfo is None))
        except (ValueError, TypeError):
            reason = f"{text!r} is no ISO 8601 time"
            problems.append(table.problem(row, "time", reason, "write 2026-03-29T14:00, in each row"))
    if len({plain for _, plain in instants}) > 1:
        reason = "some stamps have an offset and some none"
        problems.append(Problem(table.file, 1, 0, "time", reason, "give all of them one"))
    distinct = sorted({instant for instant, _ in instants})
    least_s = min((after - before for before, after in pairwise(distinct)), default=None)
    if least_s is not None and least_s < hours * SECONDS_PER_HOUR - 1.0:
        reason = f"samples of {h_to_min(hours):g} min begin {least_s / SECONDS_PER_MINUTE:g} min apart"
        problems.append(Problem(table.file, 1, 0, "time", reason, "tell their length: --sample-min"))
    if problems:
        raise InputError(problems)
    number = {instant: k for k, instant in enumerate(distinct, start=1)}
    columns = {name: values for name, values in table.columns.items() if name != "time"}
    columns["sample"] = [number[instant] for instant, _ in instants]
    numbers = table.field_numbers | {"sample": table.field_numbers["time"]}
    return replace(table, columns=columns, field_numbers=numbers)


def _mistakes(table: Table, network: RoadNetwork, length_km: Mapping[str, float]) -> list[Problem]:
    if not len(table):
        return [Problem(file=table.file, reason="there is no sample", remedy="add a row per link and sample")]
    problems = []
    known = set(network.link_ids)
    for row, link in enumerate(table.columns["link"]):
        if link not in known:
            problems.append(table.problem(row, "link", unknown_link(link), did_you_mean(link, network.link_ids)))
        problems += _row_mistakes(table, row, link, length_km)
    return problems or _repeated(table)


def _row_mistakes(table: Table, row: int, link: str, length_km: Mapping[str, float]) -> Iterator[Problem]:
    given = [name for name in MEASURES if table.columns.get(name, {row: None})[row] is not None]
    if len(given) != 1:
        found = f"has {' and '.join(given)}" if given else "has no value"
        yield table.problem(
            row, given[0] if given else "link", f"the row {found}", f"give one of {', '.join(MEASURES)}"
        )
    for name in given:
        value = table.columns[name][row]
        if value < 0 or (value == 0 and name != FLOW):
            yield table.problem(row, name, f"{value:g} must be {'>= 0' if name == FLOW else '> 0'}")
    if SPEED in given and link not in length_km:
        reason = f"the length of link {link!r} is not known"
        yield table.problem(row, SPEED, reason, "add length_km to links.csv, or give travel_time_min")
    if "sample" in table.columns and table.columns["sample"][row] is None:
        yield table.problem(row, "sample", "the value is empty", "number the samples, or leave the column out")


def _repeated(table: Table) -> list[Problem]:
    """Return a problem for every row that repeats link, sample and kind of measure of an earlier one."""
    if "sample" not in table.columns:
        return []
    first: dict[tuple[str, int, bool], int] = {}
    problems = []
    flows = table.columns.get(FLOW, [None] * len(table))
    for row, (link, sample) in enumerate(zip(table.columns["link"], table.columns["sample"], strict=True)):
        seen = first.setdefault((link, sample, flows[row] is not None), row)
        if seen != row:
            reason = f"link {link!r}, sample {sample} stands already in line {table.line_numbers[seen]}"
            problems.append(table.problem(row, "link", reason, "give each sample its own number"))
    return problems


def _readings(table: Table, length_km: Mapping[str, float]) -> Iterator[_Reading]:
    absent = [None] * len(table)
    columns = [table.columns.get(name, absent) for name in ("sample", *MEASURES)]
    number: Counter[tuple[str, bool]] = Counter()
    for link, sample, flow, speed, time in zip(table.columns["link"], *columns, strict=True):
        counted = flow is not None
        number[link, counted] += 1
        measured = flow if counted else time if time is not None else h_to_min(length_km[link] / speed)
        yield _Reading(link, number[link, counted] if sample is None else sample, counted, measured)


def _inferred(
    network: RoadNetwork, readings: list[_Reading], speed_error: float
) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Return (flow, standard deviation of one sample) of the links without counts, and remarks."""
    counted = {one.link for one in readings if one.counted}
    times: dict[str, list[float]] = {}
    for one in readings:
        if not one.counted:
            times.setdefault(one.link, []).append(one.value)
    remarks = [f"link {link!r} has counts; its speeds are not used" for link in times if link in counted]
    timed = [link for link in times if link not in counted]
    if not timed:
        return {}, remarks
    mean = np.array([np.mean(times[link]) for link in timed])
    found: InferredFlow = flow_from_speed(network, timed, mean, speed_error * mean)
    usable = np.isfinite(found.sd_vph)
    remarks += [
        f"link {link!r}: a travel time of {time:.4g} min is not above free flow and says nothing; left out"
        for link, time, useful in zip(timed, mean, usable, strict=True)
        if not useful
    ]
    pairs = zip(found.flow_vph.tolist(), found.sd_vph.tolist(), strict=True)
    return {link: pair for link, pair, useful in zip(timed, pairs, usable, strict=True) if useful}, remarks
