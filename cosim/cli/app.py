"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cosim import __version__

app = typer.Typer(
    name="cosim",
    help="Co-simulation of electric-vehicle traffic and the distribution grid: equilibrium-grade and AC-verified.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Scenario = Annotated[
    str, typer.Argument(help="Shipped name, YAML file, or folder with scenario.yaml.", show_default=False)
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="a.b=v", help="Change a value: devices.ess.capacity_mwh=2.")
]
RunFolder = Annotated[Path, typer.Argument(help="Run folder, for example runs/latest.", show_default=False)]
Progress = Literal["auto", "plain", "off"]


def _version(value: bool) -> None:  # noqa: FBT001 - typer's callback
    if value:
        typer.echo(f"cosim {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[  # noqa: ARG001 - eager option
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[  # noqa: ARG001 - read by cosim.cli.main
        bool, typer.Option("--debug", help="Show tracebacks.")
    ] = False,
) -> None:
    """Co-simulation of electric-vehicle traffic and the distribution grid."""


@app.command()
def run(
    scenario: Scenario,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/<scenario>-<UTC>.")] = None,
    overrides: Overrides = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Replace the scenario's seed.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first flagged period.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.html.")] = False,
    progress: Annotated[Progress, typer.Option(help="Progress by period.")] = "auto",
) -> None:
    """Run a scenario; the exit code is 0 only if every gate of every period passed."""
    from cosim.cli.running import run_command

    raise typer.Exit(
        run_command(scenario, out, overrides or [], seed, strict=strict, report=not no_report, progress=progress)
    )


@app.command()
def check(scenario: Scenario, overrides: Overrides = None) -> None:
    """Find every mistake of a scenario; nothing is started or written."""
    from cosim.cli.scenarios import check_command

    raise typer.Exit(check_command(scenario, overrides or []))


@app.command()
def plan(scenario: Scenario, overrides: Overrides = None) -> None:
    """Tell what will run: wires with units, problem sizes, solver and why, licences."""
    from cosim.cli.scenarios import plan_command

    raise typer.Exit(plan_command(scenario, overrides or []))


@app.command(name="list")
def list_() -> None:
    """List the shipped scenarios."""
    from cosim.cli.scenarios import list_command

    raise typer.Exit(list_command())


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenarios."""
    from cosim.cli.scenarios import schema_command

    raise typer.Exit(schema_command())


@app.command()
def report(run_folder: RunFolder) -> None:
    """Write report.html of a finished run again and print its path."""
    from cosim.cli.running import report_command

    raise typer.Exit(report_command(run_folder))


@app.command()
def verify(
    source: Annotated[
        str, typer.Argument(help="Run folder, or a scenario, which is run first.", metavar="RUN|SCENARIO")
    ],
    stress: Annotated[int, typer.Option("--stress", min=0, help="Disturbed power flows to try.")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the stress test; default the run's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder of a scenario that is run.")] = None,
    overrides: Overrides = None,
    progress: Annotated[Progress, typer.Option(help="Progress of a scenario that is run.")] = "auto",
) -> None:
    """Verify a dispatch by AC power flow of its stored setpoints: trust ledger, audit, stress."""
    from cosim.cli.verifying import verify_command

    raise typer.Exit(verify_command(source, stress, seed, out, overrides or [], progress=progress))


@app.command(name="import")
def import_(
    source: Annotated[Literal["pandapower", "matpower"], typer.Argument(help="Format of the file.")],
    file: Annotated[Path, typer.Argument(help="pandapower JSON, or MATPOWER case file.", show_default=False)],
    out: Annotated[Path, typer.Option(help="New folder for bus.csv, line.csv, load.csv.", show_default=False)],
) -> None:
    """Import a radial feeder; what the model cannot carry is refused by name."""
    from cosim.cli.importing import import_command

    raise typer.Exit(import_command(source, file, out))


@app.command()
def doctor() -> None:
    """Look at versions, SUMO, solvers and licences."""
    from cosim.cli.installation import doctor_command

    raise typer.Exit(doctor_command())
