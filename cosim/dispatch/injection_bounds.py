"""Upper bounds of the net injection of every bus, from the settings of the devices: no problem is solved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.dispatch.branch_flow import Array
from cosim.dispatch.devices import catalogue
from cosim.dispatch.plan import DispatchCase

NO_BOUND = np.inf


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
    p, q = -case.base_p_mw, -case.base_q_mvar
    q = np.where(resort & (case.base_q_mvar > 0.0), 0.0, q)
    p = np.where(resort & (case.base_p_mw > 0.0), 0.0, p)
    charging = np.where(resort, 0.0, np.asarray(ev_mw, dtype=np.float64))
    np.subtract.at(p, list(case.station_buses), charging)
    for settings in case.devices:
        side = catalogue()[settings.kind].side
        if side == "exchange":
            continue
        bus = case.feeder.bus_position(settings.bus)
        series = case.series.get(settings.name, {})
        if side == "load":
            p[bus] += np.where(resort, 0.0, _cut_mw(settings, np.maximum(case.base_p_mw[bus], 0.0)))
        else:
            p[bus] += _p_max_mw(settings, series, case.periods)
            q[bus] += _q_max_mvar(settings)
    return p, q


def import_min_mw(case: DispatchCase) -> float | None:
    """Return the least import that the substation allows; None if there is no such limit."""
    for settings in case.devices:
        if settings.kind == "substation":
            if not settings.export:
                return 0.0
            return None if settings.export_max_mw is None else -float(settings.export_max_mw)
    return None


def _cut_mw(settings: Any, base_mw: Array) -> Array:  # noqa: ANN401 - any settings
    """Return how much load a device can take away."""
    share = getattr(settings, "share", None)
    return np.full_like(base_mw, NO_BOUND) if share is None else share * base_mw


def _p_max_mw(settings: Any, series: Any, periods: int) -> Array:  # noqa: ANN401 - any settings
    """Return the most active power of a generator or storage."""
    bounds = [float(getattr(settings, name, None) or NO_BOUND) for name in ("p_max_mw", "s_max_mva")]
    bounds = [bound for bound in bounds if np.isfinite(bound)] or [NO_BOUND]
    most = np.full(periods, min(bounds))
    return np.asarray(np.minimum(most, series["available_mw"]) if "available_mw" in series else most)


def _q_max_mvar(settings: Any) -> float:  # noqa: ANN401 - any settings
    """Return the most reactive power of a generator or storage."""
    if hasattr(settings, "q_max_mvar"):
        return float(settings.q_max_mvar)
    if getattr(settings, "reactive", None) is False and getattr(settings, "power_factor", None) is None:
        return 0.0
    rating = getattr(settings, "s_max_mva", None)
    return NO_BOUND if rating is None else float(rating)
