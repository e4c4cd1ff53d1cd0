"""`cosim sensitivity`: which assumed number matters, first; then the table of elasticities."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cosim.cli.terminal import colour, console, grid
from cosim.plain import Cells, Document

if TYPE_CHECKING:
    from cosim.workflows.variations import Influence, Row, SensitivityStudy

TITLES = {
    "flows": "flows", "station_energy": "station", "charging_energy": "charging", "travel_time": "travel",
    "wait": "wait", "cost": "cost", "import": "import", "peak_import": "peak", "min_voltage": "U min",
    "losses": "losses", "unserved": "unserved",
}  # fmt: skip
MARKS = {"smooth": "", "kink": "k", "switch": "s", "one-sided": "o", "noise": "", "none": "?"}
SHOWN_ASSUMED = 5
SHOWN_FLAGS = 12
ROUGH = 0.1
"""Share of a one-sided number from which on its error is told."""
SMALLEST = 5e-4
"""Elasticities below this are shown as 0.000."""
LONGEST_NAME, LONGEST_SOURCE = 36, 18


def sensitivity_command(
    scenario: str, how: Mapping[str, Any], out: Path | None, *, as_json: bool, progress: str
) -> int:
    """Study and print; return the exit code.

    Parameters
    ----------
    scenario
        As the other commands take it.
    how
        Options of `cosim.workflows.sensitivity.sensitivity`.
    out
        New file for all rows: .csv, .json or .parquet.
    as_json
        Print JSON in place of the table.
    progress
        auto, plain or off; on the error stream.
    """
    from cosim.results.table_file import records, require_writable, write_table
    from cosim.workflows.sensitivity import sensitivity

    if out is not None:
        require_writable(out)
    show, done = _progress(progress, console(error=True))
    try:
        found = sensitivity(scenario, **how, progress=show)
    finally:
        done()
    if out is not None:
        write_table(out, found.columns())
    if as_json:
        sys.stdout.write(
            json.dumps(_document(found, records(found.columns())), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        )
    else:
        _print(console(), found, out)
    return found.exit_code


def _document(found: SensitivityStudy, rows: list[Cells]) -> Document:
    return {
        "scenario": found.name,
        "currency": found.currency,
        "periods": list(found.periods),
        "step": found.step,
        "remarks": list(found.remarks),
        "not_varied": [{"parameter": name, "reason": reason} for name, reason in found.left],
        "failures": [f"{one.parameter.name} {failure}" for one in found.influences for failure in one.failures],
        "order": [one.parameter.name for one in found.influences],
        "rows": rows,
    }


def _print(screen: Console, found: SensitivityStudy, out: Path | None) -> None:
    screen.print(f"\n[bold]Sensitivity of {escape(found.name)}[/bold]  {_span(found)}")
    _print_assumed(screen, found)
    screen.print("\n[bold]Elasticities[/bold]  per cent of the answer per per cent of the number")
    screen.print(_table(found))
    for line in _legend(found):
        screen.print(f"[dim]{escape(line)}[/dim]", soft_wrap=True)
    for told in _flags(found):
        screen.print(f"[yellow]flagged[/yellow] {escape(told)}", soft_wrap=True)
    for told in _notes(found):
        screen.print(escape(told), soft_wrap=True)
    if found.left:
        screen.print("\n[bold]Not varied[/bold]")
        screen.print(grid((f"  {name}", reason) for name, reason in found.left))
    if out is not None:
        screen.print(f"rows     {escape(str(out))}", soft_wrap=True)
    code = found.exit_code
    verdict = "every number was found" if code == 0 else "some steps have no answer, see above"
    screen.print(f"[{colour(code)}]exit {code}[/{colour(code)}]: {verdict}")


def _span(found: SensitivityStudy) -> str:
    first, last = found.periods[0], found.periods[-1]
    return f"periods {first} to {last}" if last > first else f"period {first}"


def _print_assumed(screen: Console, found: SensitivityStudy) -> None:
    """Print the assumed numbers that matter most: what each moves most, and by how much."""
    rows = []
    for one in found.influences:
        row = _strongest(one)
        if row is None or abs(row.elasticity) < SMALLEST or not _assumed(one.parameter.source):
            continue
        place = f" ({row.place})" if row.place else ""
        rows.append((f"  {one.parameter.name}", _value(one), f"{row.elasticity:+.3f}", f"{TITLES[row.answer]}{place}"))
        if len(rows) == SHOWN_ASSUMED:
            break
    screen.print("\n[bold]Assumed numbers that matter most[/bold]  and the answer that each moves most")
    screen.print(grid(rows) if rows else "  none: no assumed number moves an answer")


def _strongest(one: Influence) -> Row | None:
    rows = [row for row in map(one.headline, TITLES) if row is not None and math.isfinite(row.elasticity)]
    return max(rows, key=lambda row: abs(row.elasticity), default=None)


def _assumed(source: str) -> bool:
    """Whether somebody assumed a number: said so, set it on the command line, took a default, or named no source."""
    return "assumed" in source or source in {"--set", "default"} or source.startswith("this scenario")


def _table(found: SensitivityStudy) -> Table:
    answers = [name for name in TITLES if any(_told(one.headline(name)) for one in found.influences)]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("number", no_wrap=True)
    table.add_column("value", justify="right")
    table.add_column("source", no_wrap=True)
    for name in answers:
        table.add_column(TITLES[name], justify="right")
    table.add_column("error", justify="right")
    table.add_column("exact")
    for one in found.influences:
        rows = [one.headline(name) for name in answers]
        cells = [escape(_short(one.parameter.name, LONGEST_NAME)), _value(one), escape(_source(one.parameter.source))]
        table.add_row(*cells, *map(_cell, rows), _error(one), _exact(one))
    return table


def _told(row: Row | None) -> bool:
    return row is not None and math.isfinite(row.elasticity)


def _cell(row: Row | None) -> str:
    if row is None or not _told(row):
        return "–" if row is None or MARKS[row.shape] != "?" else "?"
    if row.method == "exact" and row.elasticity == 0.0:
        return "0" + MARKS[row.shape]
    number = f"{row.elasticity:+.3f}" if abs(row.elasticity) >= SMALLEST else "0.000"
    return number + MARKS[row.shape]


def _error(one: Influence) -> str:
    errors = [row.error for row in map(one.headline, TITLES) if row is not None and row.method != "exact"]
    worst = max((error for error in errors if math.isfinite(error)), default=math.nan)
    return f"{worst:.0e}" if math.isfinite(worst) else ""


def _exact(one: Influence) -> str:
    """Return which answers are exact: all, or which of roads and cost."""
    rows = [row for row in map(one.headline, TITLES) if row is not None]
    exact = {row.answer for row in rows if row.method == "exact"}
    if len(exact) == len(rows):
        return "all"
    return ", ".join(word for word, answer in (("roads", "flows"), ("cost", "cost")) if answer in exact)


def _value(one: Influence) -> str:
    value = one.parameter.value
    return "" if value is None else f"{value:g}"


def _source(source: str) -> str:
    """Return the source in a word: assumed, paper, or the citation's beginning."""
    for word in ("assumed", "paper"):
        if word in source:
            return word
    return _short(source, LONGEST_SOURCE)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _legend(found: SensitivityStudy) -> Iterator[str]:
    yield (
        "flows: all links' changes over all flows; station: the station that responds most; travel: time on the road; "
        "U min: lowest voltage."
    )
    yield (
        f"exact: by Jacobian or duals. Else solved again at ±{found.step:.3g} and ±{found.step / 2:.3g} of the number; "
        "error: the largest difference of the two. 0: exactly; –: the answer itself is 0."
    )
    if any(MARKS[row.shape] for row in found.rows):
        yield "k: kink, left and right differ; s: something switches within the step; o: one side only; ?: no answer."
    yield from found.remarks


def _notes(found: SensitivityStudy) -> Iterator[str]:
    """Yield why a number moves nothing at all, or could be moved to one side only."""
    for one in found.influences:
        notes = {row.note for row in one.rows if row.note.startswith(("exactly 0", "one side"))}
        yield from (f"{one.parameter.name}: {note}" for note in sorted(notes))


def _flags(found: SensitivityStudy) -> Iterator[str]:
    """Yield kinks, switches and doubts of the headline answers, and the steps without an answer."""
    told = []
    for one in found.influences:
        name = one.parameter.name
        told += [f"{name} {failure}" for failure in one.failures]
        for row in map(one.headline, TITLES):
            if row is None:
                continue
            rough = row.shape == "one-sided" and row.error > ROUGH * abs(row.elasticity)
            if row.shape in {"kink", "switch"} or rough:
                told.append(f"{name}: {TITLES[row.answer]} {row.shape}, left {row.left:+.4g}, right {row.right:+.4g}")
            if row.note.startswith("by solving again"):
                told.append(f"{name}: {TITLES[row.answer]} {row.elasticity:+.4g}; {row.note}")
    yield from told[:SHOWN_FLAGS]
    if len(told) > SHOWN_FLAGS:
        yield f"and {len(told) - SHOWN_FLAGS} more; --out writes all rows"


def _progress(mode: str, screen: Console) -> tuple[Callable[[int, int, str], None] | None, Callable[[], None]]:
    """Return what to call after each parameter, and at the end."""
    if mode == "off" or (mode == "auto" and not sys.stderr.isatty()):
        return None, lambda: None
    if mode == "plain":
        return lambda done, total, name: screen.print(
            f"{done:>3}/{total}  {escape(name)}", soft_wrap=True
        ), lambda: None
    bar = Progress(
        TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=screen
    )
    task = bar.add_task("parameters", total=None)
    bar.start()
    return lambda done, total, _: bar.update(task, completed=done, total=total), bar.stop
