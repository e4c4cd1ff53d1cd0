"""The judge finds a good run right, and says so of every number that is moved by a little more than its limit."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.judge.judging import judge
from tests.judge.torture import upper_bound

SCENARIO = """\
schema: 1
currency: EUR
periods: 3
period_min: 120
roads: roads
traffic:
  theta_per_min: 0.2
  demand: [{origin: A, destination: E, trips_vph: 600}, {origin: B, destination: E, trips_vph: 300}]
  demand_profile: [0.5, 1, 0.8]
ev: {share: 0.3, fast_charge_share: 0.1, recharge_share: 0.5, battery_kwh: 40}
stations:
  - {name: S1, node: C, bus: 4, chargers: 12, charger_kw: 60, access_min: 5}
  - {name: S2, node: D, bus: 6, chargers: 8, charger_kw: 60, access_min: 5, law: {kind: erlang}, access_fee: 1}
grid: feeder
feeder: {slack_bus: 1, slack_vm_pu: 1.02, v_min_pu: 0.95, v_max_pu: 1.05, load_profile: [0.6, 0.9, 0.7]}
devices:
  - {kind: substation, name: grid}
  - {kind: storage, name: battery, bus: 3, capacity_mwh: 1.0, p_max_mw: 0.25, s_max_mva: 0.3, wear_cost_per_mwh: 5}
  - {kind: photovoltaic, name: roof, bus: 6, s_max_mva: 0.5, available_mw: [0.1, 0.4, 0.2]}
  - {kind: gas_turbine, name: engine, bus: 5, p_max_mw: 0.4, q_max_mvar: 0.2, ramp_mw_per_h: 0.05, p_initial_mw: 0.1,
     cost_per_mwh: 85, cost_quadratic_per_mw2h: 10}
  - {kind: demand_response, name: shift, bus: 5, share: 0.3, pay_per_mwh: 10}
tariff: {kind: static, prices_per_mwh: [60, 130, 90]}
dispatch: {}
coupling: {mode: iterated, ev_price: {kind: nodal}}
"""


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Return the folders of a scenario and of its run, which is right."""
    import cosim

    folder = tmp_path_factory.mktemp("judged")
    example = Path(__file__).parents[2] / "scenarios" / "five_nodes"
    for part in ("roads", "feeder"):
        shutil.copytree(example / part, folder / "scenario" / part)
    (folder / "scenario" / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    cosim.run(folder / "scenario", out=folder / "run", report=False)
    return folder


@pytest.fixture
def run(good, tmp_path):
    """Return a copy of the run that may be spoiled."""
    shutil.copytree(good / "run", tmp_path / "run")
    return tmp_path / "run"


def spoil(run, table, column, change, **where):
    path = run / "tables" / f"{table}.parquet"
    rows = pd.read_parquet(path)
    chosen = pd.Series(data=True, index=rows.index)
    for name, value in where.items():
        chosen &= rows[name] == value
    assert chosen.any()
    rows.loc[chosen, column] = rows.loc[chosen, column].map(change)
    rows.to_parquet(path)


def test_a_good_run_is_right(good):
    found = judge(good / "scenario", good / "run")
    assert found.verdict == "right", [str(one) for one in found.findings]
    assert found.exit_code == 0
    assert not found.undecided


@pytest.mark.parametrize(
    ("table", "column", "factor", "where", "word"),
    [
        ("links", "flow_vph", 1.0001, {"period": 2, "link": "AC"}, "route choice: flow"),
        ("links", "travel_time_min", 1.00001, {"period": 2, "link": "AC"}, "travel time AC"),
        ("paths", "flow_vph", 1.001, {"period": 2, "class": "charging"}, "flow of paths A-E"),
        ("paths", "cost_min", 1.00001, {"period": 2, "class": "charging"}, "cost of paths A-E"),
        ("stations", "flow_vph", 1.0001, {"period": 1, "station": "S1"}, "route choice: flow S1"),
        ("stations", "travel_time_min", 1.00001, {"period": 1, "station": "S2"}, "travel time S2"),
        ("stations", "price_per_mwh", 1.01, {"period": 2, "station": "S1"}, "price of station S1"),
        ("stations", "nodal_price_per_mwh", 1.0001, {"period": 2, "station": "S1"}, "nodal price of a station"),
        ("stations", "p_demand_mw", 1.00001, {"period": 2}, "charging load demanded"),
        ("stations", "p_served_mw", 1.00001, {"period": 2}, "charging load served"),
        ("stations", "energy_mwh", 1.00001, {"period": 2}, "charging load that the dispatch answered"),
        ("stations", "energy_payment", 1.00001, {"period": 2}, "energy paid"),
        ("stations", "fee_payment", 1.00001, {"period": 2, "station": "S2"}, "fees paid"),
        ("buses", "vm_pu", 1.0015, {"period": 2, "bus": "6"}, "voltage 6"),
        ("buses", "vm_ac_pu", 1.000002, {"period": 2, "bus": "6"}, "AC voltage 6"),
        ("buses", "price_per_mwh", 1.003, {"period": 2, "bus": "3"}, "price of bus 3"),
        ("buses", "p_load_mw", 1.0001, {"period": 2, "bus": "3"}, "load of bus 3"),
        ("buses", "p_gen_mw", 1.001, {"period": 2, "bus": "5"}, "generation of bus 5"),
        ("lines", "i_ac_ka", 1.0001, {"period": 2, "line": "1"}, "AC current 1"),
        ("lines", "i_ka", 1.02, {"period": 2, "line": "1"}, "current 1"),
        ("devices", "energy_mwh", 1.0001, {"period": 2, "device": "battery"}, "stored energy of battery"),
        ("devices", "p_mw", 1.01, {"period": 3, "device": "battery"}, "stored energy of battery"),
        ("devices", "p_mw", 1.001, {"period": 2, "device": "engine"}, "generation of bus 5"),
        ("devices", "p_mw", 3.0, {"period": 2, "device": "engine"}, "ramp of engine"),
        ("devices", "p_mw", 1.01, {"device": "shift"}, "cost of demand_response"),
        ("periods", "tariff_per_mwh", 1.0001, {"period": 2}, "tariff"),
        ("periods", "import_mw", 1.001, {"period": 2}, "import"),
        ("periods", "ac_loss_mw", 1.01, {"period": 2}, "AC loss"),
        ("periods", "loss_mw", 1.03, {"period": 2}, "loss"),
        ("periods", "cost_energy", 1.00002, {"period": 2}, "cost of energy"),
        ("periods", "cost_wear", 1.01, {}, "cost of wear"),
        ("periods", "cost", 1.00002, {"period": 2}, "cost"),
        ("periods", "lower_bound", 1.00002, {"period": 2}, "lower bound of the window"),
        ("periods", "window_cost", 1.00002, {"period": 2}, "cost of the window"),
        ("periods", "vmin_ac_pu", 1.00001, {"period": 2}, "lowest AC voltage"),
    ],
)
def test_a_number_moved_beyond_its_limit_is_seen(good, run, table, column, factor, where, word):
    spoil(run, table, column, lambda value: value * factor, **where)
    found = judge(good / "scenario", run)
    assert found.verdict == "silent wrong"
    assert any(one.what.startswith(word) for one in found.findings), [str(one) for one in found.findings]


def test_a_dispatch_that_could_be_cheaper_is_seen(good, run):
    """Bound and cost agree with each other, and with no optimum."""
    for column in ("lower_bound", "window_cost"):
        spoil(run, "periods", column, lambda value: value * 1.0001, period=1)
    found = judge(good / "scenario", run)
    assert found.verdict == "silent wrong"
    assert {one.what for one in found.findings} >= {"lower bound of the window", "cost of the window"}


@pytest.mark.parametrize(
    ("flag", "code"),
    [
        ("inexact_restored", 10), ("station_overloaded", 10), ("optimal_with_ev_curtailment", 5),
        ("not_converged", 6), ("ac_violation", 6),
    ],
)  # fmt: skip
def test_an_alarm_without_cause_is_seen(good, run, flag, code):
    spoil(run, "periods", "flags", lambda _: flag, period=2)
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(record | {"exit_code": code}), encoding="utf-8")
    found = judge(good / "scenario", run)
    assert found.verdict == "false alarm"
    assert found.alarms == [f"period 2: {flag}"]


def test_an_alarm_with_cause_is_right(good, run):
    """A state outside its limits deserves the flag."""
    spoil(run, "periods", "flags", lambda _: "ac_violation", period=2)
    text = (good / "scenario" / "scenario.yaml").read_text(encoding="utf-8")
    narrow = run.parent / "narrow"
    shutil.copytree(good / "scenario", narrow)
    (narrow / "scenario.yaml").write_text(text.replace("v_min_pu: 0.95", "v_min_pu: 1.015"), encoding="utf-8")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(record | {"exit_code": 6}), encoding="utf-8")
    assert not judge(narrow, run).alarms


def test_the_bound_of_a_share_is_exact():
    """P(no bad one among n | p) = (1 - p)^n = 5 %."""
    assert (1 - upper_bound(0, 200)) ** 200 == pytest.approx(0.05)
    assert upper_bound(3, 3) == 1.0
