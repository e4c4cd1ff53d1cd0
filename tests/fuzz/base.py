"""A small scenario of roads and grid in a folder, and what comes of it, as plain numbers by table, row and column."""

import math
import os
from pathlib import Path

from cosim.quantities import COLUMNS
from cosim.records.period import tables
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.validation.gate import exit_code
from cosim.world import run_world

EXAMPLES = int(os.environ.get("COSIM_FUZZ_EXAMPLES", "0"))
"""Examples a test; 0: as many as ``make test`` has time for."""

FILES = {
    "net/nodes.csv": "id,x,y\na,0,0\nb,1,0\nc,2,0\nd,1,1\n",
    "net/links.csv": "id,from_node,to_node,free_flow_min,capacity_vph,alpha,beta\n"
    "ab,a,b,5,800,0.15,4\nbc,b,c,6,800,0.15,4\nad,a,d,6,600,0.15,4\ndc,d,c,7,600,0.15,4\n",
    "feeder/bus.csv": "id,vn_kv\nB1,12.66\nB2,12.66\nB3,12.66\nB4,12.66\n",
    "feeder/line.csv": "id,from_bus,to_bus,length_km,r_ohm_per_km,x_ohm_per_km,c_nf_per_km\nL1,B1,B2,1,0.4,0.25,0\n"
    "L2,B2,B3,1.5,0.8,0.5,0\nL3,B2,B4,2,0.9,0.6,0\n",
    "feeder/load.csv": "id,bus,p_mw,q_mvar\nd2,B2,0.5,0.2\nd3,B3,0.4,0.15\nd4,B4,0.6,0.25\n",
    "profiles.csv": "period,load,trips,sun,price\n1,0.8,1.0,0.1,500\n2,1.0,0.8,0.4,700\n",
}
SCENARIO = {
    "schema": 1,
    "periods": 2,
    "roads": "net",
    "traffic": {
        "theta_per_min": 0.2,
        "demand": [
            {"origin": "a", "destination": "c", "trips_vph": 500},
            {"origin": "b", "destination": "c", "trips_vph": 100},
        ],
        "demand_profile": {"file": "profiles.csv", "column": "trips"},
    },
    "ev": {"share": 0.3, "fast_charge_share": 0.2, "recharge_share": 0.5, "battery_kwh": 40},
    "stations": [
        {"name": "S1", "node": "b", "bus": "B3", "chargers": 20, "charger_kw": 60, "access_min": 5},
        {"name": "S2", "node": "d", "bus": "B4", "chargers": 20, "charger_kw": 60, "access_min": 5},
    ],
    "grid": "feeder",
    "feeder": {
        "slack_bus": "B1", "slack_vm_pu": 1.02, "v_min_pu": 0.9, "v_max_pu": 1.1,
        "load_profile": {"file": "profiles.csv", "column": "load"},
    },
    "devices": [
        {"kind": "substation", "name": "grid"},
        {"kind": "storage", "name": "ess", "bus": "B3", "capacity_mwh": 0.4, "p_max_mw": 0.1, "s_max_mva": 0.12},
        {"kind": "photovoltaic", "name": "pv", "bus": "B4", "s_max_mva": 0.5,
         "available_mw": {"file": "profiles.csv", "column": "sun"}},
    ],
    "tariff": {"kind": "static", "prices_per_mwh": {"file": "profiles.csv", "column": "price"}},
    "dispatch": {"mode": "day_ahead"},
}  # fmt: skip


def write(folder: Path, scenario_text: str, files: dict[str, str | bytes]) -> Path:
    """Write a scenario and its files; return the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "scenario.yaml").write_text(scenario_text)
    return folder


def run(folder: Path):
    """Return the exit code of a run without a folder, and what was told of each period."""
    told = []
    run_world(build_case(load(folder)), lambda record, judged: told.append((record, judged)))
    return exit_code(judged.status for _, judged in told), [record for record, _ in told]


KEYS = {column.table: next(c.name for c in COLUMNS if c.table == column.table and c.name != "period")
        for column in COLUMNS}  # fmt: skip


def numbers(records, rename=lambda text: text):
    """Return every number of the tables, by table, period, key of the row and column."""
    found = {}
    for record in records:
        for table, columns in tables(record).items():
            keys = [""] if table == "periods" else columns[KEYS[table]]
            for column, values in columns.items():
                for key, value in zip(keys, values, strict=True):
                    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                        found[table, record.period, rename(str(key)), column] = float(value)
    return found
