"""Own children: N processes that answer jobs by lines of JSON over pipes.

The parent knows whose row died, hung or took too much memory: one row is lost, not the pool. No socket is opened.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from cosim import supervision
from cosim.errors import ComponentError
from cosim.studies.carrying import Job, Terms
from cosim.studies.numerics import environment
from cosim.studies.store import DIED, TIMEOUT, Outcome, attempts, claim, note_failure, outcome_of, release, take_back
from cosim.studies.study_file import Limits

_TICK_S = 0.5
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LAST_WORDS = 4_000
Told = Callable[[Outcome], None]
Admit = Callable[[str], None]


@dataclass(eq=False)
class _Child:
    """A worker process, its pipes, its current job and when that began."""

    process: subprocess.Popen[bytes]
    asked: IO[bytes]
    told: IO[bytes]
    words: IO[bytes]
    buffer: bytes = b""
    ready: bool = False
    job: Job | None = None
    begun_s: float = 0.0
    numerics: str = ""


class LocalEngine:
    """Carries rows out with own children.

    Parameters
    ----------
    folder
        The study's; its claims count attempts.
    terms, limits
        What holds for all rows.
    jobs
        Number of children.
    admit
        Called with each worker's numerics id; raises where it may not take part.
    """

    def __init__(self, folder: Path, terms: Terms, limits: Limits, jobs: int, admit: Admit) -> None:
        self.folder, self.terms, self.limits, self.jobs, self.admit = folder, terms, limits, jobs, admit
        self.selector = selectors.DefaultSelector()
        self.children: list[_Child] = []
        self.waiting: deque[Job] = deque()

    def run(self, jobs: Iterable[Job], told: Told) -> None:
        """Carry all jobs out; call ``told`` with each outcome in this process.

        A first signal lets rows in flight finish, a second one ends the process, and its children with it.
        """
        self.waiting.extend(jobs)
        try:
            with supervision.deferred():
                while self._busy():
                    self._step(told)
                supervision.check()
        finally:
            self._end()

    def _busy(self) -> bool:
        if any(child.job is not None for child in self.children):
            return True
        return bool(self.waiting) and not supervision.asked()

    def _step(self, told: Told) -> None:
        """Start what is missing, hear what is answered, end what is over a limit."""
        while len(self.children) < min(self.jobs, self._open()) and not supervision.asked():
            self.children.append(self._start())
        for key, _ in self.selector.select(_TICK_S):
            self._hear(key.data, told)
        for child in list(self.children):
            self._watch(child, told)

    def _open(self) -> int:
        return len(self.waiting) + sum(child.job is not None for child in self.children)

    def _start(self) -> _Child:
        import tempfile

        words = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the child
        process = subprocess.Popen(  # noqa: S603 - this Python and our own module
            [sys.executable, "-m", "cosim.studies.worker", str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, env=os.environ | environment(),
            start_new_session=True,
        )  # fmt: skip
        if process.stdin is None or process.stdout is None:
            raise ComponentError("a worker has no pipes")
        child = _Child(process, process.stdin, process.stdout, words)
        os.set_blocking(child.told.fileno(), False)
        self.selector.register(child.told, selectors.EVENT_READ, child)
        self._tell(child, asdict(self.terms))
        return child

    def _tell(self, child: _Child, content: object) -> None:
        with suppress(BrokenPipeError):  # it died; its end is heard of by its other pipe
            child.asked.write(json.dumps(content).encode() + b"\n")
            child.asked.flush()

    def _feed(self, child: _Child) -> None:
        """Give a child its next job, if there is one and nobody asked to stop."""
        if not self.waiting or supervision.asked():
            return
        job = self.waiting.popleft()
        child.job = replace(job, attempt=claim(self.folder, job.hash))
        child.begun_s = time.monotonic()
        self._tell(child, asdict(child.job))

    def _hear(self, child: _Child, told: Told) -> None:
        got = os.read(child.told.fileno(), 1 << 20)
        if not got:
            self._gone(child, told, DIED, "")
            return
        *lines, child.buffer = (child.buffer + got).split(b"\n")
        for line in lines:
            self._answer(child, json.loads(line), told)

    def _answer(self, child: _Child, content: dict[str, object], told: Told) -> None:
        if not child.ready:
            child.ready, child.numerics = True, str(content["numerics"])
            self.admit(child.numerics)
        elif child.job is not None:
            told(_with(outcome_of(content), child))
            release(self.folder, child.job.hash)
            child.job = None
        self._feed(child)

    def _watch(self, child: _Child, told: Told) -> None:
        """End a child whose row takes too long or too much memory."""
        if child.job is None or child.process.poll() is not None:
            return
        limits, pid = self.limits, child.process.pid
        if limits.row_timeout_s and time.monotonic() - child.begun_s > limits.row_timeout_s:
            self._gone(child, told, TIMEOUT, f"took more than {limits.row_timeout_s:g} s")
        elif limits.memory_bytes and (taken := _resident_bytes(pid)) > limits.memory_bytes:
            told_mib = (taken / 2**20, limits.memory_bytes / 2**20)
            self._gone(child, told, DIED, f"took {told_mib[0]:,.0f} MiB of memory, more than {told_mib[1]:,.0f} MiB")

    def _gone(self, child: _Child, told: Told, status: str, reason: str) -> None:
        """Forget a child that ended or must end; its row is tried again, or has ended."""
        self.selector.unregister(child.told)
        self.children.remove(child)
        _kill(child.process)
        said = _last_words(child.words)
        job, child.job = child.job, None
        if not child.ready:
            raise ComponentError(f"a worker ended before it was ready (exit {child.process.returncode}):\n{said}")
        if job is None:
            return
        if not reason and attempts(self.folder, job.hash) < self.limits.attempts:
            self.waiting.append(job)
            return
        told(_with(died(job, status, reason or ended(child.process.returncode)), child, job))
        note_failure(self.folder, job.hash, said)
        release(self.folder, job.hash)

    def _end(self) -> None:
        """End all children; claims of rows that were broken off by an order to stop are taken back."""
        for child in self.children:
            if child.job is not None:
                take_back(self.folder, child.job.hash, child.job.attempt)
            _kill(child.process)
            child.words.close()
        self.children.clear()
        self.selector.close()


def died(job: Job, status: str, reason: str) -> Outcome:
    """Return the outcome of a row without an answer."""
    return Outcome(hash=job.hash, status=status, exit_code=ComponentError.exit_code, reason=reason)


def ended(code: int | None) -> str:
    """Return how a process ended, in words.

    >>> ended(-9), ended(3)
    ('its process was ended by signal SIGKILL', 'its process ended by itself with exit 3')
    """
    if code is not None and code < 0:
        return f"its process was ended by signal {signal.Signals(-code).name}"
    return f"its process ended by itself with exit {code}"


def _with(outcome: Outcome, child: _Child, job: Job | None = None) -> Outcome:
    """Return the outcome with who carried it out."""
    import socket

    effort = {
        "attempt": 1 if job is None else job.attempt, **outcome.effort, "host": socket.gethostname(),
        "pid": child.process.pid, "numerics": child.numerics,
    }  # fmt: skip
    return replace(outcome, effort=effort)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a child and what it started: it leads a session of its own."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _last_words(words: IO[bytes]) -> str:
    """Return what a child said at last, and let go of it."""
    with words:
        size = words.seek(0, os.SEEK_END)
        words.seek(max(0, size - _LAST_WORDS))
        return words.read().decode(errors="replace")


def _resident_bytes(pid: int) -> int:
    """Return the resident memory of a process; 0 where the system does not tell (no /proc)."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
