"""Networks of SUMO (``.net.xml``): edges, and the movements across junctions that a class of vehicles has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.errors import InputError, Problem
from cosim.traffic.formats.sumo_signals import LONG_CYCLE_S, Program, read_programs
from cosim.xml_input import LARGE_MB, Element, named, number, read_xml

PASSENGER = "passenger"
YIELDS = frozenset("mswo=")
"""States of a connection that gives way."""
YIELD_S = 1.5
"""What giving way costs on empty roads, s."""
BACK = "t"
"""Direction of a turnaround."""
Point = tuple[float, float]
_TAGS = frozenset({"net", "location", "edge", "lane", "connection", "tlLogic", "phase"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """An edge with the lanes that the class may use.

    Attributes
    ----------
    name, tail, head
        Its id, and the junctions at its ends.
    length_m, speed_mps
        Of those lanes; the speeds' mean.
    lanes
        Their indices.
    shape
        Where it is drawn.
    """

    name: str
    tail: str
    head: str
    length_m: float
    speed_mps: float
    lanes: tuple[int, ...]
    shape: tuple[Point, ...]

    @property
    def middle(self) -> Point:
        """A point half way between its ends."""
        (x, y), (u, v) = self.shape[0], self.shape[-1]
        return (x + u) / 2.0, (y + v) / 2.0

    @property
    def time_s(self) -> float:
        """Time at the speed limit, s."""
        return self.length_m / self.speed_mps


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """How one lane leads from an edge to another.

    Attributes
    ----------
    lane
        Index of the lane that is left.
    inner
        The internal edge that is entered first; empty in a network without.
    inner_s
        Time on all internal lanes, s.
    delay_s
        Mean wait on empty roads: at red, and for giving way, s.
    green
        Share of the time in which it may go, permissive green counted half; 1 without a signal.
    signal
        Whether there is one.
    yields
        Whether it gives way.
    """

    lane: int
    inner: str
    inner_s: float
    delay_s: float
    green: float
    signal: bool
    yields: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """The way from one edge to another across a junction: its lanes, and its direction in SUMO's letters."""

    before: str
    after: str
    direction: str
    lanes: tuple[Lane, ...]

    @property
    def time_s(self) -> float:
        """Time on empty roads with its delay, mean of the lanes, s."""
        return sum(one.inner_s + one.delay_s for one in self.lanes) / len(self.lanes)

    @property
    def inner(self) -> tuple[str, ...]:
        """The internal edges that are entered first."""
        return tuple(dict.fromkeys(one.inner for one in self.lanes if one.inner))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SumoNet:
    """A network for one class of vehicles.

    Attributes
    ----------
    path, vclass
        File and class.
    edges, movements
        By name, and by the names of both edges; turnarounds stand apart.
    turnarounds
        Movements that turn back.
    closed
        Edges that the class may not use.
    remarks
        What should be known of it.
    projection, offset
        PROJ's words for its coordinates, empty or ``!`` without, and what is added to them, m.
    """

    path: Path
    vclass: str
    edges: Mapping[str, Edge]
    movements: Mapping[tuple[str, str], Movement]
    turnarounds: Mapping[tuple[str, str], Movement]
    closed: tuple[str, ...]
    remarks: tuple[str, ...]
    projection: str = ""
    offset: Point = (0.0, 0.0)


def read_sumo_net(path: Path | str, *, vclass: str = PASSENGER, additional: Sequence[Path] = ()) -> SumoNet:
    """Read a network as a class of vehicles can use it.

    Parameters
    ----------
    path
        The file ``*.net.xml``.
    vclass
        SUMO's class of vehicles.
    additional
        Additional files, whose signal programs replace the network's.

    Raises
    ------
    InputError
        With the line, if the file is wrong, or no edge is open to the class.
    """
    path = Path(path)
    elements = read_xml(path, _TAGS, most_mb=LARGE_MB)
    if elements[0].tag != "net":
        reason = f"the file holds <{elements[0].tag}>, a network of SUMO begins with <net>"
        raise InputError(Problem(file=str(path), line=elements[0].line, column=1, reason=reason))
    files = [(path, elements), *((Path(one), read_xml(one, most_mb=LARGE_MB)) for one in additional)]
    programs = read_programs(files)
    lanes = _Lanes(path, elements, vclass)
    edges, closed = lanes.edges()
    if not edges:
        reason = f"no edge is open to the class {vclass!r}"
        remedy = "is it a network of railways or footpaths? another class is named with --vclass"
        raise InputError(Problem(file=str(path), reason=reason, remedy=remedy))
    ways, back, blocked = _movements(path, elements, edges, lanes, programs)
    place = next((one.attributes for one in named(elements, "location")), dict[str, str]())
    return SumoNet(
        path=path, vclass=vclass, edges=edges, movements=ways, turnarounds=back, closed=closed,
        remarks=(*_remarks(programs.values(), ways.values()), *blocked),
        projection=place.get("projParameter", ""), offset=(*_points(place.get("netOffset", "")), (0.0, 0.0))[0],
    )  # fmt: skip


class _Lanes:
    """The lanes of a file: which are open, and how long they take."""

    def __init__(self, path: Path, elements: Sequence[Element], vclass: str) -> None:
        self.path, self.vclass = path, vclass
        self.owners: dict[str, tuple[Element, list[Element]]] = {}
        owner: list[Element] = []
        for one in elements:
            if one.tag == "edge":
                owner = []
                self.owners[one.attributes.get("id", "")] = (one, owner)
            elif one.tag == "lane" and one.above[-1:] == ("edge",):
                owner.append(one)
        own = {one.attributes.get("id", ""): one for _, lanes in self.owners.values() for one in lanes}
        self.time_s = {name: self._time_s(one) for name, one in own.items()}
        self.open = {name for name, one in own.items() if may_use(one.attributes, vclass)}

    def _time_s(self, lane: Element) -> float:
        speed = number(self.path, lane, "speed")
        if not speed > 0.0:
            reason = f"the speed of lane {lane.attributes.get('id', '')!r} is {speed:g}, must be > 0"
            raise InputError(Problem(file=str(self.path), line=lane.line, column=1, field="speed", reason=reason))
        return number(self.path, lane, "length") / speed

    def edges(self) -> tuple[dict[str, Edge], tuple[str, ...]]:
        """Return the edges that are open, and the names of those that are closed."""
        found, closed = {}, []
        for name, (one, lanes) in self.owners.items():
            if "function" in one.attributes and one.attributes["function"] != "normal":
                continue
            usable = [lane for lane in lanes if lane.attributes.get("id", "") in self.open]
            if usable:
                found[name] = self._edge(name, one, usable)
            else:
                closed.append(name)
        return found, tuple(closed)

    def _edge(self, name: str, one: Element, lanes: Sequence[Element]) -> Edge:
        shape = _points(lanes[0].attributes.get("shape", "")) or [(0.0, 0.0)]
        length_m = number(self.path, lanes[0], "length")
        if not length_m > 0.0:
            reason = f"edge {name!r} is {length_m:g} m long, must be > 0"
            raise InputError(Problem(file=str(self.path), line=one.line, column=1, field="length", reason=reason))
        return Edge(
            name=name,
            tail=one.attributes.get("from", ""),
            head=one.attributes.get("to", ""),
            length_m=length_m,
            speed_mps=sum(number(self.path, lane, "speed") for lane in lanes) / len(lanes),
            lanes=tuple(int(number(self.path, lane, "index")) for lane in lanes),
            shape=tuple(shape),
        )


def may_use(attributes: Mapping[str, str], vclass: str) -> bool:
    """Return whether a class may use a lane (SUMO: ``allow`` before ``disallow``).

    >>> may_use({"allow": "bus taxi"}, "passenger"), may_use({"disallow": "tram"}, "passenger"), may_use({}, "bus")
    (False, True, True)
    """
    allow, disallow = attributes.get("allow", "").split(), attributes.get("disallow", "").split()
    if allow:
        return vclass in allow or "all" in allow
    return vclass not in disallow and "all" not in disallow


def _points(shape: str) -> list[Point]:
    return [(float(x), float(y)) for x, y, *_ in (point.split(",") for point in shape.split())]


Ways = dict[tuple[str, str], Movement]


def _movements(
    path: Path, elements: Sequence[Element], edges: Mapping[str, Edge], lanes: _Lanes, programs: Mapping[str, Program]
) -> tuple[Ways, Ways, tuple[str, ...]]:
    """Return the movements, the turnarounds, and remarks on what is closed for good."""
    rows = list(named(elements, "connection"))
    inner_next = {
        f"{one.attributes.get('from', '')}_{one.attributes.get('fromLane', '')}": one.attributes.get("via", "")
        for one in rows
        if one.attributes.get("from", "").startswith(":")
    }
    found: dict[tuple[str, str], list[tuple[str, Lane]]] = {}
    never = 0
    for one in rows:
        pair = (one.attributes.get("from", ""), one.attributes.get("to", ""))
        if pair[0] not in edges or pair[1] not in edges or pair[0] == pair[1]:
            continue
        lane = _lane(path, one, edges, lanes, inner_next, programs)
        if lane is None:
            continue
        if not lane.green > 0.0:
            never += 1
            continue
        found.setdefault(pair, []).append((one.attributes.get("dir", "s"), lane))
    ways = {
        pair: Movement(before=pair[0], after=pair[1], direction=own[0][0], lanes=tuple(lane for _, lane in own))
        for pair, own in found.items()
    }
    back = {pair: one for pair, one in ways.items() if one.direction == BACK}
    blocked = (f"{never} connections have no green in any phase of their signal; they are left out",) if never else ()
    return {pair: one for pair, one in ways.items() if pair not in back}, back, blocked


def _lane(
    path: Path,
    one: Element,
    edges: Mapping[str, Edge],
    lanes: _Lanes,
    inner_next: Mapping[str, str],
    programs: Mapping[str, Program],
) -> Lane | None:
    """Return a connection; None if the class may not use it."""
    words = one.attributes
    lane = int(number(path, one, "fromLane"))
    if lane not in edges[words["from"]].lanes or int(number(path, one, "toLane")) not in edges[words["to"]].lanes:
        return None
    inner_s, via, passed = 0.0, words.get("via", ""), set[str]()
    while via and via not in passed:
        if via not in lanes.time_s:
            reason = f"the way across the junction leads over lane {via!r}, which the file does not have"
            raise InputError(Problem(file=str(path), line=one.line, column=1, field="via", reason=reason))
        if via not in lanes.open:
            return None
        passed.add(via)
        inner_s += lanes.time_s[via]
        via = inner_next.get(via, "")
    program = programs.get(words.get("tl", ""))
    index = int(number(path, one, "linkIndex")) if program is not None else 0
    yields = words.get("state", "M") in YIELDS
    return Lane(
        lane=lane,
        inner=words.get("via", "").rpartition("_")[0],
        inner_s=inner_s,
        delay_s=(0.0 if program is None else program.delay_s(index)) + (YIELD_S if yields else 0.0),
        green=1.0 if program is None else program.green_share(index),
        signal=program is not None,
        yields=yields,
    )


def _remarks(programs: Iterable[Program], ways: Iterable[Movement]) -> Iterable[str]:
    programs = list(programs)
    if long := [one for one in programs if one.cycle_s > LONG_CYCLE_S]:
        names = ", ".join(f"{one.signal} ({one.cycle_s:g} s)" for one in long[:5])
        yield f"{len(long)} signals have a cycle above {LONG_CYCLE_S:g} s: {names}"
    if moved := [one.signal for one in programs if one.kind != "static"]:
        yield (
            f"{len(moved)} signals are actuated or follow another rule; the times of their phases are taken as fixed, "
            "which overstates red"
        )
    if not any(one.inner for way in ways for one in way.lanes):
        yield "the network has no internal lanes: the time across junctions is not in it"
