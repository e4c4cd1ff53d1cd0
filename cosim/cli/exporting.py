"""`cosim export`: a run in another tool's format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cosim.cli import arguments as arg


def export(
    run_folder: arg.RunFolder,
    form: Annotated[
        Literal["csv", "excel", "netcdf", "geojson", "gpkg", "pandapower", "gmns", "tntp"], typer.Option("--format")
    ],
    *,
    out: Annotated[Path | None, typer.Option(help="File or folder; default <run>.<ending>, here.")] = None,
    period: Annotated[int | None, typer.Option(min=1, help="One period; pandapower, gmns, tntp: the busiest.")] = None,
) -> None:
    """Write a run in another tool's format."""
    from rich.markup import escape

    from cosim.cli.terminal import console
    from cosim.workflows.export import DOORS
    from cosim.workflows.export import export as write

    path = write(run_folder, form, out, period=period)
    console().print(f"written  {escape(str(path))}: {DOORS[form].what}", soft_wrap=True)
