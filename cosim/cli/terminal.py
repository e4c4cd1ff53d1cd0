"""What the commands print with: rich on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from cosim.reports.summary import Summary
    from cosim.results.store import RunResult

GREEN, YELLOW, RED = "green", "yellow", "red"


class Screen(Console):
    """A console whose reader may go away (``| head``): the work goes on in silence."""

    def on_broken_pipe(self) -> None:
        """Send everything that follows to nowhere, Python's own flush at exit included."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def console(*, error: bool = False) -> Console:
    """Return a console; a pipe gets wide plain lines instead of a terminal's width."""
    stream = sys.stderr if error else sys.stdout
    return Screen(file=stream, width=None if stream.isatty() else 160, highlight=False)


def grid(rows: Iterable[tuple[str, ...]]) -> Table:
    """Return rows as an aligned block without lines."""
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def summary_table(summary: Summary) -> Table:
    """Return the table at the end of a run."""
    table = Table(
        title=escape(summary.title) or None, title_justify="left", show_header=False, box=None, pad_edge=False
    )
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    table.add_column()
    table.add_column(style="dim")
    for section in summary.sections:
        table.add_row(f"[bold]{escape(section.title)}[/bold]", "", "", "")
        for row in section.rows:
            table.add_row(f"  {escape(row.label)}", escape(row.text), escape(row.unit), escape(row.place))
    return table


def print_verdict(screen: Console, result: RunResult) -> None:
    """Print the one verdict on a run of which something was found out, and how much of the run there is."""
    found = result.verdict
    tone = colour(found.worst)
    screen.print(f"verdict  [{tone}]{found.worst}[/{tone}]: {escape(', '.join(found.parts))}", soft_wrap=True)
    print_state(screen, result)


def print_state(screen: Console, result: RunResult) -> None:
    """Print how much of the day there is if that is not all, and what was not as it was written."""
    if not result.complete:
        word = "incomplete" if result.ended else "unfinished"
        screen.print(f"[yellow]{word}[/yellow] {escape(result.progress)}", soft_wrap=True)
    for notice in result.notices:
        screen.print(f"[yellow]notice[/yellow] {escape(notice)}", soft_wrap=True)


def colour(exit_code: int) -> str:
    """Return the colour of an exit code: green, yellow for answered with flags, red for not converged or failed."""
    if exit_code == 0:
        return GREEN
    return YELLOW if exit_code in {5, 10} else RED
