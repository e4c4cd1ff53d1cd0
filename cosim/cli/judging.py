"""`cosim verify` and `cosim validate`: what a run is held against."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cosim.cli import arguments as arg


def verify(
    source: arg.RunOrScenario,
    *,
    stress: Annotated[int, typer.Option("--stress", min=0, help="Disturbed power flows to try.")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the stress test; default the run's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder of a scenario that is run.")] = None,
    overrides: arg.Overrides = None,
    progress: Annotated[arg.Progress, typer.Option(help="Progress of a scenario that is run.")] = "auto",
    as_json: arg.AsJson = False,
) -> None:
    """Verify a dispatch by AC power flow of its stored setpoints: trust ledger, audit, stress."""
    from cosim.cli.verifying import verify_command

    raise typer.Exit(verify_command(source, stress, seed, out, overrides or [], progress=progress))


def validate(
    source: arg.RunOrScenario,
    *,
    periods: Annotated[
        str | None, typer.Option(metavar="8,18", help="Periods; default the scenario's, or the busiest.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Runs per period and model; default the scenario's, or 5.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=64, help="Runs at the same time.")] = None,
    scale: Annotated[float | None, typer.Option(help="Length of the links; 0.25 is a quick look.")] = None,
    variant: Annotated[
        Literal["merge", "metered", "signals", "own"] | None, typer.Option(help="Kind of SUMO network.")
    ] = None,
    step: Annotated[float | None, typer.Option(metavar="S", help="Step of SUMO, s; 0.5 for publications.")] = None,
    ramp: Annotated[bool, typer.Option("--ramp", help="Also a rising and falling demand in 15-min slices.")] = False,
    equilibrium: Annotated[
        bool, typer.Option("--equilibrium", help="Also the equilibrium by SUMO's own times.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of a scenario that is run.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder of a scenario that is run.")] = None,
    overrides: arg.Overrides = None,
    progress: Annotated[arg.Progress, typer.Option(help="Progress; off tells nothing.")] = "auto",
    as_json: arg.AsJson = False,
) -> None:
    """Validate the equilibrium against SUMO, beside a null model; exit 10 if a limit that applies is broken."""
    from cosim.cli.validating import validate_command

    how = {"seeds": seeds, "jobs": jobs, "length_scale": scale, "variant": variant, "step_s": step}
    how |= {"ramp": ramp, "equilibrium": equilibrium}
    raise typer.Exit(validate_command(source, periods, how, seed, out, overrides or [], progress=progress))
