"""How a process of the command line ends: with all that was written, and without taking itself down piece by piece."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn, TextIO

NOT_WRITTEN = 120
"""The interpreter's own code for output that nobody took."""


def leave(code: int | str | None) -> NoReturn:
    """End this process with the exit code, as ``sys.exit`` would.

    Threads are waited for, what was registered for the end is called, and what is still to be written is written; the
    process ends there. What the interpreter would go on to do costs half a second, to free every object of every
    package, and goes wrong at times: threads of libraries in C that still run then can abort the process.

    Parameters
    ----------
    code
        As for ``sys.exit``: None is 0, a text is printed, and is 1.
    """
    if _watched():
        sys.exit(code)
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    written = [_flushed(stream) for stream in (sys.stdout, sys.stderr)]
    os._exit((1 if isinstance(code, str) else code or 0) if all(written) else NOT_WRITTEN)


def _flushed(stream: TextIO | None) -> bool:
    try:
        if stream is not None and not stream.closed:
            stream.flush()
    except OSError:
        return False
    return True


def _watched() -> bool:
    """Whether a profiler, a debugger or a measurement of coverage waits for the end, or a prompt comes behind it."""
    monitoring = getattr(sys, "monitoring", None)  # of Python 3.12
    monitored = monitoring is not None and any(monitoring.get_tool(number) for number in range(6))
    return monitored or bool(sys.gettrace() or sys.getprofile() or sys.flags.inspect)
