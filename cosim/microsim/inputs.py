"""The files that SUMO reads in a run: routes and vehicles, parking areas, and what it shall measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from cosim.errors import StorageError
from cosim.microsim.measurements import EDGES, SLICES
from cosim.microsim.model import CHARGING_TYPE, OTHER_TYPE, Lot, MicroDemand, MicroRoute

ROUTES, ADDITIONAL = "routes.rou.xml", "additional.add.xml"
STOP_S = 1_000_000
"""Longer than any run: who parks stays until our queue lets it go."""
DEPART = 'departLane="best" departSpeed="avg"'
"""With ``departSpeed="max"`` two lanes carry 3294 veh/h, with ``avg`` 3824 to 3880."""


def write_routes(path: Path, routes: Sequence[MicroRoute], demand: MicroDemand | None = None) -> None:
    """Write vehicle types and routes, and the vehicles if there are any.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    rows = [f'<vType id="{kind}"/>' for kind in (OTHER_TYPE, CHARGING_TYPE)]
    rows += [f'<route id="{escape(route.route_id)}" edges="{escape(" ".join(route.edges))}"/>' for route in routes]
    _write(path, "routes", [*rows, *(_vehicles(demand) if demand is not None else ())])


def _vehicles(demand: MicroDemand) -> Iterator[str]:
    for vehicle, at, depart_s in zip(demand.vehicle_ids, demand.route.tolist(), demand.depart_s.tolist(), strict=True):
        route = demand.routes[at]
        start = f'<vehicle id="{escape(vehicle)}" type="{route.vehicle_type}" route="{escape(route.route_id)}"'
        start += f' depart="{depart_s:.2f}" {DEPART}'
        stop = f'<stop parkingArea="{escape(route.lot_id)}" duration="{STOP_S}"/></vehicle>' if route.lot_id else ""
        yield f"{start}>{stop}" if stop else f"{start}/>"


def write_additional(
    path: Path, lots: Iterable[Lot], *, places: int, window_s: tuple[float, float] | None, slice_s: float
) -> None:
    """Write the stations' parking areas, with room for ``places`` vehicles each, and the measurements.

    Parameters
    ----------
    path, lots, places
        File, parking areas and their size.
    window_s
        Begin and end of the measured time, s; None measures slices only.
    slice_s
        Length of the intervals that are measured besides, s; 0 for none.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    rows = [
        f'<parkingArea id="{escape(lot.lot_id)}" lane="{escape(lot.lane_id)}" startPos="{lot.start_m:.2f}"'
        f' endPos="{lot.end_m:.2f}" roadsideCapacity="{places}"/>'
        for lot in lots
    ]
    measured = '<edgeData id="{}" file="{}" {} excludeEmpty="defaults"/>'
    if window_s is not None:
        rows.append(measured.format("window", EDGES, f'begin="{window_s[0]:.2f}" end="{window_s[1]:.2f}"'))
    if slice_s > 0.0:
        rows.append(measured.format("slices", SLICES, f'begin="0.00" period="{slice_s:.2f}"'))
    _write(path, "additional", rows)


def _write(path: Path, root: str, rows: Iterable[str]) -> None:
    text = "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', f"<{root}>", *rows, f"</{root}>", ""))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = f"'{path.name}' for SUMO cannot be written to '{path.parent}': {error.strerror}"
        raise StorageError(f"{reason}; make room there, or point TMPDIR to another disk") from error
