"""What SUMO drove and measured in a run, for the table at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cosim.reports import frames
from cosim.reports.charging import given_by_chargers
from cosim.reports.frames import PeriodAxis
from cosim.reports.rows import Row
from cosim.results.store import RunResult
from cosim.units import min_to_h

if TYPE_CHECKING:
    import pandas as pd

WINDOWS = "windows"
_PERCENT = 100.0
_MINUTE_H = min_to_h(1.0)
"""Length of a row of ``micro_stations``."""


def rows(result: RunResult, axis: PeriodAxis) -> Iterator[Row]:
    """Yield mode, vehicles, waits at chargers, energy and voltage; nothing where SUMO was not to run."""
    mode = frames.setting(result, "microsim", "mode")
    driven = "micro_quality" in result
    if not driven and mode in (None, "off"):
        return
    engine = frames.setting(result, "microsim", "engine")
    told = "" if engine is None else f"engine {engine}"
    yield Row(key="micro_mode", label="Mode", value=None if mode is None else str(mode), note=told)
    simulated = sorted({int(period) for period in result["micro_quality"]["period"]}) if driven else []
    note = frames.listed_periods(simulated) if 0 < len(simulated) < len(axis.numbers) else ""
    told = f"{len(simulated)} of {len(axis.numbers)}"
    yield Row(key="micro_periods", label="Periods simulated", value=told, note=note)
    if driven:
        yield from _vehicles(result["micro_quality"], warmed=mode == WINDOWS)
    if "micro_sessions" in result:
        yield from _waits(result["micro_sessions"], measured_only=mode == WINDOWS)
    if "micro_stations" in result:
        yield from _energies(result, axis)
    if "ac_measured" in result:
        yield _lowest_voltage(result["ac_measured"])


def _vehicles(quality: pd.DataFrame, *, warmed: bool) -> Iterator[Row]:
    """Yield seeds, sums over periods and seeds, and the worst shares of the vehicles of one simulated period."""
    seeds = sorted({int(seed) for seed in quality["seed"]})
    yield Row(key="micro_seeds", label="Seeds", value=", ".join(map(str, seeds)))
    notes = (f"sum over {len(seeds)} seeds" if len(seeds) > 1 else "", "warm-up included" if warmed else "")
    note = ", ".join(filter(None, notes))
    for column, label, unit in (
        ("loaded", "Vehicles loaded", "veh"),
        ("teleports", "Teleports", ""),
        ("collisions", "Collisions", ""),
    ):
        yield Row(key=f"micro_{column}", label=label, value=int(quality[column].sum()), unit=unit, note=note)
    loaded = frames.numbers(quality, "loaded").clip(lower=1.0)
    for column, label in (
        ("unfinished", "Late vehicles, largest share"),
        ("never_inserted", "Vehicles never inserted, largest share"),
    ):
        share = _PERCENT * frames.numbers(quality, column) / loaded
        worst = int(share.to_numpy().argmax())
        at = quality.iloc[worst]
        there = share.iloc[worst] > 0.0
        yield Row(
            key=f"micro_{column}_percent",
            label=label,
            value=float(share.iloc[worst]),
            unit="%",
            period=int(at["period"]) if there else None,
            where=f"seed {at['seed']}" if there and len(seeds) > 1 else "",
        )


def _waits(sessions: pd.DataFrame, *, measured_only: bool) -> Iterator[Row]:
    """Yield mean and longest wait of those plugged in; windows: after the warm-up. Who still waits has no wait yet."""
    plug = frames.numbers(sessions, "plug_min")
    waiting = int(plug.isna().sum())
    note = f"{waiting} still waited at the end" if waiting else ""
    counted = sessions[(plug > 0.0) if measured_only else plug.notna()]
    keys = (("micro_wait_mean_min", "Mean wait at chargers"), ("micro_wait_min", "Longest wait at chargers"))
    if counted.empty:
        missing = ", ".join(filter(None, ("nobody was plugged in", note)))
        yield from (Row(key=key, label=label, value=None, unit="min", note=missing) for key, label in keys)
        return
    wait = frames.numbers(counted, "wait_min")
    (mean_key, mean_label), (key, label) = keys
    count = f"{len(wait):,} vehicles"
    yield Row(key=mean_key, label=mean_label, value=float(wait.mean()), unit="min", note=count)
    top = counted.iloc[int(wait.to_numpy().argmax())]
    there = float(wait.max()) > 0.0
    yield Row(
        key=key,
        label=label,
        value=float(wait.max()),
        unit="min",
        period=int(top["period"]) if there else None,
        where=f"station {top['station']}" if there else "",
        note=note,
    )


def _energies(result: RunResult, axis: PeriodAxis) -> Iterator[Row]:
    """Yield the energy that SUMO's vehicles drew, mean over the seeds, and what was planned in the same periods."""
    measured, stations = result["micro_stations"], result["stations"]
    by_seed = (frames.numbers(measured, "p_mw") * _MINUTE_H).groupby([measured["period"], measured["seed"]]).sum()
    drawn = by_seed.groupby(level="period").mean()
    several = measured["seed"].nunique() > 1
    yield Row(
        key="micro_energy_mwh",
        label="Energy charged in the simulation",
        value=float(drawn.sum()),
        unit="MWh",
        note="mean over the seeds" if several else "",
    )
    served = frames.known(stations, "energy_mwh")
    column, scale = ("energy_mwh", 1.0) if served else (given_by_chargers(stations), axis.period_h)
    plan = (frames.by_period(stations, column, axis) * scale).reindex(drawn.index)
    gaps = [int(period) for period in plan.index[plan.isna()]]
    yield Row(
        key="micro_planned_mwh",
        label="Energy planned in these periods",
        value=None if gaps else float(plan.sum()),
        unit="MWh",
        note=f"no value in {frames.listed_periods(gaps)}" if gaps else "",
    )


def _lowest_voltage(measured: pd.DataFrame) -> Row:
    """Return the lowest voltage of the power flows under the measured load, and how many found no state."""
    lost = int((~measured["converged"].astype(bool)).sum())
    note = f"{lost} of {len(measured)} power flows found no state" if lost else ""
    label, voltage = "Lowest voltage, AC with the measured load", frames.numbers(measured, "vmin_ac_pu")
    if voltage.isna().all():
        return Row(key="micro_vmin_ac_pu", label=label, value=None, unit="pu", note=note)
    period = int(measured["period"].iloc[int(voltage.fillna(float("inf")).to_numpy().argmin())])
    return Row(key="micro_vmin_ac_pu", label=label, value=float(voltage.min()), unit="pu", period=period, note=note)
