"""A cluster of Dask as transport: a worker gets a folder and a row, and imports cosim by name; no code travels.

What Dask promises of failures is not what a study needs: a task whose worker dies runs again although it had ended, and
all tasks assigned to a dead worker are blamed for it. So attempts are counted in the study's folder, one row is in
flight for each worker, and a row that is begun again looks for its own end first.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, replace
from functools import cache
from logging import CRITICAL
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim import supervision
from cosim.errors import DependencyError, UsageError
from cosim.studies.carrying import Job, Terms, carry_out, peak_bytes
from cosim.studies.engines.local import died
from cosim.studies.numerics import environment, numerics_id
from cosim.studies.store import DIED, TIMEOUT, Journal, Outcome, attempts, claim, find, outcome_of, release
from cosim.studies.study_file import Limits

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
LOOPBACK = "127.0.0.1"
LEAST_MEMORY = 1.5
"""Times the memory that a worker takes for a small case, below which it would be killed amid its rows."""
_TICK_S = 0.5
_TOKEN = "token"  # noqa: S105 - not a secret: it shows that two machines see one folder
Told = Callable[[Outcome], None]


class DaskEngine:
    """Carries rows out on a cluster of Dask.

    Parameters
    ----------
    folder
        The study's; workers see it at the same path.
    terms, limits
        What holds for all rows.
    cluster
        ``local``, an address, or a scheduler file; or a client or cluster of Dask's.
    jobs
        Workers of a local cluster.
    admit
        Called with the numerics id of each worker; raises where it may not take part.
    """

    def __init__(
        self, folder: Path, terms: Terms, limits: Limits, cluster: Any, jobs: int, admit: Callable[[str], None]  # noqa: ANN401 - Dask's types
    ) -> None:  # fmt: skip
        self.folder, self.terms, self.limits, self.admit = folder.resolve(), terms, limits, admit
        self.cluster, self.jobs = cluster, jobs
        self.flying: dict[Future[Any], Job] = {}

    def run(self, jobs: Iterable[Job], told: Told, counted: Told) -> None:
        """Carry all jobs out.

        Parameters
        ----------
        jobs
            The rows.
        told
            Takes outcomes that this process found, and writes them.
        counted
            Takes outcomes that a worker has written.
        """
        waiting = deque(jobs)
        with _client(self.cluster, self.jobs) as client, supervision.deferred():
            self._attach(client)
            while self.flying or (waiting and not supervision.asked()):
                while waiting and len(self.flying) < _workers(client) and not supervision.asked():
                    self._submit(client, waiting.popleft())
                self._gather(waiting, told, counted)
            supervision.check()

    def _attach(self, client: Client) -> None:
        """Look at every worker before rows are sent."""
        workers = client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            raise DependencyError("the cluster has no worker; start some with 'dask worker ADDRESS --nthreads 1'")
        if threaded := [name for name, one in workers.items() if one["nthreads"] != 1]:
            reason = "signals and warnings are a process's own, so a worker carries out one row at a time"
            raise DependencyError(f"worker {threaded[0]} has several threads; start it with --nthreads 1: {reason}")
        token = secrets.token_hex(8)
        (self.folder / _TOKEN).write_text(token)
        client.run(never_pause)
        asked = {  # as tasks: what a client runs stands in the worker's event loop, where mosaik has no room
            name: client.submit(present, str(self.folder), token, workers=[name], pure=False) for name in workers
        }
        for name, seen in client.gather(asked).items():
            if not seen["sees"]:
                raise DependencyError(
                    f"worker {name} on {seen['host']} does not see '{self.folder}'; share the folder at the same path, "
                    "or run shards: cosim sweep run STUDY --shard 1/8, and collect them"
                )
            self.admit(str(seen["numerics"]))
            limit = workers.get(name, {}).get("memory_limit") or 0
            if limit and limit < LEAST_MEMORY * seen["peak_bytes"]:
                told = (limit / 2**20, LEAST_MEMORY * seen["peak_bytes"] / 2**20)
                raise DependencyError(
                    f"worker {name} may take {told[0]:,.0f} MiB; rows need at least {told[1]:,.0f} MiB"
                )

    def _submit(self, client: Client, job: Job) -> None:
        limit = asdict(self.limits)
        future = client.submit(
            row, str(self.folder), asdict(self.terms), asdict(job), limit, pure=False, retries=0,
            key=f"row-{job.number}-{secrets.token_hex(4)}",
        )  # fmt: skip
        self.flying[future] = job

    def _gather(self, waiting: deque[Job], told: Told, counted: Told) -> None:
        """Take what ended; a row whose workers died is sent again as often as the study allows."""
        from distributed import TimeoutError as DaskTimeoutError
        from distributed import wait
        from distributed.scheduler import KilledWorker

        try:
            ended = wait(list(self.flying), timeout=_TICK_S, return_when="FIRST_COMPLETED").done
        except DaskTimeoutError:
            return
        for future in ended:
            job = self.flying.pop(future)
            try:
                outcome = outcome_of(future.result())
            except KilledWorker:
                if attempts(self.folder, job.hash) < self.limits.attempts:
                    waiting.append(job)
                    continue
                outcome = died(job, DIED, f"its worker died in each of {self.limits.attempts} attempts")
                told(outcome)
            else:
                counted(outcome)
            future.release()  # while it is held, a finished task whose worker dies would run again
            release(self.folder, job.hash)


def _client(cluster: Any, jobs: int) -> AbstractContextManager[Client]:  # noqa: ANN401 - Dask's types
    """Return a client; of ``local`` with a cluster of its own, all of which listens on the loopback interface."""
    try:
        from distributed import Client
    except ImportError as error:
        raise DependencyError("--cluster needs Dask; pip install 'cosim-ptn[cluster]'") from error
    if isinstance(cluster, Client):
        return nullcontext(cluster)
    if not isinstance(cluster, str):
        return Client(cluster)
    if cluster == LOCAL:
        return _local(jobs)
    if cluster.endswith(".json"):
        return Client(scheduler_file=cluster)
    if not cluster.startswith(("tcp://", "tls://")):
        raise UsageError(f"--cluster: {cluster!r} is none of tcp://..., tls://..., a scheduler file, local")
    return Client(cluster)


@contextmanager
def _local(jobs: int) -> Iterator[Client]:
    """Make a cluster of this machine's, all of which listens on the loopback interface, and a client of it."""
    import dask
    from distributed import Client, LocalCluster

    # The environment that a cluster is given comes after a worker has loaded NumPy; this one before.
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": environment()}),
        LocalCluster(
            n_workers=jobs, threads_per_worker=1, processes=True, host=LOOPBACK, dashboard_address=f"{LOOPBACK}:0",
            worker_dashboard_address=f"{LOOPBACK}:0", memory_limit=0, silence_logs=CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        yield client


def _workers(client: Client) -> int:
    return len(client.scheduler_info(n_workers=-1)["workers"])


def never_pause(dask_worker: Any) -> None:  # noqa: ANN401 - Dask's worker
    """Let a worker go on whatever it takes: above four fifths of its memory it would pause for good, without a word."""
    dask_worker.memory_manager.memory_pause_fraction = False


def present(folder: str, token: str) -> dict[str, Any]:
    """Tell, in a worker, whether it sees the study's folder, its numerics id, and what a small case takes."""
    try:
        sees = (Path(folder) / _TOKEN).read_text() == token
    except OSError:
        sees = False
    numerics = _own_numerics()
    return {"sees": sees, "numerics": numerics, "peak_bytes": peak_bytes(), "host": socket.gethostname()}


def row(folder: str, terms: Mapping[str, Any], job: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Carry a row out, in a worker; it is in the worker's journal when this returns."""
    where, own = Path(folder), Job(**{**job, "assignments": tuple(job["assignments"])})
    attempt = claim(where, own.hash)
    if attempt > 1 and (known := find(where, own.hash)) is not None:
        return known.document()  # it had ended; only the answer was lost with its worker
    if attempt > limits["attempts"]:
        outcome = died(own, DIED, f"its worker died in each of {limits['attempts']} attempts")
    else:
        watch = _watched(where, own, float(limits["row_timeout_s"]))
        try:
            outcome = carry_out(
                replace(own, attempt=attempt),
                Terms(**{**terms, "measures": tuple(terms["measures"]), "tables": tuple(terms["tables"])}),
            )
        finally:
            watch.cancel()
    effort = {**outcome.effort, "host": socket.gethostname(), "pid": os.getpid(), "numerics": _own_numerics()}
    outcome = replace(outcome, effort=effort)
    _journal(folder, os.getpid()).write(outcome)
    return outcome.document()


def _watched(folder: Path, job: Job, timeout_s: float) -> threading.Timer:
    """Start a watch that notes a timeout and ends the process: a thread cannot be stopped."""

    def end() -> None:
        outcome = died(job, TIMEOUT, f"took more than {timeout_s:g} s")
        Journal(folder).write(outcome)
        os._exit(1)

    watch = threading.Timer(timeout_s or threading.TIMEOUT_MAX, end)
    watch.daemon = True
    watch.start()
    return watch


@cache
def _journal(folder: str, pid: int) -> Journal:
    del pid  # a forked process writes a file of its own
    return Journal(Path(folder))


@cache
def _own_numerics() -> str:
    return numerics_id()
