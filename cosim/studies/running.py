"""Carry out the rows of a study that are missing, and collect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cosim.errors import DependencyError, UsageError
from cosim.studies.carrying import Job, Terms
from cosim.studies.collecting import Collected, collect
from cosim.studies.engines.local import LocalEngine, died
from cosim.studies.folder import StudyFolder
from cosim.studies.numerics import environment
from cosim.studies.plan import Row
from cosim.studies.store import AGAIN, DIED, OK, Journal, Outcome, attempts, forget, places, release
from cosim.studies.study_file import Study
from cosim.studies.telling import statistics_of
from cosim.studies.until import Until, blocks_of, reached

FINISHED_WITH_OTHERS = 10
Progress = Callable[["State"], None]
Told = Callable[[Outcome], None]


@dataclass(slots=True)
class State:
    """How far a study is.

    Attributes
    ----------
    total, done, before
        Rows of the share that is carried out, those that ended, and those that had ended before it began.
    statuses
        How many ended with which status.
    """

    total: int
    done: int
    before: int
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def exit_code(self) -> int:
        """0 if all rows are ok, else 10."""
        return 0 if self.statuses[OK] == self.total else FINISHED_WITH_OTHERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What `run_study` did: how the rows of its share ended, and the collected tables."""

    state: State
    collected: Collected | None
    stopped: str = ""
    """Why it ended before all rows were carried out, if it was asked to."""

    @property
    def exit_code(self) -> int:
        """0 if all rows of the share are ok, else 10."""
        return self.state.exit_code


def terms_of(folder: StudyFolder) -> Terms:
    """Return what workers must know of a study."""
    study = folder.study
    return Terms(
        scenario=folder.scenario, kind=study.kind, measures=study.keep.measures, tables=study.keep.tables,
        runs=study.keep.runs, kept=str(folder.path.resolve() / "runs"),
    )  # fmt: skip


def job_of(row: Row) -> Job:
    """Return what a worker must know of a row."""
    return Job(hash=row.hash, number=row.number, assignments=row.assignments, seed=row.seed)


def run_study(
    folder: StudyFolder,
    *,
    jobs: int = 1,
    shard: tuple[int, int] = (1, 1),
    retry: Sequence[str] = (),
    accept_numerics: bool = False,
    progress: Progress | None = None,
    cluster: Any = "",  # noqa: ANN401 - Dask's types are not loaded here
    until: Until | None = None,
) -> Ran:
    """Carry out what is missing of a study, or of a shard of it; the same call again does the rest.

    Parameters
    ----------
    folder
        The planned study.
    jobs
        Own children.
    shard
        (i, N): rows whose number leaves i - 1 when divided by N. Only a run of all rows collects.
    retry
        Statuses of which rows are run again: died, raised, timeout.
    accept_numerics
        Whether workers whose numerics id is not the study's may take part.
    progress
        Called after each row.
    cluster
        Address of a Dask scheduler, a scheduler file, ``local``, or a client or cluster of Dask's; none for own
        children.
    until
        Ends the study behind the first block with which a mean is known well enough.

    Raises
    ------
    UsageError
        If ``until`` asks what a shard, the design or the rows cannot tell.
    LockedError
        If another process carries the same share out.
    DependencyError
        If a worker's packages or machine give other bits than the study's.
    """
    part, parts = shard
    if until is not None and parts > 1:
        raise UsageError("--until: a shard does not know the others' rows; carry all out in one, or leave it out")
    with folder.shard(part, parts):
        if retry:
            forget(folder.path, tuple(retry))
        mine = [row for row in folder.plan.rows if row.number % parts == part - 1]
        before = places(folder.path)
        state = State(total=len(mine), done=0, before=0)
        journal = Journal(folder.path)

        def told(outcome: Outcome) -> None:
            journal.write(outcome)
            counted(outcome)

        def counted(outcome: Outcome) -> None:
            state.done += copies[outcome.hash]
            state.statuses[outcome.status] += copies[outcome.hash]
            if progress is not None:
                progress(state)

        copies = Counter(row.hash for row in mine)  # a list may name a point twice; it is run once
        state.statuses.update(before[row.hash].status for row in mine if row.hash in before)
        state.done = state.before = sum(state.statuses.values())
        waiting = {row.hash for row in mine if row.hash not in before}
        if progress is not None:
            progress(state)
        stopped = ""
        try:
            for missing, looks in _pieces(folder.study, mine, waiting, by_block=until is not None):
                _carry_out(
                    folder, _alive(folder, missing, told), told, counted, jobs, cluster, accept_numerics=accept_numerics
                )  # fmt: skip
                if until is not None and looks and (stopped := _reached(folder, until)):
                    state.total = state.done
                    break
        finally:
            journal.close()
        return Ran(state=state, collected=collect(folder) if parts == 1 else None, stopped=stopped)


def _pieces(
    study: Study, rows: Sequence[Row], waiting: set[str], *, by_block: bool
) -> Iterator[tuple[list[Row], bool]]:
    """Yield what is missing of each block, once a point, and whether its end is one to look at.

    Of blocks that had ended before, that is the last one.
    """
    blocks = list(blocks_of(study, rows)) if by_block else [list(rows)]
    for block, after in pairwise([*blocks, []]):
        missing = list({row.hash: row for row in block if row.hash in waiting}.values())
        yield missing, bool(missing) or any(row.hash in waiting for row in after)


def _reached(folder: StudyFolder, until: Until) -> str:
    collect(folder)
    return reached(statistics_of(folder), until)


def _carry_out(
    folder: StudyFolder, todo: list[Job], told: Told, counted: Told, jobs: int, cluster: Any,  # noqa: ANN401 - Dask's
    *, accept_numerics: bool,
) -> None:  # fmt: skip
    if not todo:
        return
    limits, terms = folder.study.limits, terms_of(folder)

    def admit(numerics: str) -> None:
        admitted(folder, numerics, accept=accept_numerics)

    if cluster:
        from cosim.studies.engines.dask import DaskEngine

        DaskEngine(folder.path, terms, limits, cluster, jobs, admit).run(todo, told, counted)
    else:
        LocalEngine(folder.path, terms, limits, jobs, admit).run(todo, told)


def _alive(folder: StudyFolder, rows: Sequence[Row], told: Told) -> list[Job]:
    """Return the jobs to do; a row whose attempts all died in earlier processes has ended."""
    jobs = []
    for row in rows:
        job, count = job_of(row), attempts(folder.path, row.hash)
        if count >= folder.study.limits.attempts:
            told(died(job, DIED, f"its process died in each of {count} attempts"))
            release(folder.path, row.hash)
        else:
            jobs.append(job)
    return jobs


def admitted(folder: StudyFolder, numerics: str, *, accept: bool) -> None:
    """Let a worker take part whose numerics id is the study's; the first one's becomes that.

    Raises
    ------
    DependencyError
        If it is another.
    """
    known = StudyFolder(folder.path).facts["numerics"]  # as it stands now: another shard may have been first
    if known is None:
        folder.note({"numerics": numerics})
    elif known != numerics and not accept:
        from cosim.results.manifest import versions

        then, now = folder.facts["versions"], versions()
        moved = [f"{name} {then.get(name)} -> {now[name]}" for name in now if then.get(name) != now[name]]
        own = " ".join(f"{name}={value}" for name, value in environment().items())
        what = ", ".join(moved) or f"Python, or the kernel of the linear algebra (start workers with {own})"
        raise DependencyError(
            f"this worker gives other last digits than the study's rows so far (numerics id {numerics}, not {known}): "
            f"{what}; use the same packages and kind of machine, or say --accept-numerics"
        )


def state_of(folder: StudyFolder) -> State:
    """Return how far a study is, of all its rows."""
    known = places(folder.path)
    statuses = Counter(known[row.hash].status for row in folder.plan.rows if row.hash in known)
    return State(total=len(folder.plan.rows), done=sum(statuses.values()), before=0, statuses=statuses)


def checked_shard(text: str) -> tuple[int, int]:
    """Return (i, N) of ``i/N``.

    >>> checked_shard("2/5")
    (2, 5)

    Raises
    ------
    UsageError
        If it is no share.
    """
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise UsageError(f"--shard: {text!r} is no share; 1/8 is the first of eight")
    return int(part), int(parts)


def checked_statuses(names: str) -> tuple[str, ...]:
    """Return the statuses of ``died,raised,timeout``.

    Raises
    ------
    UsageError
        If one is none that another try may change.
    """
    found = tuple(name.strip() for name in names.split(",") if name.strip())
    if odd := [name for name in found if name not in AGAIN]:
        raise UsageError(f"--retry: {odd[0]!r} is none of {', '.join(AGAIN)}")
    return found
