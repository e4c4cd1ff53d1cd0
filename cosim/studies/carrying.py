"""Carry out one row: whatever it does, it ends in an outcome."""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cosim.errors import CosimError, InputError
from cosim.quantities.status import EXIT_ORDER
from cosim.results import files
from cosim.studies.rows import Measured, work_of
from cosim.studies.store import FLAGGED, OK, RAISED, REFUSED, UNTRUSTED, Outcome

_UNTRUSTED = EXIT_ORDER[0]
_REASON = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker needs to know of a row.

    Attributes
    ----------
    hash, number
        Of the row.
    assignments, seed
        What is set on top of the base scenario.
    attempt
        Which one it is.
    """

    hash: str
    number: int
    assignments: tuple[str, ...]
    seed: int
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for all rows of a study: base scenario, what is done, what is kept, and where run folders stay."""

    scenario: str
    kind: str
    measures: tuple[str, ...]
    tables: tuple[str, ...]
    runs: str
    kept: str


def carry_out(job: Job, terms: Terms) -> Outcome:
    """Carry a row out in a folder of its own, and tell how it ended."""
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    scratch = Path(tempfile.mkdtemp(prefix="cosim-row-"))
    try:
        outcome = _outcome(job, terms, scratch / "run")
        if terms.runs == "all" or (terms.runs == "flagged" and outcome.status != OK):
            _keep(scratch / "run", Path(terms.kept) / job.hash)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    effort = {
        "cpu_s": time.process_time() - cpu_s, "wall_s": time.perf_counter() - wall_s, "attempt": job.attempt,
        "peak_mib": peak_bytes() / 2**20,
    }  # fmt: skip
    return Outcome(**{**outcome.document(), "effort": effort})


def peak_bytes() -> int:
    """Return the most memory that this process has held.

    ``ru_maxrss`` of a child holds what its parent had taken when it was started, where that shared its memory until
    then; the kernel's own count is of the process as it is.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _outcome(job: Job, terms: Terms, folder: Path) -> Outcome:
    """Return how the row ended; what it raises is its result."""
    try:
        found = work_of(terms.kind)(terms.scenario, job.assignments, job.seed, folder, terms.tables)
    except InputError as error:
        return Outcome(hash=job.hash, status=REFUSED, exit_code=error.exit_code, reason=_short(str(error)))
    except CosimError as error:
        return Outcome(hash=job.hash, status=RAISED, exit_code=error.exit_code, reason=_short(str(error)))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's row may raise anything; it is that row's result
        last = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
        return Outcome(hash=job.hash, status=RAISED, exit_code=1, reason=_short(reason))
    return Outcome(
        hash=job.hash, status=status_of(found.exit_code), exit_code=found.exit_code,
        reason=_short("; ".join(found.reasons)), values=_kept(found, terms), units=_units(found, terms),
        tables=found.tables,
    )  # fmt: skip


def status_of(exit_code: int) -> str:
    """Return the status of a row whose command ended by itself.

    >>> status_of(0), status_of(10), status_of(6)
    ('ok', 'flagged', 'untrusted')
    """
    if exit_code == 0:
        return OK
    return UNTRUSTED if exit_code == _UNTRUSTED else FLAGGED


def _kept(found: Measured, terms: Terms) -> Mapping[str, float | None]:
    finite = {
        key: value if value is not None and abs(value) < float("inf") else None for key, value in found.values.items()
    }
    if not terms.measures:
        return finite
    return {key: finite.get(key) for key in terms.measures}


def _units(found: Measured, terms: Terms) -> Mapping[str, str]:
    return {key: unit for key, unit in found.units.items() if unit and (not terms.measures or key in terms.measures)}


def _keep(run: Path, target: Path) -> None:
    """Move a run folder to where it stays; of two attempts the later one stays."""
    if run.exists():
        for path in (*run.rglob("*"), run):
            files.sync(path)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(run, target)


def _short(text: str) -> str:
    return text if len(text) <= _REASON else text[: _REASON - 1] + "…"
