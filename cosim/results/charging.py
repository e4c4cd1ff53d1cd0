"""What results say of charging beyond load and price: payments, prices without the loss penalty, who charges later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.arrays import Array
from cosim.charging.overload import Chargers, Served
from cosim.charging.stations import Station
from cosim.quantities.checks import relative
from cosim.records.period import PaidRows, PeriodRecord
from cosim.traffic.charge_later import later
from cosim.traffic.paths import PathSet
from cosim.units import kw_to_mw


def payments(record: PeriodRecord, stations: Sequence[Station], *, period_h: float) -> PaidRows | None:
    """Return what drivers pay at each station in a period; None without stations.

    Energy is paid when it is drawn, at the price that drivers see in that period, or at the tariff where they see none;
    energy that was not served is not paid. The fee is paid by everybody who comes, and not by who leaves unserved.

    Parameters
    ----------
    record
        What was told of the period.
    stations
        In the order of its rows.
    period_h
        Length of the period.
    """
    rows = None if record.traffic is None else record.traffic.stations
    if rows is None:
        return None
    fees = np.array([one.access_fee for one in stations])
    fee = fees * rows.flow_vph * period_h - fees * rows.unserved_veh
    tariff = None if record.dispatch is None else np.array(record.dispatch.tariff_per_mwh)
    price = tariff if rows.price_per_mwh is None else rows.price_per_mwh
    served = None if record.dispatch is None else record.dispatch.stations
    energy_mwh = rows.p_served_mw * period_h if served is None else served.energy_mwh
    paid = None if price is None else energy_mwh * price
    return PaidRows(station=rows.station, energy_payment=paid, fee_payment=fee)


def station_price_rel(
    record: PeriodRecord, *, markup: float, curtailment_price_per_mwh: float | None
) -> dict[str, float]:
    """Return the check of the prices that drivers pay, from what was told alone; nothing without nodal prices.

    What one more MWh costs at a station is the dual of its bus's balance; where charging can be curtailed, no more than
    that: ``paid = (1 + markup) min(dual, curtailment price)`` at every station, whatever is drawn there.

    Parameters
    ----------
    record
        What was told of the period.
    markup
        Of the retail price.
    curtailment_price_per_mwh
        Price of curtailed charging; it counts where that was part of the model.
    """
    dispatch, traffic = record.dispatch, record.traffic
    if dispatch is None or traffic is None or not traffic.coupling.coupling_nodal:
        return {}
    served, seen = dispatch.stations, traffic.stations
    if (
        served is None
        or seen is None
        or seen.price_per_mwh is None
        or not np.isfinite(served.nodal_price_per_mwh).all()
    ):
        return {}
    dual = served.nodal_price_per_mwh
    limit = curtailment_price_per_mwh if dispatch.elastic else None
    cost = dual if limit is None else np.minimum(dual, limit)
    paid = seen.price_per_mwh / (1.0 + markup)
    return {"station_price_rel": float(np.max(relative("station_price_rel", paid - cost, cost), initial=0.0))}


def charging_columns(
    chargers: Chargers, served: Served, arriving_mw: ArrayLike, position: int, *, energy_kwh: float
) -> dict[str, NDArray[Any]]:
    """Return what a period's stations are asked for and serve.

    Parameters
    ----------
    chargers, served, arriving_mw
        Of the whole day, as in `Chargers.serve`; who waits when its last period ends counts as unserved.
    position
        The period, from 0.
    energy_kwh
        Energy of one visit; 0 where nobody charges.
    """
    told = served.closed()
    per_visit_mwh = kw_to_mw(energy_kwh)
    found = {
        "p_demand_mw": np.array(arriving_mw, dtype=float)[:, position],
        "p_served_mw": told.p_mw[:, position],
        "overloaded": chargers.overloaded(served)[:, position],
    }
    if chargers.out is not None:
        found["out"] = chargers.out[:, position]
    for name, energy_mwh in (("backlog", told.backlog_mwh), ("unserved", told.unserved_mwh)):
        column = energy_mwh[:, position]
        found[f"{name}_mwh"] = column
        found[f"{name}_veh"] = column / per_visit_mwh if per_visit_mwh > 0.0 else np.zeros_like(column)
    return found


def charging_gate(chargers: Chargers, served: Served, p_served_mw: ArrayLike, position: int) -> dict[str, float]:
    """Return what the gate judges of a period's stations; nothing without stations.

    Parameters
    ----------
    chargers, served
        Of the whole day, as in `Chargers.serve`.
    p_served_mw
        The load that the grid is asked for, shape (s,), MW.
    position
        The period, from 0.
    """
    if not chargers.power_mw.size:
        return {}
    beyond = np.asarray(p_served_mw, dtype=float) - chargers.power_in(position)
    excess = chargers.excess_mw(served)[:, position]
    return {"station_excess_mw": float(excess.max()), "station_beyond_mw": max(float(beyond.max()), 0.0)}


def without_loss_penalty(price_per_mwh: ArrayLike, marginal_loss: ArrayLike, *, loss_price_per_mwh: float) -> Array:
    """Return nodal prices less the part that the weight of losses in the objective adds.

    ``lambda - mu dLoss/dLoad``: where the import balances one more MWh, ``lambda = rho + (rho + mu) dLoss/dLoad`` plus
    congestion, so what is left is the money that one more MWh costs.

    Parameters
    ----------
    price_per_mwh
        Nodal prices lambda.
    marginal_loss
        dLoss/dLoad of their buses, MW per MW.
    loss_price_per_mwh
        Weight mu.
    """
    price, slope = np.asarray(price_per_mwh, dtype=float), np.asarray(marginal_loss, dtype=float)
    return price - loss_price_per_mwh * slope


def charge_later_figures(paths: PathSet, path_flow_vph: ArrayLike) -> dict[str, float]:
    """Return how many of those who look for a station charge later, and their share; nothing without that way out.

    The share is NaN where nobody looks for a station.
    """
    out = later(paths)
    if not out.any():
        return {}
    flow = np.asarray(path_flow_vph, dtype=float)
    looking = np.array([one.needs_station for one in paths.commodities], dtype=bool)[paths.commodity]
    passing, total = float(flow[out].sum()), float(flow[looking].sum())
    return {"ev_later_vph": passing, "ev_later_share": passing / total if total > 0.0 else float("nan")}
