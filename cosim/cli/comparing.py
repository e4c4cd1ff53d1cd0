"""`cosim compare` and `cosim run --value-of-coupling`: runs side by side, and what differs in their inputs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cosim.cli.running import NOT_CONVERGED, progress_by_period
from cosim.cli.terminal import colour, console, grid

if TYPE_CHECKING:
    from cosim.reports.comparison import ComparedRow, Comparison
    from cosim.workflows.value_of_coupling import ValueOfCoupling

BEYOND_TOLERANCE = 10


def compare_command(
    runs: Sequence[Path], out: Path | None, html: Path | None, tolerance: float | None, *, as_json: bool
) -> int:
    """Print finished runs side by side; return 10 if they deviate beyond a given tolerance."""
    from cosim.reports.comparison_page import write_comparison
    from cosim.workflows.compare import compare, require_new, write_csv

    found = compare(list(runs))
    if html is not None:
        require_new(html, "--html")
    if out is not None:
        write_csv(found, out)
    if html is not None:
        write_comparison(found, html)
    beyond = found.beyond(tolerance) if tolerance is not None else ()
    if as_json:
        sys.stdout.write(json.dumps(found.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        screen = console()
        print_comparison(screen, found)
        if tolerance is not None:
            _print_verdict(screen, beyond, tolerance)
    return BEYOND_TOLERANCE if beyond else 0


def print_comparison(screen: Console, found: Comparison, *, differences: bool = True) -> None:
    """Print what differs in the inputs, then one row a measure and one column a run."""
    if differences:
        names = [run.name for run in found.runs]
        screen.print("[bold]Inputs that differ[/bold]")
        if found.differences:
            rows = [("", *names), *((one.key, *one.values) for one in found.differences)]
            screen.print(grid((f"  {key}", *values) for key, *values in rows))
        else:
            screen.print("  none")
        screen.print()
    if found.remark:
        screen.print(f"[yellow]incomplete[/yellow] {escape(found.remark)}", soft_wrap=True)
    screen.print(_table(found))
    for run in found.runs:
        worst = run.verdict.worst
        screen.print(f"verdict  [{colour(worst)}]exit {worst}[/] {escape(run.name)}: {', '.join(run.verdict.parts)}")
    for notice in found.notices:
        screen.print(f"[yellow]notice[/yellow] {escape(notice)}", soft_wrap=True)
    for note in found.notes:
        screen.print(f"[dim]{escape(note)}[/dim]", soft_wrap=True)


def _table(found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for run in found.runs:
        table.add_column(escape(run.name), justify="right", overflow="fold")
    two = len(found.runs[1:]) == 1  # of more there is no room: JSON, CSV and the page have them
    for heading in ("difference", "") if two else ():
        table.add_column(heading, justify="right")
    table.add_column("")
    section = ""
    for row in found.rows:
        if row.section != section:
            section = row.section
            table.add_row(f"[bold]{escape(section)}[/bold]")
        cells = [escape(cell.text) if cell is not None else "–" for cell in row.cells]
        told = ("", "") if row.changes[0] is None else row.changes[0].texts
        table.add_row(f"  {escape(row.label)}", *cells, *(told if two else ()), escape(row.unit))
    return table


def _print_verdict(screen: Console, beyond: Sequence[ComparedRow], tolerance: float) -> None:
    screen.print()
    for row in beyond:
        values = ", ".join("–" if value is None else str(value) for value in row.values)
        screen.print(f"[yellow]deviates[/yellow] {escape(row.label)}: {escape(values)} {row.unit}", soft_wrap=True)
    if beyond:
        screen.print(f"[yellow]exit {BEYOND_TOLERANCE}[/yellow]: beyond the tolerance of {tolerance:g}")
    else:
        screen.print(f"[green]exit 0[/green]: every measure is within the tolerance of {tolerance:g}")


def value_command(
    scenario: str,
    out: Path | None,
    overrides: Sequence[str],
    seed: int | None,
    *,
    strict: bool,
    report: bool,
    progress: str,
) -> int:
    """Run a scenario without interaction, one way and in equilibrium; print the three side by side."""
    from cosim.scenario.build import build_roads, warnings_of
    from cosim.scenario.load import load
    from cosim.workflows.compare import STAGES
    from cosim.workflows.value_of_coupling import value_of_coupling

    screen = console()
    loaded = load(scenario, overrides)
    for problem in warnings_of(loaded, build_roads(loaded)):
        screen.print(f"[yellow]warning:[/yellow] {escape(str(problem))}")
    show, done = progress_by_period(progress, screen, loaded.scenario.periods, runs=len(STAGES))

    def started(name: str, folder: Path) -> None:
        if progress != "off":
            number = STAGES.index(name) + 1
            screen.print(f"run {number} of {len(STAGES)}, {name}: {escape(str(folder))}", soft_wrap=True)

    try:
        found = value_of_coupling(
            scenario, out=out, overrides=overrides, seed=seed, strict=strict, report=report, progress=show,
            started=started,
        )  # fmt: skip
    finally:
        done()
    _print_value(screen, found)
    return found.exit_code


def _print_value(screen: Console, found: ValueOfCoupling) -> None:
    """Print the table, what is wrong with a run, and what the three say together."""
    screen.print()
    if found.comparison is not None:
        print_comparison(screen, found.comparison, differences=False)
        screen.print()
    for name, result in found.runs.items():
        if not result.complete or result.exit_code == NOT_CONVERGED:
            for reason in result.run["reasons"]:
                screen.print(f"[yellow]flagged[/yellow] {name}: {escape(reason)}", soft_wrap=True)
    screen.print(escape(found.verdict), soft_wrap=True)
    tone = colour(found.exit_code)
    told = ", ".join(f"{name} {result.exit_code}" for name, result in found.runs.items())
    screen.print(f"[{tone}]exit {found.exit_code}[/{tone}]: {told}")
    screen.print(f"results  {escape(str(found.folder))}", soft_wrap=True)
