"""The verdict of a validation for the page: what was judged, in words and numbers with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cosim.microsim.port import natures
from cosim.reports import frames
from cosim.results.store import RunResult
from cosim.validation.micro_verdict import SHARES, STATISTICS

if TYPE_CHECKING:
    import pandas as pd

TABLE = "validation_statistics"
SHARE = "share"
_TONES = {"passed": "good", "failed": "bad", "not_comparable_capacity": "warn", "not_comparable_jam": "warn"}
_PRACTICAL = (
    "The scenario's capacities are practical ones of streets with junctions; a simulated lane takes 1,800 veh/h "
    "and meets no junction. Times and route choice are shown, but cannot be judged against each other."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroRow:
    """A statistic as text; ``tone`` colours its verdict."""

    meaning: str
    value: str
    interval: str
    null: str
    limit: str
    word: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroPeriod:
    """A validated period: verdict, how it was simulated, number of seeds, what must be known, and its rows."""

    period: int
    verdict: str
    how: str
    seeds: int
    remark: str
    rows: tuple[MicroRow, ...]


def read(result: RunResult) -> tuple[MicroPeriod, ...]:
    """Return the validated periods of a run; none if it was not validated, or by another version."""
    try:
        table = frames.table(
            result, TABLE, "period", "variant", "length_scale", "step_s", "model", "statistic", "mean", "limit",
            "verdict", "sure",
        )  # fmt: skip
    except frames.NothingToDraw:
        return ()
    periods = sorted(set(table["period"].tolist()))
    return tuple(_period(period, table[table["period"] == period], _jammed(result, period)) for period in periods)


def _jammed(result: RunResult, period: int) -> str:
    """Return which edges fill up in a period, and what follows; nothing where none does."""
    try:
        table = frames.table(result, "validation_jams", "period", "edge", "occupancy", "volume_capacity")
    except frames.NothingToDraw:
        return ""
    rows = table[table["period"] == period].to_dict("records")
    shown = ", ".join(
        f"{row['edge']} ({100.0 * row['occupancy']:.0f} % covered, v/c {row['volume_capacity']:.2f})" for row in rows
    )
    if not rows:
        return ""
    return (
        f"SUMO fills up where the model sees room: the equilibrium says nothing of SUMO in this hour. Edges: {shown}."
    )


def _period(period: int, rows: pd.DataFrame, jammed: str) -> MicroPeriod:
    own = rows[rows["model"] == "SUE"]
    null = {row["statistic"]: row for row in rows[rows["model"] == "null"].to_dict("records")}
    words, variant = set(own["verdict"]), str(own["variant"].iloc[0])
    known = natures().get(variant)
    told = known is not None and (bool(known.basis) or known.needs_law)
    practical = _PRACTICAL if "not_comparable_capacity" in words and not told else ""
    return MicroPeriod(
        period=period,
        verdict="a limit that applies is broken" if "failed" in words else "every limit that applies is kept",
        how=f"{variant} net, length scale {own['length_scale'].iloc[0]:g}, step {own['step_s'].iloc[0]:g} s",
        seeds=int(own["seeds"].max()),
        remark=" ".join(filter(None, (known.remark if known else "", practical, jammed))),
        rows=tuple(_row(row, null.get(row["statistic"])) for row in own.to_dict("records")),
    )


def _row(row: dict[Any, Any], null: dict[Any, Any] | None) -> MicroRow:
    statistic = STATISTICS[row["statistic"]]
    word = str(row["verdict"])
    shown = row["most"] if statistic.every_seed else row["mean"]
    unit = SHARE if row["statistic"] in SHARES else statistic.unit
    bounds = [_text(row[end], unit) for end in ("low", "high")]
    sign = "≥ " if statistic.at_least else "≤ "
    certain = "" if row["sure"] or word not in ("passed", "failed") else ", not certain"
    return MicroRow(
        meaning=statistic.meaning,
        value=_text(shown, unit),
        interval="" if statistic.every_seed or math.isnan(row["low"]) else " to ".join(bounds),
        null=_text(null["mean"], unit) if null is not None else "",
        limit=sign + _text(row["limit"], unit) if math.isfinite(row["limit"]) else "",
        word="" if word == "shown" else word.replace("_", " ") + certain,
        tone=_TONES.get(word, ""),
    )


def _text(value: float, unit: str) -> str:
    if math.isnan(value):
        return "–"
    if unit == SHARE:
        return f"{100.0 * value:.3g} %"
    return f"{value:.3g}" + (f" {unit}" if unit not in ("-", "") else "")
