"""Arguments and options that are long, or that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Scenario = Annotated[
    str, typer.Argument(help="Shipped name, YAML file, or folder with scenario.yaml.", show_default=False)
]
ScenarioOrRun = Annotated[
    str, typer.Argument(help="Shipped name, YAML file, folder; with --resume, --fork a run.", show_default=False)
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="a.b=v", help="Change a value: devices.ess.capacity_mwh=2.")
]
RunOrScenario = Annotated[
    str, typer.Argument(help="Run folder, or a scenario, which is run first.", metavar="RUN|SCENARIO")
]
RunFolder = Annotated[Path, typer.Argument(help="Run folder, for example runs/latest.", show_default=False)]
ScenarioFile = Annotated[Path, typer.Argument(help="YAML file, or folder with scenario.yaml.", show_default=False)]
Progress = Literal["auto", "plain", "off"]
Net = Annotated[
    str,
    typer.Argument(
        help="pandapower JSON, MATPOWER case, *.net.xml, *.osm; with --check also OpenDSS, a name of "
        "pandapower.networks or SimBench.",
        metavar="NET",
        show_default=False,
    ),
]
Source = Annotated[
    Literal["pandapower", "matpower", "opendss", "simbench", "sumo", "osm"],
    typer.Argument(help="Where the net comes from; sumo, osm: roads."),
]
Trips = Annotated[
    list[Path] | None,
    typer.Option("--trips", metavar="FILE", help="Roads: trips, routes, flows, tazRelations; may be repeated."),
]
Additional = Annotated[
    list[Path] | None,
    typer.Option(
        "--with", metavar="FILE", help="Roads: additional files (districts, signals, stations); may be repeated."
    ),
]
RoadStations = Annotated[
    list[str] | None,
    typer.Option("--station", metavar="EDGE", help="Roads: a station is to stand here; may be repeated."),
]
VClass = Annotated[
    str | None, typer.Option(metavar="CLASS", help="Roads: SUMO's class of vehicles; default passenger.")
]
Begin = Annotated[float | None, typer.Option(metavar="S", help="Roads: trips from here on, s.")]
End = Annotated[float | None, typer.Option(metavar="S", help="Roads: trips before this, s.")]
RoadStep = Annotated[
    float | None,
    typer.Option(metavar="S", help="Roads: step of SUMO that capacities hold for: 0.1, 0.5 or 1 (default)."),
]
ServiceCars = Annotated[bool, typer.Option("--service-cars", help="OSM: cars may use highway=service.")]
Slack = Annotated[int | None, typer.Option(metavar="BUS", help="With --check: the source, of several.")]
Balanced = Annotated[bool, typer.Option("--balanced", help="With --check: balanced equivalents of one and two phases.")]
Opened = Annotated[
    list[str] | None, typer.Option("--open", metavar="line:3", help="With --check: open this element first.")
]
Microsim = Annotated[
    Literal["off", "windows", "continuous", "meso"] | None,
    typer.Option(help="Also simulate single vehicles with SUMO."),
]
AcEngine = Annotated[
    Literal["pandapower", "batch"] | None,
    typer.Option(help="Engine of the AC flows; batch: pandapower judges some."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped, bit by bit.")]
Fork = Annotated[int | None, typer.Option(metavar="K", help="New run behind period K of a run, with --set.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document (`cosim schema --summary`), all else as errors.")
]
