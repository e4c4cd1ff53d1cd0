"""Carry a study out until a mean is known well enough: block by block, since a design's error is told by its blocks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cosim.errors import UsageError
from cosim.studies.plan import Row
from cosim.studies.statistics import Statistics
from cosim.studies.study_file import Study

DRAWS = 20
"""Draws of a random design behind which its means are looked at."""
_WORDS = re.compile(r"(?P<measure>[^:\s]+):(?P<share>[0-9.eE+-]+)(?P<percent>%?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """What ends a study early: half of the 95 % interval of a measure's mean, as a share of the mean."""

    measure: str
    share: float

    def __str__(self) -> str:
        return f"{self.measure}:{100.0 * self.share:g}%"


def checked_until(text: str) -> Until:
    """Return what ``cost:0.5%`` asks.

    >>> checked_until("cost:0.5%")
    Until(measure='cost', share=0.005)

    Raises
    ------
    UsageError
        If it asks nothing.
    """
    found = _WORDS.fullmatch(text)
    try:
        share = math.nan if found is None else float(found["share"]) / (100.0 if found["percent"] else 1.0)
    except ValueError:
        share = math.nan
    if found is None or not 0.0 < share < 1.0:
        raise UsageError(f"--until: {text!r} is no measure and share; cost:0.5% ends at a mean known to half a percent")
    return Until(measure=found["measure"], share=share)


def blocks_of(study: Study, rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield the rows of each block, whole draws with all their alternatives and replicates.

    Raises
    ------
    UsageError
        If means of this design have no error.
    """
    design = study.design
    if design.kind == "random":
        ends = {row.number: row.draw // DRAWS for row in rows}
    elif design.kind in ("sobol", "lhs") and design.blocks > 1:
        ends = {row.number: row.block for row in rows}
    else:
        told = f"a {design.kind} design" + (" of one block" if design.kind in ("sobol", "lhs") else "")
        raise UsageError(f"--until: means of {told} have no error; take random, or sobol or lhs with design.blocks")
    for block in sorted(set(ends.values())):
        yield [row for row in rows if ends[row.number] == block]


def reached(found: Statistics, until: Until) -> str:
    """Return the mean that is known well enough, in words; empty while one alternative's is not.

    The mean with control variates counts where there is one.

    Raises
    ------
    UsageError
        If no row has the measure.
    """
    rows = [row for row in found.measures if row["measure"] == until.measure]
    if not rows:
        known = sorted({str(row["measure"]) for row in found.measures})
        raise UsageError(f"--until: no row has a measure {until.measure!r}; there are {', '.join(known) or 'none'}")
    told = []
    for row in rows:
        kind = "controlled" if math.isfinite(row["controlled_low"]) else "mean"
        value = row["controlled_mean"] if kind == "controlled" else row["mean"]
        half = (row[f"{kind}_high"] - row[f"{kind}_low"]) / 2.0
        if not half <= until.share * abs(value):
            return ""
        told.append(f"{row['alternative']} {value:.6g} +- {half:.2g}")
    return f"mean {until.measure}: {'; '.join(told)}"
