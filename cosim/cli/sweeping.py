"""`cosim sweep`: studies of many runs: plan, run, status, collect, report, script."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cosim.cli import arguments as arg

if TYPE_CHECKING:
    from rich.console import Console

    from cosim.studies.folder import StudyFolder
    from cosim.studies.running import State

sweep = typer.Typer(name="sweep", help="Studies: many runs of one scenario.", no_args_is_help=True)
LINE_S = 10.0
StudyOrFolder = Annotated[
    Path, typer.Argument(metavar="STUDY|FOLDER", help="Study file, or the folder of one.", show_default=False)
]
Folder = Annotated[Path, typer.Argument(help="Folder of a study.", show_default=False)]
Out = Annotated[Path | None, typer.Option(help="Folder of the study; default studies/<name of the file>.")]
Yes = Annotated[bool, typer.Option("--yes", help="Plan more than 100,000 rows.")]


@sweep.command()
def plan(
    study: StudyOrFolder,
    *,
    out: Out = None,
    yes: Yes = False,
    measure: Annotated[bool, typer.Option("--time", help="Run two rows, and tell what all of them will take.")] = False,
) -> None:
    """Write the folder of a study with all its rows; their scenarios are read, nothing is run but for --time."""
    from cosim.cli.terminal import console

    screen = console()
    folder = _planned(study, out, screen, many=yes)
    screen.print(f"[bold]{folder.study.kind}[/bold] of {folder.facts['base']}: {len(folder.plan.rows):,} rows")
    for row in folder.plan.rows[:3]:
        screen.print(f"  row {row.number}: {', '.join(row.assignments) or 'as it is'}", markup=False, soft_wrap=True)
    if measure:
        from cosim.studies.checking import taken

        screen.print(taken(folder), soft_wrap=True, markup=False)
    screen.print(f"carry it out by: cosim sweep run {folder.path}", soft_wrap=True)


@sweep.command()
def run(
    study: StudyOrFolder,
    *,
    out: Out = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Own processes; default the cores.")] = None,
    cluster: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Dask: tcp://..., tls://..., a scheduler file, or local.")
    ] = "",
    shard: Annotated[str, typer.Option(metavar="i/N", help="Every Nth row from the ith on; then collect.")] = "1/1",
    retry: Annotated[str, typer.Option(metavar="died,raised,timeout", help="Run rows that ended so again.")] = "",
    until: Annotated[
        str, typer.Option(metavar="MEASURE:SHARE", help="End where a mean is known so well: cost:0.5%.")
    ] = "",
    check: Annotated[int, typer.Option(min=0, metavar="K", help="Run K rows again and compare bits.")] = 0,
    accept_numerics: Annotated[
        bool, typer.Option("--accept-numerics", help="Take workers that give other last digits.")
    ] = False,
    yes: Yes = False,
    progress: Annotated[arg.Progress, typer.Option(help="Progress, on the error stream.")] = "auto",
) -> None:
    """Carry a study out; the same line again does what is missing. Exit 0: every row ok; 10: others among them."""
    import os

    from cosim.cli.terminal import console
    from cosim.studies.running import checked_shard, checked_statuses, run_study
    from cosim.studies.telling import tell
    from cosim.studies.until import checked_until

    screen, part = console(), checked_shard(shard)
    again, end = checked_statuses(retry), checked_until(until) if until else None
    folder = _planned(study, out, screen, many=yes)
    show, done = _progress(progress, console(error=True))
    try:
        ran = run_study(
            folder, jobs=jobs or len(os.sched_getaffinity(0)), shard=part, retry=again,
            accept_numerics=accept_numerics, progress=show, cluster=cluster, until=end,
        )  # fmt: skip
    finally:
        done()
    _print_statuses(screen, ran.state)
    if ran.stopped:
        screen.print(f"ended by --until {end} of {len(folder.plan.rows):,} rows: {ran.stopped}", soft_wrap=True)
    if check:
        from cosim.studies.checking import check_again

        differing = check_again(folder, check)
        screen.print(f"{check} rows again: " + (f"[red]{len(differing)} differ[/red]" if differing else "equal bits"))
        for told in differing:
            screen.print(f"  {told}", markup=False, soft_wrap=True)
        if differing:
            raise typer.Exit(10)
    if ran.collected is None:
        screen.print(f"collect all shards by: cosim sweep collect {folder.path}", soft_wrap=True)
    else:
        screen.print(f"rows     {ran.collected.sha256[:16]}  {folder.path}/rows", soft_wrap=True)
        screen.print(f"report   {tell(folder)}", soft_wrap=True)
    raise typer.Exit(ran.exit_code)


@sweep.command()
def status(folder: Folder) -> None:
    """Tell how many rows ended, how, and how many are in flight."""
    from cosim.cli.terminal import console
    from cosim.studies.folder import StudyFolder
    from cosim.studies.running import state_of

    screen, found = console(), StudyFolder(folder)
    _print_statuses(screen, state_of(found))
    flying = len(list((folder / "claims").glob("*"))) if (folder / "claims").exists() else 0
    screen.print(f"claimed  {flying} (in flight, or of workers that died)")


@sweep.command()
def collect(
    folder: Folder,
    others: Annotated[
        list[Path] | None, typer.Argument(help="Folders of the same plan whose rows are taken along.")
    ] = None,
) -> None:
    """Write tables, statistics and report of the rows that ended; of shards elsewhere, too."""
    from cosim.cli.terminal import console
    from cosim.studies.collecting import collect as collected
    from cosim.studies.folder import StudyFolder, bring
    from cosim.studies.running import state_of
    from cosim.studies.telling import tell

    screen, found = console(), StudyFolder(folder)
    for other in others or []:
        screen.print(f"{bring(found, StudyFolder(other))} journals of {other}", markup=False)
    made = collected(found)
    state = state_of(found)
    _print_statuses(screen, state)
    screen.print(f"rows     {made.sha256[:16]}  {folder}/rows", soft_wrap=True)
    screen.print(f"report   {tell(found)}", soft_wrap=True)
    raise typer.Exit(state.exit_code)


@sweep.command()
def report(folder: Folder) -> None:
    """Write statistics.csv and report.html of what was collected."""
    from cosim.studies.folder import StudyFolder
    from cosim.studies.telling import tell

    typer.echo(tell(StudyFolder(folder)))


@sweep.command()
def script(
    folder: Folder,
    system: Annotated[Literal["slurm", "pbs", "lsf"], typer.Option("--system", help="Batch system.")] = "slurm",
    *,
    shards: Annotated[int, typer.Option(min=1, help="Jobs of the array.")] = 8,
    minutes: Annotated[int, typer.Option(min=1, help="Wall time of a job.")] = 240,
    command: Annotated[str, typer.Option(help="How cosim is called there.")] = "cosim",
) -> None:
    """Print an array job of one core a shard: no server, no port."""
    from cosim.studies.folder import StudyFolder
    from cosim.studies.scripts import array_script

    StudyFolder(folder).facts  # noqa: B018 - it is one
    typer.echo(array_script(folder, system, shards=shards, minutes=minutes, command=command), nl=False)


def _planned(study: Path, out: Path | None, screen: Console, *, many: bool) -> StudyFolder:
    """Return the folder of a study, made now if it is not there."""
    from cosim.studies.folder import StudyFolder, create, opened

    if study.is_dir():
        return StudyFolder(study)
    target = out or Path("studies") / study.stem
    if target.exists():
        return opened(study, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    return create(
        study, target, many=many, checked=lambda rows: screen.print(f"{rows:,} rows, their scenarios are checked")
    )


def _print_statuses(screen: Console, state: State) -> None:
    told = ", ".join(f"{count:,} {status}" for status, count in state.statuses.most_common())
    tone = "green" if state.exit_code == 0 else "yellow"
    screen.print(f"[{tone}]{state.done:,} of {state.total:,} rows[/{tone}] ended: {told or 'none'}")


def _progress(mode: str, screen: Console) -> tuple[Callable[[State], None] | None, Callable[[], None]]:
    """Return what to call after each row, and at the end: a bar on a terminal, else a line every ten seconds."""
    if mode == "off":
        return None, lambda: None
    if mode == "auto" and sys.stderr.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=screen
        )
        task = bar.add_task("rows", total=None)
        bar.start()
        return lambda state: bar.update(task, completed=state.done, total=state.total, description=_words(state)), (
            bar.stop
        )
    began_s, last_s = time.monotonic(), [-LINE_S]

    def line(state: State) -> None:
        now_s = time.monotonic() - began_s
        if now_s - last_s[0] < LINE_S and state.done < state.total:
            return
        last_s[0] = now_s
        done = state.done - state.before
        left = f", about {(state.total - state.done) * now_s / done:,.0f} s left" if done else ""
        screen.print(f"{state.done:>6,}/{state.total:,}  {_words(state)}{left}", soft_wrap=True, markup=False)

    return line, lambda: None


def _words(state: State) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(state.statuses.items())) or "rows"
