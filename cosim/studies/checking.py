"""Run rows of a study beside it: again, to compare every bit; or before it, to tell what all of them will take."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cosim.studies.designs import stream
from cosim.studies.engines.local import LocalEngine
from cosim.studies.folder import StudyFolder
from cosim.studies.plan import Row
from cosim.studies.running import job_of, terms_of
from cosim.studies.store import TRUSTED, Outcome, line_of, read_journals
from cosim.units import SECONDS_PER_HOUR

CHECK = 5
"""Purpose of random numbers: which rows are run again."""


def check_again(folder: StudyFolder, count: int) -> list[str]:
    """Run rows again that ended with numbers, drawn by the study's seed; return what differs, in words."""
    known = read_journals(folder.path)
    rows = [row for row in folder.plan.rows if row.hash in known and known[row.hash].status in TRUSTED]
    chosen = np.random.default_rng(stream(folder.study.seed, 0, CHECK)).permutation(len(rows))[:count]
    again = {one.hash: one for one in _elsewhere(folder, [rows[k] for k in sorted(chosen.tolist())])}
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


def taken(folder: StudyFolder) -> str:
    """Return what the rows of a study will take, in words, by two of them: the first one loads what all others use."""
    count = len(folder.plan.rows)
    found = _elsewhere(folder, folder.plan.rows[:2])
    first, last = (float(one.effort.get("cpu_s", math.nan)) for one in (found[0], found[-1]))
    whole_s, size = first + (count - 1) * last, max(len(line_of(one)) for one in found)
    peak = max(float(one.effort.get("peak_mib", math.nan)) for one in found)
    ended = ", ".join(sorted({one.status for one in found}))
    return (
        f"a row takes {last:.2g} s of CPU (the first of a worker {first:.2g}), {peak:,.0f} MiB at most, and ended "
        f"{ended}; {count:,} rows: about {whole_s / SECONDS_PER_HOUR:.2g} h of CPU, "
        f"{count * size / 2**20:.2g} MiB of disk"
    )


def _elsewhere(folder: StudyFolder, rows: Sequence[Row]) -> list[Outcome]:
    """Carry rows out with a child, in a folder of its own: claims and run folders are not the study's."""
    found: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="cosim-check-") as elsewhere:
        engine = LocalEngine(Path(elsewhere), terms_of(folder), folder.study.limits, 1, lambda _: None)
        engine.run([job_of(row) for row in rows], found.append)
    return found
