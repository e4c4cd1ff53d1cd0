"""The road network: links as arrays, with one virtual link per charging station."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array, BoolArray, IntArray, read_only
from cosim.charging.stations import Station
from cosim.errors import InputError, Problem
from cosim.traffic.law_groups import LawGroup, LawName, breaches, group_by_law, law_class, law_settings
from cosim.traffic.laws import LAWS
from cosim.traffic.laws.base import COMMON, FINITE, Breach, Law, LinkParameters, broken

PER_LINK = ("free_flow_min", "capacity_vph", "alpha", "beta", "servers", "fixed_min", "slope_min_per_vph")

NETWORKS_KEPT = 4
"""Networks with other constants: a round at given prices asks for the same one when it solves and tells each station.
"""


def _scalar(value: float) -> Array:
    return np.array(value)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoadNetwork:
    """A directed road network; arrays of length L hold one value per link.

    A scalar given for an array of length L holds for every link. Change a network with
    `dataclasses.replace`; its arrays are read-only.

    Attributes
    ----------
    node_ids, link_ids
        Unique ids of the N nodes and L links.
    tail, head
        Positions of the nodes where each link begins and ends.
    law
        Each link's travel-time law: a name from `cosim.traffic.laws.LAWS`, or a subclass of `Law`.
    free_flow_min, capacity_vph
        Travel time without traffic, min, and capacity, veh/h.
    alpha, beta
        Settings of the law ``bpr``, and of any other with settings of these names: columns of every ``links.csv``.
    servers
        Number of chargers of a station; 0 where it is not known.
    settings
        Further settings of the laws by name, each of length L; one that is not here has its law's default.
    fixed_min, slope_min_per_vph
        What is added to the law's time: ``fixed_min + slope_min_per_vph * flow`` (toll, price).
    is_station
        Whether a link is the virtual link of a charging station (Eq 3).
    is_centroid
        Whether a node is closed to through traffic: trips begin and end there, none passes, shape (N,).
    junction
        The junction that each node belongs to, empty where none; N names, or none at all. A route of a list passes no
        junction twice (`cosim.traffic.route_filter`).
    edge
        Edge of the SUMO network that each link was read from (of a turn its internal edges), empty for none; L names,
        or none at all.
    node_xy
        Coordinates for drawing, shape (N, 2).
    remarks
        What the reader of its files had to say: units that it took, columns that it left aside.
    law_groups
        Links grouped by law (made here).

    Raises
    ------
    InputError
        With every repeated id, wrong position, unknown law and parameter that the law refuses.
    """

    node_ids: tuple[str, ...]
    link_ids: tuple[str, ...]
    tail: IntArray
    head: IntArray
    free_flow_min: Array
    capacity_vph: Array
    law: tuple[LawName, ...] = ()
    alpha: Array = field(default_factory=lambda: _scalar(0.15))
    beta: Array = field(default_factory=lambda: _scalar(4.0))
    servers: Array = field(default_factory=lambda: _scalar(0.0))
    settings: Mapping[str, Array] = field(default_factory=dict)
    fixed_min: Array = field(default_factory=lambda: _scalar(0.0))
    slope_min_per_vph: Array = field(default_factory=lambda: _scalar(0.0))
    is_station: BoolArray = field(default_factory=lambda: np.array(False))
    is_centroid: BoolArray = field(default_factory=lambda: np.array(False))
    junction: tuple[str, ...] = ()
    edge: tuple[str, ...] = ()
    node_xy: Array = field(default_factory=lambda: _scalar(0.0))
    remarks: tuple[str, ...] = ()
    law_groups: tuple[LawGroup, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n_links = len(self.link_ids)
        put = object.__setattr__
        put(self, "node_ids", tuple(self.node_ids))
        put(self, "link_ids", tuple(self.link_ids))
        put(self, "law", tuple(self.law) or ("bpr",) * n_links)
        for name in ("tail", "head"):
            put(self, name, read_only(getattr(self, name), np.intp, (n_links,), name))
        for name in PER_LINK:
            put(self, name, read_only(getattr(self, name), np.float64, (n_links,), name))
        own = {name: read_only(values, np.float64, (n_links,), name) for name, values in self.settings.items()}
        put(self, "settings", own)
        put(self, "is_station", read_only(self.is_station, np.bool_, (n_links,), "is_station"))
        put(self, "is_centroid", read_only(self.is_centroid, np.bool_, (len(self.node_ids),), "is_centroid"))
        if self.junction and len(self.junction) != len(self.node_ids):
            raise InputError(f"{len(self.junction)} junctions for {len(self.node_ids)} nodes")
        if self.edge and len(self.edge) != n_links:
            raise InputError(f"{len(self.edge)} edges for {n_links} links")
        put(self, "node_xy", read_only(self.node_xy, np.float64, (len(self.node_ids), 2), "node_xy"))
        if problems := _problems(self):
            raise InputError(problems)
        put(self, "law_groups", group_by_law(self.law, self.parameters))

    @property
    def parameters(self) -> LinkParameters:
        """The parameters of all links, as the laws take them."""
        common: dict[str, Any] = {name: getattr(self, name) for name in COMMON}
        return LinkParameters(settings={"alpha": self.alpha, "beta": self.beta, **self.settings}, **common)

    def setting(self, name: str) -> Array:
        """Return a setting of the links' laws, shape (L,); NaN where a law has none of this name."""
        values = np.full(len(self.link_ids), np.nan)
        for group in self.law_groups:
            if name in (defaults := type(group.law).defaults()):
                given = self.parameters.settings.get(name)
                values[group.members] = defaults[name] if given is None else given[group.members]
        return values

    @property
    def station_positions(self) -> IntArray:
        """Positions of the station links, in the order in which the stations were added."""
        return np.flatnonzero(self.is_station)

    @property
    def station_ids(self) -> tuple[str, ...]:
        """Ids of the station links, in the same order."""
        return tuple(self.link_ids[position] for position in self.station_positions)

    def follows(self, law: type[Law]) -> BoolArray:
        """Return which links follow a law, shape (L,)."""
        return np.array([law_class(name) is law for name in self.law], dtype=np.bool_)

    def with_stations(self, stations: Sequence[Station]) -> RoadNetwork:
        """Return a network with one virtual link per station at the end (id = the station's name).

        The virtual link leads from the station's node to the same node.

        Raises
        ------
        InputError
            If a station stands at an unknown node, or its name is the id of a link.
        """
        _check_stations(self, stations)
        if not stations:
            return self
        nodes = [self.node_ids.index(station.node) for station in stations]
        added: dict[str, list[float]] = {name: [] for name in PER_LINK}
        for station in stations:
            own = {"servers": float(station.chargers or 0)}
            own |= dict.fromkeys(("alpha", "fixed_min", "slope_min_per_vph"), 0.0) | {"beta": 1.0}
            for name in PER_LINK:
                added[name].append(own[name] if name in own else getattr(station, name))
        extended: dict[str, Any] = {name: np.append(getattr(self, name), added[name]) for name in PER_LINK}
        laws = [law_settings(station) for station in stations]
        told = dict.fromkeys(name for law in laws for name in law)
        settings = {
            name: np.append(self.setting(name), [law.get(name, np.nan) for law in laws])
            for name in (*self.settings, *told)
        }
        return replace(
            self,
            link_ids=self.link_ids + tuple(station.name for station in stations),
            tail=np.append(self.tail, nodes),
            head=np.append(self.head, nodes),
            law=self.law + tuple(station.law_kind for station in stations),
            settings=settings,
            is_station=np.append(self.is_station, [True] * len(stations)),
            edge=(*self.edge, *("" for _ in stations)) if self.edge else (),
            **extended,
        )

    def with_fixed_min(self, station_fixed_min: ArrayLike, station_slope_min_per_vph: ArrayLike = 0.0) -> RoadNetwork:
        """Return a network whose stations add these constants (and slopes) to their travel time.

        Parameters
        ----------
        station_fixed_min
            One value per station link (or one for all), min; replaces the present one.
        station_slope_min_per_vph
            The same for the slope, min/(veh/h), >= 0.
        """
        stations = self.station_positions
        fixed, slope = self.fixed_min.copy(), self.slope_min_per_vph.copy()
        shape = stations.shape
        fixed[stations] = read_only(station_fixed_min, np.float64, shape, "station_fixed_min")
        slope[stations] = read_only(station_slope_min_per_vph, np.float64, shape, "station_slope_min_per_vph")
        return _with_constants(self, fixed.tobytes(), slope.tobytes())


@lru_cache(maxsize=NETWORKS_KEPT)
def _with_constants(network: RoadNetwork, fixed_min: bytes, slope_min_per_vph: bytes) -> RoadNetwork:
    """Return the network with these constants and slopes of all links, to the bit."""
    return replace(network, fixed_min=np.frombuffer(fixed_min), slope_min_per_vph=np.frombuffer(slope_min_per_vph))


def _problems(network: RoadNetwork) -> list[Problem]:
    problems = [*_id_problems("node", network.node_ids), *_id_problems("link", network.link_ids)]
    if len(network.law) != len(network.link_ids):
        reason = f"{len(network.law)} laws for {len(network.link_ids)} links"
        return [*problems, Problem(field="law", reason=reason)]
    found = [*_end_breaches(network), *_law_breaches(network), *_added_breaches(network)]
    for position, name, rule in dict.fromkeys(found):
        reason = f"link {network.link_ids[position]!r}: {name} {rule}"
        problems.append(Problem(field=name, reason=reason))
    return problems


def _id_problems(kind: str, ids: tuple[str, ...]) -> Iterator[Problem]:
    for repeated, count in Counter(ids).items():
        if count > 1:
            yield Problem(field=f"{kind}_ids", reason=f"{kind} {repeated!r} stands twice; ids must be unique")


def _end_breaches(network: RoadNetwork) -> Iterator[Breach]:
    for name, ends in (("tail", network.tail), ("head", network.head)):
        for position in np.flatnonzero((ends < 0) | (ends >= len(network.node_ids))):
            yield int(position), name, f"{ends[position]} is no node position"
    for position in np.flatnonzero((network.tail == network.head) & ~network.is_station):
        yield int(position), "head", "must differ from tail; the link ends where it begins"


def _law_breaches(network: RoadNetwork) -> Iterator[Breach]:
    unknown = [
        (position, "law", f"{law!r} is unknown; known: {', '.join(LAWS)}")
        for position, law in enumerate(network.law)
        if isinstance(law, str) and law not in LAWS
    ]
    yield from unknown or breaches(network.law, network.parameters)


def _added_breaches(network: RoadNetwork) -> Iterator[Breach]:
    for name in ("alpha", "beta", "fixed_min"):
        yield from broken(name, (values := getattr(network, name)), np.isfinite(values), FINITE)
    slope = network.slope_min_per_vph
    for position in np.flatnonzero(~((slope >= 0) & np.isfinite(slope))):
        yield int(position), "slope_min_per_vph", f"{slope[position]:g} must be >= 0 and finite"


def _check_stations(network: RoadNetwork, stations: Sequence[Station]) -> None:
    taken = set(network.link_ids)
    known = ", ".join(network.node_ids)
    problems = []
    for station in stations:
        if station.node not in network.node_ids:
            reason = f"station {station.name!r} is at node {station.node!r}, which the road network does not have"
            problems.append(Problem(field="node", reason=reason, remedy=f"its nodes are {known}"))
        if station.name in taken:
            reason = f"station {station.name!r} has the id of a link or of another station"
            problems.append(Problem(field="name", reason=reason, remedy="rename the station"))
        taken.add(station.name)
    if problems:
        raise InputError(problems)
