"""Trip tables in the Open Matrix format: HDF5 with ``data/NAME`` and zone numbers in ``lookup/NAME``.

Only what stands in the file itself is read: a link to another file, or a matrix stored outside, is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.errors import DependencyError, InputError, Problem
from cosim.plugins import install_line
from cosim.tables import did_you_mean
from cosim.traffic.demand import OdDemand
from cosim.traffic.formats.base import Format
from cosim.traffic.formats.matrix import MOST_NAMED, demand_of

MOST_ZONES = 10_000


def read_omx_trips(
    path: Path | str,
    _network: Path | None = None,
    *,
    matrix: str | None = None,
    lookup: str | None = None,
    period_h: float | None = None,
) -> OdDemand:
    """Read one matrix of trips between zones; trips within a zone and zeros are left out.

    Parameters
    ----------
    path
        The file.
    matrix
        Name of the matrix; may be left out where there is one.
    lookup
        Name of the zones' numbers; may be left out where there is one. Without any, zones are 1 to n.
    period_h
        Hours in which the trips are made, which the format does not tell; None takes one hour, with a remark.

    Raises
    ------
    InputError
        If a name is missing or unknown, the matrix is not square, or a cell is not a number >= 0.
    DependencyError
        If h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise DependencyError(f"h5py is not installed: {install_line('io')}") from error
    if period_h is not None and not (np.isfinite(period_h) and period_h > 0):
        raise InputError(Problem(str(path), field="period_h", reason=f"{period_h} must be > 0", remedy="give hours"))
    try:
        with h5py.File(path, "r") as file:
            data = _chosen(file, "data", matrix, path)
            cells = _cells(data, path) if data is not None else np.zeros((0, 0))
            zones = _zones(_chosen(file, "lookup", lookup, path), len(cells), path)
    except OSError as error:
        reason = f"cannot be read as an Open Matrix file ({error})"
        raise InputError(Problem(str(path), reason=reason, remedy="write it with openmatrix, or give a CSV")) from error
    _check_cells(cells, zones, path)
    rows, columns = np.nonzero(cells)
    values = (cells / (1.0 if period_h is None else period_h))[rows, columns].tolist()
    ends = zip(rows.tolist(), columns.tolist(), strict=True)
    trips = {(zones[o], zones[d]): value for (o, d), value in zip(ends, values, strict=True)}
    said = () if period_h is not None else ("the matrix tells no unit of time: its trips are taken for those of 1 h",)
    return demand_of(trips, said)


def _chosen(file: Any, group: str, name: str | None, path: Path | str) -> Any:  # noqa: ANN401 - h5py has no types
    """Return a dataset of a group; None where nothing was asked for and nothing is there."""
    import h5py

    names = list(file[group]) if group in file and isinstance(file[group], h5py.Group) else []
    what = "matrix" if group == "data" else "lookup"
    if not names and name is None and group == "lookup":
        return None
    if not names:
        reason = f"there is nothing in '{group}'"
        raise InputError(Problem(str(path), field=what, reason=reason, remedy="is this an Open Matrix file?"))
    if name is None and len(names) > 1:
        reason = f"the file has {len(names)}: {', '.join(names[:MOST_NAMED])}"
        raise InputError(Problem(str(path), field=what, reason=reason, remedy=f"name one: {what} {names[0]}"))
    wanted = names[0] if name is None else name
    if wanted not in names:
        raise InputError(
            Problem(str(path), field=what, reason=f"there is no {wanted!r}", remedy=did_you_mean(wanted, names))
        )
    inside = isinstance(file[group].get(wanted, getlink=True), h5py.HardLink)
    found = file[group][wanted] if inside else None
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        reason = f"{wanted!r} is no table of this file"
        raise InputError(Problem(str(path), field=what, reason=reason, remedy="copy it into the file"))
    return found


def _cells(data: Any, path: Path | str) -> Array:  # noqa: ANN401 - h5py has no types
    shape = data.shape
    if len(shape) != 2 or shape[0] != shape[1] or not 1 <= shape[0] <= MOST_ZONES:  # noqa: PLR2004 - a matrix
        reason = f"{data.name} has the shape {' x '.join(map(str, shape))}, must be square, at most {MOST_ZONES:,}"
        raise InputError(Problem(str(path), field="matrix", reason=reason, remedy="give trips between zones"))
    if data.dtype.kind not in "fiu":
        raise InputError(
            Problem(str(path), field="matrix", reason=f"{data.name} holds no numbers", remedy="name another")
        )
    return np.asarray(data[()], dtype=np.float64)


def _zones(lookup: Any, count: int, path: Path | str) -> list[str]:  # noqa: ANN401 - h5py has no types
    if lookup is None:
        return [str(number) for number in range(1, count + 1)]
    if lookup.shape != (count,):
        reason = f"{lookup.name} has the shape {lookup.shape}, the matrix {count} zones"
        raise InputError(Problem(str(path), field="lookup", reason=reason, remedy="name another"))
    zones = [_zone(value) for value in lookup[()].tolist()]
    if twice := sorted({zone for zone in zones if zones.count(zone) > 1}) if len(set(zones)) < count else []:
        reason = f"{lookup.name} names zone {twice[0]!r} twice"
        raise InputError(Problem(str(path), field="lookup", reason=reason, remedy="name another"))
    return zones


def _zone(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _check_cells(cells: Array, zones: list[str], path: Path | str) -> None:
    wrong = np.argwhere(~((cells >= 0.0) & np.isfinite(cells)))[:MOST_NAMED].tolist()
    if wrong:
        raise InputError(
            Problem(
                str(path), field="matrix", remedy="write 0 where nobody travels",
                reason=f"trips from zone {zones[o]} to {zones[d]}: {cells[o, d]:g} must be a number >= 0",
            )
            for o, d in wrong
        )  # fmt: skip


FORMAT = Format(
    name="OMX",
    owns_trips=lambda path, _: path.suffix.lower() == ".omx",
    trips=read_omx_trips,
    by_zone=True,
)
