"""Go on with a run that was stopped, to the same bits as if it had not been."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cosim.errors import CheckpointError
from cosim.reports.input_differences import differences
from cosim.results.lock import at_work
from cosim.results.manifest import git_state, versions
from cosim.results.resumable import Resumable, resumable
from cosim.results.store import RunResult, RunStore
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import LoadedScenario, load
from cosim.workflows.ledger import Ledger, Progress
from cosim.workflows.run import checked_packages, reported, simulate_into
from cosim.workflows.same_nets import other_nets

Notice = Callable[[str], None]


def resume(
    folder: str | Path,
    *,
    strict: bool = False,
    report: bool = True,
    progress: Progress | None = None,
    notice: Notice | None = None,
) -> RunResult:
    """Go on with a run that was killed, interrupted, or stopped by an error, and return its results.

    Every table is equal, bit by bit, to that of a run that was not stopped: the run goes on behind its last intact
    period, with its own copy of the scenario. A run that has ended is returned as it is.

    Parameters
    ----------
    folder
        Run folder.
    strict, report, progress
        As in `cosim.run`.
    notice
        Called with what there is to know before it goes on: behind which period, what was damaged, what it costs.

    Raises
    ------
    CheckpointError
        If scenario, inputs or versions are not those that the run began with, or neither of its two newest periods is
        intact with its state.
    LockedError
        If another process is at work in the folder.
    StorageError
        If it is no run folder, or cannot be written.
    DependencyError, ComponentError
        As in `cosim.run`.
    """
    folder, told = Path(folder), notice or (lambda _: None)
    with at_work(folder):
        if (ended := ended_run(folder)) is not None:
            told(f"the run has ended: {ended.progress}, exit {ended.exit_code}")
            return ended if (folder / "report.html").exists() else reported(folder, report=report)
        found = resumable(folder)
        loaded = load(folder / "scenario")
        _check_same(found, loaded)
        case = build_case(loaded)
        checked_packages(case, report=report)
        for line in (*found.notices, *_known_before(found, case)):
            told(line)
        found.clear()
        found.note()
        store = RunStore(folder)
        ledger = Ledger(store, progress, strict, found.manifest_sha256)
        go_on(ledger, found, case)
        return reported(folder, report=report)


def go_on(ledger: Ledger, found: Resumable, case: SimulationCase) -> None:
    """Simulate the periods that are to come."""
    ledger.digest = "" if found.state is None else found.state.digest
    ledger.recall(found.periods)
    simulate_into(ledger.store, case, ledger, found.checkpoint)


def ended_run(folder: Path) -> RunResult | None:
    """Return a run that has committed its last period and said so; None if it was stopped before."""
    try:
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or none that says anything
        return None
    return RunResult(folder) if isinstance(told, dict) and told.get("status") == "complete" else None


def _check_same(found: Resumable, loaded: LoadedScenario) -> None:
    """Refuse to go on with another program or another scenario than the run began with.

    Raises
    ------
    CheckpointError
        Naming all that differs.
    """
    now = {"resolved": loaded.resolved, "versions": versions()}
    odd = [f"{one.key} was {one.values[0]}, is {one.values[1]}" for one in differences((found.manifest, now))]
    odd += [*other_nets(found.manifest, loaded), *_other_program(found.manifest)]
    if odd:
        raise CheckpointError(
            f"run '{found.folder}' cannot go on to the same numbers: {'; '.join(odd)}; restore what it began with, or "
            f"go on as a new run: cosim run {found.folder} --fork {max(len(found.periods), 1)}"
        )


def _other_program(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield in what Python and the source tree are not those that the run began with."""
    python, tree = sys.version.split()[0], git_state(Path(__file__).parent)
    if manifest.get("python") != python:
        yield f"version python was {manifest.get('python')}, is {python}"
    then = manifest.get("git")
    if then and tree and then["commit"] != tree["commit"]:
        yield f"source tree was at commit {then['commit'][:12]}, is at {str(tree['commit'])[:12]}"


def _known_before(found: Resumable, case: SimulationCase) -> Iterator[str]:
    """Yield what there is to know before the run goes on."""
    done, planned = len(found.periods), case.timeline.periods
    if done == planned:
        yield f"all {planned} periods are committed: only its end is written"
        return
    yield f"it goes on behind period {done} of {planned}" if done else "it begins again with period 1"
    if found.checkpoint is not None and found.checkpoint.micro is not None:
        yield f"one simulation goes through all periods: the vehicles of {done} periods are simulated again first"
    if (then := found.manifest.get("platform")) != (now := platform.platform()):
        yield f"it began on {then}, this is {now}: last digits may differ"
