"""Upper bounds of the net injection of every bus, from the settings of the devices: no problem is solved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.traits import Given
from cosim.dispatch.plan import DispatchCase


def injection_bounds(case: DispatchCase, ev_mw: ArrayLike, elastic: ArrayLike) -> tuple[Array, Array]:
    """Return the largest P [MW] and Q [Mvar] that each bus can inject, shape (n, T) both.

    The bounds hold in every answer of the dispatch: loads less what devices can cut, plus what devices can give; in
    elastic periods less whatever load can be curtailed. A device whose settings bound nothing gives infinity.

    Parameters
    ----------
    case
        Feeder, devices and loads of T periods.
    ev_mw
        Charging load per station, shape (s, T).
    elastic
        Periods in which the last resorts may act, shape (T,), bool.
    """
    resort = np.asarray(elastic, dtype=bool)
    base_p, base_q = case.supplied_mva
    q = np.where(resort & (base_q > 0.0), 0.0, -base_q)
    p = np.where(resort & (base_p > 0.0), 0.0, -base_p)
    charging = np.where(resort, 0.0, np.asarray(ev_mw, dtype=np.float64))
    np.subtract.at(p, list(case.station_buses), charging)
    for settings in case.devices:
        device = catalogue()[settings.kind]
        if device.side == "exchange":
            continue
        bus = case.feeder.bus_position(settings.bus)
        allowed = device.allowed(settings, given(case, settings, slice(None)))
        most_p = np.minimum(allowed.p_max_mw, allowed.s_max_mva)
        if device.side == "load":
            p[bus] += np.where(resort, 0.0, most_p)
        else:
            p[bus] += most_p
            q[bus] += np.minimum(allowed.q_max_mvar, allowed.s_max_mva)
    return p, q


def ratings_mva(case: DispatchCase) -> Array:
    """Return the ratings of the devices at each bus [MVA], shape (n,); one without any counts nothing."""
    rating = np.zeros(case.feeder.n_buses)
    for settings in case.devices:
        given = [float(getattr(settings, name, None) or 0.0) for name in ("p_max_mw", "s_max_mva")]
        if hasattr(settings, "bus"):
            rating[case.feeder.bus_position(settings.bus)] += min(filter(None, given), default=0.0)
    return rating


def import_min_mw(case: DispatchCase) -> float | None:
    """Return the least import that the exchange with the upstream grid allows; None if there is no such limit."""
    for settings in case.devices:
        device = catalogue()[settings.kind]
        if device.side == "exchange":
            least = float(np.min(device.allowed(settings, given(case, settings, slice(None))).p_min_mw))
            return least if np.isfinite(least) else None
    return None


def given(case: DispatchCase, settings: Any, at: slice) -> Given:  # noqa: ANN401 - any settings
    """Return what a device of the case is given in the periods ``at``."""
    bus = getattr(settings, "bus", None)
    row = case.feeder.slack if bus is None else case.feeder.bus_position(bus)
    return Given(
        period_h=case.period_h,
        tariff_per_mwh=case.tariff_per_mwh[at],
        base_p_mw=case.supplied_mva[0][row, at],
        series={name: values[at] for name, values in case.series.get(settings.name, {}).items()},
        shortfall_price_per_mwh=case.settings.ev_curtailment_price_per_mwh,
        couples_periods=case.settings.mode != "single_period",
    )
