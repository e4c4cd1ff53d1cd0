"""A run in a few rows: verdict, margins, what was not served, cost, and what was flagged."""

from __future__ import annotations

from collections.abc import Iterator

from cosim.reports import frames
from cosim.reports.margins import margins
from cosim.reports.summary import UNSERVED, summarise
from cosim.results.result import Shown
from cosim.results.store import RunResult

MOST_REASONS = 3
_FIGURES = ("paid", "cost", *UNSERVED.values(), "gap_rel", "sue_residual")


def headline(result: RunResult) -> Iterator[Shown]:
    """Yield the rows that a notebook shows of a run."""
    result = frames.ReadOnce(result)
    yield "verdict", f"{result.verdict.worst}", ", ".join(result.verdict.parts)
    told = summarise(result)
    for row in (*margins(result), *(told[key] for key in _FIGURES if key in told)):
        yield row.label, f"{row.text} {row.unit}".strip(), row.place
    for reason in result.run.get("reasons", ())[:MOST_REASONS]:
        yield "flagged", "", str(reason)
