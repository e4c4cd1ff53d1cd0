"""What a stopped run can go on from: its newest intact periods, and where it stood after them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cosim.coupling.checkpoint import Checkpoint
from cosim.errors import CheckpointError, StorageError
from cosim.plain import Document
from cosim.results.commit import TEMPORARY
from cosim.results.committed import CommittedPeriod, period_folders
from cosim.results.digest import stored_digest
from cosim.results.manifest import check_format
from cosim.results.reserve import END, LOST, RESERVED, reserve
from cosim.results.states import KEPT, StoredState, drop_states, note_resumption, read_state
from cosim.results.sums import Damaged, checked, digest, read_sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumable:
    """A run that was stopped.

    Attributes
    ----------
    folder
        The run folder.
    manifest, manifest_sha256
        Its manifest.
    periods
        The intact periods that it goes on behind.
    state
        Where it stood after them; None if it begins again.
    notices
        What was damaged, and is computed again.
    """

    folder: Path
    manifest: Mapping[str, Any]
    manifest_sha256: str
    periods: tuple[CommittedPeriod, ...]
    state: StoredState | None
    notices: tuple[str, ...]

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Where everything stood; None at the beginning."""
        return None if self.state is None else self.state.checkpoint

    def clear(self) -> None:
        """Remove what the run left behind the periods, and what only a run that ended has; the newest periods first.

        Raises
        ------
        StorageError
            If it cannot be removed.
        """
        count = len(self.periods)
        try:
            for name in (END, LOST, "report.html"):
                (self.folder / name).unlink(missing_ok=True)
            if not (self.folder / RESERVED).exists():
                reserve(self.folder)
            for folder in (self.folder / "tables", *self.folder.glob(f"{TEMPORARY}*")):
                shutil.rmtree(folder, ignore_errors=not folder.exists())
            for folder in reversed(period_folders(self.folder)):
                if int(folder.name) > count:
                    shutil.rmtree(folder)
            drop_states(self.folder, lambda period: count - KEPT < period <= count)
        except OSError as error:
            raise StorageError(f"run folder '{self.folder}' cannot be cleared: {error.strerror or error}") from error

    def note(self) -> None:
        """Write down that the run goes on, and behind which period."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        told: Document = {"after_period": len(self.periods), "at": now, "notices": list(self.notices)}
        note_resumption(self.folder, told)


def read_manifest(folder: Path) -> tuple[Mapping[str, Any], str]:
    """Return the manifest of a run and its SHA-256, if it and the run's own scenario are as they were written.

    Raises
    ------
    CheckpointError
        If a file was changed, or the run is of a version that kept no states.
    StorageError
        If it is no run folder, or of a format that is not known.
    """
    path = folder / "manifest.json"
    if not folder.is_dir():
        raise StorageError(f"there is no run folder '{folder}'")
    if not path.is_file():
        raise StorageError(
            f"'{folder}' has no manifest.json: it is no run folder, or its run was killed before it began; remove it "
            "then, and run the scenario again"
        )
    try:
        sums = read_sums(folder, needed=True) or {}
        for name in sums:
            checked(folder, name, sums)
        content = checked(folder, path.name, sums)
        found = json.loads(content)
        check_format(found, folder)
    except (Damaged, ValueError) as error:
        raise CheckpointError(
            f"{error}; a run goes on with its own scenario, unchanged: restore the file, or run the changed scenario "
            f"anew: cosim run {folder / 'scenario'}"
        ) from error
    return found, digest(content)


def resumable(folder: Path) -> Resumable:
    """Find what a stopped run can go on from: its newest period, or the one before it if that is damaged.

    Raises
    ------
    CheckpointError
        If there is neither.
    StorageError
        If it is no run folder.
    """
    found, own = read_manifest(folder)
    sound, notices = intact(folder)
    last = len(period_folders(folder))
    for count in range(len(sound), max(last - KEPT, -1), -1):
        state = None
        if count:
            try:
                state = read_state(folder, count, of_run=own)
            except CheckpointError as error:
                notices.append(str(error))
                continue
            if stored_digest(sound[:count]) != state.digest:
                notices.append(f"periods 1 to {count} hold other numbers than were committed: one is another run's")
                continue
        return Resumable(
            folder=folder, manifest=found, manifest_sha256=own, periods=tuple(sound[:count]), state=state,
            notices=tuple(notices),
        )  # fmt: skip
    raise CheckpointError(
        f"run '{folder}' cannot go on: {'; '.join(notices)}; the newest {KEPT} states are kept, so run its scenario "
        f"again: cosim run {folder / 'scenario'}"
    )


def intact(folder: Path) -> tuple[list[CommittedPeriod], list[str]]:
    """Return the committed periods of a run up to the first that is damaged, and what is damaged."""
    sound: list[CommittedPeriod] = []
    for found in period_folders(folder):
        number = len(sound) + 1
        if int(found.name) != number:
            return sound, [f"period {number} is missing"]
        try:
            (period := CommittedPeriod(found, sealed=True)).check()
        except Damaged as damage:
            return sound, [f"period {number} is damaged: {damage}"]
        sound.append(period)
    return sound, []
