"""Networks and trip tables in the TNTP format (Transportation Networks for Research)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.errors import InputError, Problem
from cosim.traffic.demand import OdDemand
from cosim.traffic.network import RoadNetwork
from cosim.traffic.performance import LinkParameters, breaches
from cosim.traffic.problem import SueResult

COLUMNS = (
    *("init_node", "term_node", "capacity", "length", "free_flow_time"),
    *("b", "power", "speed", "toll", "link_type"),
)
OF_LAW = {"capacity_vph": 2, "free_flow_min": 4, "alpha": 5, "beta": 6}
END = "<END OF METADATA>"
_METADATA = re.compile(r"<([^>]*)>(.*)")


@dataclass(frozen=True, slots=True)
class _Text:
    """A file behind its metadata: lines with their numbers, comments and blank lines left out."""

    file: str
    metadata: dict[str, tuple[int, str]]
    lines: tuple[tuple[int, str], ...]

    def problem(self, line: int, reason: str, column: int = 1, field: str = "", remedy: str = "") -> Problem:
        return Problem(self.file, line, column, field, reason, remedy)

    def whole(self, key: str) -> int:
        """Return a whole number of the metadata."""
        line, text = self.metadata.get(key, (0, ""))
        if not line:
            raise InputError(Problem(file=self.file, reason=f"the metadata have no <{key}>"))
        if not text.isdigit():
            raise InputError(self.problem(line, f"<{key}> {text!r} is not a whole number"))
        return int(text)


def read_tntp_network(
    path: Path | str,
    *,
    toll_min: float = 0.0,
    length_min: float = 0.0,
    time_unit_min: float = 1.0,
) -> RoadNetwork:
    """Read a ``*_net.tntp`` file; node n is the node ``"n"``, the link from n to m is ``"n-m"``.

    Links follow the law ``bpr``; power 0 means a constant time. Nodes below FIRST THRU NODE are
    centroids, closed to through traffic.

    Parameters
    ----------
    path
        The file, as distributed.
    toll_min, length_min
        Generalised cost, min per unit of toll and of length, constant whatever the flow. The Chicago
        Sketch network is used with 0.02 (cents) and 0.04 (miles).
    time_unit_min
        Minutes per unit of free-flow time; the format does not tell (Sioux Falls: 0.6).

    Raises
    ------
    InputError
        With file and line of every mistake.
    """
    text = _read(path)
    n_nodes, first_through = text.whole("NUMBER OF NODES"), text.whole("FIRST THRU NODE")
    rows, lines = _link_rows(text, n_nodes)
    announced = text.whole("NUMBER OF LINKS")
    if len(rows) != announced:
        reason = f"<NUMBER OF LINKS> says {announced}, the file has {len(rows)}"
        raise InputError(text.problem(text.metadata["NUMBER OF LINKS"][0], reason))
    values = np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
    links = _parameters(values, time_unit_min)
    found = breaches(["bpr"] * len(rows), links)
    if found:
        raise InputError([_breach(text, lines[row], name, rule) for row, name, rule in found])
    return RoadNetwork(
        node_ids=tuple(str(node) for node in range(1, n_nodes + 1)),
        link_ids=_ids([(int(row[0]), int(row[1])) for row in rows]),
        tail=values[:, 0].astype(np.intp) - 1,
        head=values[:, 1].astype(np.intp) - 1,
        free_flow_min=links.free_flow_min,
        capacity_vph=links.capacity_vph,
        alpha=links.alpha,
        beta=links.beta,
        fixed_min=toll_min * values[:, 8] + length_min * values[:, 3],
        is_centroid=np.arange(1, n_nodes + 1) < first_through,
    )


def read_tntp_trips(path: Path | str) -> OdDemand:
    """Read a ``*_trips.tntp`` file as one period of one class; trips within a zone and zeros are left out.

    Raises
    ------
    InputError
        With file and line of every mistake.
    """
    text = _read(path)
    n_zones = text.whole("NUMBER OF ZONES")
    trips: dict[tuple[str, str], float] = {}
    problems: list[Problem] = []
    origin = ""
    for line, content in text.lines:
        words = content.split()
        if words[0].lower() == "origin":
            origin = words[1] if len(words) == 2 else ""  # noqa: PLR2004 -- the word and a zone
            if not _is_zone(origin, n_zones):
                problems.append(text.problem(line, f"{content!r} names no zone 1-{n_zones}"))
            continue
        for item in filter(str.strip, content.split(";")):
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
    kept = {pair: value for pair, value in trips.items() if value > 0 and pair[0] != pair[1]}
    return OdDemand(
        origins=tuple(origin for origin, _ in kept),
        destinations=tuple(destination for _, destination in kept),
        classes=("all",),
        trips_vph=np.array([[list(kept.values())]], dtype=np.float64).reshape(1, 1, len(kept)),
    )


def write_tntp_flows(path: Path | str, network: RoadNetwork, result: SueResult) -> None:
    """Write flows and costs of the roads in the format of the ``*_flow.tntp`` files."""
    lines = ["From \tTo \tVolume \tCost "]
    for link in np.flatnonzero(~network.is_station).tolist():
        tail, head = network.node_ids[network.tail[link]], network.node_ids[network.head[link]]
        lines.append(
            f"{tail} \t{head} \t{float(result.link_flow_vph[link])!r} \t{float(result.link_time_min[link])!r} "
        )
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read(path: Path | str) -> _Text:
    """Split a file into metadata and lines."""
    try:
        content = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem(file=str(path), reason=f"cannot be read: {error}")) from error
    metadata: dict[str, tuple[int, str]] = {}
    body: list[tuple[int, str]] = []
    ended = False
    for number, raw in enumerate(content.splitlines(), start=1):
        line = raw.strip()
        if not ended and line.upper().startswith(END):
            ended = True
        elif not ended and (match := _METADATA.match(line)):
            metadata[match[1].strip().upper()] = (number, match[2].partition("~")[0].strip())
        elif line := line.partition("~")[0].strip():
            body.append((number, line))
    if not ended:
        raise InputError(Problem(file=str(path), reason=f"there is no {END}", remedy="is this a TNTP file?"))
    return _Text(str(path), metadata, tuple(body))


def _link_rows(text: _Text, n_nodes: int) -> tuple[list[list[float]], list[int]]:
    rows, lines, problems = [], [], []
    for line, content in text.lines:
        fields = content.partition(";")[0].split()
        found = list(_row_problems(text, line, fields, n_nodes))
        problems += found
        if not found:
            rows.append([float(field) for field in fields])
            lines.append(line)
    if problems:
        raise InputError(problems)
    return rows, lines


def _row_problems(text: _Text, line: int, fields: Sequence[str], n_nodes: int) -> Iterator[Problem]:
    if len(fields) != len(COLUMNS):
        reason = f"the row has {len(fields)} fields, must have {len(COLUMNS)}: {' '.join(COLUMNS)}"
        yield text.problem(line, reason)
        return
    for number, (name, field) in enumerate(zip(COLUMNS, fields, strict=True), start=1):
        if not _is_number(field):
            yield text.problem(line, f"{field!r} is not a finite number", number, name)
        elif number <= 2 and not _is_zone(field, n_nodes):  # noqa: PLR2004 -- both ends
            yield text.problem(line, f"{field!r} is no node 1-{n_nodes}", number, name)
    if fields[0] == fields[1]:
        yield text.problem(line, f"the link leads from {fields[0]} to itself", 2, COLUMNS[1])


def _parameters(values: np.ndarray[tuple[int, int], np.dtype[np.float64]], time_unit_min: float) -> LinkParameters:
    """Return what the law takes; with power 0 the factor b counts whatever the flow."""
    time, b, power = time_unit_min * values[:, 4], values[:, 5], values[:, 6]
    constant, unused = power == 0, np.zeros(len(values))
    return LinkParameters(
        free_flow_min=np.where(constant, time * (1.0 + b), time),
        capacity_vph=values[:, 2],
        alpha=np.where(constant, 0.0, b),
        beta=np.where(constant, 1.0, power),
        davidson_j=unused,
        knee=unused,
        servers=unused,
    )


def _breach(text: _Text, line: int, name: str, rule: str) -> Problem:
    column = OF_LAW[name]
    return text.problem(line, rule, column + 1, COLUMNS[column])


def _ids(ends: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Name links by their ends; a second link between the same ends gets ``#2``."""
    seen: dict[tuple[int, int], int] = {}
    names = []
    for pair in ends:
        seen[pair] = seen.get(pair, 0) + 1
        names.append(f"{pair[0]}-{pair[1]}" + (f"#{seen[pair]}" if seen[pair] > 1 else ""))
    return tuple(names)


def _is_zone(text: str, count: int) -> bool:
    return text.isdigit() and 1 <= int(text) <= count


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _trip_breach(origin: str, destination: str, value: str, n_zones: int) -> str:
    if not origin:
        return "trips stand before the first 'Origin'"
    if not _is_zone(destination, n_zones):
        return f"{destination!r} is no zone 1-{n_zones}"
    if not _is_number(value) or float(value) < 0:
        return f"trips to {destination}: {value!r} must be a number >= 0"
    return ""
