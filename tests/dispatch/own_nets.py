"""Nets of pandapower as feeders of a dispatch: the feeder, a day on it, and what pandapower says of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks as nets

from cosim.dispatch.controller import Controller
from cosim.dispatch.devices import catalogue
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.dispatch.settings import DispatchSettings
from cosim.grid.feeder import Feeder
from cosim.grid.reduction.own_feeder import feeder_of_net
from cosim.grid.reduction.own_net import ReducedNet, reduced

NETS: dict[str, Callable[[], Any]] = {
    "cigre_mv": nets.create_cigre_network_mv,
    "cigre_mv with der": lambda: nets.create_cigre_network_mv(with_der="pv_wind"),
    "cigre_lv": nets.create_cigre_network_lv,
    "kerber_dorf": nets.create_kerber_dorfnetz,
}


def feeder_of(net: Any, low: float = 0.5, high: float = 1.5, **more: Any) -> tuple[Feeder, ReducedNet]:
    """Return the feeder of a net, and its reduction."""
    found = reduced(net, name="net")
    return feeder_of_net(net, found, v_min_pu=low, v_max_pu=high, **more), found


def device(kind: str, **values: Any) -> Any:
    return catalogue()[kind].Settings(kind=kind, **values)


def case_of(
    feeder: Feeder, *devices: Any, periods: int = 1, load: float = 1.0, price: float = 0.0, loss_price: float = 100.0,
    **more: Any,
) -> DispatchCase:  # fmt: skip
    """Return periods of a feeder's own load; without a price of energy its losses are what is minimised."""
    over_time = np.full(periods, load)
    settings = DispatchSettings(mode="day_ahead", loss_price_per_mwh=loss_price)
    return DispatchCase(
        feeder=feeder, period_h=1.0, devices=(device("substation", name="grid"), *devices),
        series=more.pop("series", {}),
        base_p_mw=np.outer(feeder.p_mw, over_time), base_q_mvar=np.outer(feeder.q_mvar, over_time),
        tariff_per_mwh=np.full(periods, price), settings=settings, **more,
    )  # fmt: skip


def planned(case: DispatchCase, power_flow: Any = None) -> DispatchPlan:
    return Controller(case, power_flow).plan(0, np.zeros((0, case.periods)))


def solved(net: Any, **options: Any) -> Any:
    """Return the net after pandapower's power flow."""
    pp.runpp(net, numba=False, tolerance_mva=1e-10, calculate_voltage_angles=True, max_iteration=30, **options)
    return net
