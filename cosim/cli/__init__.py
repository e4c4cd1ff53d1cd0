"""The command line: parses, prints, exits; no science and no heavy import before a command needs it."""

from __future__ import annotations

import sys
from typing import NoReturn

from cosim import supervision
from cosim.cli import start
from cosim.cli.leaving import leave
from cosim.errors import ComponentError, CosimError, DependencyError, printable
from cosim.guard import words
from cosim.supervision import Stopped

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
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int | str | None:
    from cosim.cli.app import app

    try:
        app(args=arguments, prog_name="cosim")
    except Stopped as stop:
        kept = "; the committed periods stay in the run folder" if stop.kept else ""
        sys.stderr.write(f"{stop.word}{kept}\n")
        return stop.exit_code
    except SystemExit as done:  # typer's own end, usage errors (2) included
        return done.code
    except Exception as error:  # the last door: what is not ours is a defect, and told as such
        if "--debug" in arguments:
            raise
        if isinstance(error, ImportError) and error.name and not error.name.startswith("cosim"):
            error = DependencyError(f"package {error.name!r} is missing ({error}); pip install {error.name}")
        if isinstance(error, MemoryError):
            error = ComponentError(words(error))
        known = isinstance(error, CosimError)
        text = f"error: {error}\n" if known else _defect(error)
        sys.stderr.write("\n".join(map(printable, text.split("\n"))))
        return error.exit_code if isinstance(error, CosimError) else DEFECT
    return 0


def _defect(error: Exception) -> str:
    return f"defect in cosim: {type(error).__name__}: {error}\nRun again with --debug for the traceback.\n"
