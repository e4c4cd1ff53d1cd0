"""`cosim figures`: the figures of a run for print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cosim.cli import arguments as arg


def figures(
    run_folder: arg.RunFolder,
    *,
    form: Annotated[Literal["pdf", "svg"], typer.Option("--format", help="Vectors with their fonts.")] = "pdf",
    columns: Annotated[int, typer.Option(min=1, max=2, help="Width: 1 is 88 mm, 2 is 180 mm.")] = 1,
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="This figure alone; may be repeated.")] = None,
    period: Annotated[int | None, typer.Option(min=1, help="Of the maps; default nearest to a limit.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default RUN/figures.")] = None,
) -> None:
    """Write the report's figures for print (matplotlib), in the width of one or two columns of a journal."""
    from rich.markup import escape

    from cosim.cli.terminal import console
    from cosim.workflows.figures import write_figures

    found = write_figures(run_folder, out, form=form, columns=columns, only=only or [], period=period)
    screen = console()
    for file in found.files:
        screen.print(f"written   {escape(str(file))}", soft_wrap=True)
    for name, reason in found.left_out.items():
        screen.print(f"left out  {name}: {escape(reason)}", soft_wrap=True)
    for note in found.notes:
        screen.print(f"note      {escape(note)}", soft_wrap=True)
