"""How loaded lines and transformers were: the fullest of each, and every transformer with its hours above 100 %."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cosim.arrays import BoolArray
from cosim.reports import frames
from cosim.reports.frames import PeriodAxis
from cosim.reports.rows import Row
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

TRANSFORMERS = ("trafo", "trafo3w")
FULL = 100.0


def told(lines: pd.DataFrame) -> bool:
    """Whether the lines are branches of a feeder with transformers, whose ids say what they are."""
    return "kind" in lines


def transformers(lines: pd.DataFrame) -> BoolArray:
    """Return which rows are transformers."""
    import numpy as np

    return np.asarray(lines["kind"].isin(TRANSFORMERS), dtype=bool) if told(lines) else np.zeros(len(lines), dtype=bool)


def most_percent(lines: pd.DataFrame) -> pd.Series[float]:
    """Return the loading that is allowed of each row: its rating where the net says nothing else."""
    import pandas as pd

    if "max_loading_percent" not in lines:
        return pd.Series(FULL, index=lines.index)
    return frames.numbers(lines, "max_loading_percent").fillna(FULL)


def rows(result: RunResult, axis: PeriodAxis) -> Iterator[Row]:
    """Yield the largest loading of every transformer and of the fullest line, with the hours above 100 %.

    Only of feeders with transformers; of others the margin tells.
    """
    if "lines" not in result or not told(result["lines"]) or not frames.known(result["lines"], "loading_percent"):
        return
    lines, transformer = result["lines"], transformers(result["lines"])
    yield from _of(lines[transformer], axis)
    fullest = sorted(_of(lines[~transformer], axis), key=lambda row: float(row.value or 0.0), reverse=True)
    yield from fullest[:1]


def _of(lines: pd.DataFrame, axis: PeriodAxis) -> Iterator[Row]:
    """Yield a row for each branch that has a rating."""
    if lines.empty:
        return
    percent = frames.matrix(lines, "line", "loading_percent", axis)
    for name, values in percent.iterrows():
        if values.notna().any():
            hours = axis.period_h * int((values > FULL).sum())
            yield Row(
                key=f"loading_{name}", label=f"Loading of {name}", value=float(values.max()), unit="%",
                period=int(values.idxmax()), note=f"{hours:g} h above 100 %",
            )  # fmt: skip
