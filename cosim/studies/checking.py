"""Run rows of a study again, in processes of their own, and compare every bit."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from cosim.studies.designs import stream
from cosim.studies.engines.local import LocalEngine
from cosim.studies.folder import StudyFolder
from cosim.studies.running import job_of, terms_of
from cosim.studies.store import TRUSTED, Outcome, read_journals

CHECK = 5
"""Purpose of random numbers: which rows are run again."""


def check_again(folder: StudyFolder, count: int) -> list[str]:
    """Run rows again that ended with numbers, drawn by the study's seed; return what differs, in words."""
    known = read_journals(folder.path)
    rows = [row for row in folder.plan.rows if row.hash in known and known[row.hash].status in TRUSTED]
    chosen = np.random.default_rng(stream(folder.study.seed, 0, CHECK)).permutation(len(rows))[:count]
    again: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="cosim-check-") as elsewhere:  # its claims and run folders are not ours
        engine = LocalEngine(Path(elsewhere), terms_of(folder), folder.study.limits, 1, lambda _: None)
        engine.run([job_of(rows[k]) for k in sorted(chosen.tolist())], lambda one: again.update({one.hash: one}))
    numbers = {row.hash: row.number for row in rows}
    differing = []
    for key, one in again.items():
        before = known[key]
        odd = [
            name for name in sorted({*before.values, *one.values}) if before.values.get(name) != one.values.get(name)
        ]
        if one.status != before.status or odd:
            told = ", ".join(f"{name} {before.values.get(name)!r} -> {one.values.get(name)!r}" for name in odd[:3])
            differing.append(f"row {numbers[key]}: {before.status} -> {one.status}; {len(odd)} measures differ: {told}")
    return differing
