"""Run a scenario: simulate every period, commit each, judge the whole, write the report."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cosim import supervision, watchdog
from cosim.dispatch.devices import traits_of
from cosim.dispatch.devices.traits import kept
from cosim.dispatch.solving import require_solver
from cosim.errors import CosimError, StorageError
from cosim.plain import Document
from cosim.plugins import require
from cosim.records.grid import DispatchPeriod
from cosim.records.period import PeriodRecord, tables
from cosim.results.manifest import manifest
from cosim.results.store import RunResult, RunStore
from cosim.scenario.build import warnings_of
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.export import write_folder
from cosim.scenario.load import LoadedScenario, load
from cosim.simulators.recorder import gate_json
from cosim.validation.gate import GateRecord, exit_code
from cosim.workflows.room import estimated_bytes, require_room
from cosim.workflows.simulate import simulate

UNDECLARED = "not declared"
"""Source of a value of which the scenario does not say where it comes from."""

Progress = Callable[[PeriodRecord, GateRecord], None]
INTERRUPTED = 130
COMMIT_S = 1.0
"""How long last words wait for a commit."""


SHOWN_CHECKS = 4
"""Failed checks that a flagged period's line names; all of them stand in its gate.json."""


class StrictStop(CosimError):
    """A flagged period under ``strict``: the run ends there, with the period committed."""

    exit_code = 6


@dataclass(slots=True)
class _Ledger:
    """Commits the periods of a run and remembers their verdicts."""

    store: RunStore
    progress: Progress | None
    strict: bool
    judged: list[tuple[int, GateRecord]] = field(default_factory=list)
    stopped: str = ""
    remarks: dict[int, str] = field(default_factory=dict)
    commits: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, told: PeriodRecord, judged: GateRecord) -> None:
        with self.commits:
            self.store.commit(told.period, tables(told), gate_json(judged))
            self.judged.append((told.period, judged))
        watchdog.period_ends()
        self.remarks[told.period] = "" if told.dispatch is None else _remark(told.dispatch)
        if self.progress is not None:
            self.progress(told, judged)
        supervision.check()
        if self.strict and exit_code([judged.status]) != 0:
            self.stopped = f"period {told.period} is {judged.status}; --strict ends the run there"
            raise StrictStop(self.stopped)

    @property
    def statuses(self) -> list[str]:
        return [record.status for _, record in self.judged]

    def reasons(self) -> list[str]:
        """Return one line per flagged period: status, the checks that failed, repair and diagnosis."""
        lines = []
        for period, record in self.judged:
            if record.flags:
                checks = [f"{check.name} {_shown(check.value)}" for check in record.failed]
                more = f", and {len(checks) - SHOWN_CHECKS} more" if len(checks) > SHOWN_CHECKS else ""
                named = ", ".join(checks[:SHOWN_CHECKS]) + more
                told = "; ".join(part for part in (named, self.remarks[period]) if part)
                lines.append(f"period {period}: {record.status} ({told})")
        return [*lines, self.stopped] if self.stopped else lines


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
    replaced = {"seed": seed, "microsim.mode": microsim}
    assignments = (*overrides, *(f"{key}={value}" for key, value in replaced.items() if value is not None))
    loaded = load(scenario, assignments)
    case = build_case(loaded)
    require(_packages(case, report=report))
    if case.dispatch is not None:
        require_solver(case.dispatch, movable=case.moves_loads)
    folder = _folder(loaded, out)
    require_room(folder, estimated_bytes(case, report=report))
    store = RunStore.create(folder)
    write_folder(loaded, store.folder / "scenario")
    store.begin(_manifest(loaded, case, command))
    if started is not None:
        started(store.folder)
    _simulate_into(store, case, _Ledger(store, progress, strict))
    if out is None:
        _link_latest(store.folder)
    result = RunResult(store.folder)
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


def _simulate_into(store: RunStore, case: SimulationCase, ledger: _Ledger) -> None:
    """Simulate; write ``run.json`` however it ends."""

    def end(code: int, reasons: Sequence[str] = (), *, died: bool = True, export: bool = True) -> None:
        store.finish(
            code=code, reasons=[*ledger.reasons(), *reasons], statuses=ledger.statuses, planned=case.timeline.periods,
            died=died, export=export,
        )  # fmt: skip

    def last_words(code: int, reason: str) -> None:
        """Tell why the process ends, from another thread: not between a commit and its entry, unless that hangs."""
        ledger.commits.acquire(timeout=COMMIT_S)
        end(code, [reason], export=False)

    with supervision.deferred(last_words):
        try:
            with suppress(StrictStop), watchdog.watching():
                simulate(case, ledger)
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


def _folder(loaded: LoadedScenario, out: str | Path | None) -> Path:
    if out is not None:
        return Path(out)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = Path("runs") / f"{loaded.name}-{stamp}"
    counter = 1
    while folder.exists():
        counter += 1
        folder = Path("runs") / f"{loaded.name}-{stamp}-{counter}"
    return folder


def _link_latest(folder: Path) -> None:
    link = folder.parent / "latest"
    try:
        if link.is_symlink() or not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(folder.name)
    except OSError as error:
        raise StorageError(f"'{link}' cannot be linked to the run: {error.strerror}") from error


def _manifest(loaded: LoadedScenario, case: SimulationCase, command: Sequence[str]) -> Document:
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
    return manifest(command=command or [Path(sys.argv[0]).name, *sys.argv[1:]], content=content)


def _remark(plan: DispatchPeriod) -> str:
    """Return how the dispatch of a period was repaired, and why it could not serve all."""
    methods = ", ".join(method for method in (plan.restoration, plan.storage_repair) if method)
    repaired = f"repaired by {methods}" if methods else ""
    return "; ".join(text for text in (repaired, plan.diagnosis) if text)


def _shown(value: float | bool | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
