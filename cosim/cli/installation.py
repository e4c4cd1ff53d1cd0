"""`cosim doctor`."""

from __future__ import annotations

import typer

from cosim.errors import DependencyError

TONES = {"ok": "green", "info": "cyan", "problem": "red"}


def doctor() -> None:
    """Look at versions, SUMO, solvers and licences; exit 4 if something that is needed is missing."""
    from rich.markup import escape
    from rich.table import Table

    from cosim.cli.terminal import console
    from cosim.workflows.doctor import doctor as looked

    findings = looked()
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        tone = TONES[finding.state]
        table.add_row(f"[{tone}]{finding.state}[/{tone}]", escape(finding.what), escape(finding.detail))
    console().print(table)
    raise typer.Exit(DependencyError.exit_code if any(finding.state == "problem" for finding in findings) else 0)
