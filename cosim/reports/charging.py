"""Series of charging that the summary adds up: payments, energy by both accounts, vehicles that charge later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cosim.quantities.labels import LABELS
from cosim.reports import frames
from cosim.reports.frames import PeriodAxis
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

Series = tuple[str, str, "pd.Series[float]", str]
"""Key, label, values by period number, unit."""
SERVED = "p_served_mw"
CHARGERS_UNSERVED = "chargers_not_served_mwh"
SUPPOSED = "if drawn in time (not in this run)"
"""Of the account in time where the grid saw all energy in the period of departure."""


def totals(result: RunResult, axis: PeriodAxis, money: str) -> Iterator[Series]:
    """Yield what is to be summed over the periods.

    Energy by period of departure and in time are told only where they differ, what chargers did not give only where a
    station was asked for too much.
    """
    if "stations" in result:
        stations = result["stations"]
        for column, label in (("energy_payment", LABELS["energy_payment"]), ("fee_payment", "Drivers pay as fees")):
            if column in stations and (paid := frames.by_period(stations, column, axis)).ne(0.0).any():
                yield column, label, paid, money
        if overloaded(result):
            demanded = frames.by_period(stations, "p_demand_mw", axis) * axis.period_h
            yield "ev_demand_mwh", LABELS["ev_demand_mwh"], demanded, "MWh"
            left = frames.by_period(stations, "unserved_mwh", axis)
            yield CHARGERS_UNSERVED, LABELS[CHARGERS_UNSERVED], left, "MWh"
        if shift(result, axis) is not None:
            for column, key, label in (
                ("p_instant_mw", "departed_mwh", "Charging by departure"),
                ("p_kernel_mw", "drawn_mwh", in_time(result, "Charging drawn in time", "Charging")),
            ):
                yield key, label, frames.by_period(stations, column, axis) * axis.period_h, "MWh"
    if "ev_later_vph" in (periods := result["periods"]):
        later = _indexed(periods, "ev_later_vph") * axis.period_h
        yield "later_vehicles", LABELS["later_vehicles"], later, "veh"


def overloaded(result: RunResult) -> bool:
    """Whether some station was asked for more than its chargers could give; runs of earlier versions do not say."""
    if "stations" not in result or SERVED not in result["stations"]:
        return False
    return bool(result["stations"]["overloaded"].astype(bool).any())


def given_by_chargers(stations: pd.DataFrame) -> str:
    """Return the column of the load that chargers gave; in runs of earlier versions that was all that was demanded."""
    return SERVED if SERVED in stations else "p_demand_mw"


def beyond_chargers_mwh(result: RunResult, axis: PeriodAxis) -> pd.Series[float]:
    """Return by how much more energy was demanded than chargers gave in each period; negative where a queue is served.

    Exactly 0 where no station was asked for too much.
    """
    stations = result["stations"]
    excess = frames.numbers(stations, "p_demand_mw") - frames.numbers(stations, SERVED)
    return frames.by_period(stations.assign(beyond_mw=excess), "beyond_mw", axis) * axis.period_h


def backlog_mwh(result: RunResult, axis: PeriodAxis) -> pd.DataFrame:
    """Return the energy of those who wait for a charger when each period ends, stations by periods."""
    return frames.matrix(result["stations"], "station", "backlog_mwh", axis)


def shift(result: RunResult, axis: PeriodAxis) -> pd.Series[float] | None:
    """Return the power of all stations in time less that by departure, by period; None where they do not differ."""
    if "stations" not in result or not {"p_kernel_mw", "p_instant_mw"} <= set(result["stations"].columns):
        return None
    stations = result["stations"]
    apart = frames.by_period(stations, "p_kernel_mw", axis) - frames.by_period(stations, "p_instant_mw", axis)
    return apart if apart.ne(0.0).any() else None


def in_time(result: RunResult, told: str, supposed: str) -> str:
    """Return the label of a number of the account in time: ``told`` where the grid saw that account, else supposed."""
    seen = frames.setting(result, "ev", "charging_load") == "kernel"
    return told if seen else f"{supposed}, {SUPPOSED}"


def carried_over_mwh(result: RunResult, axis: PeriodAxis) -> float:
    """Return the energy that is still to be drawn when the last period ends."""
    return float(frames.by_period(result["stations"], "pending_mwh", axis).iloc[-1])


def _indexed(periods: pd.DataFrame, column: str) -> pd.Series[float]:
    return frames.numbers(periods, column).set_axis(periods["period"].to_numpy())
