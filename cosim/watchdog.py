"""Who is at work, where, and whether anything moves.

What takes long says by `beat` that it goes on: steps of simulators, iterations of solvers, simulated minutes, calls of
what users plug in. A beat counts and reads no clock, so no clock chooses an answer; the watchdog's thread compares the
counts once a second, by its own seconds and without those in which the thread waited for a core: a machine that is
slow or asleep raises no alarm. Where nothing moved for longer than the limit,

1. the process that is waited for (SUMO) is killed, which ends the waiting with an error of its own;
2. else `HungError` is raised in the thread that hangs: code that loops ends in order;
3. what does not come back after that (it waits in C) ends the process, if that is ours: the command line's.

Code that never lets go of Python's lock stops the watchdog, too: after twice the limit `faulthandler` ends the process.
"""

from __future__ import annotations

import ctypes
import faulthandler
import math
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from cosim import supervision
from cosim.errors import HungError, UsageError

VARIABLE = "COSIM_WATCHDOG_S"
"""Replaces the limit: it belongs to the machine, not to a scenario."""
LEAST_S = 60.0
FACTOR = 10.0
"""A call may be silent for so many times as long as the median of the periods before took, if that is more."""
POLL_S = 1.0
GRACE_S = 5.0
"""How long a thread has to end after each step that is taken against it."""
FRAMES = 3
FOREVER_S = 1e9


@dataclass(slots=True, eq=False)
class Life:
    """What a thread is at.

    Attributes
    ----------
    thread, task, root
        Ids of the thread in Python and in the kernel, and of the one that gave it its work.
    component, period, call
        Who works, for which period, and what was called last; a call may be told by a function.
    beats
        Signs of life so far.
    waits
        Whether it waits for other threads, which are watched themselves.
    end
        Ends the process that it waits for.
    """

    thread: int
    task: int
    root: int
    component: str = ""
    period: int | None = None
    call: str | Callable[[], str] = ""
    beats: int = 0
    waits: bool = False
    end: Callable[[], None] | None = None

    def interrupt(self) -> None:
        """End the process that the thread waits for, if any."""
        end = self.end
        if end is not None:
            end()

    def where(self) -> str:
        """Return who works at what."""
        period = "" if self.period is None else f" at period {self.period}"
        with suppress(Exception):  # what a user's class answers
            call = self.call() if callable(self.call) else self.call
            return f"{self.component}{period}" + (f", in {call}" if call else "")
        return f"{self.component}{period}"


class _Own(threading.local):
    """The life of this thread."""

    def __init__(self) -> None:
        me = threading.get_ident()
        self.life = Life(thread=me, task=threading.get_native_id(), root=me)


_own = _Own()
_at_work: dict[int, Life] = {}
_watchdogs: dict[int, Watchdog] = {}


def life() -> Life:
    """Return the life of this thread."""
    return _own.life


def beat(call: str | None = None) -> None:
    """Give a sign of life; name what is begun."""
    mine = _own.life
    mine.beats += 1
    if call is not None:
        mine.call = call


@contextmanager
def at_work(component: str, period: int | None = None, *, root: int | None = None) -> Iterator[Life]:
    """Let the watchdog see this thread work; blocks may be nested."""
    mine = _own.life
    before, outermost = (mine.component, mine.period, mine.call, mine.root), mine.thread not in _at_work
    mine.component, mine.period, mine.call = component, period, ""
    mine.root = mine.root if root is None else root
    mine.beats += 1
    _at_work[mine.thread] = mine
    try:
        yield mine
    finally:
        mine.component, mine.period, mine.call, mine.root = before
        mine.beats += 1
        if outermost:
            del _at_work[mine.thread]


@contextmanager
def waiting() -> Iterator[Life]:
    """Let nobody expect signs of life from this thread, which waits for others."""
    mine = _own.life
    mine.waits = True
    try:
        yield mine
    finally:
        mine.waits = False
        mine.beats += 1


def limit_s() -> float:
    """Return how long a call may be silent, s; infinite if nobody is to watch."""
    found = _watchdogs.get(_own.life.root)
    return _least_s() if found is None else found.limit_s


def _least_s() -> float:
    """Return the shortest silence that counts as hung, s; infinite if the user wants none.

    Raises
    ------
    UsageError
        If the variable does not say it.
    """
    text = os.environ.get(VARIABLE, str(LEAST_S))
    try:
        wanted_s = float(text)
    except ValueError:
        wanted_s = math.nan
    if not 0.0 <= wanted_s < math.inf:
        raise UsageError(f"{VARIABLE} is {text!r}, must be a number of seconds; 0 lets everything hang")
    return wanted_s or math.inf


def period_ends() -> None:
    """Take note of the end of a period: how long they take says how long a call may."""
    if (found := _watchdogs.get(_own.life.root)) is not None:
        found.period_ends()


@dataclass(frozen=True, slots=True)
class _Look:
    """A life as it was seen: its beats, how long it had waited for a core, s, how long silent, s, steps against it."""

    beats: int
    waited_s: float
    silent_s: float = 0.0
    steps: int = 0


class Watchdog(threading.Thread):
    """Watches what one thread works at, and those that it gives work.

    Parameters
    ----------
    least_s
        Shortest silence that counts as hung, s.
    root
        Id of the thread.
    """

    def __init__(self, least_s: float, root: int) -> None:
        super().__init__(name="watchdog", daemon=True)
        self.least_s, self.root = least_s, root
        self.periods_s: list[float] = []
        self.ended = threading.Event()
        self._since_s = time.monotonic()
        self._seen: dict[Life, _Look] = {}

    @property
    def limit_s(self) -> float:
        """Silence that counts as hung, s."""
        return max(self.least_s, FACTOR * statistics.median(self.periods_s)) if self.periods_s else self.least_s

    def period_ends(self) -> None:
        """Take note of how long a period took."""
        now_s = time.monotonic()
        self.periods_s.append(now_s - self._since_s)
        self._since_s = now_s

    def run(self) -> None:
        """Look at all lives once a second; a pause of the whole process counts as one look."""
        before_s = time.monotonic()
        while not self.ended.wait(POLL_S):
            now_s = time.monotonic()
            passed_s, before_s = min(now_s - before_s, 2.0 * POLL_S), now_s
            if supervision.installed():
                _arm(2.0 * self.limit_s)
            watched = [one for one in tuple(_at_work.values()) if one.root == self.root and not one.waits]
            self._seen = {one: self._looked_at(one, passed_s) for one in watched}

    def _looked_at(self, one: Life, passed_s: float) -> _Look:
        """Return what a life's beats say after some more seconds; act where they have not changed for too long."""
        before, waited_s = self._seen.get(one), _waited_s(one.task)
        if before is None or before.beats != one.beats:
            return _Look(one.beats, waited_s)
        starved_s = min(waited_s - before.waited_s, passed_s)
        silent_s, steps = before.silent_s + passed_s - starved_s, before.steps
        # SUMO's own connection gives up after the limit, and tells more of it.
        if silent_s > self.limit_s + GRACE_S * (steps + (one.end is not None)):
            self._act(one, silent_s, steps)
            steps += 1
        return _Look(before.beats, waited_s, silent_s, steps)

    def _act(self, one: Life, silent_s: float, steps: int) -> None:
        frames = told(sys._current_frames().get(one.thread))
        error = HungError(one.where(), silent_s=silent_s, frames=frames)
        if steps == 0 and one.end is not None:
            one.interrupt()
        elif steps > 0 and supervision.installed():
            supervision.end_process(error.exit_code, str(error))
        else:
            _raise_in(one.thread, error)


@contextmanager
def watching() -> Iterator[None]:
    """Watch this thread and those that it gives work."""
    root = _own.life.root
    dog = _watchdogs[root] = Watchdog(_least_s(), root)
    dog.start()
    try:
        yield
    finally:
        del _watchdogs[root]
        dog.ended.set()
        dog.join()
        faulthandler.cancel_dump_traceback_later()


def told(frame: FrameType | None) -> tuple[str, ...]:
    """Return the innermost calls of a thread."""
    found: list[str] = []
    while frame is not None and len(found) < FRAMES:
        found.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return tuple(found)


def _waited_s(task: int) -> float:
    """Return how long a thread has been ready to run without a core, s; 0 where the kernel does not tell."""
    try:
        return int(Path(f"/proc/self/task/{task}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _arm(after_s: float) -> None:
    """Let C end the process unless this is called again in time; nothing where there is no stream to tell it on."""
    with suppress(Exception):
        faulthandler.dump_traceback_later(min(after_s, FOREVER_S), exit=True)


def _raise_in(thread: int, error: HungError) -> None:
    """Raise an error in another thread, at its next line of Python.

    A signal would reach the main thread alone, and take over a handler, which a library must not; it would wake what
    sleeps, but so does the end of the process.
    """

    def again(self: HungError) -> None:
        HungError.__init__(self, error.where, silent_s=error.silent_s, frames=error.frames)

    kind = type(HungError.__name__, (HungError,), {"__init__": again})
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))
