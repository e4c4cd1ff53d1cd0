"""`cosim init`: a folder to begin from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder.", show_default=False)],
    case: Annotated[
        str | None,
        typer.Option("--from", metavar="CASE", help="Scenario to begin from: shipped name, YAML file, folder."),
    ] = None,
) -> None:
    """Write a commented scenario folder of your own, which runs as it is."""
    from rich.markup import escape

    from cosim.cli.terminal import console
    from cosim.workflows.init import init as begun

    written = begun(folder, case)
    screen = console()
    screen.print(f"{escape(str(written))}: change it, then", soft_wrap=True)
    screen.print(escape(f"  cosim check {folder}\n  cosim run {folder}"), soft_wrap=True)
