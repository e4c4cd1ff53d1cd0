"""The command line: parses, prints, exits; no science and no heavy import before a command needs it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from cosim import supervision
from cosim.cli import document, start
from cosim.cli.document import Document
from cosim.cli.leaving import leave
from cosim.errors import ComponentError, CosimError, DependencyError, UsageError, printable
from cosim.guard import words
from cosim.supervision import Stopped

if TYPE_CHECKING:
    from typer import Typer

DEFECT = 1


def command() -> NoReturn:
    """Be the command `cosim`: run the command line of this process, and end the process."""
    try:
        main()
    except SystemExit as done:
        leave(done.code)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code.

    Errors of cosim carry their exit code and are told in their own words; a traceback is shown only with ``--debug``.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    supervision.install()
    start.lean()
    if command := document.asked(arguments):
        with document.alone(command) as (told, output):
            code = _run(arguments, told)
            told.write(code if isinstance(code, int) else 0, output)
        sys.exit(code)
    sys.exit(_run(arguments))


def _run(arguments: list[str], told: Document | None = None) -> int | str | None:
    from cosim.cli.app import app

    try:
        if told is None:
            app(args=arguments, prog_name="cosim")
        else:
            return _usage_kept(app, arguments, told)
    except Stopped as stop:
        kept = "; the committed periods stay in the run folder" if stop.kept else ""
        sys.stderr.write(f"{stop.word}{kept}\n")
        return _ended(told, stop, stop.exit_code)
    except SystemExit as done:  # typer's own end, usage errors (2) included
        return done.code
    except Exception as error:  # the last door: what is not ours is a defect, and told as such
        if "--debug" in arguments and told is None:
            raise
        known = _known(error)
        text = f"error: {known}\n" if isinstance(known, CosimError) else _defect(known)
        sys.stderr.write("\n".join(map(printable, text.split("\n"))))
        return _ended(told, known, known.exit_code if isinstance(known, CosimError) else DEFECT)
    return 0


def _usage_kept(app: Typer, arguments: list[str], told: Document) -> int:
    """Run the command line; what it says of a wrong use of it is an error like others."""
    from typer import BadParameter

    wrong_use: Any = BadParameter.__mro__[2]  # ClickException, of click or of the copy of it that typer brings
    try:
        code = app(args=arguments, prog_name="cosim", standalone_mode=False)
    except wrong_use as error:
        error.show(sys.stderr)
        return _ended(told, UsageError(error.format_message()), error.exit_code)
    return code if isinstance(code, int) else 0


def _ended(told: Document | None, error: BaseException, code: int) -> int:
    if told is not None:
        told.error = error
    return code


def _known(error: Exception) -> Exception:
    """Return an error as one of ours, where it says what is missing."""
    if isinstance(error, ImportError) and error.name and not error.name.startswith("cosim"):
        return DependencyError(f"package {error.name!r} is missing ({error}); pip install {error.name}")
    return ComponentError(words(error)) if isinstance(error, MemoryError) else error


def _defect(error: Exception) -> str:
    return f"defect in cosim: {type(error).__name__}: {error}\nRun again with --debug for the traceback.\n"
