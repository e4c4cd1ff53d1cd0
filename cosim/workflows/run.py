"""Run a scenario: simulate every period, commit each, judge the whole, write the report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from cosim import supervision, watchdog
from cosim.coupling.checkpoint import Checkpoint
from cosim.dispatch.devices import traits_of
from cosim.dispatch.devices.traits import kept
from cosim.errors import CosimError, StorageError
from cosim.plain import Document
from cosim.plugins import require
from cosim.results import files
from cosim.results.lock import at_work
from cosim.results.manifest import manifest
from cosim.results.store import RunResult, RunStore, manifest_sha256
from cosim.scenario.build import warnings_of
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.export import write_folder
from cosim.scenario.load import LoadedScenario, load
from cosim.validation.gate import exit_code
from cosim.workflows.ledger import Ledger, Progress, StrictStop
from cosim.workflows.places import places_of
from cosim.workflows.room import estimated_bytes, require_room
from cosim.world import run_world

UNDECLARED = "not declared"
"""Source of a value of which the scenario does not say where it comes from."""

INTERRUPTED = 130
PIECE = 500
"""Periods of one world; a longer run goes on in another one, from where it stands, to the same bits. mosaik 3.6 keeps
each wait that it gave up until the end: a period of a year would take 13 us longer for every one before it. A
simulation of single vehicles goes through as a whole."""
COMMIT_S = 1.0
"""How long last words wait for a commit."""


def run(
    scenario: str | Path,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    microsim: str | None = None,
    strict: bool = False,
    report: bool = True,
    progress: Progress | None = None,
    started: Callable[[Path], None] | None = None,
    command: Sequence[str] = (),
    passing: bool = False,
) -> RunResult:
    """Run a scenario and return its results.

    Parameters
    ----------
    scenario
        Shipped name, YAML file, or folder with ``scenario.yaml``.
    out
        Run folder; by default ``runs/<scenario>-<UTC time>``, linked as ``runs/latest``.
    overrides
        Assignments ``a.b=value`` on top of the scenario.
    seed
        Replaces the scenario's seed.
    microsim
        Replaces ``microsim.mode``: off, windows or continuous.
    strict
        Stop at the first flagged period.
    report
        Whether to write ``report.html``.
    progress
        Called after each committed period.
    started
        Called with the run folder before the first period.
    command
        What the manifest says of how the run was started.
    passing
        Whether the folder is thrown away once it was read: nothing is forced to the disk, and nothing is kept that a
        stopped run would go on from. Numbers are the same.

    Returns
    -------
    RunResult
        With ``exit_code``: 0 only if every gate of every period passed.

    Raises
    ------
    InputError
        If the scenario is wrong; nothing is written then.
    DependencyError
        If a package is missing, or a solver that the scenario names is not there or does not fit; nothing is written
        then.
    ComponentError
        If a simulator, a device, a law or a method dies or hangs; the committed periods and ``run.json`` stay.
    StorageError
        If the run folder cannot be written, the disk has not three times the room that the run will take, or the
        folder goes away in the middle; what is committed stays.
    """
    if out is not None:
        require_room(Path(out))  # before anything is read
    loaded = load(scenario, assignments(overrides, seed, microsim))
    return run_case(
        loaded, build_case(loaded), out=out, strict=strict, report=report, progress=progress, started=started,
        command=command, passing=passing,
    )  # fmt: skip


def assignments(overrides: Sequence[str], seed: int | None = None, microsim: str | None = None) -> tuple[str, ...]:
    """Return the overrides of a scenario with those that have a name of their own, see `run`."""
    replaced = {"seed": seed, "microsim.mode": microsim}
    return (*overrides, *(f"{key}={value}" for key, value in replaced.items() if value is not None))


def run_case(
    loaded: LoadedScenario,
    case: SimulationCase,
    *,
    out: str | Path | None = None,
    strict: bool = False,
    report: bool = True,
    progress: Progress | None = None,
    started: Callable[[Path], None] | None = None,
    command: Sequence[str] = (),
    passing: bool = False,
) -> RunResult:
    """Run a scenario that was read and built, see `run`.

    Parameters
    ----------
    loaded, case
        The scenario, and the objects of it that `build_case` made.
    out, strict, report, progress, started, command, passing
        As `run` takes them.
    """
    checked_packages(case, report=report)
    content, folder = manifest_of(loaded, case, command), free_folder(loaded, out)
    require_room(folder, estimated_bytes(case, report=report))
    store = RunStore.create(folder)
    with at_work(store.folder), files.passing() if passing else nullcontext():
        write_folder(loaded, store.folder / "scenario")
        store.begin(content, places_of(case))
        if started is not None:
            started(store.folder)
        ledger = Ledger(store, progress, strict, manifest_sha256(content), resumable=not passing)
        simulate_into(store, case, ledger)
        if out is None:
            link_latest(store.folder)
        return reported(store.folder, report=report)


def checked_packages(case: SimulationCase, *, report: bool) -> None:
    """Refuse a case that what is installed cannot run.

    Raises
    ------
    DependencyError
        If a package is missing, or a solver that the scenario names is not there or does not fit.
    """
    require(_packages(case, report=report))
    if case.dispatch is not None:
        from cosim.dispatch.solving import require_solver  # a run of roads alone does not load the dispatch

        require_solver(case.dispatch, movable=case.moves_loads)


def reported(folder: Path, *, report: bool) -> RunResult:
    """Return a run that ended, with its report if one is wanted."""
    result = RunResult(folder)
    if report:
        from cosim.reports.page import write_report

        write_report(result)
    return result


def _packages(case: SimulationCase, *, report: bool) -> Iterator[str]:
    """Yield the packages that a run will import on its way."""
    yield from ("mosaik", "pandas", "pyarrow")
    if case.dispatch is not None:
        yield from ("cvxpy", "pandapower")
    if report:
        yield from ("jinja2", "plotly")


def simulate_into(store: RunStore, case: SimulationCase, ledger: Ledger, start: Checkpoint | None = None) -> None:
    """Simulate the periods that are to come; write ``run.json`` however it ends.

    Parameters
    ----------
    store, case
        The run folder, and what is simulated.
    ledger
        Remembers the periods before.
    start
        Where the run stands; None at its beginning.
    """
    planned = case.timeline.periods

    def end(code: int, reasons: Sequence[str] = (), *, died: bool = True, export: bool = True) -> None:
        store.finish(
            code=code, reasons=[*ledger.reasons(), *reasons], statuses=ledger.statuses, planned=planned, died=died,
            export=export, tables_digest=ledger.digest,
        )  # fmt: skip

    def last_words(code: int, reason: str) -> None:
        """Tell why the process ends, from another thread: not between a commit and its entry, unless that hangs."""
        ledger.commits.acquire(timeout=COMMIT_S)
        end(code, [reason], export=False)

    with supervision.deferred(last_words):
        try:
            with suppress(StrictStop), watchdog.watching():
                while (done := len(ledger.statuses)) < planned:
                    last = min(done + PIECE, planned) if case.microsim.mode == "off" else planned
                    run_world(case, ledger, keep=ledger.keep, start=start, periods=last)
                    start = ledger.stands
            end(exit_code(ledger.statuses), died=False)
        except BaseException as error:
            with suppress(CosimError, MemoryError):  # what stopped the run is told, not what it stopped afterwards
                end(_code(error), [str(error) or type(error).__name__])
            raise
        supervision.check()


def _code(error: BaseException) -> int:
    """Return the exit code that the command line will end with."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return int(getattr(error, "exit_code", CosimError.exit_code))


def free_folder(loaded: LoadedScenario, out: str | Path | None) -> Path:
    """Return the run folder that was asked for, or a new one below ``runs``."""
    if out is not None:
        return Path(out)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = Path("runs") / f"{loaded.name}-{stamp}"
    counter = 1
    while folder.exists():
        counter += 1
        folder = Path("runs") / f"{loaded.name}-{stamp}-{counter}"
    return folder


def link_latest(folder: Path) -> None:
    """Let ``latest`` beside a run folder name it."""
    link = folder.parent / "latest"
    try:
        if link.is_symlink() or not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(folder.name)
    except OSError as error:
        raise StorageError(f"'{link}' cannot be linked to the run: {error.strerror}") from error


def manifest_of(
    loaded: LoadedScenario, case: SimulationCase, command: Sequence[str], parent: Document | None = None
) -> Document:
    """Return the manifest of a run; of one that goes on from another one, with its parent."""
    dispatch = case.dispatch
    content: Document = {
        "scenario": loaded.name,
        "title": loaded.scenario.title,
        "currency": loaded.scenario.currency,
        "periods": case.timeline.periods,
        "period_min": case.timeline.period_min,
        "seed": loaded.scenario.seed,
        "overrides": list(loaded.overrides),
        "text": loaded.text,
        "resolved": loaded.resolved,
        "inputs": [{"file": item.name, "bytes": item.size, "sha256": item.sha256} for item in loaded.inputs],
        "sources": {path: source or UNDECLARED for path, _, source in loaded.values()},
        "warnings": [str(problem) for problem in warnings_of(loaded, case.roads)],
        "gates": asdict(case.gates),
        "kinds": {} if dispatch is None else {kind: kept(traits) for kind, traits in traits_of({}).items()},
        "behaviour": None if case.behaviour is None else case.behaviour.statistics,
        "base_load_mwh": None if dispatch is None else float(dispatch.base_p_mw.sum() * dispatch.period_h),
    }
    if parent is not None:
        content = {"parent": parent, **content}
    return manifest(command=command or [Path(sys.argv[0]).name, *sys.argv[1:]], content=content)
