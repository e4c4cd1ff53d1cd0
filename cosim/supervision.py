"""Signals and signs of life: a first Ctrl-C or SIGTERM ends a run after the period in progress, a second one at once.

An exception raised by a signal handler in the middle of a run can be lost (Python ignores those in destructors, asyncio
those in its callbacks), so within `deferred` the first signal is only noted, and `check` raises it after the period.
Long calls say through `beat` that they go on, solvers once per iteration: who watches a run reads `silence_s`. No clock
chooses an answer; it can only end the run.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPED = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}


class Stopped(SystemExit):
    """SIGINT or SIGTERM arrived; a `SystemExit`, since asyncio lets only that out of its callbacks.

    ``kept`` tells whether a run was under way, whose committed periods stay.
    """

    def __init__(self, number: int, *, kept: bool = False) -> None:
        self.exit_code, self.word = STOPPED[signal.Signals(number)]
        self.kept = kept
        super().__init__(self.exit_code)

    def __str__(self) -> str:
        return self.word


class _Pending:
    """The signal that waits for a period boundary, and whether there is one to wait for."""

    deferring = False
    number: int | None = None


class _Life:
    """When the last sign of life was given, on the monotonic clock."""

    last_s = time.monotonic()


def beat() -> None:
    """Give a sign of life."""
    _Life.last_s = time.monotonic()


def silence_s() -> float:
    """Return how long ago the last sign of life was, s."""
    return time.monotonic() - _Life.last_s


def install() -> None:
    """Take over SIGINT and SIGTERM; the command line does so, a library must not."""
    for number in STOPPED:
        signal.signal(number, _handle)


def is_signal(error: BaseException) -> bool:
    """Whether an exception is a signal's; where `install` was called, a signal raises no `KeyboardInterrupt`."""
    ours = signal.getsignal(signal.SIGINT) is _handle
    return isinstance(error, Stopped) or (isinstance(error, KeyboardInterrupt) and not ours)


@contextmanager
def deferred() -> Iterator[None]:
    """Note the first signal instead of raising it; `check` raises it."""
    _Pending.deferring, _Pending.number = True, None
    try:
        yield
    finally:
        _Pending.deferring, _Pending.number = False, None


def check() -> None:
    """Raise the signal that was noted, if any.

    Raises
    ------
    Stopped
        If SIGINT or SIGTERM arrived since `deferred` began.
    """
    if _Pending.number is not None:
        raise Stopped(_Pending.number, kept=True)


def _handle(number: int, _frame: FrameType | None) -> None:
    if _Pending.deferring and _Pending.number is None:
        _Pending.number = number
        return
    raise Stopped(number, kept=_Pending.deferring)
