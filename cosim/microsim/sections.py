"""How road links become SUMO edges: nodes without delay, merge sections, and spurs to the stations' lots.

Everything here is geometry and lane arithmetic; `cosim.microsim.network` writes it down and calls netconvert.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from cosim.charging.stations import Station
from cosim.errors import InputError, Problem
from cosim.microsim.lanes import LanePairs, body_lanes, dropped_lane, merge_lanes, side_by_side, spread_lanes
from cosim.microsim.layout import Point, along, aside, node_points
from cosim.microsim.model import Lot, Variant
from cosim.traffic.network import RoadNetwork

SPEED_MPS = 1000.0 / 60.0
"""60 km/h, so that one kilometre takes one minute."""
METRES_PER_MINUTE = 1000.0
MERGING: tuple[Variant, ...] = ("merge", "metered")
"""Variants with merge sections, whose nodes have no delay."""
MERGE_M = 300.0
BYPASS_M, WEAVE_M = 400.0, 300.0
SPUR = (("i", 300.0, 8.33), ("p", 400.0, 8.33), ("o", 300.0, 13.9))
"""Edges of a spur: suffix, length in m, speed in m/s."""
SPUR_ASIDE_M = 60.0
LANE_WIDTH_M, WIDEST_EDGE_M = 3.2, 19.2
LOT_MARGIN_M = 50.0
SHORTEST_M = 50.0
"""Shortest edge that is left of a body once its sections are cut off."""
ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class PlainNode:
    """A node of the plain network: ``kind`` is SUMO's node type."""

    node_id: str
    point: Point
    kind: str


@dataclass(frozen=True, slots=True)
class PlainEdge:
    """A directed edge; its length is given and not drawn, because no plane drawing can honour all travel times."""

    edge_id: str
    tail: str
    head: str
    lanes: int
    length_m: float
    speed_mps: float = SPEED_MPS

    @property
    def lane_width_m(self) -> float:
        """Width that a lane is drawn with; less where many lanes would fill the junctions."""
        return round(min(LANE_WIDTH_M, WIDEST_EDGE_M / self.lanes), 2)


@dataclass(frozen=True, slots=True)
class PlainConnection:
    """A connection of two lanes."""

    from_edge: str
    to_edge: str
    from_lane: int
    to_lane: int


@dataclass(slots=True, kw_only=True)
class PlainNet:
    """A network before netconvert.

    Attributes
    ----------
    variant, length_scale
        As in `cosim.microsim.model.MicroNet`.
    link_ids, lanes, link_edges
        The road links, lanes of their bodies, and their main edges in travel order.
    entrances
        First edges that no other link leads to: trips begin there.
    dead_ends
        Last edges from which no link leads on, though links leave their node (back, or no trip may pass): trips end
        there. Where links lie beside each other, netconvert takes one for the way back and makes up turns to
        the others.
    """

    variant: Variant
    length_scale: float
    link_ids: tuple[str, ...]
    lanes: tuple[int, ...]
    nodes: list[PlainNode] = field(default_factory=list)
    edges: list[PlainEdge] = field(default_factory=list)
    connections: list[PlainConnection] = field(default_factory=list)
    link_edges: list[tuple[str, ...]] = field(default_factory=list)
    entrances: set[str] = field(default_factory=set)
    dead_ends: list[str] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)

    def connect(self, from_edge: str, to_edge: str, pairs: LanePairs) -> None:
        """Connect lanes of two edges."""
        self.connections += [PlainConnection(from_edge, to_edge, a, b) for a, b in pairs]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Roads:
    """What of the road network matters here; links are positions."""

    network: RoadNetwork
    links: tuple[int, ...]
    into: dict[int, tuple[int, ...]]
    lanes: dict[int, int]
    length_m: dict[int, float]
    station: dict[int, str]
    points: tuple[Point, ...]

    def id(self, link: int) -> str:
        return self.network.link_ids[link]

    def lanes_into(self, link: int) -> int:
        """Lanes that lead to the beginning of a link."""
        return sum(self.lanes[before] for before in self.into[link])

    def needs_merge(self, link: int) -> bool:
        """Whether more lanes lead to a link than it has."""
        return self.lanes_into(link) > self.lanes[link]


def plain_net(
    network: RoadNetwork, stations: Sequence[Station], *, length_scale: float = 1.0, variant: Variant = "merge"
) -> PlainNet:
    """Return the plain network of all road links, with a spur on every link that leaves a station's node.

    Parameters
    ----------
    network
        Roads; virtual station links are left out.
    stations
        At most one per node; not used by the variant ``plain``.
    length_scale
        Factor of all link lengths; sections keep theirs.
    variant
        See `cosim.microsim.model.MicroNet`.

    Raises
    ------
    InputError
        With every link that is too short for its sections, every id that SUMO cannot hold, two stations at a node, and
        every station that no link leaves.
    """
    if not 0.0 < length_scale < math.inf:
        raise InputError(f"length_scale {length_scale:g} must be > 0 and finite")
    roads = _roads(network, stations if variant != "plain" else (), length_scale)
    if problems := [*_id_problems(network, stations), *_station_problems(network, stations)]:
        raise InputError(problems)
    net = PlainNet(
        variant=variant,
        length_scale=length_scale,
        link_ids=tuple(roads.id(link) for link in roads.links),
        lanes=tuple(roads.lanes[link] for link in roads.links),
    )
    if problems := [problem for link in roads.links for problem in _length_problems(roads, link, variant)]:
        raise InputError(problems)
    net.nodes += _road_nodes(roads, variant)
    for link in roads.links:
        _add_link(net, roads, link)
    for link in roads.links:
        _connect_link(net, roads, link)
    net.dead_ends += _dead_ends(net, roads)
    _check_unique(net)
    return net


def _roads(network: RoadNetwork, stations: Sequence[Station], length_scale: float) -> _Roads:
    links = tuple(np.flatnonzero(~network.is_station).tolist())
    lanes = {link: body_lanes(float(network.capacity_vph[link])) for link in links}
    into = {}
    for link in links:
        tail, head = int(network.tail[link]), int(network.head[link])
        before = [i for i in links if network.head[i] == tail and network.tail[i] != head]
        into[link] = () if network.is_centroid[tail] else tuple(sorted(before, key=lambda i: network.link_ids[i]))
    at = {station.node: station.name for station in stations}
    tail_id = {link: network.node_ids[network.tail[link]] for link in links}
    return _Roads(
        network=network,
        links=links,
        into=into,
        lanes=lanes,
        length_m={i: METRES_PER_MINUTE * length_scale * float(network.free_flow_min[i]) for i in links},
        station={link: at[tail_id[link]] for link in links if tail_id[link] in at},
        points=node_points(network),
    )


def _road_nodes(roads: _Roads, variant: Variant) -> Iterator[PlainNode]:
    """Yield the road nodes; only ``signals`` has nodes where streams wait for each other."""
    heads = Counter(int(roads.network.head[link]) for link in roads.links)
    tails = {int(roads.network.tail[link]) for link in roads.links}
    passed = {int(roads.network.tail[link]) for link in roads.links if roads.into[link]}
    for position, name in enumerate(roads.network.node_ids):
        if position not in heads and position not in tails:
            continue
        crossing = heads[position] > 1 and position in passed
        kind = "unregulated"
        if variant == "signals":
            kind = "traffic_light" if crossing else "priority"
        yield PlainNode(f"N{name}", roads.points[position], kind)


def _add_link(net: PlainNet, roads: _Roads, link: int) -> None:
    """Add the edges of one link, the nodes between them and the connections within."""
    name, lanes, length = roads.id(link), roads.lanes[link], roads.length_m[link]
    start, end = (roads.points[node[link]] for node in (roads.network.tail, roads.network.head))
    tail, head = (f"N{roads.network.node_ids[node[link]]}" for node in (roads.network.tail, roads.network.head))
    edges: list[str] = []
    begin = tail
    if net.variant in MERGING and roads.needs_merge(link):
        begin, before = f"m{name}", roads.lanes_into(link)
        net.nodes.append(PlainNode(begin, along(start, end, 0.15), "zipper"))
        net.edges.append(PlainEdge(f"L{name}m", tail, begin, before, MERGE_M))
        edges.append(f"L{name}m")
        length, start = length - MERGE_M, along(start, end, 0.15)
    if link in roads.station:
        body = _station_body(net, name, roads.station[link], (begin, head), (start, end), lanes, length)
    else:
        net.edges.append(PlainEdge(f"L{name}", begin, head, lanes, length))
        body = [f"L{name}"]
    if edges:
        before = roads.lanes_into(link)
        net.connect(edges[0], body[0], [(j, dropped_lane(j, before, lanes)) for j in range(before)])
    net.link_edges.append((*edges, *body))


def _station_body(
    net: PlainNet,
    name: str,
    station: str,
    ends: tuple[str, str],
    points: tuple[Point, Point],
    lanes: int,
    length: float,
) -> list[str]:
    """Cut a body of a link into approach, bypass, weaving section and rest, with a spur beside the bypass."""
    rest = (length - BYPASS_M - WEAVE_M) / 2.0
    d, j, z = f"d{name}", f"j{name}", f"z{name}"
    place = {d: 0.35, j: 0.65, z: 0.8}
    kinds = {d: "unregulated", j: "unregulated", z: "zipper"}
    net.nodes += [PlainNode(node, along(*points, share), kinds[node]) for node, share in place.items()]
    a, t, b, last = (f"L{name}{part}" for part in "atbz")
    net.edges += [
        PlainEdge(a, ends[0], d, lanes, rest),
        PlainEdge(t, d, j, lanes, BYPASS_M),
        PlainEdge(b, j, z, lanes + 1, WEAVE_M),
        PlainEdge(last, z, ends[1], lanes, rest),
    ]
    inner = (f"s{name}i", f"s{name}o")
    net.nodes += [
        PlainNode(node, aside(*points, share, SPUR_ASIDE_M), "priority")
        for node, share in zip(inner, (0.43, 0.57), strict=True)
    ]
    stops = (d, *inner, j)
    spur = [f"S{name}{part}" for part, _, _ in SPUR]
    for edge, (_, metres, speed), tail, head in zip(spur, SPUR, stops, stops[1:], strict=False):
        net.edges.append(PlainEdge(edge, tail, head, 1, metres, speed))
    for before, after in zip((a, *spur), (*spur, b), strict=True):
        net.connect(before, after, [(0, 0)])
    net.connect(a, t, [(lane, lane) for lane in range(lanes)])
    net.connect(t, b, [(lane, lane + 1) for lane in range(lanes)])
    net.connect(b, last, [(lane, max(lane - 1, 0)) for lane in range(lanes + 1)])
    net.lots.append(
        Lot(
            lot_id=f"lot_{station}_{name}", station=station, link_id=name, bypass_edge=t, spur_edges=tuple(spur),
            lane_id=f"{spur[1]}_0", start_m=LOT_MARGIN_M, end_m=SPUR[1][1] - LOT_MARGIN_M,
        )
    )  # fmt: skip
    return [a, t, b, last]


def _connect_link(net: PlainNet, roads: _Roads, link: int) -> None:
    """Connect the last edges of the links before with the first edge of a link."""
    place = {other: number for number, other in enumerate(roads.links)}
    first = net.link_edges[place[link]][0]
    if not roads.into[link]:
        net.entrances.add(first)
    for other, pairs in zip(roads.into[link], _entries(net.variant, roads, link), strict=True):
        net.connect(net.link_edges[place[other]][-1], first, pairs)


def _dead_ends(net: PlainNet, roads: _Roads) -> Iterator[str]:
    left = {int(roads.network.tail[link]) for link in roads.links}
    connected = {connection.from_edge for connection in net.connections}
    for link, edges in zip(roads.links, net.link_edges, strict=True):
        if edges[-1] not in connected and int(roads.network.head[link]) in left:
            yield edges[-1]


def _entries(variant: Variant, roads: _Roads, link: int) -> list[LanePairs]:
    """Return which lane leads to which lane of a link's first edge, for each link before."""
    before, after = [roads.lanes[other] for other in roads.into[link]], roads.lanes[link]
    if variant not in MERGING:
        return [side_by_side(lanes, after) for lanes in before]
    if roads.needs_merge(link):
        return [[(lane, target) for lane, target in enumerate(own)] for own in merge_lanes(before)]
    return spread_lanes(before, after)


def _length_problems(roads: _Roads, link: int, variant: Variant) -> Iterator[Problem]:
    """Yield why a link is too short for its sections."""
    needs = [("body", SHORTEST_M)]
    if variant in MERGING and roads.needs_merge(link):
        needs.append(("merge section", MERGE_M))
    if link in roads.station:
        needs = [*needs[1:], (f"lot of station {roads.station[link]!r}", BYPASS_M + WEAVE_M + 2.0 * SHORTEST_M)]
    needed, length = sum(metres for _, metres in needs), roads.length_m[link]
    if length < needed:
        parts = ", ".join(f"{what} {metres:g} m" for what, metres in needs)
        reason = f"link {roads.id(link)!r} is {length:g} m long at 60 km/h, its sections need {needed:g} m ({parts})"
        remedy = "give it a longer free_flow_min"
        if length > 0.0:
            remedy = f"use a length_scale {needed / length:.3g} times as large, or a longer free_flow_min"
        yield Problem(field="free_flow_min", reason=reason, remedy=remedy)


def _id_problems(network: RoadNetwork, stations: Sequence[Station]) -> Iterator[Problem]:
    families = {
        "node": network.node_ids,
        "link": [name for name, virtual in zip(network.link_ids, network.is_station, strict=True) if not virtual],
        "station": [station.name for station in stations],
    }
    for family, names in families.items():
        for name in names:
            if not (0 < len(name) <= LONGEST_ID and ID_CHARACTERS.issuperset(name)):
                remedy = f"use 1 to {LONGEST_ID} letters, digits, '_', '.', '-'"
                yield Problem(field="id", reason=f"{family} id {name!r} cannot stand in a SUMO network", remedy=remedy)


def _station_problems(network: RoadNetwork, stations: Sequence[Station]) -> Iterator[Problem]:
    road_tails = {network.node_ids[node] for node in network.tail[~network.is_station]}
    for node, count in Counter(station.node for station in stations).items():
        at = [station.name for station in stations if station.node == node]
        names = ", ".join(map(repr, at))
        if count > 1:
            reason = f"stations {names} stand at one node {node!r}; a link has room for one lot"
            yield Problem(field="stations", reason=reason, remedy="join them into one, or give each a node")
        elif node not in network.node_ids:
            reason = f"station {names} is at node {node!r}, which the road network does not have"
            yield Problem(field="stations", reason=reason, remedy="known: " + ", ".join(network.node_ids))
        elif node not in road_tails:
            reason = f"station {names} is at node {node!r}, which no link leaves; its lot lies on a leaving link"
            yield Problem(field="stations", reason=reason, remedy="move it to a node before")


def _check_unique(net: PlainNet) -> None:
    """Refuse ids that only our suffixes make equal, as of links '1' and '1m'."""
    made = {"edge": [e.edge_id for e in net.edges], "node": [n.node_id for n in net.nodes],
            "lot": [lot.lot_id for lot in net.lots]}  # fmt: skip
    problems = [
        Problem(field="id", reason=f"two links make the {family} {name!r}", remedy="rename one of them")
        for family, names in made.items()
        for name, count in Counter(names).items()
        if count > 1
    ]
    if problems:
        raise InputError(problems)
