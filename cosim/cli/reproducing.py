"""`cosim reproduce`: the paper's figures, its claims tested."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from cosim.cli.terminal import console, grid

if TYPE_CHECKING:
    from cosim.workflows.reproduce import Reproduction

COLOURS = {"holds": "green", "drawn": "green", "holds in part": "yellow", "does not hold": "red"}


def reproduce_command(figures: Sequence[int], out: Path | None, *, for_print: bool, progress: str) -> int:
    """Reproduce, print one row a figure, and return 10 if a verdict is worse than promised."""
    from cosim.workflows.reproduce import reproduce

    screen, errors = console(), console(error=True)
    tell = None if progress == "off" else lambda text: errors.print(f"[dim]{escape(text)}[/dim]")
    found = reproduce(figures, out=out, for_print=for_print, tell=tell)
    screen.print(_claims(found))
    if found.measures:
        screen.print(_days(found))
    screen.print(grid([("page", str(found.folder / "reproduction.html")), ("tables", f"{found.folder}/*.csv")]))
    broken = [finding.figure.number for finding in found.findings if not finding.kept]
    if broken:
        errors.print(f"[red]worse than promised[/red]: figure {', '.join(map(str, broken))}")
    return found.exit_code


def _claims(found: Reproduction) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Figure", "", "Verdict", "Why"):
        table.add_column(name)
    for finding in found.findings:
        colour = COLOURS[finding.verdict] if finding.kept else "red"
        verdict = f"[{colour}]{finding.verdict}[/{colour}]"
        table.add_row(str(finding.figure.number), escape(finding.figure.title), verdict, escape(finding.why))
    return table


def _days(found: Reproduction) -> Table:
    from cosim.reports.paper.measures import MEASURES, shown

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for day in next(iter(found.measures.values())):
        table.add_column(day, justify="right")
    table.add_column("")
    for name, values in found.measures.items():
        table.add_row(name, *map(shown, values.values()), MEASURES[name][0])
    return table
