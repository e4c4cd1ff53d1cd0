"""How near a run came to its limits: the smallest distance to each kind of limit, where and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cosim.quantities.checks import limits_of
from cosim.reports import frames, loading
from cosim.reports.rows import Row
from cosim.results.store import RunResult
from cosim.units import kw_to_mw

if TYPE_CHECKING:
    import pandas as pd

_HUNDRED = 100.0
REACHED, BROKEN = "at its limit", "beyond its limit"
_AT_LIMIT = 1e-6
"""A margin this small, relative to the limit, is none."""


def margins(result: RunResult) -> tuple[Row, ...]:
    """Return the smallest margin of each kind that the run has; its note says where the limit is reached, or broken.

    Voltages are those of the AC power flow, loadings its currents over the ratings; a charger's margin is the station's
    power less what is asked of it.
    """
    return (*voltage_margins(result), *_loading(result), *_chargers(result))


def telling(result: RunResult, found: tuple[Row, ...]) -> int:
    """Return the position of the period that came nearest to a limit: the first one where none is known."""
    periods = list(frames.period_axis(result).numbers) if "periods" in result else []
    return next((periods.index(row.period) for row in found if row.period in periods), 0)


def voltage_margins(result: RunResult) -> Iterator[Row]:
    """Yield the smallest distance of an AC voltage from each limit; negative where the voltage is beyond it."""
    if "buses" not in result or "vm_ac_pu" not in result["buses"]:
        return
    buses = result["buses"]
    voltage = frames.numbers(buses, "vm_ac_pu")
    for key, label, margin in (
        ("margin_low_pu", "Margin above the lower voltage limit", voltage - frames.numbers(buses, "v_min_pu")),
        ("margin_high_pu", "Margin below the upper voltage limit", frames.numbers(buses, "v_max_pu") - voltage),
    ):
        if margin.isna().any():
            yield Row(key=key, label=label, value=None, unit="pu", note="no AC voltage in some period")
            continue
        accepted = limits_of(result.manifest.get("gates", {})).ac_voltage_violation_pu
        yield _standing(_smallest(key, label, margin, "pu", buses, "bus"), 1.0, accepted)


def _loading(result: RunResult) -> Iterator[Row]:
    """Yield how much more current the most loaded line or transformer could carry, of those that have a limit."""
    if "lines" not in result or not frames.known(result["lines"], "loading_percent"):
        return
    lines = result["lines"][frames.numbers(result["lines"], "loading_percent").notna()]
    transformer = loading.transformers(lines)
    word = "" if loading.told(lines) else "line "
    accepted = limits_of(result.manifest.get("gates", {})).ac_current_violation_rel
    for key, label, rows in (
        ("margin_loading_percent", "Room of the most loaded line", lines[~transformer]),
        ("margin_transformer_percent", "Room of the most loaded transformer", lines[transformer]),
    ):
        if len(rows):
            most = loading.most_percent(rows)
            room = _HUNDRED * (most - frames.numbers(rows, "loading_percent")) / most
            row = _smallest(key, label, room, "% of its limit", rows, "line", word=word)
            yield _standing(row, _HUNDRED, _HUNDRED * accepted)


def _chargers(result: RunResult) -> Iterator[Row]:
    """Yield how much more the busiest station's chargers could give."""
    entries = frames.setting(result, "stations")
    if "stations" not in result or "p_demand_mw" not in result["stations"] or not isinstance(entries, list):
        return
    power = {
        str(one["name"]): kw_to_mw(float(one["chargers"]) * float(one["charger_kw"]))
        for one in entries
        if isinstance(one, dict) and one.get("chargers") and one.get("charger_kw")
    }
    table = result["stations"][result["stations"]["station"].astype(str).isin(power)]
    if table.empty:
        return
    rated = np.array([power[name] for name in table["station"].astype(str)])
    room = _HUNDRED * (1.0 - frames.numbers(table, "p_demand_mw") / rated)
    label = "Room of the busiest station's chargers"
    yield _standing(
        _smallest("margin_chargers_percent", label, room, "% of their power", table, "station"), _HUNDRED, 0.0
    )


def _standing(row: Row, limit: float, accepted: float) -> Row:
    """Return a row that says whether its limit is reached, or broken by more than the gate accepts."""
    if not isinstance(row.value, float) or row.value > _AT_LIMIT * limit:
        return row
    return replace(row, note=BROKEN if row.value < -max(accepted, _AT_LIMIT * limit) else REACHED)


def _smallest(
    key: str, label: str, margin: pd.Series[float], unit: str, table: pd.DataFrame, what: str, word: str | None = None
) -> Row:
    """Return the row of the smallest margin; ``word`` stands before the place, ``what`` and a space if None."""
    at = int(np.argmin(margin.to_numpy()))
    place, period = frames.called(table, what)[str(table[what].iloc[at])], int(table["period"].iloc[at])
    where = f"{f'{what} ' if word is None else word}{place}"
    return Row(key=key, label=label, value=float(margin.iloc[at]), unit=unit, period=period, where=where)
