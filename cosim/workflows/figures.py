"""Write the figures of a run for print."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from cosim.errors import InputError, StorageError, UsageError
from cosim.reports import frames
from cosim.reports.figures import FIGURES
from cosim.reports.margins import margins, telling
from cosim.reports.press.layout import WIDTHS_MM, printed
from cosim.reports.press.matplot import FORMATS, Format, require_matplotlib
from cosim.results.store import RunResult, load


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFigures:
    """What was written.

    Attributes
    ----------
    files
        One a figure.
    left_out
        Why each other figure could not be drawn, by name.
    notes
        What the reader must know: of an unfinished run how far it is.
    """

    files: tuple[Path, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]


def write_figures(
    run: str | Path,
    out: str | Path | None = None,
    *,
    form: Format = "pdf",
    columns: int = 1,
    only: Sequence[str] = (),
    period: int | None = None,
) -> WrittenFigures:
    """Write the figures of a run's report as PDF or SVG, in the width of one or two columns of a journal.

    Parameters
    ----------
    run
        Run folder.
    out
        Folder; ``figures`` of the run if None. Files of the same names are replaced.
    form
        Format.
    columns
        1 (88 mm) or 2 (180 mm).
    only
        Names of figures (`cosim.reports.figures.FIGURES`); all that the run has data for if empty.
    period
        Which period maps show; that which came nearest to a limit if None.

    Raises
    ------
    UsageError
        If a figure, the format or the width is not known.
    InputError
        If the run has no data for a figure asked for, or for none at all, or no such period.
    DependencyError
        If matplotlib is not installed.
    StorageError
        If a file cannot be written; then none is.
    """
    _check(form, columns, only)
    require_matplotlib()
    result = frames.ReadOnce(load(run))
    shown = _position(result, period)
    content: dict[str, bytes] = {}
    left_out: dict[str, str] = {}
    notes = [] if result.complete else [f"the run is not complete: {result.progress}"]
    for name in only or FIGURES:
        try:
            figure = FIGURES[name].draw(result)
        except frames.NothingToDraw as reason:
            left_out[name] = str(reason)
            continue
        frame, ending = None, ""
        if figure.frames:
            frame = figure.frames[shown][0]
            ending = f"-period-{frames.period_axis(result).numbers[shown]}"
        sheet = printed(figure, form, columns, frame)
        content[f"{name}{ending}.{form}"] = sheet.content
        notes += [f"{name}: {note}" for note in sheet.notes]
    if only and left_out:
        raise InputError("\n".join(f"figure {name} has nothing to show: {reason}" for name, reason in left_out.items()))
    if not content:
        raise InputError(f"'{result.folder}' has nothing to draw: {result.progress}")
    folder = Path(out) if out is not None else result.folder / "figures"
    return WrittenFigures(files=_write(folder, content), left_out=left_out, notes=tuple(notes))


def _check(form: str, columns: int, only: Sequence[str]) -> None:
    for name in only:
        if name not in FIGURES:
            near = get_close_matches(name, FIGURES, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"there is no figure {name!r}{hint} Figures: {', '.join(FIGURES)}")
    if form not in FORMATS:
        raise UsageError(f"format {form!r} is none of {', '.join(FORMATS)}")
    if columns not in WIDTHS_MM:
        raise UsageError(f"a figure is 1 or 2 columns wide, not {columns}")


def _position(result: RunResult, period: int | None) -> int:
    """Return the position of the period that maps show."""
    if period is None:
        return telling(result, margins(result))
    numbers = frames.period_axis(result).numbers
    if period not in numbers:
        raise InputError(f"the run has no period {period}: {result.progress}")
    return numbers.index(period)


def _write(folder: Path, content: dict[str, bytes]) -> tuple[Path, ...]:
    """Write all files beside their places, then put all in their places."""
    files = tuple(folder / name for name in content)
    beside = [file.with_name(f".{file.name}.tmp") for file in files]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for temporary, one in zip(beside, content.values(), strict=True):
            temporary.write_bytes(one)
        for temporary, file in zip(beside, files, strict=True):
            temporary.replace(file)
    except OSError as error:
        raise StorageError(f"figures cannot be written to '{folder}': {error.strerror or error}") from error
    finally:
        for temporary in beside:
            with suppress(OSError):  # the folder is none, or not there
                temporary.unlink()
    return files
