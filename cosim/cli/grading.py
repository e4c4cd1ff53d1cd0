"""`cosim grade`: anybody's answer to a case of the benchmark pack, and the cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.cli import arguments as arg

if TYPE_CHECKING:
    from cosim.workflows.grade import Grade


def grade(
    solution: Annotated[
        Path | None, typer.Argument(help="Folder of an answer, or run folder of a case.", show_default=False)
    ] = None,
    *,
    cases: Annotated[bool, typer.Option("--list", help="List the cases with best-known values and bounds.")] = False,
    template: Annotated[
        str | None, typer.Option("--write-template", metavar="CASE", help="Write a case, and an answer to fill in.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="With --write-template: new folder; default <case>.")] = None,
    as_json: arg.AsJson = False,
) -> None:
    """Grade an answer to a case of the benchmark pack; exit 6 if a check fails, 3 if it is malformed."""
    if [solution is not None, cases, template is not None].count(True) != 1:
        reason = "name an answer, or give --list, or --write-template CASE"
        raise typer.BadParameter(reason)
    if out is not None and template is None:
        reason = "--out belongs to --write-template"
        raise typer.BadParameter(reason)
    if as_json and solution is None:
        reason = "--json belongs to an answer"
        raise typer.BadParameter(reason)
    if template is not None:
        _write_template(template, out or Path(template))
    elif solution is None:
        _list()
    else:
        raise typer.Exit(_grade(solution))


def _grade(solution: Path) -> int:
    from cosim.cli import document
    from cosim.cli.terminal import colour, console, grid
    from cosim.workflows.grade import grade as judge

    found, screen = judge(solution), console()
    if document.wanted():
        from cosim.workflows.found import found_grade

        document.tell(found_grade(found))
    screen.print(f"[bold]{found.pack.name}[/bold]  {found.pack.title}", soft_wrap=True)
    screen.print(grid(_check_rows(found)))
    screen.print()
    screen.print(grid(_cost_rows(found)))
    text = "every check passed" if found.valid else f"refused: {', '.join(check.name for check in found.failed)}"
    screen.print(f"[{colour(found.exit_code)}]exit {found.exit_code}[/]: {text}", soft_wrap=True)
    return found.exit_code


def _check_rows(found: Grade) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("  check", "worst", "limit", "unit", "", "", "")]
    for one in found.checks:
        place = " ".join(part for part in (one.where, f"period {one.period}" if one.period else "") if part)
        verdict = "passed" if one.passed else "FAILED"
        shown = place if one.value > 0.0 or not one.passed else ""
        rows.append((f"  {one.name}", f"{one.value:.2e}", f"{one.limit:g}", one.unit, verdict, one.meaning, shown))
    return rows


def _cost_rows(found: Grade) -> list[tuple[str, ...]]:
    currency, known = found.pack.currency, found.known
    return [
        ("  cost", f"{found.cost:,.4f}", currency, "by AC power flow and settings"),
        ("  claimed", f"{found.claimed:,.4f}", currency, ""),
        ("  best known", f"{known.best_known:,.4f}", currency, f"gap {found.gap_to_best_rel:+.2e}"),
        ("  lower bound", f"{known.lower_bound:,.4f}", currency, f"gap {found.gap_to_bound_rel:+.2e}"),
    ]


def _list() -> None:
    from cosim.cli.terminal import console, grid
    from cosim.workflows.benchmark_pack import case_names, pack_case

    rows: list[tuple[str, ...]] = [("case", "best known", "lower bound", "", "gap", "")]
    for name in case_names():
        one = pack_case(name)
        best, bound = one.known.best_known, one.known.lower_bound
        gap = max(best - bound, 0.0) / max(1.0, abs(bound))
        rows.append((name, f"{best:,.4f}", f"{bound:,.4f}", one.currency, f"{gap:.1e}", one.title))
    console().print(grid(rows))


def _write_template(name: str, folder: Path) -> None:
    from rich.markup import escape

    from cosim.cli.terminal import console
    from cosim.workflows.solution_files import write_template

    write_template(name, folder)
    text = f"fill in solution.json, links.csv, stations.csv, devices.csv; the case is {name}/"
    console().print(f"written  {escape(str(folder))}: {text}", soft_wrap=True)
