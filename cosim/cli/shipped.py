"""`cosim list` and `cosim schema`: what comes with the program."""

from __future__ import annotations

from typing import Annotated

import typer


def list_() -> None:
    """List the shipped scenarios."""
    from cosim.cli.scenarios import list_command

    raise typer.Exit(list_command())


def schema(
    summary: Annotated[
        str | None, typer.Option(metavar="COMMAND", help="Of what this command prints with --json: run, verify, ...")
    ] = None,
) -> None:
    """Print the JSON Schema of scenarios, or of a command's --json."""
    from cosim.cli.scenarios import schema_command

    raise typer.Exit(schema_command(summary))
