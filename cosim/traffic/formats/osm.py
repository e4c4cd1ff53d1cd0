"""Charging stations of OpenStreetMap, which no SUMO network holds, and the edges at which they stand."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from cosim.traffic.formats.sumo_net import Point, SumoNet
from cosim.xml_input import LARGE_MB, number, read_xml

MOST_AWAY_M = 50.0
"""A charger further away from every edge for cars stands at none."""
_A_M, _F, _K0, _EAST_M, _SOUTH_M = 6378137.0, 1.0 / 298.257223563, 0.9996, 500_000.0, 10_000_000.0
_ZONE_DEGREES = 6.0


def read_chargers(osm: Path) -> dict[str, tuple[float, float]]:
    """Return longitude and latitude of each ``amenity=charging_station``, by the id of its node."""
    found: dict[str, tuple[float, float]] = {}
    place: tuple[str, float, float] | None = None
    for one in read_xml(osm, frozenset({"node", "tag"}), most_mb=LARGE_MB):
        words = one.attributes
        if one.tag == "node":
            place = (words.get("id", ""), number(osm, one, "lon"), number(osm, one, "lat"))
        elif (
            place
            and one.above[-1:] == ("node",)
            and (words.get("k"), words.get("v")) == ("amenity", "charging_station")
        ):
            found[place[0]] = place[1:]
    return found


def utm_xy(lon: float, lat: float, zone: int, *, south: bool = False) -> Point:
    """Return UTM coordinates of a place on WGS84, m (Krüger's series to the third order, right to millimetres).

    >>> [round(value, 2) for value in utm_xy(3.0, 0.0, 31) + utm_xy(17.9, 60.0, 33) + utm_xy(-70.6, -33.4, 19)]
    [500000.0, 0.0, 661720.75, 6654956.72, 351205.06, -3696776.25]
    """
    n = _F / (2.0 - _F)
    e = 2.0 * math.sqrt(n) / (1.0 + n)
    radius = _A_M / (1.0 + n) * (1.0 + n**2 / 4.0 + n**4 / 64.0)
    series = (
        n / 2.0 - 2.0 * n**2 / 3.0 + 5.0 * n**3 / 16.0,
        13.0 * n**2 / 48.0 - 3.0 * n**3 / 5.0,
        61.0 * n**3 / 240.0,
    )
    phi, away = math.radians(lat), math.radians(lon - (_ZONE_DEGREES * zone - 183.0))
    t = math.sinh(math.atanh(math.sin(phi)) - e * math.atanh(e * math.sin(phi)))
    xi, eta = math.atan2(t, math.cos(away)), math.asinh(math.sin(away) / math.hypot(t, math.cos(away)))
    x, y = eta, xi
    for order, factor in enumerate(series, start=1):
        x += factor * math.cos(2.0 * order * xi) * math.sinh(2.0 * order * eta)
        y += factor * math.sin(2.0 * order * xi) * math.cosh(2.0 * order * eta)
    return _EAST_M + _K0 * radius * x, (_SOUTH_M if south else 0.0) + _K0 * radius * y


def nearest_edges(
    net: SumoNet, places: Mapping[str, tuple[float, float]], *, least_m: float
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the edge at which each place stands, and the places at none.

    Parameters
    ----------
    net
        A network in UTM coordinates, as netconvert makes it.
    places
        Longitude and latitude by name.
    least_m
        Shortest edge that will do.
    """
    zone = re.search(r"\+proj=utm \+zone=(\d+)", net.projection)
    if zone is None:
        return {}, tuple(places)
    found, lost = dict[str, str](), list[str]()
    for name, (lon, lat) in places.items():
        x, y = utm_xy(lon, lat, int(zone[1]), south="+south" in net.projection)
        at = (x + net.offset[0], y + net.offset[1])
        away = {edge.name: _away_m(at, edge.shape) for edge in net.edges.values() if edge.length_m >= least_m}
        best = min(away, key=lambda edge: (away[edge], edge), default="")
        if best and away[best] <= MOST_AWAY_M:
            found[name] = best
        else:
            lost.append(name)
    return found, tuple(lost)


def _away_m(point: Point, shape: tuple[Point, ...]) -> float:
    """Return the distance of a point from a line."""
    ends = shape[1:] or shape
    return min(_from_segment_m(point, start, end) for start, end in zip(shape, ends, strict=False))


def _from_segment_m(point: Point, start: Point, end: Point) -> float:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length2 = dx * dx + dy * dy
    along = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length2 if length2 > 0.0 else 0.0
    share = min(1.0, max(0.0, along))
    return math.hypot(point[0] - start[0] - share * dx, point[1] - start[1] - share * dy)
