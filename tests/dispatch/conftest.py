"""The default day on the IEEE 33-bus feeder, and smaller windows cut from it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cosim.dispatch.controller import Controller
from cosim.dispatch.devices import catalogue
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.dispatch.settings import DispatchSettings
from cosim.dispatch.tariffs.dynamic import dynamic_tariff
from cosim.grid.feeder import Feeder
from cosim.grid.model import read_feeder

IEEE33 = Path(__file__).parents[2] / "grid_models" / "ieee33"

BASE = np.array(
    [0.58, 0.54, 0.52, 0.51, 0.52, 0.56, 0.62, 0.66, 0.74, 0.80, 0.83, 0.84]
    + [0.82, 0.79, 0.78, 0.80, 0.84, 0.90, 0.97, 1, 0.99, 0.94, 0.82, 0.68]
)
OD = np.array(
    [0.30, 0.22, 0.18, 0.16, 0.18, 0.30, 0.58, 0.90, 1, 0.85, 0.74, 0.72]
    + [0.74, 0.72, 0.74, 0.80, 0.92, 1, 0.95, 0.78, 0.62, 0.52, 0.44, 0.36]
)
PV_MW = (
    np.array(
        [0, 0, 0, 0, 0, 0, 0.043, 0.231, 0.454, 0.664, 0.842, 0.974]
        + [1.05, 1.064, 1.017, 0.91, 0.753, 0.555, 0.335, 0.119, 0.004, 0, 0, 0]
    )
    * (0.9 / 1.064)
    * 0.8
)
WIND_MW = 0.6 * np.array(
    [0.62, 0.66, 0.68, 0.70, 0.66, 0.60, 0.52, 0.44, 0.36, 0.30, 0.28, 0.26]
    + [0.25, 0.26, 0.28, 0.30, 0.34, 0.40, 0.45, 0.50, 0.54, 0.57, 0.60, 0.61]
)
EV_MW = np.outer([0.214, 0.496, 0.250], OD)
STATION_BUSES = ("16", "20", "32")
DR_BUSES = ("7", "8", "24", "25")
LOAD_MW = 3.715


def equivalent_load_mw(ev_mw: np.ndarray = EV_MW) -> np.ndarray:
    return LOAD_MW * BASE + ev_mw.sum(axis=0) - PV_MW - WIND_MW


def tariff_per_mwh(base_per_mwh: float = 550.0) -> np.ndarray:
    return dynamic_tariff(equivalent_load_mw(), base_per_mwh=base_per_mwh, sigma_threshold=0.3, sigma_price=0.3)


def device(kind: str, **values: Any) -> Any:
    return catalogue()[kind].Settings(**values)


def default_devices(**changes: dict[str, Any]) -> tuple[Any, ...]:
    """The devices of the paper's case; ``changes[name]`` overrides settings of the device of that name."""
    rows: list[dict[str, Any]] = [
        {"kind": "substation", "name": "grid"},
        {
            "kind": "gas_turbine", "name": "gt", "bus": "33", "p_max_mw": 0.5, "q_max_mvar": 0.375,
            "ramp_mw_per_h": 0.2, "cost_quadratic_per_mw2h": 0.024, "cost_per_mwh": 85.0,
        },
        {"kind": "storage", "name": "ess", "bus": "18", "capacity_mwh": 1.6, "p_max_mw": 0.4, "s_max_mva": 0.48},
        {"kind": "photovoltaic", "name": "pv", "bus": "28", "s_max_mva": 0.8, "available_mw": 0.0},
        {"kind": "wind", "name": "wt", "bus": "14", "s_max_mva": 0.6, "available_mw": 0.0},
    ]  # fmt: skip
    rows += [{"kind": "demand_response", "name": f"dr{b}", "bus": b, "pay_per_mwh": 105.0} for b in DR_BUSES]
    return tuple(device(**(row | changes.get(row["name"], {}))) for row in rows)


def read(**changes: Any) -> Feeder:
    values: dict[str, Any] = {"slack_bus": "1", "slack_vm_pu": 1.03, "base_mva": 10.0, "v_min_pu": 0.95}
    return read_feeder(changes.pop("folder", IEEE33), **(values | {"v_max_pu": 1.05} | changes))


def make_case(
    feeder: Feeder,
    *,
    periods: slice = slice(None),
    mode: str = "day_ahead",
    settings: dict[str, Any] | None = None,
    **fields: Any,
) -> DispatchCase:
    """The default day, or the given periods of it; any field of `DispatchCase` can be replaced."""
    values: dict[str, Any] = {
        "feeder": feeder,
        "period_h": 1.0,
        "devices": default_devices(),
        "series": {"pv": {"available_mw": PV_MW[periods]}, "wt": {"available_mw": WIND_MW[periods]}},
        "base_p_mw": np.outer(feeder.p_mw, BASE[periods]),
        "base_q_mvar": np.outer(feeder.q_mvar, BASE[periods]),
        "tariff_per_mwh": tariff_per_mwh()[periods],
        "station_names": ("8", "11", "13"),
        "station_buses": tuple(feeder.bus_position(bus) for bus in STATION_BUSES),
        "settings": DispatchSettings(mode=mode, **(settings or {})),  # type: ignore[arg-type]
    }
    return DispatchCase(**(values | fields))


@pytest.fixture(scope="session")
def day() -> SimpleNamespace:
    """Profiles, builders of cases, and the feeder."""
    return SimpleNamespace(
        base=BASE, od=OD, pv_mw=PV_MW, wind_mw=WIND_MW, ev_mw=EV_MW, read=read, feeder=read(), case=make_case,
        devices=default_devices, device=device, tariff=tariff_per_mwh, equivalent_load_mw=equivalent_load_mw,
        folder=IEEE33, dr_buses=DR_BUSES,
    )  # fmt: skip


@pytest.fixture(scope="session")
def day_ahead(day: SimpleNamespace) -> Controller:
    return Controller(day.case(day.feeder))


@pytest.fixture(scope="session")
def plan(day_ahead: Controller) -> DispatchPlan:
    """The default day, dispatched at once."""
    return day_ahead.plan(0, EV_MW)


@pytest.fixture(scope="session")
def lookahead(day: SimpleNamespace) -> Callable[..., DispatchPlan]:
    """Solve a case of its own once."""

    def solve(case: DispatchCase, ev_mw: np.ndarray) -> DispatchPlan:
        return Controller(case).plan(0, ev_mw)

    return solve
