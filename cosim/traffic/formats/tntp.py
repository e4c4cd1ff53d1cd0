"""Networks and trip tables in the TNTP format (Transportation Networks for Research)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.tables import MOST_MISTAKES, is_count
from cosim.traffic.demand import OdDemand
from cosim.traffic.formats.base import Format
from cosim.traffic.formats.matrix import demand_of
from cosim.traffic.formats.tntp_text import STANDARD, WITHOUT_EFFECT, TntpText, is_number, read_tntp
from cosim.traffic.law_groups import breaches
from cosim.traffic.laws.base import LinkParameters
from cosim.traffic.network import RoadNetwork
from cosim.units import MINUTES_PER_HOUR

OF_LAW = MappingProxyType(
    {"capacity_vph": "capacity", "free_flow_min": "free_flow_time", "alpha": "b", "beta": "power"}
)
_ROUNDING = 1e-3
"""Relative difference of a table's sum from the one that its header tells which rounding explains."""
_FASTEST, _SLOWEST = 200.0, 3.0
"""Speeds, in units of length per hour, between which almost all roads lie."""
_LONGEST_LINK = 100.0
Columns = Mapping[str, Array]


def read_tntp_network(
    path: Path | str,
    *,
    toll_min: float = 0.0,
    length_min: float = 0.0,
    time_unit_min: float | None = None,
) -> RoadNetwork:
    """Read a ``*_net.tntp`` file; node n is the node ``"n"``, the link from n to m is ``"n-m"``.

    Columns are those that the comment before the first row names, else the standard ones. Capacities that the header
    calls per lane are multiplied by the column ``lanes``. Links follow the law ``bpr``; power 0 means a constant time.
    Nodes below FIRST THRU NODE (1 if it is not given) are centroids, closed to through traffic.

    Parameters
    ----------
    path
        The file, as distributed.
    toll_min, length_min
        Generalised cost, min per unit of toll and of length, constant whatever the flow. The Chicago
        Sketch network is used with 0.02 (cents) and 0.04 (miles).
    time_unit_min
        Minutes per unit of free-flow time; None takes the unit of the header, or the minute. Most files do not tell
        it (Sioux Falls: 0.6).

    Raises
    ------
    InputError
        With file and line of every mistake.
    """
    text = read_tntp(path)
    n_nodes, first_through = text.whole("NUMBER OF NODES"), text.whole("FIRST THRU NODE", 1)
    names = text.columns()
    rows, lines = _link_rows(text, names, n_nodes)
    announced = text.whole("NUMBER OF LINKS")
    if len(rows) != announced:
        reason = f"<NUMBER OF LINKS> says {announced}, the file has {len(rows)}"
        raise InputError(text.problem(text.metadata["NUMBER OF LINKS"][0], reason))
    if n_nodes > 2 * len(rows):
        reason = f"<NUMBER OF NODES> says {n_nodes:,}, but {len(rows):,} links touch at most {2 * len(rows):,}"
        raise InputError(text.problem(text.metadata["NUMBER OF NODES"][0], reason))
    table = dict(zip(names, np.array(rows, dtype=np.float64).reshape(len(rows), len(names)).T, strict=True))
    _check_weights(text, table, {"toll": toll_min, "length": length_min})
    told_min = text.time_unit_min() if time_unit_min is None else time_unit_min
    links = _parameters(text, table, lines, 1.0 if told_min is None else told_min)
    if found := breaches(["bpr"] * len(rows), links):
        raise InputError([_breach(text, names, lines[row], name, rule) for row, name, rule in found])
    zero = np.zeros(len(rows))
    return RoadNetwork(
        node_ids=tuple(str(node) for node in range(1, n_nodes + 1)),
        link_ids=_ids([(int(row[0]), int(row[1])) for row in zip(table["init_node"], table["term_node"], strict=True)]),
        tail=table["init_node"].astype(np.intp) - 1,
        head=table["term_node"].astype(np.intp) - 1,
        free_flow_min=links.free_flow_min,
        capacity_vph=links.capacity_vph,
        alpha=links.settings["alpha"],
        beta=links.settings["beta"],
        fixed_min=toll_min * table.get("toll", zero) + length_min * table.get("length", zero),
        is_centroid=np.arange(1, n_nodes + 1) < first_through,
        remarks=tuple(_network_remarks(text, table, links, told_min=told_min, toll_min=toll_min)),
    )


def read_tntp_trips(path: Path | str, network_path: Path | str | None = None) -> OdDemand:
    """Read a ``*_trips.tntp`` file as one period of one class; trips within a zone and zeros are left out.

    Parameters
    ----------
    path
        The file.
    network_path
        The network file whose number of zones must be the same; None does not compare.

    Raises
    ------
    InputError
        With file and line of every mistake.
    """
    text = read_tntp(path)
    n_zones = text.whole("NUMBER OF ZONES")
    trips: dict[tuple[str, str], float] = {}
    problems: list[Problem] = []
    origin = ""
    for line, content in text.lines:
        words = content.split(None, 2)
        if words[0].lower() == "origin":
            origin = words[1] if len(words) == 2 else ""  # noqa: PLR2004 -- the word and a zone
            if not _is_zone(origin, n_zones):
                problems.append(text.problem(line, f"{content[:60]!r} names no zone 1-{n_zones}"))
            continue
        for item in filter(str.strip, (found[0] for found in re.finditer(r"[^;]+", content))):
            if len(problems) >= MOST_MISTAKES:
                raise InputError(problems)
            destination, _, value = (part.strip() for part in item.partition(":"))
            reason = _trip_breach(origin, destination, value, n_zones)
            if not reason and (origin, destination) in trips:
                reason = f"the pair {origin} -> {destination} stands twice"
            if reason:
                problems.append(text.problem(line, reason))
            else:
                trips[origin, destination] = float(value)
    if problems:
        raise InputError(problems)
    return demand_of(trips, tuple(_trip_remarks(text, trips, n_zones, network_path)))


def _link_rows(text: TntpText, names: Sequence[str], n_nodes: int) -> tuple[list[list[float]], list[int]]:
    rows, lines, problems = [], [], []
    for line, content in text.lines:
        fields = content.partition(";")[0].split()
        found = list(_row_problems(text, names, line, fields, n_nodes))
        problems += found
        if not found:
            rows.append([float(field) for field in fields])
            lines.append(line)
    if problems:
        raise InputError(problems)
    return rows, lines


def _row_problems(
    text: TntpText, names: Sequence[str], line: int, fields: Sequence[str], n_nodes: int
) -> Iterator[Problem]:
    if len(fields) != len(names):
        reason = f"the row has {len(fields)} fields, must have {len(names)}: {' '.join(names)}"
        yield text.problem(line, reason)
        return
    ends = {}
    for number, (name, field) in enumerate(zip(names, fields, strict=True), start=1):
        if not is_number(field):
            yield text.problem(line, f"{field!r} is not a finite number", number, name)
        elif name in {"init_node", "term_node"}:
            ends[name] = field
            if not _is_zone(field, n_nodes):
                yield text.problem(line, f"{field!r} is no node 1-{n_nodes}", number, name)
    if ends.get("init_node", 0) == ends.get("term_node", 1):
        reason = f"the link leads from {ends['init_node']} to itself"
        yield text.problem(line, reason, names.index("term_node") + 1, "term_node")


def _check_weights(text: TntpText, table: Columns, weights: Mapping[str, float]) -> None:
    """Refuse a weight of a column that the file does not have."""
    if missing := [name for name, weight in weights.items() if weight and name not in table]:
        raise InputError(
            Problem(text.file, 0, 0, name, f"the file has no column {name!r}", f"leave out --{name}-min")
            for name in missing
        )


def _parameters(text: TntpText, table: Columns, lines: Sequence[int], time_unit_min: float) -> LinkParameters:
    """Return what the law takes; with power 0 the factor b counts whatever the flow."""
    time, b, power = time_unit_min * table["free_flow_time"], table["b"], table["power"]
    constant = power == 0
    return LinkParameters(
        free_flow_min=np.where(constant, time * (1.0 + b), time),
        capacity_vph=table["capacity"] * (_lanes(text, table, lines) if text.capacity_per_lane() else 1.0),
        settings={"alpha": np.where(constant, 0.0, b), "beta": np.where(constant, 1.0, power)},
    )


def _lanes(text: TntpText, table: Columns, lines: Sequence[int]) -> Array:
    """Return the lanes of each link, where the header says that capacities are per lane."""
    if "lanes" not in table:
        reason = "the header says that capacities are per lane, but there is no column 'lanes'"
        raise InputError(Problem(text.file, 0, 0, "capacity", reason, "add it, or give the capacities of the links"))
    lanes = table["lanes"]
    column = list(table).index("lanes") + 1
    if problems := [
        text.problem(lines[row], f"lanes {lanes[row]:g} must be > 0", column, "lanes")
        for row in np.flatnonzero(~(lanes > 0.0)).tolist()
    ]:
        raise InputError(problems)
    return lanes


def _network_remarks(
    text: TntpText, table: Columns, links: LinkParameters, *, told_min: float | None, toll_min: float
) -> Iterator[str]:
    """Yield what the user should know of units, and of columns that are not used."""
    yield from text.unknown_keys()
    if "lanes" in table and text.capacity_per_lane():
        yield "capacities are per lane, as the header says, and multiplied by the lanes"
    elif "lanes" in table and "total capacity" not in text.header.lower():
        yield "the header does not say whether capacities are per lane; they are taken for those of the links"
    if others := [name for name in table if name not in (*STANDARD, *WITHOUT_EFFECT, "lanes")]:
        yield f"columns that are not used: {', '.join(others)}"
    if not toll_min and np.any(table.get("toll", np.zeros(1))):
        links_with = int(np.count_nonzero(table["toll"]))
        yield f"{links_with:,} links have a toll, which is not used; --toll-min gives the minutes per unit of toll"
    header_min = text.time_unit_min() if told_min is not None else None
    if header_min is not None and header_min != told_min:
        yield f"a unit of free-flow time is {header_min:g} min by the header, {told_min:g} min as asked for"
    if told_min is None and "length" in table:
        yield from _hours(table["length"], links.free_flow_min)
    zones, first = text.whole("NUMBER OF ZONES", 0), text.whole("FIRST THRU NODE", 1)
    if zones and first not in (1, zones + 1):
        yield f"<FIRST THRU NODE> {first} makes {first - 1} centroids, <NUMBER OF ZONES> says {zones}"


def _hours(length: Array, time: Array) -> Iterator[str]:
    """Yield a remark if free-flow times, read as minutes, are plausible as hours only."""
    known = (length > 0.0) & (time > 0.0)
    if not known.any() or np.median(length[known]) > _LONGEST_LINK:
        return
    per_unit = length[known] / time[known]
    low, high = np.quantile(per_unit, (0.1, 0.9))
    if low >= _SLOWEST and high <= _FASTEST and low * MINUTES_PER_HOUR > _FASTEST:
        middle = float(np.median(per_unit))
        yield (
            f"free-flow times read as minutes mean {middle * MINUTES_PER_HOUR:,.0f} units of length per hour, as hours "
            f"{middle:,.0f}; give --time-unit-min 60 if they are hours, 0.0166667 if seconds (lengths in metres)"
        )


def _trip_remarks(
    text: TntpText, trips: Mapping[tuple[str, str], float], n_zones: int, network_path: Path | str | None
) -> Iterator[str]:
    """Yield differences between what the header of a trip table says and what stands in it."""
    yield from text.unknown_keys()
    total, announced = sum(trips.values()), text.metadata.get("TOTAL OD FLOW", (0, ""))[1]
    if is_number(announced) and abs(total - float(announced)) > _ROUNDING * max(total, float(announced)):
        yield f"the table sums to {total:,.10g} trips, <TOTAL OD FLOW> says {float(announced):,.10g}"
    if network_path is not None:
        zones = read_tntp(network_path).whole("NUMBER OF ZONES", n_zones)
        if zones != n_zones:
            yield f"the trips are of {n_zones} zones, the network has {zones}; do they belong together?"


def _breach(text: TntpText, names: Sequence[str], line: int, name: str, rule: str) -> Problem:
    column = OF_LAW[name]
    return text.problem(line, rule, names.index(column) + 1, column)


def _ids(ends: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Name links by their ends; a second link between the same ends gets ``#2``."""
    seen: dict[tuple[int, int], int] = {}
    names = []
    for pair in ends:
        seen[pair] = seen.get(pair, 0) + 1
        names.append(f"{pair[0]}-{pair[1]}" + (f"#{seen[pair]}" if seen[pair] > 1 else ""))
    return tuple(names)


def _is_zone(text: str, count: int) -> bool:
    return is_count(text) and 1 <= int(text) <= count


def _trip_breach(origin: str, destination: str, value: str, n_zones: int) -> str:
    if not origin:
        return "trips stand before the first 'Origin'"
    if not _is_zone(destination, n_zones):
        return f"{destination!r} is no zone 1-{n_zones}"
    if not is_number(value) or float(value) < 0:
        return f"trips to {destination}: {value!r} must be a number >= 0"
    return ""


_NET = re.compile(r"_net(?:work)?(?=[._])", re.IGNORECASE)
"""What tells a network file by its name, in any case: ``Two_Net.tntp``, ``x_network_2016.tntp``."""


def _is_tntp(path: Path) -> bool:
    return path.suffix.lower() == ".tntp"


def _find(path: Path) -> Path | None:
    if path.is_dir():
        found = [one for one in sorted(path.iterdir()) if _is_tntp(one) and _NET.search(one.name)]
        return found[0] if len(found) == 1 else None
    return path if _is_tntp(path) else None


def _usual_trips(path: Path) -> Path:
    """Return the trips beside a network file, whatever the case of its name."""
    wanted = _NET.sub("_trips", path.name)
    if wanted == path.name:
        reason = "the name does not tell where the trips stand (NAME_net.tntp, NAME_trips.tntp)"
        raise InputError(Problem(file=str(path), reason=reason, remedy="name the trip table, too"))
    beside = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    return next((one for one in beside if one.name.lower() == wanted.lower()), path.with_name(wanted))


FORMAT = Format(
    name="TNTP",
    find=_find,
    network=read_tntp_network,
    usual_trips=_usual_trips,
    owns_trips=lambda path, _: _is_tntp(path),
    trips=lambda path, network: read_tntp_trips(path, None if network is None else _find(network)),
    by_zone=True,
    short_name=lambda path: _NET.sub("", path.stem + ".").rstrip(".") if _is_tntp(path) else path.name,
)
