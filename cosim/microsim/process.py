"""SUMO as a child process: started so that it cannot be left behind, watched so that it cannot hang us.

The binary of the package ``eclipse-sumo`` is started itself; the script on the path is a launcher whose death would
leave SUMO running. SUMO listens on all interfaces until its first client connects, so we connect as soon as the port is
open, and only after the kernel says that the listener is our child.
"""

from __future__ import annotations

import math
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cosim import watchdog
from cosim.errors import ComponentError, SumoError
from cosim.microsim.installation import sumo_binary, sumo_environment

T = TypeVar("T")
HANG_FACTOR = 10.0
"""A call may take this many times as long as the longest one before it, if that is more than the limit."""
POLL_S = 0.005
DEATH_S = 2.0
"""How long the kernel may take to tell the return code of a child whose connection broke."""
WORDS = 20
"""Lines of SUMO's error output that an error quotes."""
MEMORY_BYTES, FILE_BYTES = 16 * 2**30, 4 * 2**30
TRIES = 3
LISTENING = "0A"

TRAMPOLINE = """\
import ctypes, os, resource, sys
parent, memory, size = (int(one) for one in sys.argv[1:4])
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
if os.getppid() != parent:
    os._exit(1)
for limit, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, size)):
    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
os.execv(sys.argv[4], sys.argv[4:])
"""
"""Becomes SUMO after asking the kernel to kill it with our thread; code between fork and exec would not be safe."""


def bound(command: Sequence[str], *, file_limit_bytes: int = FILE_BYTES) -> list[str]:
    """Return a command whose process ends with the thread that starts it, within limits of memory and files."""
    limits = [str(os.getpid()), str(MEMORY_BYTES), str(file_limit_bytes)]
    return [sys.executable, "-I", "-S", "-c", TRAMPOLINE, *limits, *command]


class SumoProcess:
    """A running SUMO and the connection to it; a context manager, which ends the child however it is left.

    Parameters
    ----------
    arguments
        Options of SUMO besides port and error log.
    folder
        Working folder, in which SUMO finds and leaves its files.
    hang_limit_s
        A call that takes longer than this, and than ten times the longest before it, counts as hung; None: than the
        watchdog allows.
    file_limit_bytes
        Largest file that SUMO may write.

    Attributes
    ----------
    connection
        TraCI connection; use it through `call`.
    sim_time_s
        Simulated time of the last finished step; None before the first.

    Raises
    ------
    SumoError
        If SUMO ends, hangs or refuses a command; the child is dead then.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        *,
        hang_limit_s: float | None = None,
        file_limit_bytes: int = FILE_BYTES,
    ) -> None:
        self.arguments, self.folder = tuple(arguments), folder
        self.hang_limit_s, self.file_limit_bytes = hang_limit_s, file_limit_bytes
        self.ended_for_hanging = False
        self.command: tuple[str, ...] = ()
        self.sim_time_s: float | None = None
        self.longest_s = 0.0
        self.last_call = "its start"
        self.child: subprocess.Popen[bytes] | None = None
        self.connection: Any = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Process id of SUMO."""
        if self.child is None:
            raise ComponentError("SUMO has not been started")
        return self.child.pid

    def start(self) -> None:
        """Start SUMO on a free port; a port that somebody took in between is tried again with another."""
        from sumolib.miscutils import getFreeSocketPort

        for attempt in range(TRIES):
            port = int(getFreeSocketPort())
            with self._watched():
                self._spawn(port)
                listens = self._listens(port)
            if listens:
                self._connect(port)
                return
            self.kill()
            if attempt == TRIES - 1:
                raise self.error(f"found its port taken by others {TRIES} times")

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Let the watchdog, and whoever gives up the work of this thread, end SUMO instead of waiting for it."""
        life = watchdog.life()
        before = life.call, life.end
        life.call, life.end = f"SUMO's {self.last_call}", self.end
        life.beats += 1
        try:
            yield
        finally:
            life.call, life.end = before
            life.beats += 1

    @property
    def limit_s(self) -> float:
        """How long a call may take, s."""
        least_s = watchdog.limit_s() if self.hang_limit_s is None else self.hang_limit_s
        return max(least_s, HANG_FACTOR * self.longest_s)

    def _spawn(self, port: int) -> None:
        self.command = (str(sumo_binary()), *self.arguments, "--remote-port", str(port))
        with (self.folder / "stderr.txt").open("wb") as words:
            self.child = subprocess.Popen(  # noqa: S603 - our own interpreter and SUMO's binary, no shell
                bound(self.command, file_limit_bytes=self.file_limit_bytes),
                cwd=self.folder,
                env=sumo_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
                start_new_session=True,
            )

    def _listens(self, port: int) -> bool:
        """Wait until our child listens on the port; False if somebody else does."""
        until = time.monotonic() + self.limit_s
        while time.monotonic() < until:
            inodes = _listeners(port)
            ours = inodes & _sockets(self.pid)
            if ours:
                return True
            if inodes and not ours and "address already in use" in self.words().lower():
                return False
            if self._poll() is not None:
                if _listeners(port):
                    return False
                raise self.error("ended before it could be asked anything")
            time.sleep(POLL_S)
        self.kill()
        raise self.error(f"did not open its port within {self.limit_s:g} s")

    def _connect(self, port: int) -> None:
        import traci

        try:
            self.connection = traci.connect(port, numRetries=0, host="127.0.0.1")
        except (traci.FatalTraCIError, traci.TraCIException, OSError) as error:
            code = self._ended(DEATH_S)
            what = f"did not take the connection ({error})" if code is None else _end(code)
            raise self.error(what, code) from error
        self.call("getVersion", self.connection.getVersion)

    def call(self, name: str, function: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401 - TraCI's own types
        """Ask SUMO something.

        Parameters
        ----------
        name
            What an error calls it.
        function, arguments
            Method of `connection`, and what to pass.
        """
        import traci

        self.last_call = name
        limit_s = self.limit_s
        began = time.monotonic()
        socket = self.connection._socket
        if socket is None or socket.fileno() < 0:
            raise self.error("was asked after it had ended")
        socket.settimeout(None if limit_s == math.inf else limit_s)
        try:
            with self._watched():
                answer = function(*arguments)
        except (traci.FatalTraCIError, traci.TraCIException, OSError, struct.error) as error:
            raise self._diagnosis(error, time.monotonic() - began, limit_s) from error
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        return answer

    def step_to(self, time_s: float) -> None:
        """Simulate up to a time, s."""
        self.call(f"simulationStep({time_s:g})", self.connection.simulationStep, time_s)
        self.sim_time_s = time_s

    def _diagnosis(self, error: Exception, took_s: float, limit_s: float) -> SumoError:
        """Find out what a failed call means; the child is dead afterwards."""
        import traci

        refused = isinstance(error, traci.TraCIException)
        code = self._poll() if refused else self._ended(DEATH_S if took_s < limit_s else 0.0)
        if self.ended_for_hanging:
            what = f"did not answer for {took_s:.0f} s and was killed"
        elif code is not None:
            what = _end(code)
        elif refused:
            what = f"refused a command: {error}"
        elif took_s >= limit_s:
            what = f"did not answer for {took_s:.0f} s and was killed"
        else:
            what = f"broke the connection ({error})"
        self.kill()
        return self.error(what, code, repeatable=code is not None or not refused)

    def finish(self) -> None:
        """Close the simulation in order, so that SUMO writes its outputs; only a return code of 0 counts.

        Raises
        ------
        SumoError
            If SUMO ends with another code, or not at all.
        """
        self.call("close", self.connection.close)
        with self._watched():
            code = self._ended(self.limit_s)
        if code is None:
            self.kill()
            raise self.error("did not end after it was closed and was killed")
        if code != 0:
            what = _end(code, "failed while it wrote its outputs")
            raise self.error(what, code)

    def end(self) -> None:
        """Kill SUMO from another thread; the one that waits for it finds its connection closed."""
        if self.child is not None:
            self.ended_for_hanging = True
            self.child.kill()

    def kill(self) -> None:
        """End SUMO's process group, also if it is stopped, and the connection; does nothing the second time."""
        if self.child is None:
            return
        if self.child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
        socket = getattr(self.connection, "_socket", None)
        if socket is not None:
            socket.close()

    def words(self) -> str:
        """Return the last lines that SUMO wrote about errors."""
        lines: list[str] = []
        for name in ("stderr.txt", "errors.txt"):
            path = self.folder / name
            if path.exists():
                lines += [one.strip() for one in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        said = list(dict.fromkeys(one for one in lines if one))
        return " | ".join(said[-WORDS:])

    def error(self, what: str, code: int | None = None, *, repeatable: bool = True) -> SumoError:
        """Return the one error that SUMO's failures have."""
        return SumoError(
            what,
            command=self.command,
            sim_time_s=self.sim_time_s,
            return_code=self._poll() if code is None else code,
            error_log_tail=self.words(),
            last_call=self.last_call,
            repeatable=repeatable,
        )

    def _poll(self) -> int | None:
        return None if self.child is None else self.child.poll()

    def _ended(self, limit_s: float) -> int | None:
        """Wait for the return code; just after a broken connection the kernel may not have it yet."""
        if self.child is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            return self.child.wait(None if limit_s == math.inf else limit_s)
        return None


def _end(code: int, otherwise: str = "ended") -> str:
    """Return what a return code says."""
    if code >= 0:
        return otherwise
    with suppress(ValueError):
        return f"died of {signal.Signals(-code).name}"
    return f"died of signal {-code}"


def _listeners(port: int) -> set[str]:
    """Return the inodes of the sockets that listen on a TCP port."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for row in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                cells = row.split()
                if cells[3] == LISTENING and int(cells[1].rpartition(":")[2], 16) == port:
                    found.add(cells[9])
    return found


def _sockets(pid: int) -> set[str]:
    """Return the inodes of the sockets that a process holds."""
    found = set()
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found
