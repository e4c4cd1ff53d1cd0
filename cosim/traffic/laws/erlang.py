"""A charging station as a queue with c chargers: Erlang's waiting time, Allen and Cunneen's correction.

Davidson's law knows no servers. At 41 % use of 20 chargers with 20 min of service it says 2.1 min where an M/M/20 queue
waits 0.0006 min; at 90 % it says 27 against 5.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

import numpy as np

from cosim.arrays import Array, read_only
from cosim.bounds import NonNegative
from cosim.charging.stations import LawSettings
from cosim.traffic.laws.base import Breach, Law, LinkParameters, broken, common_breaches
from cosim.units import h_to_min

LARGEST_USE = 0.98
"""Use beyond which the tangent replaces the curve."""
CELLS = 1024
_RUNS_OVER = 1.0 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ErlangSettings(LawSettings):
    """Settings of the law of a queue with chargers.

    Attributes
    ----------
    scv
        Squared coefficient of variation of the service time: 0 if every vehicle takes the same energy, 1 for
        exponential times.
    """

    kind: Literal["erlang"] = "erlang"
    scv: NonNegative = 0.0


class Erlang(Law):
    """Queue with c chargers and general service times, ``c = t0 + S (1 + cs^2) / 2 * w(v / cap)``.

    ``S = 60 c / cap`` is the service time, min, and ``w(r) = C(c, c r) / (c (1 - r))`` the mean wait of an M/M/c queue
    in service times, with Erlang's probability of waiting C (Erlang 1917). ``(1 + cs^2) / 2`` is the correction of
    Allen & Cunneen (Allen 1990) with cs^2 the squared coefficient of variation of the service time
    (``scv``). Only the service is delayed, not the access.

    From `LARGEST_USE` on the tangent continues the curve. The slope of w is a monotone cubic in each of `CELLS` cells,
    w and its integral are that cubic's own integrals: the three fit to the last digit, and w is convex.
    """

    kind = "erlang"
    Settings: ClassVar[type] = ErlangSettings
    needs_servers = True

    def __init__(self, links: LinkParameters) -> None:
        self._t0 = links.free_flow_min
        self._capacity = links.capacity_vph
        self._delay = _service_min(links) * (1.0 + links.settings["scv"]) / 2.0
        distinct, self._row = np.unique(links.servers, return_inverse=True)
        self._tables = np.stack([_table(int(servers)) for servers in distinct], axis=1)

    @staticmethod
    def breaches(links: LinkParameters) -> Iterator[Breach]:
        """Yield no chargers, and free-flow times shorter than the service."""
        yield from common_breaches(links)
        whole = (links.servers >= 1) & (links.servers == np.floor(links.servers))
        yield from broken("servers", links.servers, whole, "must be the number of chargers, at least 1")
        fits = ~whole | (links.capacity_vph <= 0) | (_service_min(links) <= _RUNS_OVER * links.free_flow_min)
        rule = "must hold the service time, 60 servers / capacity_vph"
        yield from broken("free_flow_min", links.free_flow_min, fits, rule)

    def value(self, flow_vph: Array) -> Array:
        """Return the free-flow time plus the mean wait; the tangent counts from `LARGEST_USE`."""
        x, beyond, (_, wait, s0, s1, s2, s3) = self._cell(flow_vph)
        wait = wait + x * (s0 + x * (s1 / 2 + x * (s2 / 3 + x * s3 / 4)))
        slope = s0 + x * (s1 + x * (s2 + x * s3))
        return np.asarray(self._t0 + self._delay * (wait + slope * beyond))

    def derivative(self, flow_vph: Array) -> Array:
        """Return the slope of the wait, constant beyond `LARGEST_USE`."""
        x, _, (_, _, s0, s1, s2, s3) = self._cell(flow_vph)
        return np.asarray(self._delay / self._capacity * (s0 + x * (s1 + x * (s2 + x * s3))))

    def integral(self, flow_vph: Array) -> Array:
        """Return the integral of `value`."""
        x, beyond, (area, wait, s0, s1, s2, s3) = self._cell(flow_vph)
        area = area + x * (wait + x * (s0 / 2 + x * (s1 / 6 + x * (s2 / 12 + x * s3 / 20))))
        wait = wait + x * (s0 + x * (s1 / 2 + x * (s2 / 3 + x * s3 / 4)))
        slope = s0 + x * (s1 + x * (s2 + x * s3))
        area = area + beyond * (wait + beyond * slope / 2)
        return np.asarray(self._t0 * flow_vph + self._delay * self._capacity * area)

    def _cell(self, flow_vph: Array) -> tuple[Array, Array, list[Array]]:
        """Return the place within the cell, the use beyond the curve, and the cell's coefficients."""
        use = flow_vph / self._capacity
        curved = np.minimum(use, LARGEST_USE)
        cell = np.minimum((np.log1p(-curved) / np.log1p(-LARGEST_USE) * CELLS).astype(np.intp), CELLS - 1)
        begin, *coefficients = self._tables[:, self._row, cell]
        return curved - begin, use - curved, coefficients


def _service_min(links: LinkParameters) -> Array:
    return np.asarray(h_to_min(1.0) * links.servers / np.where(links.capacity_vph > 0, links.capacity_vph, 1.0))


def mean_wait(servers: int, use: Array) -> tuple[Array, Array, Array]:
    """Return the mean wait of an M/M/c queue in service times, and its first two derivatives by the use.

    ``w = c B / ((c - a (1 - B)) (c - a))`` with the offered load ``a = c r`` and Erlang's blocking probability B, for
    which ``dB/da = B (c / a - 1 + B)``.

    Parameters
    ----------
    servers
        Number of servers c.
    use
        Use r of the servers, 0 <= r < 1.
    """
    c = float(servers)
    load = c * np.where(use > 0, use, 0.5)
    blocking = np.ones_like(load)
    for k in range(1, servers + 1):
        blocking = load * blocking / (k + load * blocking)
    growth = c / load - 1.0 + blocking
    first = blocking * growth
    second = first * growth + blocking * (first - c / load**2)
    free = c - load
    room = free + load * blocking
    room_1 = blocking - 1.0 + load * first
    room_2 = 2.0 * first + load * second
    wait = c * blocking / (room * free)
    rate = growth - room_1 / room + 1.0 / free
    rate_1 = first - c / load**2 - room_2 / room + (room_1 / room) ** 2 + 1.0 / free**2
    empty = use <= 0
    start = {1: (1.0, 2.0), 2: (0.0, 2.0)}.get(servers, (0.0, 0.0))
    slope = np.where(empty, start[0], c * wait * rate)
    bend = np.where(empty, start[1], c**2 * wait * (rate**2 + rate_1))
    return np.where(empty, 0.0, wait), slope, bend


@cache
def _table(servers: int) -> Array:
    """Return each cell's begin, the integral of w and w there, and the four coefficients of its slope: (7, cells)."""
    node = -np.expm1(np.log1p(-LARGEST_USE) * np.arange(CELLS + 1) / CELLS)
    node[-1] = LARGEST_USE
    _, slope, bend = mean_wait(servers, node)
    width = np.diff(node)
    secant = np.maximum(np.diff(slope), 0.0) / width
    steepest = 3.0 * np.minimum(np.append(secant, secant[-1]), np.insert(secant, 0, secant[0]))
    bend = np.clip(bend, 0.0, steepest)  # keeps the cubic monotone (Fritsch & Carlson 1980)
    s0, s1 = slope[:-1], bend[:-1]
    s2 = (3.0 * secant - 2.0 * bend[:-1] - bend[1:]) / width
    s3 = (bend[:-1] + bend[1:] - 2.0 * secant) / width**2
    rise = width * (s0 + width * (s1 / 2 + width * (s2 / 3 + width * s3 / 4)))
    wait = np.concatenate([[0.0], np.cumsum(rise)])[:-1]
    area = width * (wait + width * (s0 / 2 + width * (s1 / 6 + width * (s2 / 12 + width * s3 / 20))))
    before = np.concatenate([[0.0], np.cumsum(area)])[:-1]
    return read_only(np.stack([node[:-1], before, wait, s0, s1, s2, s3]))
