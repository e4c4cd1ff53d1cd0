"""`cosim scenario`: what can be made of a scenario besides a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import arguments as arg

scenario = typer.Typer(name="scenario", help="Make something else of a scenario.", no_args_is_help=True)


@scenario.callback()
def made_of() -> None:
    """Make something else of a scenario."""


@scenario.command(name="to-python")
def to_python(
    source: arg.Scenario,
    overrides: arg.Overrides = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it; default the screen.")] = None,
) -> None:
    """Write a scenario as a Python script in plain mosaik, which runs the same with the same numbers."""
    from cosim.workflows.to_python import to_python as script

    text = script(source, overrides or [], out)
    typer.echo(
        f"written  {out}: run it with python, change what you like" if out is not None else text, nl=out is not None
    )
