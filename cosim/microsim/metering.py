"""Speeds that follow the flow: links that reproduce a travel-time law far below the capacity of a SUMO lane.

A lane of SUMO carries about 1800 veh/h and knows no delay at 200 to 800, where practical capacities of the BPR formula
lie; a bottleneck with such a capacity knows none below it and grows a queue without end above, where the formula still
promises an equilibrium. So the law itself is imposed: detectors count who enters a link, and once a minute the speed
limit of the whole link becomes the one at which it takes the law's time at the flow counted of late. A run on such a
network tests loading, transients and route choice under the law; it cannot test the law.

The memory of the count must be longer than the link takes: a speed that changes faster holds back or releases the whole
link at once, and swings. A relation of speed and density in its place (N = x t(x)) settles by itself but multiplies
every error of the speed by 1 + beta (1 - t0 / t): at 1.84 times the capacity by 3.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.arrays import Array, read_only
from cosim.errors import InputError, Problem
from cosim.traffic.network import RoadNetwork
from cosim.traffic.performance import link_cost
from cosim.units import SECONDS_PER_HOUR, min_to_s

UPDATE_S = 60.0
MEMORY_S, SHORTEST_MEMORY_S = 2400.0, 600.0
"""Time constant of the mean flow at length scale 1, and the shortest: below, it follows the scatter of arrivals."""
OWN_DELAY = 1.05
"""Time on an open road over length / speed limit: the scatter of desired speeds and overtaking; measured."""
DETECTOR_M = 20.0
POINTS = 65
MOST_LOADED = 3.0
"""The law is tabulated up to so many times the capacity, and held beyond."""
FREE_MPS = 25.0
SLOWEST_MPS = 0.5

Call = Callable[..., Any]
"""`SumoProcess.call`: what is done, for the record, the function and its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkMeter:
    """The law of one link.

    Attributes
    ----------
    link_id, edges, lanes
        The link, its main edges, and the lanes of the first of them, where the detectors lie.
    length_m
        Of all its main edges.
    flow_vph, time_min
        Points of the law, flows ascending from 0, shape (P,); linear between them, constant beyond.
    """

    link_id: str
    edges: tuple[str, ...]
    lanes: int
    length_m: float
    flow_vph: Array
    time_min: Array

    def __post_init__(self) -> None:
        shape = np.shape(self.flow_vph)
        for name in ("flow_vph", "time_min"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64, shape, name))
        rising = shape[0] > 1 and self.flow_vph[0] == 0.0 and (np.diff(self.flow_vph) > 0.0).all()
        if not (rising and (self.time_min > 0.0).all() and np.isfinite(self.time_min).all()):
            reason = f"the law of link {self.link_id!r} needs flows that rise from 0 and finite times > 0"
            raise InputError(Problem(field="meters", reason=reason, remedy="build the network again"))

    @property
    def detectors(self) -> tuple[str, ...]:
        """Ids of the detectors, one per lane."""
        return tuple(f"e_{self.edges[0]}_{lane}" for lane in range(self.lanes))

    def speed_mps(self, flow_vph: float) -> float:
        """Return the speed limit at which the link takes the law's time, m/s."""
        time_s = min_to_s(float(np.interp(flow_vph, self.flow_vph, self.time_min)))
        return min(max(OWN_DELAY * self.length_m / time_s, SLOWEST_MPS), FREE_MPS)


def sampled_laws(network: RoadNetwork, *, length_scale: float) -> tuple[Array, Array]:
    """Return points of every road link's law: flows, veh/h, and times, min, shape (P, L).

    Times are scaled as the links' lengths are. Stations are left out.
    """
    road = ~network.is_station
    flow = np.linspace(0.0, MOST_LOADED, POINTS)[:, None] * network.capacity_vph
    return flow[:, road], link_cost(network, flow)[:, road] * length_scale


class Meters:
    """The speeds of all links during one run.

    Parameters
    ----------
    meters
        The laws; with none of them nothing is done.
    length_scale
        Of the network; the memory is scaled as the links are.

    Attributes
    ----------
    flow_vph
        Mean flow that entered each link of late, veh/h, shape (L,); before much of the memory has passed, the mean of
        what has.
    """

    def __init__(self, meters: Sequence[LinkMeter], length_scale: float = 1.0) -> None:
        self.meters = tuple(meters)
        self.flow_vph = np.zeros(len(self.meters))
        self.keep = math.exp(-UPDATE_S / max(MEMORY_S * length_scale, SHORTEST_MEMORY_S))
        self._weight = 0.0

    def elements(self) -> list[tuple[str, dict[str, object]]]:
        """Return SUMO's elements of the detectors."""
        return [
            ("inductionLoop", {"id": name, "lane": f"{meter.edges[0]}_{lane}", "pos": f"{DETECTOR_M:g}",
                               "period": f"{UPDATE_S:g}", "file": "NUL"})
            for meter in self.meters
            for lane, name in enumerate(meter.detectors)
        ]  # fmt: skip

    def update(self, connection: Any, call: Call) -> None:  # noqa: ANN401 - traci has no types
        """Count the last minute, and set the speed limits of the next; to be called once every `UPDATE_S`."""
        counted = np.array([self._counted(meter, connection, call) for meter in self.meters])
        if counted.size:
            self._weight = self.keep * self._weight + 1.0
            self.flow_vph = self.flow_vph + (counted * SECONDS_PER_HOUR / UPDATE_S - self.flow_vph) / self._weight
        for meter, flow in zip(self.meters, self.flow_vph.tolist(), strict=True):
            speed = meter.speed_mps(flow)
            for edge in meter.edges:
                call(f"edge.setMaxSpeed({edge})", connection.edge.setMaxSpeed, edge, speed)

    @staticmethod
    def _counted(meter: LinkMeter, connection: Any, call: Call) -> int:  # noqa: ANN401
        loop = connection.inductionloop
        return sum(
            int(call(f"inductionloop.getLastIntervalVehicleNumber({name})", loop.getLastIntervalVehicleNumber, name))
            for name in meter.detectors
        )
