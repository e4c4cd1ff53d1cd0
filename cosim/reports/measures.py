"""The numbers by which runs are compared: those of the summary, and sums over all vehicles, drivers and buses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cosim.quantities.checks import REFERENCE_MW, limits_of, sized_limit
from cosim.quantities.labels import LABELS
from cosim.reports import frames
from cosim.reports.charging import (
    CHARGERS_UNSERVED,
    beyond_chargers_mwh,
    carried_over_mwh,
    given_by_chargers,
    overloaded,
)
from cosim.reports.frames import PeriodAxis
from cosim.reports.margins import margins
from cosim.reports.rows import Row, Section
from cosim.reports.summary import UNSERVED, summarise
from cosim.results.store import RunResult
from cosim.results.verdict import LATER
from cosim.units import h_to_min, min_to_h

if TYPE_CHECKING:
    import pandas as pd

_LAST_RESORTS = {
    "cost_ev_curtailment": "ev_not_served_mwh",
    "cost_load_shedding": "load_not_served_mwh",
}
VERDICT = "Verdict"
"""Title of the section that holds exit codes and counts of statuses, not measures."""
_GRID = ("import_mwh", "import_peak_mw", "loss_mwh")
_COUPLING = ("coupling_rounds", "coupling_residual_mw")


def measures(result: RunResult) -> tuple[Section, ...]:
    """Return the numbers of a run that comparisons show, in sections.

    A number that the run cannot give (no roads, no grid) has no row. A sum over periods of which one has no value is
    None, with a note: sums over different periods cannot stand side by side.
    """
    summary = summarise(result)
    told = {row.key: _whole(row) for section in summary.sections for row in section.rows}
    axis = frames.period_axis(result)
    charging = list(_charging(result, axis))
    shed = [row for column in ("shed_mw", "not_supplied_mw") for row in _not_served(result, axis, column)]
    unserved = {row.key: row for row in (*charging, *shed)}
    parts = {
        VERDICT: [*_verdict(result), *(row for key, row in told.items() if key.startswith("status_"))],
        "Cost": [*_costs(told, unserved), *_payments(result, axis)],
        "Charging": [*charging, *_later(result, axis), *(row for key, row in told.items() if _is_station(key))],
        "Grid": [*(told[key] for key in _GRID if key in told), *shed, *margins(result)],
        "Roads": [*_road_times(result, axis), *(told[key] for key in ("wait_min",) if key in told)],
        "Coupling": [*(told[key] for key in _COUPLING if key in told), *_certificate(result)],
    }
    return tuple(Section(title=title, rows=tuple(rows)) for title, rows in parts.items() if rows)


def _verdict(result: RunResult) -> Iterator[Row]:
    """Yield the exit codes, the worst first; a partial validation names its periods in the note."""
    found = result.verdict
    yield Row(key="worst", label=LABELS["worst"], value=found.worst)
    yield Row(key="exit_code", label=LABELS["exit_code"], value=found.run)
    for name, one in found.later.items():
        partial = len(one.periods) < found.committed
        note = f"of period {', '.join(map(str, one.periods))} alone" if partial else ""
        yield Row(key=name, label=f"Exit code of the {LATER[name]}", value=one.exit_code, note=note)


def _whole(row: Row) -> Row:
    """Return a row of the summary, without its value where that misses periods."""
    if not row.note.startswith("no value in"):
        return row
    return Row(key=row.key, label=row.label, value=None, unit=row.unit, note=row.note)


def _is_station(key: str) -> bool:
    return key.startswith("station_") and key.endswith("_mwh")


def _costs(told: Mapping[str, Row], unserved: Mapping[str, Row]) -> Iterator[Row]:
    """Yield payments, penalties and their sum; a last resort that was not used cost nothing."""
    if "cost" not in told:
        return
    total = told["cost"]
    yield told["paid"]
    for key, amount in _LAST_RESORTS.items():
        unused = amount in unserved and unserved[amount].value == 0.0
        nothing = Row(key=key, label=LABELS[amount], value=None if total.value is None else 0.0, unit=total.unit)
        yield nothing if unused or key not in told else told[key]
    if "cost_not_supplied" in told:  # of a scenario with outages of lines alone
        yield told["cost_not_supplied"]
    yield total


def _payments(result: RunResult, axis: PeriodAxis) -> Iterator[Row]:
    """Yield what drivers pay for energy: at the price they see, or the tariff where they see none."""
    periods, label = result["periods"], LABELS["energy_payment"]
    if "stations" in result and frames.known(result["stations"], "price_per_mwh"):
        stations = result["stations"]
        energy = frames.numbers(stations, given_by_chargers(stations)) * axis.period_h
        if "energy_mwh" in stations:  # a grid answered
            energy = frames.numbers(stations, "energy_mwh")
        paid, note = energy * frames.numbers(stations, "price_per_mwh"), "at the price that drivers see"
        yield _total("ev_payments", label, paid, stations["period"], frames.currency(result), note)
    elif "ev_mw" in periods and "tariff_per_mwh" in periods:
        served = frames.numbers(periods, "ev_mw") - frames.numbers(periods, "ev_curtailed_mw").clip(lower=0.0)
        paid = served * axis.period_h * frames.numbers(periods, "tariff_per_mwh")
        yield _total("ev_payments", label, paid, periods["period"], frames.currency(result), "at the tariff")


def _charging(result: RunResult, axis: PeriodAxis) -> Iterator[Row]:
    """Yield charging demanded, what chargers and what the grid did not serve of it, and not served at most."""
    periods = result["periods"]
    if "ev_mw" not in periods:
        return
    demand = frames.numbers(periods, "ev_mw") * axis.period_h
    over = overloaded(result)
    if over:
        demand = demand + beyond_chargers_mwh(result, axis).to_numpy()
    yield _total("ev_demand_mwh", LABELS["ev_demand_mwh"], demand, periods["period"], "MWh")
    if over:
        stations = result["stations"]
        left = frames.numbers(stations, "unserved_mwh")
        yield _total(CHARGERS_UNSERVED, LABELS[CHARGERS_UNSERVED], left, stations["period"], "MWh")
    yield from _not_served(result, axis, "ev_curtailed_mw")
    missed = _beyond_rounding(result, "ev_curtailed_mw").set_axis(periods["period"].to_numpy())
    yield _worst("ev_not_served_mw", "Largest power not served", missed, "MW")


def _later(result: RunResult, axis: PeriodAxis) -> Iterator[Row]:
    """Yield who charges later, and what is still to be drawn at the end where the grid saw charging in time."""
    periods = result["periods"]
    if "ev_later_vph" in periods:
        vehicles = frames.numbers(periods, "ev_later_vph") * axis.period_h
        yield _total("later_vehicles", LABELS["later_vehicles"], vehicles, periods["period"], "veh")
    seen = frames.setting(result, "ev", "charging_load") == "kernel"
    if seen and "stations" in result and "pending_mwh" in result["stations"]:
        left = carried_over_mwh(result, axis)
        yield Row(key="carried_over_mwh", label=LABELS["carried_over_mwh"], value=left, unit="MWh")


def _not_served(result: RunResult, axis: PeriodAxis, column: str) -> Iterator[Row]:
    periods, key = result["periods"], UNSERVED[column]
    if column in periods:
        energy = _beyond_rounding(result, column) * axis.period_h
        yield _total(key, LABELS[key], energy, periods["period"], "MWh")


def _beyond_rounding(result: RunResult, column: str) -> pd.Series[float]:
    """Return power not served, where it is more than what the gate takes for the solver's rounding; else zero."""
    values = frames.numbers(result["periods"], column)
    limits = limits_of(result.manifest.get("gates", {}))
    own = frames.numbers(result["periods"], "own_power_mw") if "own_power_mw" in result["periods"] else REFERENCE_MW
    return values.mask(values <= sized_limit("unserved_mw", limits, own), 0.0)


def _road_times(result: RunResult, axis: PeriodAxis) -> Iterator[Row]:
    """Yield vehicle hours on roads and at stations, of which waiting, and the mean wait of a charging vehicle."""
    if "links" in result:
        yield _vehicle_hours("road_veh_h", "Travel time on roads", result["links"], "travel_time_min", axis)
    if "stations" not in result or "wait_min" not in result["stations"]:
        return
    stations = result["stations"]
    if "travel_time_min" in stations:
        yield _vehicle_hours("station_veh_h", "Time at stations", stations, "travel_time_min", axis)
    waits = _vehicle_hours("wait_veh_h", "Waits at stations", stations, "wait_min", axis)
    yield waits
    vehicles = float((frames.numbers(stations, "flow_vph") * axis.period_h).sum())
    if isinstance(waits.value, float) and vehicles > 0.0:
        mean_min = h_to_min(waits.value) / vehicles
        yield Row(key="wait_mean_min", label="Mean wait of a charging vehicle", value=mean_min, unit="min")


def _certificate(result: RunResult) -> Iterator[Row]:
    """Yield in how many periods the distance from the coupled equilibrium is bounded, and the largest bound."""
    periods = result["periods"]
    if not {"coupling_bound_vph", "coupling_objection"} & set(periods.columns):
        return
    known = "coupling_bound_vph" in periods
    bound = frames.numbers(periods, "coupling_bound_vph") if known else periods["period"] * float("nan")
    bound = bound.set_axis(periods["period"].to_numpy())
    yield Row(key="certified", label="Certified periods", value=int(bound.notna().sum()), unit=f"of {len(bound)}")
    label = LABELS["coupling_bound_vph"]
    if bound.notna().all():
        yield _worst("coupling_bound_vph", label, bound, "veh/h")
        return
    objections = periods.get("coupling_objection", ())
    told = dict.fromkeys(text for text in objections if isinstance(text, str) and text)
    note = f"no claim: {'; '.join(told) or 'unknown'}"
    yield Row(key="coupling_bound_vph", label=label, value=None, unit="veh/h", note=note)


def _vehicle_hours(key: str, label: str, frame: pd.DataFrame, time: str, axis: PeriodAxis) -> Row:
    """Return ``sum over periods and places of flow [veh/h] x period [h] x time [h]``, veh h."""
    hours = frames.numbers(frame, "flow_vph") * axis.period_h * min_to_h(1.0) * frames.numbers(frame, time)
    return _total(key, label, hours, frame["period"], "veh h")


def _total(key: str, label: str, values: pd.Series[float], period: pd.Series[int], unit: str, note: str = "") -> Row:
    """Return the sum, or None with the periods that have no value."""
    gaps = sorted({int(number) for number in period[values.isna()]})
    if gaps:
        return Row(key=key, label=label, value=None, unit=unit, note=f"no value in {frames.listed_periods(gaps)}")
    return Row(key=key, label=label, value=float(values.sum()), unit=unit, note=note)


def _worst(key: str, label: str, values: pd.Series[float], unit: str) -> Row:
    """Return the largest value and its period; the period only where there is anything."""
    gaps = [int(number) for number in values.index[values.isna()]]
    if gaps:
        return Row(key=key, label=label, value=None, unit=unit, note=f"no value in {frames.listed_periods(gaps)}")
    top = float(values.max())
    return Row(key=key, label=label, value=top, unit=unit, period=int(values.idxmax()) if top > 0.0 else None)
