"""`cosim run RUN --resume` and `cosim run RUN --fork K`: go on with a run that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from cosim.cli import document
from cosim.cli.running import hinting, print_result, progress_by_period
from cosim.cli.terminal import console

if TYPE_CHECKING:
    from cosim.results.store import RunResult


def going_on_command(
    folder: str,
    out: Path | None,
    overrides: Sequence[str] | None,
    fork: int | None,
    *,
    resume: bool,
    unfit: Mapping[str, object],
    **how: Any,  # noqa: ANN401 - strict, report and progress of a run
) -> int:
    """Resume or fork a run; refuse options that a run which goes on cannot have, ``unfit`` ones by name."""
    given = {**unfit, "--fork": fork, "--out": out, "--set": overrides or None} if resume else unfit
    if wrong := [name for name, value in given.items() if value is not None]:
        reason = f"{', '.join(wrong)} cannot stand beside {'--resume' if resume else '--fork'}"
        raise typer.BadParameter(f"{reason}; changed inputs begin a new run: --fork K --set a.b=v")
    if fork is None:
        return resume_command(Path(folder), **how)
    return fork_command(Path(folder), fork, out, overrides or (), **how)


def resume_command(folder: Path, *, strict: bool, report: bool, progress: str) -> int:
    """Go on with a run that was stopped, and print its table; return its exit code."""
    from cosim.workflows.resume import resume

    screen = console()
    with _told(folder, screen, progress) as how, hinting([folder]):
        result = resume(folder, strict=strict, report=report, **how)
    return _shown(screen, result)


def fork_command(
    folder: Path,
    period: int,
    out: Path | None,
    overrides: Sequence[str],
    *,
    strict: bool,
    report: bool,
    progress: str,
) -> int:
    """Begin a new run behind a period of another one, and print its table; return its exit code."""
    from cosim.workflows.fork import fork

    screen, folders = console(), list[Path]()

    def started(new: Path) -> None:
        folders.append(new)
        document.began(new)
        if progress != "off":
            screen.print(f"run folder {escape(str(new))}", soft_wrap=True)

    with _told(folder, screen, progress, done=period) as how, hinting(folders):
        result = fork(
            folder, period, out=out, overrides=overrides, strict=strict, report=report, started=started, **how
        )
    return _shown(screen, result)


@contextmanager
def _told(folder: Path, screen: Console, mode: str, *, done: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield how progress and notices are shown."""
    from cosim.results.committed import period_folders
    from cosim.results.resumable import read_manifest

    planned = int(read_manifest(folder)[0]["periods"])
    show, end = progress_by_period(mode, screen, planned, done=len(period_folders(folder)) if done is None else done)
    try:
        yield {
            "progress": show,
            "notice": lambda line: screen.print(f"[yellow]notice:[/yellow] {escape(line)}", soft_wrap=True),
        }
    finally:
        end()


def _shown(screen: Console, result: RunResult) -> int:
    print_result(screen, result)
    return result.exit_code
