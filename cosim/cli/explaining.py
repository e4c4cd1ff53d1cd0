"""`cosim explain`: what a word means."""

from __future__ import annotations

from typing import Annotated

import typer


def explain(
    word: Annotated[str, typer.Argument(metavar="KEY|CODE|COLUMN", help="Also a status, check, table, kind or port.")],
) -> None:
    """Explain a key of scenarios, an exit code, a column of a table: what it means, its unit, bounds and default."""
    from rich.markup import escape

    from cosim.cli.terminal import console, grid
    from cosim.workflows.explain import explain as facts

    screen = console()
    for place, fact in enumerate(facts(word)):
        if place:
            screen.print()
        screen.print(f"{escape(fact.what)} [bold]{escape(fact.name)}[/bold]: {escape(fact.meaning)}", soft_wrap=True)
        if fact.details:
            screen.print(grid((f"  {label}", text) for label, text in fact.details))
