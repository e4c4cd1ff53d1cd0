"""Put what a run told of its stations together: load, prices, queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.plan import DispatchCase
from cosim.errors import StorageError
from cosim.records.grid import ServedRows
from cosim.records.period import PeriodRecord
from cosim.records.traffic import StationRows
from cosim.results.charging import station_price_rel
from cosim.scenario.case import SimulationCase
from cosim.validation.audit import StoredStations
from cosim.validation.gate import Figures

T = TypeVar("T")


def stored_charging_mw(records: Sequence[PeriodRecord], case: SimulationCase) -> Array:
    """Return the charging load that the dispatch was solved for, per station of the dispatch, shape (s, T).

    In a price-flow loop it lies within the loop's tolerance of what the roads sent; without an answer, it is that.
    """
    dispatch = case.dispatch
    if case.roads is None and case.given_load_mw is not None:
        return case.given_load_mw[:, : len(records)]
    if case.roads is None or dispatch is None or not dispatch.station_names:
        return np.zeros((0, len(records)))
    sent = np.stack([one.p_served_mw for one in _seen(records)], axis=1)
    answered = np.stack([one.energy_mwh / dispatch.period_h + one.curtailed_mw for one in _served(records)], axis=1)
    return np.where(np.isfinite(answered), answered, sent)


def station_figures(
    records: Sequence[PeriodRecord], case: SimulationCase, dispatch: DispatchCase, stations: StoredStations | None
) -> dict[int, Figures]:
    """Return what the gate judges of the stations, recomputed from what was told, by position of the period."""
    load = {} if stations is None else stations.figures(dispatch.period_h)
    limit = dispatch.settings.ev_curtailment_price_per_mwh
    return {
        k: {name: float(values[k]) for name, values in load.items()}
        | station_price_rel(one, markup=case.coupling.rule.markup, curtailment_price_per_mwh=limit)
        for k, one in enumerate(records)
    }


def stored_stations(
    records: Sequence[PeriodRecord], case: SimulationCase, dispatch: DispatchCase
) -> StoredStations | None:
    """Return the stations of a run; None where it has none at a feeder."""
    roads = case.roads
    if roads is None or not dispatch.station_names:
        return None
    told = [one.traffic for one in records if one.traffic is not None]
    seen, served = _seen(records), _served(records)
    paid = [one.paid.energy_payment for one in records if one.paid is not None]
    price = _over_time([one.price_per_mwh for one in seen])
    if not case.coupling.rule.seen:
        price = np.repeat(dispatch.tariff_per_mwh[None, :], len(dispatch.station_names), axis=0)
    served_by = {station.name: n for n, station in enumerate(roads.stations)}
    at = [served_by[name] for name in dispatch.station_names]
    return StoredStations(
        flow_vph=np.stack([one.flow_vph for one in seen], axis=1),
        demand_mw=np.stack([one.p_demand_mw for one in seen], axis=1),
        served_mw=np.stack([one.p_served_mw for one in seen], axis=1),
        backlog_mwh=np.stack([one.backlog_mwh for one in seen], axis=1),
        unserved_mwh=np.stack([one.unserved_mwh for one in seen], axis=1),
        power_mw=case.chargers().power_over(0, len(records))[at],
        curtailed_mw=np.stack([one.curtailed_mw for one in served], axis=1),
        energy_mwh=np.stack([one.energy_mwh for one in served], axis=1),
        looking_vph=roads.charging_vph[: len(records)], later_vph=np.array([one.ev_later_vph or 0.0 for one in told]),
        pending_mwh=_over_time([one.pending_mwh for one in seen]) if roads.charging_load == "kernel" else None,
        price_per_mwh=price, energy_payment=_over_time(paid), energy_kwh=roads.energy_kwh,
    )  # fmt: skip


def _seen(records: Sequence[PeriodRecord]) -> list[StationRows]:
    """Return the stations of every period as the roads see them."""
    found = [one.traffic.stations for one in records if one.traffic is not None and one.traffic.stations is not None]
    return _complete(found, records)


def _served(records: Sequence[PeriodRecord]) -> list[ServedRows]:
    """Return the stations of every period as the dispatch sees them."""
    found = [one.dispatch.stations for one in records if one.dispatch is not None and one.dispatch.stations is not None]
    return _complete(found, records)


def _complete(found: list[T], records: Sequence[PeriodRecord]) -> list[T]:
    if len(found) != len(records):
        raise StorageError("a period of the run tells nothing of its stations; was it written by another version?")
    return found


def _over_time(columns: Sequence[Array | None]) -> Array | None:
    """Return a column of all periods, shape (s, T); None where nobody told it."""
    told = [one for one in columns if one is not None]
    return np.stack(told, axis=1) if told and len(told) == len(columns) else None
