"""`cosim doctor`."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from cosim.cli.terminal import console
from cosim.errors import DependencyError

TONES = {"ok": "green", "info": "cyan", "problem": "red"}


def doctor_command() -> int:
    """Print what was found; exit 4 if something that cosim needs is missing."""
    from cosim.workflows.doctor import doctor

    findings = doctor()
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        tone = TONES[finding.state]
        table.add_row(f"[{tone}]{finding.state}[/{tone}]", escape(finding.what), escape(finding.detail))
    console().print(table)
    return DependencyError.exit_code if any(finding.state == "problem" for finding in findings) else 0
