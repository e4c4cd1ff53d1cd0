"""`cosim run` and `cosim report`: progress by period, the table at the end, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cosim.cli.terminal import colour, console, summary_table

if TYPE_CHECKING:
    from cosim.results.parts import Part
    from cosim.results.store import RunResult
    from cosim.validation.gate import GateRecord

NOT_CONVERGED = 6

Show = Callable[["Part", "GateRecord"], None]


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
    from cosim.scenario.build import build_roads, warnings_of
    from cosim.scenario.load import load
    from cosim.workflows.run import run

    screen = console()
    loaded = load(scenario, overrides)
    for problem in warnings_of(loaded, build_roads(loaded)):
        screen.print(f"[yellow]warning:[/yellow] {escape(str(problem))}")
    show, done = progress_by_period(progress, screen, loaded.scenario.periods)

    def started(folder: Path) -> None:
        if progress != "off":
            screen.print(f"run folder {escape(str(folder))}", soft_wrap=True)

    try:
        result = run(
            scenario,
            out=out,
            overrides=overrides,
            seed=seed,
            microsim=microsim,
            strict=strict,
            report=report,
            progress=show,
            started=started,
        )
    finally:
        done()
    print_result(screen, result)
    return result.exit_code


def print_result(screen: Console, result: RunResult) -> None:
    """Print table, flagged periods, verdict and where the run lies."""
    from cosim.reports.summary import summarise

    screen.print()
    screen.print(summary_table(summarise(result)))
    screen.print()
    for reason in result.run["reasons"]:
        screen.print(f"[yellow]flagged[/yellow] {escape(reason)}", soft_wrap=True)
    verdict = "every gate of every period passed" if result.exit_code == 0 else "not every gate passed, see above"
    if result.exit_code == NOT_CONVERGED:
        verdict += "; periods without a converged answer are in the totals, but are no equilibrium"
    if not result.complete:
        verdict = f"incomplete: {result.run['periods']['committed']} of {result.run['periods']['planned']} periods"
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

    console().print(str(write_report(load(folder))), soft_wrap=True, markup=False)
    return 0


def progress_of(
    mode: str, screen: Console, source: str, overrides: Sequence[str]
) -> tuple[Show | None, Callable[[], None]]:
    """Return the progress of a source that may be a finished run, which has none."""
    from cosim.scenario.load import load

    if (Path(source) / "manifest.json").is_file():
        return None, lambda: None
    return progress_by_period(mode, screen, load(source, overrides).scenario.periods)


def progress_by_period(
    mode: str, screen: Console, periods: int, runs: int = 1
) -> tuple[Show | None, Callable[[], None]]:
    """Return what to call after each period of one or several runs of a day, and what to call at the end."""
    if mode == "off":
        return None, lambda: None
    if mode == "plain" or not sys.stdout.isatty():
        return lambda part, judged: screen.print(_line(part, judged, periods), soft_wrap=True), lambda: None
    bar = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=screen,
    )
    task = bar.add_task("periods", total=runs * periods)
    bar.start()

    def show(part: Part, judged: GateRecord) -> None:
        bar.console.print(_line(part, judged, periods), soft_wrap=True)
        bar.advance(task)

    return show, bar.stop


def _line(part: Part, judged: GateRecord, periods: int) -> str:
    """Return one line of progress: period, R, gap, AC difference, coupling, SUMO, status."""
    figures: dict[str, Any] = part["figures"]
    cells = [f"period {part['period']:>3}/{periods}"]
    for key, text in (
        ("sue_residual", "R {:.1e}"),
        ("coupling_rounds", "rounds {}"),
        ("coupling_residual_mw", "coupling {:.1e} MW"),
        ("import_mw", "import {:6.3f} MW"),
        ("cone_gap_pu2", "cone gap {:.1e} pu²"),
        ("ac_dv_pu", "AC ΔV {:.1e} pu"),
    ):
        if key in figures:
            cells.append(text.format(figures[key]))
    if (driven := part["tables"].get("micro_quality")) is not None:
        cells.append(f"SUMO {sum(driven['loaded'])} vehicles, {sum(driven['teleports'])} teleports")
    tone = "green" if judged.status == "optimal" else "yellow"
    return "  ".join(cells) + f"  [{tone}]{judged.status}[/{tone}]"
