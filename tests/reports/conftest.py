"""A small made-up day of two stations and three buses, written through the run store like a real one."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from cosim.results.places import Places
from cosim.results.store import RunResult, RunStore

HOSTILE = "<script>alert(1)</script>"
PERIODS = 3
ROADS, GRID = {"links", "paths"}, {"buses", "lines", "devices"}
LOSS_MW = 0.01
BASE_MW = (1.0, 1.4, 1.2)
EV_MW = (0.10, 0.20, 0.15)
PV_MW, PV_AVAILABLE_MW = (0.0, 0.3, 0.1), (0.0, 0.4, 0.1)
STORAGE_MW = (-0.05, 0.10, -0.06)
CUT_MW = (-0.02, 0.05, -0.03)
TURBINE_MW = 0.2
TARIFF = (385.0, 715.0, 550.0)


def import_mw(k):
    return BASE_MW[k] + EV_MW[k] + LOSS_MW - PV_MW[k] - STORAGE_MW[k] - CUT_MW[k] - TURBINE_MW


def devices_of(k):
    devices = [
        ("grid", "substation", "1", import_mw(k), math.nan, math.nan),
        ("gt", "gas_turbine", "2", TURBINE_MW, math.nan, 0.5),
        ("ess", "storage", "3", STORAGE_MW[k], 0.8 + 0.1 * k, math.nan),
        ("pv", "photovoltaic", "3", PV_MW[k], math.nan, PV_AVAILABLE_MW[k]),
        ("dr", "demand_response", "2", CUT_MW[k], math.nan, 0.06),
    ]
    names = ("device", "kind", "bus", "p_mw", "energy_mwh", "available_mw")
    return {name: [row[n] for row in devices] for n, name in enumerate(names)}


def tables_of(k):
    served = BASE_MW[k] + EV_MW[k] - CUT_MW[k]
    return {
        "periods": {
            "clock": [f"{k * 30 // 60:02d}:{k * 30 % 60:02d}-{(k + 1) * 30 // 60:02d}:{(k + 1) * 30 % 60:02d}"],
            "tariff_per_mwh": [TARIFF[k]], "import_mw": [import_mw(k)], "loss_mw": [LOSS_MW],
            "cost": [import_mw(k) * TARIFF[k] * 0.5 + 1.0], "cost_energy": [import_mw(k) * TARIFF[k] * 0.5],
            "cost_losses": [1.0], "ac_dv_pu": [10.0 ** (-9 + k)], "ac_dloss_kw": [0.0], "ac_di_a": [1e-4],
            "injection_error_mw": [0.0], "sue_residual": [10.0 ** (-9 - k)], "sue_iterations": [3 + k],
            "coupling_residual_mw": [1e-8], "coupling_rounds": [2], "status": ["optimal"], "flags": [""],
        },
        "links": {
            "link": ["1-5", "1-12"], "flow_vph": [100.0 + k, 50.0 - k],
            "travel_time_min": [7.0, 9.0], "volume_capacity": [0.2, 0.1],
        },
        "paths": {"path": ["1-5-2"], "flow_vph": [100.0]},
        "ledger": {"gap_rel": [1e-9], "relaxed_gap_pu2": [1e-8], "cone_gap_pu2": [1e-8], "violations": [0]},
        "stations": {
            "station": ["S1", HOSTILE], "node": ["8", "11"], "bus": ["2", "3"],
            "flow_vph": [20 * EV_MW[k], 30 * EV_MW[k]], "wait_min": [0.5 + k, 0.25],
            "p_demand_mw": [0.4 * EV_MW[k], 0.6 * EV_MW[k]],
            "energy_mwh": [0.4 * EV_MW[k] * 0.5, 0.6 * EV_MW[k] * 0.5],
            "nodal_price_per_mwh": [TARIFF[k] + 5, TARIFF[k]],
        },
        "buses": {
            "bus": ["1", "2", "3"], "p_load_mw": [0.0, 0.4 * served, 0.6 * served], "price_per_mwh": [TARIFF[k]] * 3,
            "vm_pu": [1.03, 1.0 - 0.01 * k, 0.99], "vm_ac_pu": [1.03, 1.0 - 0.01 * k, 0.9899],
            "v_min_pu": [0.95] * 3, "v_max_pu": [1.05] * 3,
        },
        "lines": {
            "line": ["1", "2"], "from_bus": ["1", "2"], "to_bus": ["2", "3"],
            "cone_gap_pu2": [0.0, 10.0 ** (-9 + k)],
            "loading_percent": [50.0 + 10.0 * k, 20.0], "kind": ["trafo", "line"],
        },
        "devices": devices_of(k),
        **validation_of(k),
    }  # fmt: skip


def validation_of(k):
    models = ["SUE", "null"]
    return {
        "validation_statistics": {
            "variant": ["merge"] * 2,
            "model": models, "statistic": ["closure"] * 2, "unit": ["-"] * 2, "mean": [0.02, 0.12], "low": [0.01, 0.1],
            "high": [0.03, 0.14], "least": [0.015, 0.11], "most": [0.025, 0.13], "seeds": [5, 5],
            "limit": [0.05, math.nan], "verdict": ["passed", "shown"], "sure": [True, True],
        },
        "validation_links": {
            "model": models, "link": ["1-5", HOSTILE], "flow_vph": [100.0, 120.0 + k], "flow_sumo_vph": [101.0, 119.0],
            "time_min": [7.1, 9.0], "time_sumo_min": [7.2, 9.3], "free_flow_min": [7.0, 9.0],
        },
        "validation_routes": {
            "model": models, "path": ["1-5-2", HOSTILE], "class": ["other", "charging"], "flow_vph": [60.0, 40.0],
            "flow_chosen_vph": [58.0, 44.0],
        },
        "validation_stations": {
            "model": models, "station": ["S1", HOSTILE], "use": [0.6, 0.7], "wait_sumo_min": [0.2, 0.4],
            "wait_davidson_min": [4.5, 7.0], "wait_erlang_min": [0.1, 0.3],
        },
        "validation_ramp": {
            "slice": [1, 2], "factor": [0.55, 0.7], "flow_inside": [True, False], "time_inside": [True, True],
        },
    }  # fmt: skip


def gate_of(k):
    checks = [
        {"name": "solver_status", "value": "optimal", "limit": "optimal", "passed": True, "status": "not_converged"},
        {"name": "cone_gap_rel", "value": 10.0 ** (-9 + k), "limit": 1e-4, "passed": True, "status": "failed"},
    ]
    return {"status": "optimal", "flags": [], "checks": checks}


PLACES = Places(
    nodes={"1": (0.0, 0.0), "5": (1.0, 0.0), "12": (0.0, 1.0), "8": (2.0, 1.0), "11": (1.0, 1.0)},
    links={"1-5": ("1", "5"), "1-12": ("1", "12"), "S1": ("8", "8"), HOSTILE: ("11", "11")},
    buses={"1": None, "2": None, "3": None}, lines={"1": ("1", "2"), "2": ("2", "3")}, slack="1",
)  # fmt: skip
MANIFEST = {
    "title": "A made-up day",
    "scenario": "made_up",
    "currency": "CNY",
    "seed": 7,
    "versions": {"cosim": "0", "numpy": "2"},
    "inputs": [{"file": "scenario.yaml", "bytes": 12, "sha256": "ab" * 32}],
    "gates": {"sue_residual": 1e-8},
    "resolved": {
        "tariff": {"sigma_threshold": 0.3},
        "devices": [{"name": "ess", "capacity_mwh": 1.6, "soc_min": 0.2, "soc_max": 0.8}],
    },
    "sources": {"tariff.sigma_threshold": "assumed", "devices.0.capacity_mwh": "assumed", "devices.0.soc_min": "paper"},
}


@pytest.fixture
def make_run(tmp_path) -> Callable[..., RunResult]:
    """Return a function that writes a run; `change(k, tables, gate)` may alter period k before it is committed."""
    return maker(tmp_path)


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> RunResult:
    """The run as it is, written once; nobody changes it but by adding a report."""
    return maker(tmp_path_factory.mktemp("made_up"))()


def maker(base: Path) -> Callable[..., RunResult]:
    def make(
        *,
        without=frozenset(),
        change=None,
        manifest=None,
        code=0,
        reasons=(),
        planned=PERIODS,
        committed=PERIODS,
        places=None,
    ) -> RunResult:
        store = RunStore.create(base / f"run{len(list(base.iterdir()))}")
        store.begin({**MANIFEST, **(manifest or {})}, PLACES if places is None else places)
        statuses = []
        for k in range(committed):
            tables = {name: columns for name, columns in tables_of(k).items() if name not in without}
            gate = gate_of(k)
            if change is not None:
                change(k, tables, gate)
            store.commit(k + 1, tables, gate)
            statuses.append(gate["status"])
        store.finish(code=code, reasons=reasons, statuses=statuses, planned=planned)
        return RunResult(store.folder)

    return make
