"""A run as features on a map: GeoJSON, and GeoPackage for GIS programs."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import InputError
from cosim.results.places import Point
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

POINT, LINE = "Point", "LineString"
_WKB = {POINT: 1, LINE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Rows of a table with the places of their ids.

    Attributes
    ----------
    name, shape
        Of the table, and of all its places.
    rows
        One row an id and period.
    places
        One point, or both ends of a line, of each row.
    """

    name: str
    shape: str
    rows: pd.DataFrame
    places: tuple[tuple[Point, ...], ...]


def layers(result: RunResult, period: int | None = None) -> tuple[Layer, ...]:
    """Return roads, stations, buses and lines of a run, as far as it has them with coordinates.

    Parameters
    ----------
    period
        The only one that is wanted; None takes all, one feature an id and period.

    Raises
    ------
    InputError
        If nothing of the run has coordinates, or it has no such period.
    """
    places = result.places
    points, where = _points(places.nodes), _points(places.buses)
    stations = {} if "stations" not in result else _nodes(result["stations"])
    shapes: dict[str, tuple[str, str, Mapping[str, tuple[Point, ...]]]] = {
        "links": (LINE, "link", _ends(places.links, points)),
        "stations": (POINT, "station", {name: (points[node],) for name, node in stations.items() if node in points}),
        "buses": (POINT, "bus", {name: (point,) for name, point in where.items()}),
        "lines": (LINE, "line", _ends(places.lines, where)),
    }
    found = [
        _layer(result, name, shape, key, at, period)
        for name, (shape, key, at) in shapes.items()
        if at and name in result
    ]
    if not found:
        raise InputError("this run has no coordinates: give x, y in nodes.csv or bus.csv, or export csv")
    return tuple(found)


def geojson(found: tuple[Layer, ...]) -> bytes:
    """Return all layers as one feature collection, its features told apart by ``layer``."""
    features = [
        {
            "type": "Feature", "geometry": {"type": layer.shape, "coordinates": _coordinates(layer.shape, at)},
            "properties": {"layer": layer.name, **_plain(row)},
        }
        for layer in found
        for at, row in zip(layer.places, layer.rows.to_dict("records"), strict=True)
    ]  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": features}, allow_nan=False).encode()


def write_geopackage(found: tuple[Layer, ...], path: Path) -> None:
    """Write one layer a table."""
    import warnings

    from pyogrio.raw import write

    for layer in found:
        columns = [str(column) for column in layer.rows]
        data = [_field(layer.rows[column].to_numpy()) for column in layer.rows]
        shapes = np.array([_well_known(layer.shape, at) for at in layer.places], dtype=object)
        how = {"layer": layer.name, "driver": "GPKG", "geometry_type": layer.shape, "append": path.exists()}
        with warnings.catch_warnings():  # coordinates are the scenario's own, which names no system for them
            warnings.filterwarnings("ignore", message="'crs' was not provided")
            write(path, shapes, data, columns, **how)


def _layer(
    result: RunResult, name: str, shape: str, key: str, at: Mapping[str, tuple[Point, ...]], period: int | None
) -> Layer:
    rows = result[name]
    if period is not None:
        rows = rows[rows["period"] == period]
        if rows.empty:
            raise InputError(f"the run has no period {period}: {result.progress}")
    rows = rows[rows[key].astype(str).isin(at)].reset_index(drop=True)
    return Layer(name=name, shape=shape, rows=rows, places=tuple(at[one] for one in rows[key].astype(str)))


def _points(places: Mapping[str, Point | None]) -> dict[str, Point]:
    return {name: point for name, point in places.items() if point is not None}


def _ends(ends: Mapping[str, tuple[str, str]], points: Mapping[str, Point]) -> dict[str, tuple[Point, ...]]:
    """Return both ends of what leads from one place to another."""
    return {name: (points[a], points[b]) for name, (a, b) in ends.items() if a != b and a in points and b in points}


def _nodes(stations: pd.DataFrame) -> dict[str, str]:
    if "node" not in stations:
        return {}
    return dict(zip(stations["station"].astype(str), stations["node"].astype(str), strict=True))


def _coordinates(shape: str, at: tuple[Point, ...]) -> list[Any]:
    return list(at[0]) if shape == POINT else [list(point) for point in at]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row as JSON has it: None for what is not finite."""
    return {
        str(key): None if isinstance(value, float) and not np.isfinite(value) else value for key, value in row.items()
    }


def _field(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a column as GDAL takes it: numbers, truth as numbers, or text."""
    if values.dtype.kind == "b":
        return values.astype(np.int32)
    return values.astype(str).astype(object) if values.dtype == object else values


def _well_known(shape: str, at: tuple[Point, ...]) -> bytes:
    """Return a place as well-known binary (OGC 06-103r4, 8.2): order of bytes, type, number of points, points."""
    count = b"" if shape == POINT else struct.pack("<I", len(at))
    return struct.pack("<BI", 1, _WKB[shape]) + count + b"".join(struct.pack("<dd", *point) for point in at)
