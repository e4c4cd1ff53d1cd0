"""The periods of a run as they come: each is committed with where the run stands then, and its verdict remembered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cosim import supervision, watchdog
from cosim.coupling.checkpoint import Checkpoint
from cosim.errors import CosimError
from cosim.records.period import PeriodRecord, tables
from cosim.results.committed import CommittedPeriod
from cosim.results.digest import chained
from cosim.results.states import StoredState
from cosim.results.store import RunStore
from cosim.validation.gate import GateCheck, GateRecord, exit_code

Progress = Callable[[PeriodRecord, GateRecord], None]
SHOWN_CHECKS = 4
"""Failed checks that a flagged period's line names; all of them stand in its gate.json."""
REPAIRS = ("restoration", "storage_repair", "diagnosis")
"""Columns of table ``periods`` that tell how a period was repaired, and why it could not serve all."""


class StrictStop(CosimError):
    """A flagged period under ``strict``: the run ends there, with the period committed."""

    exit_code = 6


@dataclass(slots=True)
class Ledger:
    """Commits the periods of a run and remembers their verdicts.

    Attributes
    ----------
    store, progress, strict
        The run folder, who is told of each period, and whether a flagged one ends the run.
    manifest_sha256
        Of the run's manifest, which its states name.
    resumable
        Whether a stopped run may go on: where it stands is stored.
    digest
        Of the tables of all periods so far.
    statuses
        The status of each period.
    flagged
        One line per flagged period; the records themselves are in the run folder, and a year has many.
    """

    store: RunStore
    progress: Progress | None
    strict: bool
    manifest_sha256: str
    resumable: bool = True
    digest: str = ""
    statuses: list[str] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    stopped: str = ""
    stands: Checkpoint | None = None
    commits: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, stands: Checkpoint) -> None:
        """Take where the run stands after the period that is told next."""
        self.stands = stands

    def __call__(self, told: PeriodRecord, judged: GateRecord) -> None:
        """Commit a period; end the run if a signal came, or the period is flagged under ``strict``."""
        found = tables(told)
        with self.commits:
            digest = chained(self.digest, found)
            self.store.commit(told.period, found, judged.as_dict(), self._state(digest))
            self.digest = digest
            self._remember(told.period, judged, {name: values[0] for name, values in found["periods"].items()})
        watchdog.period_ends()
        if self.progress is not None:
            self.progress(told, judged)
        supervision.check()
        if self.strict and exit_code([judged.status]) != 0:
            self.stopped = f"period {told.period} is {judged.status}; --strict ends the run there"
            raise StrictStop(self.stopped)

    def _state(self, digest: str) -> StoredState | None:
        if self.stands is None or not self.resumable:
            return None
        return StoredState(checkpoint=self.stands, run=self.manifest_sha256, digest=digest)

    def recall(self, periods: Sequence[CommittedPeriod]) -> None:
        """Remember the verdicts of periods that were committed before."""
        for period in periods:
            told, table = period.gate(), period.table("periods")
            checks: Any = told["checks"]
            status: Any = told["status"]
            flags: Any = told["flags"]
            judged = GateRecord(checks=tuple(GateCheck(**one) for one in checks), status=status, flags=tuple(flags))
            self._remember(period.number, judged, {} if table is None else table.to_pylist()[0])

    def _remember(self, period: int, judged: GateRecord, row: Mapping[str, Any]) -> None:
        self.statuses.append(judged.status)
        if judged.flags:
            *methods, diagnosis = (str(row.get(name) or "") for name in REPAIRS)
            used = ", ".join(method for method in methods if method)
            told = (_checks(judged), used and f"repaired by {used}", diagnosis)
            self.flagged.append(f"period {period}: {judged.status} ({'; '.join(text for text in told if text)})")

    def reasons(self) -> list[str]:
        """Return one line per flagged period: status, the checks that failed, repair and diagnosis."""
        return [*self.flagged, self.stopped] if self.stopped else list(self.flagged)


def _checks(judged: GateRecord) -> str:
    """Return the first failed checks with their values."""
    checks = [f"{check.name} {_shown(check.value)}" for check in judged.failed]
    more = f", and {len(checks) - SHOWN_CHECKS} more" if len(checks) > SHOWN_CHECKS else ""
    return ", ".join(checks[:SHOWN_CHECKS]) + more


def _shown(value: float | bool | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
