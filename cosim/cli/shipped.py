"""`cosim list` and `cosim schema`: what comes with the program."""

from __future__ import annotations

import typer


def list_() -> None:
    """List the shipped scenarios."""
    from cosim.cli.scenarios import list_command

    raise typer.Exit(list_command())


def schema() -> None:
    """Print the JSON Schema of scenarios."""
    from cosim.cli.scenarios import schema_command

    raise typer.Exit(schema_command())
