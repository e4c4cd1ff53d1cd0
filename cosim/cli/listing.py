"""`cosim runs`: the runs below a folder, worst first."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from cosim.cli.terminal import colour, console

if TYPE_CHECKING:
    from cosim.workflows.runs import ListedRun


def runs_command(folder: Path | None, *, as_json: bool) -> int:
    """Print the runs below a folder; return 0."""
    from cosim.workflows.runs import FOLDER, list_runs

    found, root = list_runs(folder), FOLDER if folder is None else folder
    if as_json:
        content = {"folder": str(root), "runs": [one.as_dict() for one in found]}
        sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return 0
    screen = console()
    if not found:
        screen.print(f"no runs below '{escape(str(root))}'", soft_wrap=True)
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, side in (("worst", "right"), ("run", "right"), ("verify", "right"), ("validate", "right")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for name in ("periods", "scenario", "created", "folder"):
        table.add_column(name, overflow="fold")
    for one in found:
        table.add_row(*_cells(one))
    screen.print(table)
    for one in found:
        if one.remark:
            screen.print(f"{escape(one.folder)}: {_state(one)}{escape(one.remark)}", soft_wrap=True)
        if one.parent:
            screen.print(f"{escape(one.folder)}: {escape(one.parent)}", soft_wrap=True)
    return 0


def _cells(one: ListedRun) -> tuple[str, ...]:
    codes = ["–"] * 4
    tone = "red"
    if one.verdict is not None:
        verdict = one.verdict
        later = [None if part is None else part.exit_code for part in (verdict.verify, verdict.validate)]
        codes = ["–" if code is None else str(code) for code in (verdict.worst, verdict.run, *later)]
        tone = colour(verdict.worst)
    elif one.state == "foreign":
        tone = "dim"
    worst = codes[0] if one.verdict is not None else one.state
    periods = "–" if one.committed is None else f"{one.committed} of {one.planned}"
    texts = (*codes[1:], periods, one.scenario or "–", one.created or "–", one.folder)
    return f"[{tone}]{worst}[/{tone}]", *(escape(text) for text in texts)


def _state(one: ListedRun) -> str:
    return "" if one.state in ("complete", "foreign") else f"{one.state}; "
