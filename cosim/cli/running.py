"""`cosim run` and `cosim report`: progress by period, the table at the end, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cosim.cli import document
from cosim.cli.terminal import colour, console, print_state, summary_table

if TYPE_CHECKING:
    from cosim.records.period import PeriodRecord
    from cosim.results.store import RunResult
    from cosim.validation.gate import GateRecord

NOT_CONVERGED = 6

Show = Callable[["PeriodRecord", "GateRecord"], None]


def run_command(
    scenario: str,
    out: Path | None,
    overrides: Sequence[str],
    seed: int | None,
    *,
    microsim: str | None,
    strict: bool,
    report: bool,
    progress: str,
) -> int:
    """Run a scenario and print its table; return the exit code."""
    from cosim.scenario.build import warnings_of
    from cosim.scenario.case import build_case
    from cosim.scenario.load import load
    from cosim.workflows.run import assignments, run_case

    screen = console()
    loaded = load(scenario, assignments(overrides, seed, microsim))
    case = build_case(loaded)
    for problem in warnings_of(loaded, case.roads):
        screen.print(f"[yellow]warning:[/yellow] {escape(str(problem))}")
    show, done = progress_by_period(progress, screen, loaded.scenario.periods)
    folders: list[Path] = []

    def started(folder: Path) -> None:
        folders.append(folder)
        document.began(folder)
        if progress != "off":
            screen.print(f"run folder {escape(str(folder))}", soft_wrap=True)

    try:
        with hinting(folders):
            result = run_case(loaded, case, out=out, strict=strict, report=report, progress=show, started=started)
    finally:
        done()
    print_result(screen, result)
    return result.exit_code


@contextmanager
def hinting(folders: Sequence[Path]) -> Iterator[None]:
    """Tell how a run that began, and is stopped, goes on."""
    try:
        yield
    except BaseException:
        for folder in folders:
            sys.stderr.write(f"go on behind the last committed period: cosim run {folder} --resume\n")
        raise


def print_result(screen: Console, result: RunResult) -> None:
    """Print table, flagged periods, verdict and where the run lies; tell them in the command's document."""
    from cosim.reports.summary import summarise

    if document.wanted():
        from cosim.workflows.found import found_run

        document.tell(found_run(result))
    screen.print()
    screen.print(summary_table(summarise(result)))
    screen.print()
    for reason in result.run["reasons"]:
        screen.print(f"[yellow]flagged[/yellow] {escape(reason)}", soft_wrap=True)
    verdict = "every gate of every period passed" if result.exit_code == 0 else "not every gate passed, see above"
    if result.exit_code == NOT_CONVERGED:
        verdict += "; periods without a converged answer are in the totals, but are no equilibrium"
    if not result.complete:
        verdict = f"incomplete: {result.progress}"
    tone = colour(result.exit_code)
    screen.print(f"[{tone}]exit {result.exit_code}[/{tone}]: {verdict}")
    screen.print(f"results  {escape(str(result.folder))}", soft_wrap=True)
    page = result.folder / "report.html"
    if page.exists():
        screen.print(f"report   {escape(str(page))}", soft_wrap=True)


def report_command(folder: Path) -> int:
    """Write the report of a run again."""
    from cosim.reports.page import write_report
    from cosim.results.store import load

    screen, result = console(), load(folder)
    screen.print(str(write_report(result)), soft_wrap=True, markup=False)
    print_state(screen, result)
    return 0


def progress_of(
    mode: str, screen: Console, source: str, overrides: Sequence[str]
) -> tuple[Show | None, Callable[[], None]]:
    """Return the progress of a source that may be a finished run, which has none."""
    from cosim.results.committed import is_run
    from cosim.scenario.load import load

    if is_run(Path(source)):
        return None, lambda: None
    return progress_by_period(mode, screen, load(source, overrides).scenario.periods)


def progress_by_period(
    mode: str, screen: Console, periods: int, runs: int = 1, *, done: int = 0
) -> tuple[Show | None, Callable[[], None]]:
    """Return what to call after each period of one or several runs of a day, and what to call at the end.

    ``done`` periods have been committed before.
    """
    if mode == "off":
        return None, lambda: None
    if mode == "plain" or not sys.stdout.isatty():
        return lambda told, judged: screen.print(_line(told, judged, periods), soft_wrap=True), lambda: None
    bar = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=screen,
    )
    task = bar.add_task("periods", total=runs * periods, completed=done)
    bar.start()

    def show(told: PeriodRecord, judged: GateRecord) -> None:
        bar.console.print(_line(told, judged, periods), soft_wrap=True)
        bar.advance(task)

    return show, bar.stop


def _line(told: PeriodRecord, judged: GateRecord, periods: int) -> str:
    """Return one line of progress: period, R, gap, AC difference, coupling, simulated vehicles, status."""
    roads, plan, grid = told.traffic, told.dispatch, told.grid
    cells = [f"period {told.period:>3}/{periods}"]
    if roads is not None:
        cells.append(f"R {roads.sue_residual:.1e}")
        loop = roads.coupling
        if loop.coupling_rounds is not None:
            cells.append(f"rounds {loop.coupling_rounds}  coupling {loop.coupling_residual_mw:.1e} MW")
    if plan is not None:
        cells.append(f"import {plan.import_mw:6.3f} MW  cone gap {plan.cone_gap_pu2:.1e} pu²")
    if grid is not None and grid.ac_dv_pu is not None:
        cells.append(f"AC ΔV {grid.ac_dv_pu:.1e} pu")
    if told.micro is not None and told.micro.runs:
        driven = [one.quality for one in told.micro.runs]
        vehicles, teleports = sum(one.loaded for one in driven), sum(one.teleports for one in driven)
        cells.append(f"{vehicles} vehicles simulated, {teleports} teleports")
    if judged.notes:
        cells.append("retried")
    tone = "green" if judged.status == "optimal" else "yellow"
    return "  ".join(cells) + f"  [{tone}]{judged.status}[/{tone}]"
