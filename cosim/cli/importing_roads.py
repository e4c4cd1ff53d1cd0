"""`cosim import sumo|osm`: what was kept of the roads, what left out, and how assign and scenarios use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from cosim.cli.importing import given
from cosim.cli.terminal import console, grid
from cosim.errors import UsageError

if TYPE_CHECKING:
    from cosim.workflows.import_roads import ImportedRoads

SOURCES = ("sumo", "osm")


def is_roads(source: str) -> bool:
    """Return whether a source is one of roads."""
    return source in SOURCES


def import_roads_command(
    source: str, net: Path, out: Path | None, how: Mapping[str, Any], of_feeders: Mapping[str, Any]
) -> int:
    """Import roads into a folder and print what was found; return the exit code.

    Parameters
    ----------
    source, net, out
        ``sumo`` or ``osm``, the file, and the folder.
    how
        Fields of `cosim.workflows.import_roads.RoadSource`, and ``service_cars``; None where not given.
    of_feeders
        Options that roads have no use for.
    """
    from cosim.workflows.import_roads import RoadSource, import_osm, import_sumo

    if given(of_feeders):
        raise UsageError("--check, --slack, --open and --balanced belong to feeders")
    if out is None:
        raise UsageError("give --out FOLDER for the roads")
    options = given(how)
    service_cars = bool(options.pop("service_cars", False))
    if service_cars and source != "osm":
        raise UsageError("--service-cars belongs to osm")
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    wanted = RoadSource(**options)
    found = (
        import_osm(net, out, wanted, service_cars=service_cars) if source == "osm" else import_sumo(net, out, wanted)
    )
    screen = console()
    for remark in found.remarks:
        screen.print(f"[yellow]remark[/yellow] {escape(remark)}", soft_wrap=True)
    screen.print(grid((f"  {name}", escape(text)) for name, text in _told(found)))
    screen.print(f"written  {escape(str(found.folder))}", soft_wrap=True)
    if found.roads.trips_vph:
        screen.print(f"assign:  cosim assign {escape(str(found.folder))}", soft_wrap=True)
    screen.print("in a scenario:")
    for line in found.scenario_lines:
        screen.print(f"  {escape(line)}", soft_wrap=True)
    return 0


def _told(found: ImportedRoads) -> Iterator[tuple[str, str]]:
    roads = found.roads
    turns = sum(one.length_km is None for one in roads.links)
    yield "roads", f"{len(roads.nodes):,} nodes, {len(roads.links):,} links, {turns:,} of them turns or connectors"
    if roads.trips_vph:
        ends = {end for pair in roads.trips_vph for end in pair}
        trips = sum(roads.trips_vph.values())
        yield "demand", f"{trips:,.6g} veh/h of {len(roads.trips_vph):,} pairs between {len(ends):,} edges or districts"
    if roads.left_out:
        yield "left out", f"{len(roads.left_out):,} edges, in left_out.csv with the reason"
    if found.stations:
        shown = ", ".join(f"{name} at {node}" for name, node in found.stations[:5])
        yield "stations", f"{len(found.stations)}: {shown}"
