"""`cosim check`, `plan`, `list`, `schema`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from cosim.cli.terminal import console, grid
from cosim.errors import InputError, UsageError

if TYPE_CHECKING:
    from cosim.workflows.plan import RunPlan


def check_command(scenario: str, overrides: Sequence[str]) -> int:
    """Print every mistake (exit 3) and every warning of a scenario."""
    from cosim.workflows.check import check

    found = check(scenario, overrides)
    screen = console()
    for problem in found.warnings:
        screen.print(f"[yellow]warning[/yellow] {escape(str(problem))}", soft_wrap=True)
    for problem in found.mistakes:
        console(error=True).print(escape(str(problem)), soft_wrap=True)
    if found.mistakes:
        count = len(found.mistakes)
        console(error=True).print(f"{count} mistake{'s' if count > 1 else ''}")
        return InputError.exit_code
    screen.print(f"[green]ok[/green] {escape(scenario)}")
    return 0


def plan_command(scenario: str, overrides: Sequence[str]) -> int:
    """Print what a run would do."""
    from cosim.workflows.plan import plan

    found = plan(scenario, overrides)
    screen = console()
    screen.print(f"[bold]{escape(found.name)}[/bold]  {escape(found.title)}")
    screen.print(f"{found.periods} periods of {found.period_min} min; simulators: {', '.join(found.simulators)}")
    screen.print("\n[bold]Wires[/bold]")
    screen.print(grid(_wire_rows(found)))
    screen.print("\n[bold]Sizes[/bold]")
    screen.print(grid((f"  {name}", f"{count:,}") for name, count in found.sizes.items()))
    if found.elements:
        screen.print("\n[bold]Elements of the net[/bold]")
        screen.print(grid((f"  {name}", power, escape(fate)) for name, power, fate in found.elements))
    if found.solver is not None:
        screen.print(f"\n[bold]Solver[/bold]  {found.solver.name}: {found.solver.reason}", soft_wrap=True)
    screen.print("\n[bold]Licences of optional solvers[/bold]")
    screen.print(grid((f"  {one.solver} {one.version}", one.kind, one.detail) for one in found.licences))
    screen.print(f"\n[bold]Disk[/bold]  about {found.disk_mb:.0f} MB")
    for remark in found.remarks:
        screen.print(f"[yellow]remark[/yellow] {escape(remark)}", soft_wrap=True)
    return 0


def _wire_rows(found: RunPlan) -> list[tuple[str, ...]]:
    return [
        (
            f"  {wire.source}.{wire.source_entity}",
            "->" if not wire.weak else "~> (within the period)",
            f"{wire.target}.{wire.target_entity}",
            ", ".join(wire.attrs),
        )
        for wire in found.wires
    ]


def list_command() -> int:
    """Print name and title of every shipped scenario."""
    from cosim.scenario import shipped
    from cosim.scenario.load import outline

    rows = []
    for name in shipped.names(shipped.SCENARIOS):
        scenario = outline(name)
        rows.append((name, f"{scenario.periods} periods", scenario.title))
    console().print(grid(rows))
    return 0


def schema_command(summary: str | None) -> int:
    """Print the JSON Schema of scenarios, or of a command's document."""
    from cosim.scenario.json_schema import document_schema_text, schema_text

    if summary is None:
        sys.stdout.write(schema_text())
        return 0
    from cosim.workflows.documents import DOCUMENTS

    if summary not in DOCUMENTS:
        raise UsageError(f"--summary {summary!r} is none of {', '.join(DOCUMENTS)}")
    sys.stdout.write(document_schema_text(DOCUMENTS[summary]))
    return 0
