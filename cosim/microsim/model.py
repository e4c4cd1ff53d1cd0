"""What the parts of the microscopic simulation hand to each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Interval

from cosim.arrays import Array, IntArray, read_only
from cosim.bounds import NonNegative, Positive, check_bounds
from cosim.errors import InputError, Problem
from cosim.microsim.metering import LinkMeter

Variant = Literal["merge", "metered", "signals", "plain", "own"]
VARIANTS: tuple[Variant, ...] = ("merge", "metered", "signals", "plain")
"""Those that are built; ``own`` is the network that the roads were imported from."""
Part = Literal["whole", "first", "second", "turn", "begin", "finish"]
"""What a link is of an edge of one's own network: all of it, a half, a way across a junction, or where the trips of a
district begin or end on it."""
CHARGING_TYPE, OTHER_TYPE = "ev", "gv"
"""Vehicle types; both are SUMO's default car, so that one vehicle is one passenger-car unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """The off-road parking area of a station on the spur of one link.

    Attributes
    ----------
    lot_id
        Id of the parking area.
    station
        Name of the station; one with several lots has one queue.
    link_id
        Link whose body the spur leaves and joins again.
    bypass_edge, spur_edges
        A route that charges passes ``spur_edges`` in place of ``bypass_edge``.
    lane_id, start_m, end_m
        Where the parking area lies.
    """

    lot_id: str
    station: str
    link_id: str
    bypass_edge: str
    spur_edges: tuple[str, ...]
    lane_id: str
    start_m: float
    end_m: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnLinks:
    """How the links of an imported network belong to its edges.

    Attributes
    ----------
    parts
        What each link is of its edge.
    counted
        Of each link the edges and counters that add up to the vehicles that passed it.
    turns
        Of each link that ends an edge the turns that leave it.
    first
        Of each second half the first one, -1 for other links.
    free_s, wait_s
        Time of each link without traffic, and how much of it is waiting at a junction, s.
    length_m
        Length of the edges.
    signals
        An additional file with signal programs.
    """

    parts: tuple[Part, ...]
    counted: tuple[tuple[tuple[str, str], ...], ...]
    turns: tuple[tuple[int, ...], ...]
    first: tuple[int, ...]
    free_s: Array
    wait_s: Array
    length_m: dict[str, float]
    signals: Path | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroNet:
    """A SUMO network and how it belongs to the links of a road network.

    Attributes
    ----------
    net_file
        The network that SUMO reads.
    variant
        ``merge``: nodes without delay; ``metered``: the same with speeds that follow the flow; ``signals``: ordinary
        signals (a study of realism); ``plain``: for the mesoscopic model, without stations; ``own``: the user's.
    length_scale
        Link lengths are ``1000 free_flow_min length_scale`` metres, driven at 60 km/h.
    link_ids
        Ids of the L road links, in the order of the road network.
    link_edges
        Main edges of each link, in travel order; the bypass stands here, the spur does not.
    lanes
        Lanes of each link's body, shape (L,).
    lots
        Parking areas of the stations.
    sha256
        Of ``net_file``.
    meters
        How the speed of each link follows its flow; only with the variant ``metered``.
    own
        What is measured where; only with the variant ``own``.
    """

    net_file: Path
    variant: Variant
    length_scale: float
    link_ids: tuple[str, ...]
    link_edges: tuple[tuple[str, ...], ...]
    lanes: IntArray
    lots: tuple[Lot, ...]
    sha256: str
    meters: tuple[LinkMeter, ...] = ()
    own: OwnLinks | None = None

    def __post_init__(self) -> None:
        shape = (len(self.link_ids),)
        object.__setattr__(self, "lanes", read_only(self.lanes, np.intp, shape, "lanes"))
        if len(self.link_edges) != len(self.link_ids):
            raise InputError(f"edges for {len(self.link_edges)} links are given, the network has {len(self.link_ids)}")

    def lots_of(self, station: str) -> tuple[Lot, ...]:
        """Return the lots of one station, in the order of their links."""
        return tuple(lot for lot in self.lots if lot.station == station)


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroRoute:
    """The way of the vehicles of one path.

    Attributes
    ----------
    route_id
        ``r_<origin>_<destination>_<k>``, with ``_<station>`` behind it if the path charges; k counts the paths of the
        commodity from 1.
    edges
        In travel order, with the spur in place of the bypass where the route charges.
    user_class, vehicle_type
        Class of the commodity; ``ev`` for a class that charges, else ``gv``.
    commodity, path
        Positions in the `PathSet`.
    lot_id
        Where the vehicles park; empty for routes that do not charge.
    depart_pos, arrive_pos
        Where on its first and last edge it begins and ends, in SUMO's words.
    """

    route_id: str
    edges: tuple[str, ...]
    user_class: str
    vehicle_type: str
    commodity: int
    path: int
    lot_id: str = ""
    depart_pos: str = "base"
    arrive_pos: str = "max"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroDemand:
    """The M vehicles of a stretch of time, sorted by departure.

    Attributes
    ----------
    routes
        The R routes.
    vehicle_ids
        Unique ids, shape (M,).
    route
        Position of each vehicle's route, shape (M,).
    depart_s
        Departure, a multiple of 0.01 s, ascending, shape (M,).
    begin_s, duration_s, seed
        Departures lie in ``[begin_s, begin_s + duration_s)`` and were drawn from the seed.
    """

    routes: tuple[MicroRoute, ...]
    vehicle_ids: tuple[str, ...]
    route: IntArray
    depart_s: Array
    begin_s: float
    duration_s: float
    seed: int

    def __post_init__(self) -> None:
        shape = (len(self.vehicle_ids),)
        object.__setattr__(self, "route", read_only(self.route, np.intp, shape, "route"))
        object.__setattr__(self, "depart_s", read_only(self.depart_s, np.float64, shape, "depart_s"))

    def __len__(self) -> int:
        return len(self.vehicle_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroStation:
    """A station as its queue sees it.

    Attributes
    ----------
    name, lots
        Name, and ids of its parking areas; all share one queue.
    chargers, charger_kw, energy_kwh
        Number of chargers, power of each, and energy of one session, drawn from the grid.
    dwell_s
        Time that a vehicle stays after its session, off the charger.
    """

    name: str
    lots: tuple[str, ...]
    chargers: int
    charger_kw: float
    energy_kwh: float
    dwell_s: float = 0.0

    def __post_init__(self) -> None:
        rules = (
            ("chargers", self.chargers >= 1, "must be at least 1"),
            ("charger_kw", 0.0 < self.charger_kw < math.inf, "must be > 0 and finite"),
            ("energy_kwh", 0.0 < self.energy_kwh < math.inf, "must be > 0 and finite"),
            ("dwell_s", 0.0 <= self.dwell_s < math.inf, "must be >= 0 and finite"),
        )
        broken = [
            Problem(field=name, reason=f"station {self.name!r}: {name} is {getattr(self, name)!r}, {rule}")
            for name, holds, rule in rules
            if not holds
        ]
        if broken:
            raise InputError(broken)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a simulation is run and measured besides.

    Attributes
    ----------
    slice_s
        Also measure the links in intervals of this length, from 0 on, s; 0 does not.
    hang_limit_s
        A call of SUMO that takes longer counts as hung, s; None: what the watchdog allows.
    tries
        How often SUMO is started before its death is an error, 1 or 2.
    file_limit_bytes
        Largest file that SUMO may write.
    """

    slice_s: NonNegative = 0.0
    hang_limit_s: Positive | None = None
    tries: Annotated[int, Interval(ge=1, le=2)] = 2
    file_limit_bytes: Annotated[int, Ge(1)] = 4 * 2**30

    def __post_init__(self) -> None:
        check_bounds(self, "options")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowInput:
    """Everything that a window of microsimulation depends on.

    Attributes
    ----------
    net, demand
        Network and vehicles; the demand covers the warm-up and the measured time, from 0.
    stations, p_set_mw
        The S stations, and the power that each may draw, MW, shape (S,); inf means what is installed.
    warmup_s, measured_s
        Length of both parts, s; multiples of ``step_s``.
    step_s
        Step of SUMO, s.
    seed
        Seed of SUMO.
    options
        How it is run and measured besides.
    """

    net: MicroNet
    demand: MicroDemand
    stations: tuple[MicroStation, ...] = ()
    p_set_mw: Array = field(default_factory=lambda: np.zeros(0))
    warmup_s: float
    measured_s: float
    step_s: float = 1.0
    seed: int = 1
    options: RunOptions = RunOptions()

    def __post_init__(self) -> None:
        cap = np.asarray(self.p_set_mw, dtype=np.float64)
        if cap.shape != (len(self.stations),) or not (cap >= 0.0).all():
            raise InputError(f"p_set_mw is {cap}, must hold one value >= 0 for each of {len(self.stations)} stations")
        object.__setattr__(self, "p_set_mw", read_only(cap, np.float64, cap.shape, "p_set_mw"))
