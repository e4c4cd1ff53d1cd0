"""Begin a new run behind a period of another one, with changed inputs."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cosim.coupling.checkpoint import Checkpoint
from cosim.coupling.rebase import pending_mwh, rebased_dispatch, rebased_roads
from cosim.errors import CheckpointError, StorageError
from cosim.plain import Document
from cosim.records.period import tables
from cosim.results.committed import CommittedPeriod
from cosim.results.digest import chained, stored_digest
from cosim.results.lock import at_work
from cosim.results.resumable import Resumable, intact, read_manifest
from cosim.results.states import StoredState, read_state, write_state
from cosim.results.store import RunResult, RunStore, manifest_sha256
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.export import write_folder
from cosim.scenario.load import LoadedScenario, load
from cosim.workflows.ledger import Ledger, Progress
from cosim.workflows.places import places_of
from cosim.workflows.resume import Notice, go_on
from cosim.workflows.room import estimated_bytes, require_room
from cosim.workflows.run import checked_packages, free_folder, link_latest, manifest_of, reported
from cosim.world import run_world

SAME_ENERGY = 1e-9
"""Relative difference of energies that the residual of an assignment may make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The run that a fork begins from.

    Attributes
    ----------
    folder, manifest, manifest_sha256
        The run.
    periods
        Its periods up to the one behind which the fork begins.
    loaded, case
        Its scenario.
    """

    folder: Path
    manifest: Any
    manifest_sha256: str
    periods: tuple[CommittedPeriod, ...]
    loaded: LoadedScenario
    case: SimulationCase

    @property
    def period(self) -> int:
        """The period behind which the fork begins."""
        return len(self.periods)


def fork(
    folder: str | Path,
    period: int,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    strict: bool = False,
    report: bool = True,
    progress: Progress | None = None,
    started: Callable[[Path], None] | None = None,
    notice: Notice | None = None,
    command: Sequence[str] = (),
) -> RunResult:
    """Begin a new run behind a period of another one, with changed inputs, and return its results.

    The periods up to there are the other run's. What was foreseen of the periods to come is foreseen anew, with the
    changed inputs; what devices store and who waits at the stations is carried over. Without any change the new run has
    the other one's numbers, bit by bit.

    Parameters
    ----------
    folder
        Run folder of the parent; it need not have ended.
    period
        The period.
    out
        Run folder of the new run; by default ``runs/<scenario>-<UTC time>``, linked as ``runs/latest``.
    overrides
        Assignments ``a.b=value`` on top of the parent's scenario.
    strict, report, progress, started, command
        As in `cosim.run`.
    notice
        Called with what there is to know before it begins.

    Raises
    ------
    CheckpointError
        If the parent is damaged or has not come so far, or cannot go on with such a change.
    InputError
        If the changed scenario is wrong.
    StorageError, DependencyError, ComponentError
        As in `cosim.run`.
    """
    told = notice or (lambda _: None)
    parent = _opened(Path(folder), period)
    loaded = replace(load(parent.folder / "scenario", overrides), name=str(parent.manifest["scenario"]))
    case = build_case(loaded)
    _check_change(parent.case, case)
    checked_packages(case, report=report)
    state = _state(parent, told)
    state = replace(state, checkpoint=_rebased(parent.case, case, state.checkpoint))
    new = free_folder(loaded, out)
    require_room(new, estimated_bytes(case, report=report))
    store = RunStore.create(new)
    with at_work(store.folder):
        found = _begun(store, parent, state, loaded, case, command)
        if started is not None:
            started(store.folder)
        told(f"it goes on behind period {period} of {case.timeline.periods} of run '{parent.folder}'")
        go_on(Ledger(store, progress, strict, found.manifest_sha256), found, case)
        if out is None:
            link_latest(store.folder)
        return reported(store.folder, report=report)


def _opened(folder: Path, period: int) -> Parent:
    """Open the parent at a period.

    Raises
    ------
    CheckpointError
        If it is not intact so far.
    """
    found, own = read_manifest(folder)
    sound, damage = intact(folder)
    planned = int(found["periods"])
    if not 0 < period < planned:
        raise CheckpointError(
            f"a fork begins behind one of the periods 1 to {planned - 1} of run '{folder}', not {period}"
        )
    if len(sound) < period:
        why = damage[0] if damage else f"it has committed {len(sound)} of {planned} periods"
        raise CheckpointError(f"run '{folder}' cannot be forked behind period {period}: {why}")
    loaded = load(folder / "scenario")
    return Parent(
        folder=folder, manifest=found, manifest_sha256=own, periods=tuple(sound[:period]), loaded=loaded,
        case=build_case(loaded),
    )  # fmt: skip


def _check_change(former: SimulationCase, case: SimulationCase) -> None:
    """Refuse a change to which no state of the parent can be carried over.

    Raises
    ------
    CheckpointError
        Naming it.
    """
    kept = {
        "periods, period_min": (former.timeline, case.timeline),
        "roads": tuple(one.roads and (one.roads.paths.ids, one.roads.network.link_ids) for one in (former, case)),
        "stations": tuple(one.roads and [station.name for station in one.roads.stations] for one in (former, case)),
        "grid": tuple(one.dispatch and one.dispatch.station_names for one in (former, case)),
        "feeder.taps (one position holds for the whole day, and the changes choose another)": (
            _ratios(former),
            _ratios(case),
        ),
        "microsim.mode": tuple(one.one_simulation for one in (former, case)),
    }
    changed = [name for name, (then, now) in kept.items() if then != now]
    if former.whole_day or case.whole_day:
        changed.append("dispatch.mode: a day ahead is decided in its first period")
    if changed:
        raise CheckpointError(f"a fork cannot change {'; '.join(changed)}: run the changed scenario from the beginning")


def _ratios(case: SimulationCase) -> object:
    """Return the ratios of the feeder's transformers, which hold for the periods of the parent, too."""
    circuit = None if case.dispatch is None else case.dispatch.feeder.circuit
    return None if circuit is None else (circuit.ratio_parent.tolist(), circuit.ratio_child.tolist())


def _state(parent: Parent, told: Notice) -> StoredState:
    """Return where the parent stood behind the period: the state that is kept, or the one found by simulating again."""
    try:
        return read_state(parent.folder, parent.period, of_run=parent.manifest_sha256)
    except CheckpointError:
        if (first := parent.manifest.get("parent")) and first["set"]:
            raise CheckpointError(
                f"run '{parent.folder}' cannot be forked behind period {parent.period}: where it stood then is not "
                f"kept, and being a fork itself, it cannot be simulated again; fork run '{first['folder']}', behind "
                f"period {first['period']} or before, with the changes of both"
            ) from None
        again = f"periods 1 to {parent.period} are" if parent.period > 1 else "period 1 is"
        told(f"where run '{parent.folder}' stood behind period {parent.period} is not kept: {again} simulated again")
    stands, digests = list[Checkpoint](), [""]
    run_world(
        parent.case, lambda record, _: digests.append(chained(digests[-1], tables(record))), keep=stands.append,
        periods=parent.period,
    )  # fmt: skip
    if digests[-1] != stored_digest(parent.periods):
        raise CheckpointError(
            f"run '{parent.folder}' cannot be forked behind period {parent.period}: simulated again, its periods have "
            "other numbers than those that it committed; are the versions those of its manifest?"
        )
    return StoredState(checkpoint=stands[-1], run=parent.manifest_sha256, digest=digests[-1])


def _rebased(former: SimulationCase, case: SimulationCase, stands: Checkpoint) -> Checkpoint:
    """Return where the run stands with the changed inputs."""
    roads, dispatch = stands.roads, stands.dispatch
    if roads is not None:
        (side, fresh), (then, begun) = case.open_roads(), former.open_roads()
        left, draw = pending_mwh(then, roads), pending_mwh(side, roads)
        if not math.isclose(left, draw, rel_tol=SAME_ENERGY):
            raise CheckpointError(
                f"a fork cannot change what those who left before still draw: {left:.6g} MWh, with the change "
                f"{draw:.6g} MWh (ev.charging_load, energy and times of visits); run the changed scenario from the "
                "beginning"
            )
        roads = rebased_roads(side, fresh, begun, roads)
    if dispatch is not None:
        dispatch = rebased_dispatch(case.grid_side(), dispatch)
    return replace(stands, roads=roads, dispatch=dispatch)


def _begun(
    store: RunStore,
    parent: Parent,
    state: StoredState,
    loaded: LoadedScenario,
    case: SimulationCase,
    command: Sequence[str],
) -> Resumable:
    """Fill the folder of the new run as if it had come to the period itself; the manifest, last, makes it a run."""
    begins: Document = {
        "folder": str(parent.folder.resolve()), "period": parent.period, "manifest_sha256": parent.manifest_sha256,
        "set": list(loaded.overrides),
    }  # fmt: skip
    content = manifest_of(loaded, case, command, parent=begins)
    state = replace(state, run=manifest_sha256(content))
    try:
        for period in parent.periods:
            shutil.copytree(period.folder, store.folder / "periods" / period.folder.name)
        write_state(store.folder, state)
    except OSError as error:
        raise StorageError(f"run folder '{store.folder}' cannot be written: {error.strerror or error}") from error
    write_folder(loaded, store.folder / "scenario")
    store.begin(content, places_of(case))
    periods, _ = intact(store.folder)
    return Resumable(
        folder=store.folder,
        manifest=content,
        manifest_sha256=state.run,
        periods=tuple(periods),
        state=state,
        notices=(),
    )
