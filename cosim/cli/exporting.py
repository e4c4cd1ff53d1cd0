"""`cosim export`: a run in another tool's format."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from cosim.cli.terminal import console


def export_command(run: Path, form: str, out: Path | None, period: int | None) -> int:
    """Write the export and say what it holds."""
    from cosim.workflows.export import DOORS, export

    path = export(run, form, out, period=period)
    console().print(f"written  {escape(str(path))}: {DOORS[form].what}", soft_wrap=True)
    return 0
