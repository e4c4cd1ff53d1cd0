"""How a run ended: what ``run.json`` says, or what is known of a run whose end nobody wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cosim.errors import StorageError
from cosim.plain import Document
from cosim.results.committed import CommittedPeriod
from cosim.results.lock import is_at_work
from cosim.results.manifest import has_sums
from cosim.results.reserve import LOST
from cosim.results.sums import Damaged, holds_own_sum, read_object
from cosim.results.verdict import Verdict, read_verdict

UNFINISHED = "unfinished"
KILLED = 137
"""Exit code of a run that is unfinished: what a shell says of a process that was killed."""
WITHOUT_END = "restore it; a run without it opens as far as it is committed"


def ending(folder: Path, manifest: Document, periods: Sequence[CommittedPeriod]) -> dict[str, Any]:
    """Return what stands in ``run.json``; of an unfinished run, what would.

    Raises
    ------
    Damaged
        If it is not as it was written.
    """
    path = folder / "run.json"
    content = read_object(path) if path.exists() or path.is_symlink() else None
    if content is not None and has_sums(manifest) and not holds_own_sum(content):
        raise Damaged(f"'{path}' was changed after it was written", WITHOUT_END)
    if content is not None and content.get("status") != UNFINISHED:
        return content
    try:
        found = unfinished(folder, manifest, periods, content or {})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(f"'{path}' is damaged: {type(error).__name__} {error}") from error
    return lost(found) if (folder / LOST).exists() else found


def lost(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a run that ended and could not say so."""
    told = "{committed} of {planned} periods are committed".format(**found["periods"])
    verdict = {**found["verdict"], "run": StorageError.exit_code, "worst": StorageError.exit_code}
    return {
        **found, "status": "incomplete", "exit_code": StorageError.exit_code, "verdict": verdict,
        "reasons": [f"run.json is lost: the disk was full when the run ended; {told}"],
    }  # fmt: skip


def unfinished(
    folder: Path, manifest: Document, periods: Sequence[CommittedPeriod], noted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what ``run.json`` would hold, of the periods that are committed.

    Parameters
    ----------
    folder, manifest
        The run.
    periods
        What it committed.
    noted
        What an earlier verification or validation of the unfinished run left in ``run.json``; may be empty.

    Raises
    ------
    Damaged
        If a gate's judgement is not as it was written.
    """
    planned = int(str(manifest.get("periods", len(periods))))
    statuses = [str(one.gate().get("status")) for one in periods]
    verdict = (
        replace(read_verdict(noted), committed=len(periods)) if noted else Verdict(run=KILLED, committed=len(periods))
    )
    why = "it still runs" if is_at_work(folder) else f"it was killed ('cosim run {folder} --resume' goes on)"
    return {
        "status": UNFINISHED,
        "exit_code": KILLED,
        "reasons": [f"{why}: {len(periods)} of {planned} periods are committed"],
        "periods": {"planned": planned, "committed": len(periods)},
        "period_statuses": dict(Counter(statuses)),
        "verdict": verdict.as_dict(),
    }
