"""Units of length and speed of a GMNS network: those of config.csv, or those that the coordinates show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.errors import InputError, Problem
from cosim.tables import read_table

KM = MappingProxyType(
    dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 1.0)
    | dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e-3)
    | dict.fromkeys(("mile", "miles", "mi"), 1.609344)
    | dict.fromkeys(("foot", "feet", "ft"), 0.3048e-3)
)
KMH = MappingProxyType(
    dict.fromkeys(("kmh", "km/h", "kph", "kmph"), 1.0)
    | {"mph": 1.609344}
    | dict.fromkeys(("m/s", "mps"), 3.6)
    | dict.fromkeys(("ft/s", "fps"), 0.3048 * 3.6)
)
_EARTH_KM_PER_DEGREE = 6371.0088 * np.pi / 180.0
_MOST_DEGREES = (180.0, 90.0)
_LONGEST_H, _SHORTEST_H = 2.0, 0.05 / 3600.0
"""Free-flow times of a link, in the median, beyond which the units cannot be those of the table."""


_SHOWN_BY_COORDINATES = (
    ("m", "km/h", 500.0, 2500.0, KM["m"] / KMH["km/h"]),
    ("ft", "mph", 2500.0, 8000.0, KM["ft"] / KMH["mph"]),
)
"""Unit of length, of speed, between which numbers the median length of 1 km lies, and hours per unit."""
_SLOWEST, _FASTEST = 3.0, 200.0
_AGREE, _WITHIN = 0.7, 2.0
"""Share of the links whose ratio must lie within this factor of the median before coordinates are believed."""


@dataclass(frozen=True, slots=True)
class Units:
    """Hours that one unit of length takes at one unit of speed, and what the user should know of it."""

    hours: float
    remarks: tuple[str, ...] = ()


def units_of(folder: Path, length: Array, speed: Array, ends_xy: Array, needed: BoolArray) -> Units:
    """Return the units of length and speed.

    With ``config.csv`` its units hold. Without it lengths are compared with the distance between the ends, if the
    coordinates are degrees: they may be miles with mph or km with km/h (which is the same), m with km/h, as converters
    of OpenStreetMap write them, or ft with mph. Whatever is found must give free-flow times that roads have.

    Parameters
    ----------
    folder
        Holds ``config.csv``, or not.
    length, speed
        Of n links, in the table's units.
    ends_xy
        Coordinates of both ends, shape (n, 2, 2).
    needed
        Of which links the free-flow time follows from length and speed, shape (n,).

    Raises
    ------
    InputError
        If a unit is unknown, or the times are those of no road in the units found.
    """
    told = _config(folder)
    found = told if told is not None else _shown(length, ends_xy)
    driven = needed & (length > 0.0) & (speed > 0.0)
    if not driven.any():
        return Units(found.hours)
    length, speed = length[driven], speed[driven]
    typical = float(np.median(length / speed)) * found.hours
    if not _SHORTEST_H <= typical <= _LONGEST_H:
        way = "of config.csv" if told is not None else "(miles and mph, or km and km/h)"
        reason = (
            f"in the units {way} half of the links take {typical:.3g} h or more at free speed (a link of "
            f"{np.median(length):g} at {np.median(speed):g}), which is no road"
        )
        if typical < _SHORTEST_H:
            reason = reason.replace("or more", "or less")
        remedy = "write the units into config.csv: long_length (mile, km, m, foot) and speed (mph, kmh)"
        raise InputError(Problem(file=str(folder / "link.csv"), field="length", reason=reason, remedy=remedy))
    return Units(found.hours, (*found.remarks, *_speed_remarks(speed)))


def _speed_remarks(speed: Array) -> Iterator[str]:
    """Yield a remark on a typical speed that is neither one in mph nor one in km/h."""
    typical = float(np.median(speed))
    if not _SLOWEST <= typical <= _FASTEST:
        yield f"free_speed is {typical:g} in the median; is that mph or km/h?"


def _config(folder: Path) -> Units | None:
    """Return the units of config.csv; None without it, or without both units in it."""
    path = folder / "config.csv"
    if not path.exists():
        return None
    config = read_table(path, {}, {"*": str})
    factors, problems = [], []
    for name, known in (("long_length", KM), ("speed", KMH)):
        unit = (config.columns.get(name) or [None])[0]
        if unit is None:
            return None
        if unit.lower() in known:
            factors.append(known[unit.lower()])
        else:
            problems.append(config.problem(0, name, f"unit {unit!r} is unknown", f"known: {', '.join(known)}"))
    if problems:
        raise InputError(problems)
    return Units(factors[0] / factors[1])


def _shown(length: Array, ends_xy: Array) -> Units:
    """Return the units that the coordinates show; lengths and speeds that fit together where they show nothing."""
    fit = Units(1.0)
    if not length.size or np.any(np.abs(ends_xy) > _MOST_DEGREES):
        return fit
    distance = _distance_km(ends_xy)
    known = (distance > 0.0) & (length > 0.0)
    if not known.any():
        return fit
    ratio = length[known] / distance[known]
    middle = float(np.median(ratio))
    if np.mean((ratio > middle / _WITHIN) & (ratio < middle * _WITHIN)) < _AGREE:
        return fit
    for of_length, of_speed, low, high, hours in _SHOWN_BY_COORDINATES:
        if low <= middle < high:
            remark = (
                f"no config.csv tells the units; by the coordinates a length of {middle:.3g} is 1 km, so that length "
                f"is read in {of_length} and free_speed in {of_speed}"
            )
            return Units(hours, (remark,))
    return fit


def _distance_km(ends_xy: Array) -> Array:
    """Return the distance between the ends, degrees of longitude and latitude, on a sphere."""
    step = np.diff(ends_xy, axis=1)[:, 0, :]
    shrink = np.cos(np.radians(ends_xy[:, :, 1].mean(axis=1)))
    return np.asarray(_EARTH_KM_PER_DEGREE * np.hypot(step[:, 0] * shrink, step[:, 1]))
