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
        help="pandapower JSON, MATPOWER case; with --check also OpenDSS, a name of pandapower.networks or SimBench.",
        metavar="NET",
        show_default=False,
    ),
]
Source = Annotated[
    Literal["pandapower", "matpower", "opendss", "simbench"], typer.Argument(help="Where the net comes from.")
]
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
