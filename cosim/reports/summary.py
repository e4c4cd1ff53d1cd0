"""The numbers at the end of a run as plain data; the command line and the page only lay them out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosim.grid.topology import listed
from cosim.quantities.labels import LABELS, term_of
from cosim.reports import charging, frames, loading, micro_summary
from cosim.reports.frames import PeriodAxis
from cosim.reports.rows import Row, Section
from cosim.results.store import RunResult
from cosim.results.stored import stored_claim

if TYPE_CHECKING:
    import pandas as pd

_HUNDRED = 100.0
UNSERVED = {
    "ev_curtailed_mw": "ev_not_served_mwh",
    "shed_mw": "load_not_served_mwh",
    "not_supplied_mw": "not_supplied_mwh",
}
"""Columns of what was not served, and the keys of their energy."""
FORESEEN = "later periods are foreseen with currents that no power flow has, and what they cost is in the price"
"""Why prices of such periods are to be read with care."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The table at the end of a run.

    Attributes
    ----------
    title
        The scenario's title.
    exit_code
        Exit code of the run.
    complete
        Whether every planned period was committed.
    sections
        Run, cost, energy, voltage, loading, exactness, trust ledger, roads, microsimulation: those that the run has.
    """

    title: str
    exit_code: int
    complete: bool
    sections: tuple[Section, ...]

    def __getitem__(self, key: str) -> Row:
        """Return the row with this key.

        Raises
        ------
        KeyError
            If there is none.
        """
        for section in self.sections:
            for row in section.rows:
                if row.key == key:
                    return row
        raise KeyError(f"the summary has no row {key!r}")

    def __contains__(self, key: object) -> bool:
        return any(row.key == key for section in self.sections for row in section.rows)


def summarise(result: RunResult) -> Summary:
    """Return the numbers at the end of a run.

    Extreme values carry the period and the place where they stand. A sum over periods of which some have no value
    says so in its note; nothing missing counts as zero.
    """
    result = result if isinstance(result, frames.ReadOnce) else frames.ReadOnce(result)
    parts = {"Run": _run_rows(result)}
    if "periods" in result:
        axis, periods = frames.period_axis(result), result["periods"]
        grid, roads = "buses" in result, "links" in result
        parts["Cost"] = _cost_rows(periods, frames.currency(result)) if grid else iter(())
        parts["Energy"] = _energy_rows(result, periods, axis)
        parts["Charging"] = _charging_rows(result, axis)
        parts["Voltage"] = _voltage_rows(result, axis) if grid else iter(())
        parts["Loading"] = loading.rows(result, axis)
        parts["Exactness"] = _exactness_rows(result, periods, axis) if grid else iter(())
        parts["Trust ledger"] = _ledger_rows(result)
        parts["Roads"] = _road_rows(result, periods, axis) if roads else iter(())
        parts["Microsimulation"] = micro_summary.rows(result, axis)
    sections = [Section(title=title, rows=tuple(rows)) for title, rows in parts.items()]
    return Summary(
        title=frames.title(result),
        exit_code=result.exit_code,
        complete=result.complete,
        sections=tuple(section for section in sections if section.rows),
    )


def _run_rows(result: RunResult) -> Iterator[Row]:
    counts = result.run.get("periods", {})
    found = result.verdict
    if found.later:
        yield Row(key="worst", label=LABELS["worst"], value=found.worst, note=", ".join(found.parts))
    yield Row(key="exit_code", label=LABELS["exit_code"], value=result.exit_code)
    committed, planned = counts.get("committed"), counts.get("planned")
    yield Row(key="periods", label="Periods committed", value=f"{committed} of {planned}")
    for status, count in result.run.get("period_statuses", {}).items():
        yield Row(key=f"status_{status}", label=f"Status {status}", value=int(count), unit="periods")
    yield from _outage_rows(result)


def _outage_rows(result: RunResult) -> Iterator[Row]:
    """Yield every outage of the scenario, and the buses that one of a line leaves without supply."""
    for number, one in enumerate(result.manifest.get("resolved", {}).get("outages", ()), start=1):
        what = f"station {one['station']}" if one["line"] is None else f"line {one['line']}"
        when = f"period {one['from']}" if one["from"] == one["to"] else f"periods {one['from']} to {one['to']}"
        known = "" if one["announced"] else ", unannounced"
        yield Row(key=f"outage_{number}", label="Outage", value=f"{what}, {when}{known}")
    if "buses" in result and "supplied" in (buses := result["buses"]):
        dark = dict.fromkeys(buses["bus"][~buses["supplied"].astype(bool)].astype(str))
        yield Row(key="buses_without_supply", label="Buses without supply", value=listed(list(dark)) or "none")


def _cost_rows(periods: pd.DataFrame, money: str) -> Iterator[Row]:
    """Yield the cost by term; a term that a solved period does not have is zero there."""
    if "cost" not in periods:
        return
    solved = frames.numbers(periods, "cost").notna()
    paid = frames.numbers(periods, "cost")
    for column in (name for name in map(str, periods.columns) if name.startswith("cost_")):
        term = term_of(column.removeprefix("cost_"))
        values = frames.numbers(periods, column)
        values = values.mask(solved & values.isna(), 0.0)
        if not term.paid:
            paid, values = paid - values, _without_noise(values)
        yield _total(column, term.label, values, periods["period"], money)
    yield _total("paid", LABELS["paid"], paid, periods["period"], money)
    yield _total("cost", LABELS["cost"], frames.numbers(periods, "cost"), periods["period"], money)


def _energy_rows(result: RunResult, periods: pd.DataFrame, axis: PeriodAxis) -> Iterator[Row]:
    """Yield import, losses, energy by kind of device and by station."""
    number, dt = periods["period"], axis.period_h
    if "import_mw" in periods:
        power = frames.numbers(periods, "import_mw")
        yield _total("import_mwh", "Import", power * dt, number, "MWh")
        yield _extreme("import_peak_mw", "Largest import", _indexed(power, number), "MW")
    if "loss_mw" in periods:
        yield _total("loss_mwh", "Losses", frames.numbers(periods, "loss_mw") * dt, number, "MWh")
    if "devices" in result:
        yield from _device_rows(result, dt)
    if "stations" in result:
        yield from _station_rows(result["stations"], axis)
    for column, key in UNSERVED.items():
        if column in periods:
            yield _total(key, LABELS[key], _without_noise(frames.numbers(periods, column) * dt), number, "MWh")


def _device_rows(result: RunResult, dt: float) -> Iterator[Row]:
    """Yield what each kind of device gave over the day; what stores energy or moves load by what it moved."""
    devices, kinds = result["devices"], frames.kinds(result)
    for kind in dict.fromkeys(devices["kind"]):
        traits = kinds[str(kind)]
        if traits.side == "exchange" or traits.last_resort:
            continue  # import and unserved load have rows of their own
        rows = devices[devices["kind"] == kind]
        power = frames.numbers(rows, "p_mw")
        moved = power.clip(lower=0.0) if traits.stores or traits.returns else power
        yield _total(f"{kind}_mwh", traits.energy, moved * dt, rows["period"], "MWh")


def _station_rows(stations: pd.DataFrame, axis: PeriodAxis) -> Iterator[Row]:
    """Yield the energy charged per station and in all; what chargers would give, where no grid answered."""
    served = frames.known(stations, "energy_mwh")
    column, scale = ("energy_mwh", 1.0) if served else (charging.given_by_chargers(stations), axis.period_h)
    if column not in stations:
        return
    energy = frames.numbers(stations, column) * scale
    name = stations["station"].astype(str)
    for station in dict.fromkeys(name):
        at = name == station
        yield _total(f"station_{station}_mwh", f"Station {station}", energy[at], stations["period"][at], "MWh")
    yield _total("stations_mwh", LABELS["stations_mwh"], energy, stations["period"], "MWh")


def _charging_rows(result: RunResult, axis: PeriodAxis) -> Iterator[Row]:
    """Yield payments, vehicles that charge later, and energy by departure and in time where they differ."""
    for key, label, values, unit in charging.totals(result, axis, frames.currency(result)):
        yield _total(key, label, values, values.index.to_series(), unit)
    if charging.overloaded(result):
        waiting = charging.backlog_mwh(result, axis)
        yield _extreme_of("backlog_mwh", "Largest queue left at the end of a period", waiting, "MWh", "station")
    if (shift := charging.shift(result, axis)) is not None:
        carried = charging.carried_over_mwh(result, axis)
        left = charging.in_time(result, LABELS["carried_over_mwh"], LABELS["carried_over_mwh"])
        yield Row(key="carried_over_mwh", label=left, value=carried, unit="MWh")
        moved = charging.in_time(result, "Largest shift of power by time", "Largest shift of power")
        yield _extreme("shifted_mw", moved, shift.abs(), "MW")


def _voltage_rows(result: RunResult, axis: PeriodAxis) -> Iterator[Row]:
    """Yield lowest and highest voltage, relaxed and AC."""
    buses = result["buses"]
    for column, key in (("vm_pu", "pu"), ("vm_ac_pu", "ac_pu")):
        if column in buses:
            values = frames.matrix(buses, "bus", column, axis).rename(index=frames.called(buses, "bus"))
            yield _extreme_of(f"vmin_{key}", LABELS[f"vmin_{key}"], values, "pu", "bus", lowest=True)
            yield _extreme_of(f"vmax_{key}", LABELS[f"vmax_{key}"], values, "pu", "bus")


def _exactness_rows(result: RunResult, periods: pd.DataFrame, axis: PeriodAxis) -> Iterator[Row]:
    """Yield the largest cone gap and the largest differences from the AC power flow."""
    if "lines" in result and "cone_gap_pu2" in result["lines"]:
        gap = frames.matrix(result["lines"], "line", "cone_gap_pu2", axis).abs()
        yield _extreme_of("cone_gap_pu2", "Largest cone gap", gap, "pu²", "line")
    yield from _price_rows(periods)
    yield from _largest(
        periods,
        ("cone_gap_rel", "Largest cone gap, relative", ""),
        ("ac_dv_pu", "Largest AC difference, voltage", "pu"),
        ("ac_dloss_kw", "Largest AC difference, losses", "kW"),
        ("ac_di_a", "Largest AC difference, current", "A"),
        ("injection_error_mw", "Largest injection error", "MW"),
        ("energy_balance_mw", "Largest energy imbalance", "MW"),
    )


def _price_rows(periods: pd.DataFrame) -> Iterator[Row]:
    """Yield which periods have no nodal prices, and why."""
    if "price_objection" not in periods:
        return
    words = periods["price_objection"].fillna("").astype(str)
    for reason in dict.fromkeys(words[words != ""]):
        where = frames.listed_periods(periods["period"][words == reason].astype(int).tolist())
        yield Row(key="price_objection", label="Nodal prices", value=f"none in {where}", note=reason)
    if "later_gap_rel" in periods:
        where = frames.listed_periods(periods["period"][periods["later_gap_rel"].notna()].astype(int).tolist())
        yield Row(key="later_gap_rel", label="Nodal prices", value=f"as foreseen in {where}", note=FORESEEN)


def _ledger_rows(result: RunResult) -> Iterator[Row]:
    """Yield what `cosim verify` found: bound, AC cost, gap, exactness, audit, robustness."""
    if "ledger_run" not in result:
        return
    whole, money = result["ledger_run"].iloc[0], frames.currency(result)
    kind = str(whole["bound_kind"])
    if claim := stored_claim(result):
        yield Row(key="equilibrium", label="Coupled equilibrium", value=claim.sentence)
    yield Row(key="lower_bound", label="Lower bound", value=_finite(whole["lower_bound"]), unit=money, note=kind)
    yield Row(key="ac_cost", label="Cost with AC import and losses", value=_finite(whole["ac_cost"]), unit=money)
    gap = _finite(whole["gap_rel"])
    note = "no upper bound: an AC limit is broken, or the bound is missing" if gap is None else ""
    yield Row(key="ledger_gap_rel", label="Cost above the bound, relative", value=gap, note=note)
    if said := str(whole.get("local_optimum_said") or ""):
        local, above = _finite(whole["local_optimum"]), _finite(whole["local_gap_rel"])
        yield Row(key="local_optimum", label="Best local AC optimum found", value=local, unit=money, note=said)
        yield Row(key="local_gap_rel", label="Cost above that local optimum, relative", value=above, note="no bound")
    yield Row(key="exactness", label="Relaxation", value=str(whole["exactness"]), note="worst period")
    if "ledger" in result:
        broken = result["ledger"]["violations"].to_numpy()
        yield Row(key="ac_violations", label="AC limits broken", value=int(broken.sum()))
    closes = "closes" if bool(whole["audit_closes"]) else "open"
    yield Row(key="audit", label="Audit of energy and money", value=closes)
    if (share := _finite(whole["robust_share"])) is not None:
        yield Row(key="robust_percent", label="Disturbed power flows inside limits", value=_HUNDRED * share, unit="%")


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _road_rows(result: RunResult, periods: pd.DataFrame, axis: PeriodAxis) -> Iterator[Row]:
    """Yield residuals and work of the equilibrium, the busiest link and the longest wait."""
    yield from _largest(
        periods,
        ("sue_residual", LABELS["sue_residual"], ""),
        ("sue_iterations", "Most iterations", ""),
        ("coupling_residual_mw", "Largest residual of the coupling", "MW"),
        ("coupling_rounds", "Most rounds of the coupling", ""),
        ("coupling_bound_vph", LABELS["coupling_bound_vph"], "veh/h"),
    )
    claim = stored_claim(result)
    if claim is not None and not math.isfinite(claim.bound_vph):
        yield Row(key="coupling_objection", label="Coupled equilibrium", value=claim.sentence)
    if "stations" in result and "above_knee" in result["stations"]:
        stations = result["stations"]
        for column, label in (("overloaded", "Overloaded stations"), ("above_knee", "Stations above the knee")):
            over = stations[stations[column].astype(bool)]
            names = ", ".join(dict.fromkeys(over["station"].astype(str)))
            yield Row(key=column, label=label, value=len(over), unit="station periods", where=names)
    flow = frames.matrix(result["links"], "link", "flow_vph", axis)
    yield _extreme_of("link_flow_vph", "Busiest link", flow, "veh/h", "link")
    if "stations" in result and "wait_min" in result["stations"]:
        wait = frames.matrix(result["stations"], "station", "wait_min", axis)
        yield _extreme_of("wait_min", "Longest expected wait", wait, "min", "station")


def _largest(periods: pd.DataFrame, *measures: tuple[str, str, str]) -> Iterator[Row]:
    """Yield the largest size of columns of table ``periods``."""
    for column, label, unit in measures:
        if column in periods:
            yield _extreme(column, label, _indexed(frames.numbers(periods, column).abs(), periods["period"]), unit)


def _without_noise(values: pd.Series[float]) -> pd.Series[float]:
    """Return amounts that cannot be negative without the solver's rounding below zero."""
    return values.clip(lower=0.0)


def _indexed(values: pd.Series[float], period: pd.Series[int]) -> pd.Series[float]:
    return values.set_axis(period.to_numpy())


def _total(key: str, label: str, values: pd.Series[float], period: pd.Series[int], unit: str) -> Row:
    """Return the sum of the known values, and the periods that have none."""
    gaps = sorted({int(number) for number in period[values.isna()]})
    total = None if values.isna().all() else float(values.sum())
    return Row(key=key, label=label, value=total, unit=unit, note=_gap_note(gaps, known=total is not None))


def _extreme(key: str, label: str, values: pd.Series[float], unit: str) -> Row:
    """Return the largest value of a series over the periods."""
    gaps = [int(period) for period in values.index[values.isna()]]
    if len(gaps) == len(values):
        return Row(key=key, label=label, value=None, unit=unit, note=_gap_note(gaps, known=False))
    top = float(values.max())
    value = int(top) if math.isfinite(top) and not unit and top >= 1.0 and top == int(top) else top
    return Row(key=key, label=label, value=value, unit=unit, period=int(values.idxmax()), note=_gap_note(gaps))


def _extreme_of(key: str, label: str, values: pd.DataFrame, unit: str, what: str, *, lowest: bool = False) -> Row:
    """Return the extreme of a matrix, with its period and the bus, line, link or station."""
    signed = -values if lowest else values
    best = signed.max()
    row = _extreme(key, label, best, unit)
    if row.period is None:
        return row
    value = float(-best[row.period] if lowest else best[row.period])
    where = f"{what} {signed[row.period].idxmax()}"
    gaps = [int(period) for period in values.columns[values.isna().any()]]
    return Row(key=key, label=label, value=value, unit=unit, period=row.period, where=where, note=_gap_note(gaps))


def _gap_note(gaps: Iterable[int], *, known: bool = True) -> str:
    """Return which periods have no value."""
    missing = list(gaps)
    if not known:
        return "no value in any period"
    return f"no value in {frames.listed_periods(missing)}" if missing else ""
