"""Read what a run stored of its stations back: load, prices, queues."""

from __future__ import annotations

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.plan import DispatchCase
from cosim.results.charging import station_price_rel
from cosim.results.store import RunResult
from cosim.results.stored import matrix
from cosim.scenario.case import SimulationCase
from cosim.validation.audit import StoredStations
from cosim.validation.gate import Figures
from cosim.validation.stored import StoredDispatch


def stored_charging_mw(result: RunResult, case: SimulationCase, stored: StoredDispatch) -> Array:
    """Return the charging load that the dispatch was solved for, per station of the dispatch, shape (s, T).

    In a price-flow loop it lies within the loop's tolerance of what the roads sent; without an answer, it is that.
    """
    if case.roads is None:
        if case.given_load_mw is None:
            return np.zeros((0, stored.length))
        return case.given_load_mw[:, : stored.length]
    dispatch = case.dispatch
    if dispatch is None or not (names := dispatch.station_names):
        return np.zeros((0, stored.length))
    table, periods = result["stations"], stored.periods.tolist()
    sent, energy, curtailed = (
        matrix(table, "station", column, names, periods) for column in ("p_served_mw", "energy_mwh", "curtailed_mw")
    )
    answered = energy / dispatch.period_h + curtailed
    return np.where(np.isfinite(answered), answered, sent)


def station_figures(
    result: RunResult,
    case: SimulationCase,
    dispatch: DispatchCase,
    stored: StoredDispatch,
    stations: StoredStations | None,
) -> dict[int, Figures]:
    """Return what the gate judges of the stations, recomputed from the stored tables, by position of the period."""
    paid = _prices_paid(result, case, dispatch, stored)
    load = {} if stations is None else stations.figures(dispatch.period_h)
    return {
        k: {name: float(values[k]) for name, values in load.items()} | {"station_price_rel": paid.get(k)}
        for k in range(stored.length)
    }


def _prices_paid(
    result: RunResult, case: SimulationCase, dispatch: DispatchCase, stored: StoredDispatch
) -> dict[int, float]:
    """Return the check of what drivers pay, from the stored tables, where they pay nodal prices."""
    rows = result["periods"]
    if "coupling_nodal" not in rows or not dispatch.station_names:
        return {}
    paid, dual = (
        matrix(result["stations"], "station", name, dispatch.station_names, stored.periods.tolist())
        for name in ("price_per_mwh", "nodal_price_per_mwh")
    )
    curtailment, elastic = dispatch.settings.ev_curtailment_price_per_mwh, stored.flag("elastic")
    found: dict[int, float] = {}
    for k in np.flatnonzero(rows["coupling_nodal"].fillna(False).astype(bool)):
        check = station_price_rel(
            {"price_per_mwh": paid[:, k], "nodal_price_per_mwh": dual[:, k]},
            markup=case.coupling.markup, curtailment_price_per_mwh=curtailment if elastic[k] else None,
        )  # fmt: skip
        found |= {int(k): float(value) for value in check.values() if value is not None}
    return found


def stored_stations(
    result: RunResult, case: SimulationCase, dispatch: DispatchCase, stored: StoredDispatch
) -> StoredStations | None:
    """Return the stations of a run; None where it has none at a feeder."""
    roads = case.roads
    if roads is None or not dispatch.station_names:
        return None
    table = result["stations"]

    def column(name: str) -> Array:
        return matrix(table, "station", name, dispatch.station_names, stored.periods.tolist())

    price = None
    if case.coupling.ev_price != "none" and "price_per_mwh" in table:
        price = column("price_per_mwh")
    elif case.coupling.ev_price == "none":
        price = np.repeat(dispatch.tariff_per_mwh[None, :], len(dispatch.station_names), axis=0)
    served_by = {station.name: n for n, station in enumerate(roads.stations)}
    at = [served_by[name] for name in dispatch.station_names]
    return StoredStations(
        flow_vph=column("flow_vph"),
        demand_mw=column("p_demand_mw"),
        served_mw=column("p_served_mw"),
        backlog_mwh=column("backlog_mwh"),
        unserved_mwh=column("unserved_mwh"),
        power_mw=case.chargers().power_mw[at],
        curtailed_mw=column("curtailed_mw"),
        energy_mwh=column("energy_mwh"),
        looking_vph=roads.charging_vph[: stored.length],
        later_vph=stored.numbers("ev_later_vph") if roads.charge_later else np.zeros(stored.length),
        pending_mwh=column("pending_mwh") if roads.charging_load == "kernel" else None,
        price_per_mwh=price,
        energy_payment=column("energy_payment") if "energy_payment" in table else None,
        energy_kwh=roads.energy_kwh,
    )
