"""What results say of charging beyond load and price: payments, prices without the loss penalty, who charges later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.charging.overload import Chargers, Served
from cosim.charging.stations import Station
from cosim.quantities.checks import Figure, relative
from cosim.traffic.charge_later import later
from cosim.traffic.paths import PathSet
from cosim.units import kw_to_mw

Columns = dict[str, Any]
Figures = dict[str, Figure | None]


def payments(
    stations: Sequence[Station], table: Mapping[str, Any], *, tariff_per_mwh: float | None, period_h: float
) -> Columns:
    """Return what drivers pay at each station in a period.

    Energy is paid when it is drawn, at the price that drivers see in that period, or at the tariff where they see none;
    energy that was not served is not paid. The fee is paid by everybody who comes, and not by who leaves unserved.

    Parameters
    ----------
    stations
        In the order of the table.
    table
        Merged columns of the stations in one period.
    tariff_per_mwh
        Purchase tariff of the period; None without a grid.
    period_h
        Length of the period.

    Returns
    -------
    dict
        ``energy_payment`` (not where there is neither price nor tariff) and ``fee_payment``.
    """
    fees = np.array([one.access_fee for one in stations])
    fee = fees * np.asarray(table["flow_vph"], dtype=float) * period_h
    fee = fee - fees * np.asarray(table["unserved_veh"], dtype=float)
    found: Columns = {"fee_payment": fee.tolist()}
    price = table.get("price_per_mwh", tariff_per_mwh)
    if price is None:
        return found
    served = np.asarray(table["p_served_mw"], dtype=float) * period_h
    energy_mwh = np.asarray(table.get("energy_mwh", served), dtype=float)
    return {"energy_payment": (energy_mwh * np.asarray(price, dtype=float)).tolist()} | found


def station_price_rel(table: Mapping[str, Any], *, markup: float, curtailment_price_per_mwh: float | None) -> Figures:
    """Return the check of the prices that drivers pay, from the stored columns alone; nothing without nodal prices.

    What one more MWh costs at a station is the dual of its bus's balance; where charging can be curtailed, no more than
    that: ``paid = (1 + markup) min(dual, curtailment price)`` at every station, whatever is drawn there.

    Parameters
    ----------
    table
        Columns of the stations in one period: ``price_per_mwh`` (paid) and ``nodal_price_per_mwh`` (the dual).
    markup
        Of the retail price.
    curtailment_price_per_mwh
        Price of curtailed charging, where it was part of the model; else None.
    """
    dual = np.asarray(table["nodal_price_per_mwh"], dtype=float)
    if not np.isfinite(dual).all():
        return {}
    cost = dual if curtailment_price_per_mwh is None else np.minimum(dual, curtailment_price_per_mwh)
    paid = np.asarray(table["price_per_mwh"], dtype=float) / (1.0 + markup)
    return {"station_price_rel": float(np.max(relative("station_price_rel", paid - cost, cost), initial=0.0))}


def charging_columns(
    chargers: Chargers, served: Served, arriving_mw: ArrayLike, position: int, *, energy_kwh: float
) -> Columns:
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
    found: Columns = {
        "p_demand_mw": np.asarray(arriving_mw, dtype=float)[:, position].tolist(),
        "p_served_mw": told.p_mw[:, position].tolist(),
        "overloaded": chargers.overloaded(served)[:, position].tolist(),
    }
    for name, energy_mwh in (("backlog", told.backlog_mwh), ("unserved", told.unserved_mwh)):
        column = energy_mwh[:, position]
        found[f"{name}_mwh"] = column.tolist()
        found[f"{name}_veh"] = (column / per_visit_mwh if per_visit_mwh > 0.0 else np.zeros_like(column)).tolist()
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
    beyond = np.asarray(p_served_mw, dtype=float) - chargers.power_mw
    excess = chargers.excess_mw(served)[:, position]
    return {"station_excess_mw": float(excess.max()), "station_beyond_mw": max(float(beyond.max()), 0.0)}


def without_loss_penalty(
    price_per_mwh: ArrayLike, marginal_loss: ArrayLike, *, loss_price_per_mwh: float
) -> list[float]:
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
    return [float(value) for value in price - loss_price_per_mwh * slope]


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
