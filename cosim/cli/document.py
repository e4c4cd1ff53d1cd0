"""One JSON document on the output stream, whatever a command prints and however it ends (``--json``)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, TextIO

from cosim import supervision
from cosim.errors import ComponentError

OPTION = "--json"
COMMANDS = ("run", "verify", "validate", "assign", "grade")
"""Commands that end with a document: those of `cosim.workflows.documents`, which is not loaded before it is needed."""


@dataclass(slots=True)
class Document:
    """The document of this command.

    Attributes
    ----------
    command
        Name of the command.
    found
        What it found; None as long as it found nothing.
    error
        What ended it; None if nothing did.
    folder
        Run folder that it began; None as long as there is none.
    """

    command: str
    found: object = None
    error: BaseException | None = None
    folder: str | None = None
    wanted: ClassVar[Document | None] = None

    def write(self, exit_code: int, stream: TextIO) -> None:
        """Write it."""
        from cosim.workflows.documents import text, told

        with suppress(BrokenPipeError):
            stream.write(text(told(self.command, exit_code, found=self.found, error=self.error, folder=self.folder)))
            stream.flush()

    def last(self, exit_code: int, reason: str, *, stream: TextIO) -> None:
        """Write it where the process is ended in the middle of its work."""
        signals = {code: number for number, (code, _) in supervision.STOPPED.items()}
        self.error = supervision.Stopped(signals[exit_code]) if exit_code in signals else ComponentError(reason)
        self.write(exit_code, stream)


def asked(arguments: Sequence[str]) -> str:
    """Return the command of which a document is asked for; empty if there is none.

    >>> asked(["run", "five_nodes", "--json"]), asked(["--debug", "run", "--json"]), asked(["list", "--json"])
    ('run', 'run', '')
    """
    words = [word for word in arguments if not word.startswith("-")]
    known = bool(words) and words[0] in COMMANDS and not {"-h", "--help"} & set(arguments)
    return words[0] if known and OPTION in arguments else ""


def wanted() -> bool:
    """Whether a document is asked for: only then is it worth while to put together what was found."""
    return Document.wanted is not None


def tell(found: object) -> None:
    """Keep what a command found for its document.

    Parameters
    ----------
    found
        Data of the types of `cosim.workflows.findings`.
    """
    if Document.wanted is not None:
        Document.wanted.found = found


def began(folder: Path) -> None:
    """Keep the run folder that a command began, for a document that tells why it did not end."""
    if Document.wanted is not None:
        Document.wanted.folder = str(folder)


@contextmanager
def alone(command: str) -> Iterator[tuple[Document, TextIO]]:
    """Send all that is printed to the error stream, that of libraries and children, too; yield document and output.

    Parameters
    ----------
    command
        Name of the command.
    """
    real, document = sys.stdout, Document(command)
    Document.wanted = document
    with _descriptor_freed(real) as output, redirect_stdout(sys.stderr):
        supervision.farewell(partial(document.last, stream=output))
        try:
            yield document, output
        finally:
            supervision.farewell(None)
            Document.wanted = None


@contextmanager
def _descriptor_freed(stream: TextIO) -> Iterator[TextIO]:
    """Yield a stream to where a stream writes, and let its descriptor, if it has that of the process, mean errors."""
    try:
        number = stream.fileno()
    except (OSError, ValueError, AttributeError):  # caught in memory
        number = -1
    if number != 1:
        yield stream
        return
    stream.flush()
    kept = os.dup(number)
    os.dup2(2, number)
    with os.fdopen(kept, "w", encoding="utf-8") as output:
        try:
            yield output
        finally:
            with suppress(OSError, ValueError):
                stream.flush()
            os.dup2(kept, number)
