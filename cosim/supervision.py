"""Signals: a first Ctrl-C, SIGTERM or SIGHUP ends a run after the period in progress, a second one at once.

An exception raised by a signal handler in the middle of a run can be lost (Python ignores those in destructors, asyncio
those in its callbacks), so within `deferred` the first signal is only noted, and `check` raises it after the period.
Python's handlers wait until the main thread is back from C. So the second signal is also told to a thread, by the
handler that Python has in C: what has not ended after `PATIENCE_S` is ended by that thread.
"""

from __future__ import annotations

import ctypes
import math
import os
import select
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STOPPED = {
    signal.SIGINT: (130, "interrupted"),
    signal.SIGTERM: (143, "terminated"),
    signal.SIGHUP: (129, "hung up"),
}
FIRST_PATIENCE_S, PATIENCE_S = 8.0, 3.0
"""How long the main thread has to end after the first signal outside of a run, and after a second one anywhere; what is
written then may take another two seconds."""
FLUSH_S = 0.5
SHOW_CURSOR = b"\x1b[?25h"
PR_SET_PDEATHSIG = 1
LastWords = Callable[[int, str], None]


class Stopped(SystemExit):
    """A signal arrived; a `SystemExit`, since asyncio lets only that out of its callbacks.

    ``kept`` tells whether a run was under way, whose committed periods stay.
    """

    def __init__(self, number: int, *, kept: bool = False) -> None:
        self.exit_code, self.word = STOPPED[signal.Signals(number)]
        self.kept = kept
        super().__init__(self.exit_code)

    def __str__(self) -> str:
        return self.word


class _Heard:
    """How many signals a listening thread heard, since the last run began."""

    count = 0


class _Pending:
    """The signal that waits for a period boundary, whether there is one to wait for, and what to write without it.

    ``told_by`` is the end of the pipe by which C tells the listening thread, ``farewell`` what is called last of all.
    """

    deferring = False
    number: int | None = None
    heard = _Heard()
    last_words: LastWords | None = None
    told_by: int | None = None
    farewell: LastWords | None = None


def farewell(say: LastWords | None) -> None:
    """Let something be called with exit code and reason where the process ends at once; None lets nothing be called."""
    _Pending.farewell = say


def install() -> None:
    """Take over the signals; the command line does so, a library must not. ``nohup`` keeps its word."""
    for number in STOPPED:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)
    # A pipe and a thread for each command: the signals of one that has ended must not end the next in this process.
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    before, _Pending.told_by, _Pending.heard = _Pending.told_by, write, _Heard()
    if before is not None:
        os.close(before)
    threading.Thread(target=_listen, args=(read, _Pending.heard), name="signals", daemon=True).start()


def installed() -> bool:
    """Whether the process is ours to end: `install` was called, and nobody else took the signals since."""
    return signal.getsignal(signal.SIGINT) is _handle


def is_signal(error: BaseException) -> bool:
    """Whether an exception is a signal's; where `install` was called, a signal raises no `KeyboardInterrupt`."""
    return isinstance(error, Stopped) or (isinstance(error, KeyboardInterrupt) and not installed())


@contextmanager
def deferred(last_words: LastWords | None = None) -> Iterator[None]:
    """Note the first signal instead of raising it; `check` raises it.

    Parameters
    ----------
    last_words
        Writes exit code and reason down, if the process must be ended while the main thread does not answer.
    """
    _Pending.deferring, _Pending.number, _Pending.last_words = True, None, last_words
    _Pending.heard.count = 0
    try:
        yield
    finally:
        _Pending.deferring, _Pending.number, _Pending.last_words = False, None, None


def check() -> None:
    """Raise the signal that was noted, if any.

    Raises
    ------
    Stopped
        If one arrived since `deferred` began.
    """
    if _Pending.number is not None:
        raise Stopped(_Pending.number, kept=True)


def asked() -> bool:
    """Whether, within `deferred`, a signal asked to stop; `check` would raise."""
    return _Pending.number is not None


def end_process(code: int, reason: str) -> None:
    """End the process in whatever state its threads are, last words first; the kernel kills its SUMO with it."""
    for say in (_Pending.last_words, _Pending.farewell):
        if say is not None:
            with suppress(Exception):
                say(code, reason)
    flush = threading.Thread(target=_flush, daemon=True)  # whoever hangs may hold the lock of the stream
    flush.start()
    flush.join(FLUSH_S)
    with suppress(OSError):
        os.write(2, (SHOW_CURSOR if os.isatty(2) else b"") + f"{reason}\n".encode())
    os._exit(code)


def die_with(parent: int) -> None:
    """Let the kernel kill this process with the thread that started it, and leave Ctrl-C to that.

    Parameters
    ----------
    parent
        Its process id; if it is gone already, so are we.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _flush() -> None:
    with suppress(Exception):
        sys.stdout.flush()


def _handle(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGHUP:
        _leave_terminal()
    if _Pending.deferring and _Pending.number is None:
        _Pending.number = number
        _say(f"{STOPPED[signal.Signals(number)][1]}: the run ends after this period, at once by another signal\n")
        return
    raise Stopped(number, kept=_Pending.deferring)


def _say(text: str) -> None:
    """Write past Python's buffers, which may be in use."""
    with suppress(OSError):
        os.write(2, text.encode())


def _leave_terminal() -> None:
    """Send what is printed to nowhere: the terminal is gone, and writing to it would be an error."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _listen(read: int, heard: _Heard) -> None:
    """Hear signals as they arrive, whatever the main thread does; end the process when patience is over.

    The next `install` closes the other end of the pipe, and with it this one and its patience.
    """
    until_s, last = math.inf, signal.SIGTERM
    while True:
        left_s = max(0.0, until_s - time.monotonic())
        if select.select([read], [], [], None if left_s == math.inf else left_s)[0]:
            numbers = os.read(read, 64)
            if not numbers:
                os.close(read)
                return
            for number in numbers:
                if number in STOPPED and installed():
                    heard.count, last = heard.count + 1, signal.Signals(number)
                    until_s = min(until_s, time.monotonic() + _patience_s(heard))
        elif installed():
            code, word = STOPPED[last]
            end_process(code, f"{word}: what was at work did not answer and was ended")
        else:
            until_s = math.inf


def _patience_s(heard: _Heard) -> float:
    """Return how long the main thread has to end, now that another signal was heard."""
    first = heard.count == 1
    return (math.inf if _Pending.deferring else FIRST_PATIENCE_S) if first else PATIENCE_S
