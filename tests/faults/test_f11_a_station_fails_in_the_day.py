"""F11: a charging station is out for some periods: drivers go to others, who waits stays, nothing is lost.

Truth: the roads in those periods are the roads without that station.
"""

from dataclasses import replace

import numpy as np
import pytest

import cosim
from cosim.charging.overload import Chargers
from cosim.errors import InputError
from cosim.outages import Outage
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.traffic.equilibrium import residual, solve
from cosim.traffic.methods import METHODS
from cosim.workflows.day import solve_day
from cosim.workflows.value_of_coupling import _of_lines
from cosim.workflows.verify import verify

OUT = """\
outages:
  - {station: "11", from: 2, to: 3}
"""
DRIVEN = """\
schema: 1
extends: nguyen_ieee33
periods: 3
period_min: 15
traffic: {demand_profile: 0.4}
ev: {share: 0.6, fast_charge_share: 0.5, battery_kwh: 4}
stations: {"8": {access_min: 2}, "11": {access_min: 2}, "13": {access_min: 2}}
feeder: {load_profile: 0.6}
devices: {pv: {available_mw: 0.1}, wind: {available_mw: 0.1}}
microsim: {mode: continuous, length_scale: 0.25, warmup_min: 5, periods: [2]}
outages:
  - {station: "11", from: 2, to: 2}
"""
KERNEL = "ev: {charging_load: kernel, fast_charge_share: 0.4}\n"


@pytest.fixture(scope="module")
def out_case(small_case):
    case = small_case()
    return replace(case, roads=replace(case.roads, outages=(Outage(at=1, start=1, stop=3),)))


def test_the_roads_are_those_without_the_station(out_case, tmp_path):
    """Built from a scenario that never had station 11, at the demand of the period in which it is out."""
    text = "schema: 1\nextends: nguyen_ieee33\nperiods: 1\nstations: {'11': null}\ntraffic: {demand_profile: 0.9}\n"
    (tmp_path / "scenario.yaml").write_text(
        text + "feeder: {load_profile: 1}\ndevices: {pv: {available_mw: 0}, wind: {available_mw: 0}}\n"
    )
    without = build_case(load(tmp_path / "scenario.yaml")).response()
    response = out_case.response()
    found, other = response.solve(1, None), without.solve(0, None)
    flows = [
        dict(zip(one.problem.network.link_ids, result.link_flow_vph, strict=True))
        for one, result in ((response, found), (without, other))
    ]
    assert flows[0].pop("11") == 0.0
    assert flows[0].keys() == flows[1].keys()
    assert max(abs(flows[0][link] - flows[1][link]) for link in flows[0]) <= 1e-6
    assert found.residual <= 1e-8


def test_flows_meet_the_demand_and_are_logit_among_what_is_open(out_case):
    response = out_case.response()
    problem = response.period(1, None)
    result = response.solve(1, None)
    assert not result.path_flow_vph[problem.paths.closed].any()
    assert problem.paths.commodity_flow(result.path_flow_vph) == pytest.approx(problem.demand_vph, abs=1e-9)
    assert residual(problem, result.path_flow_vph) <= 1e-8
    assert np.isfinite(result.path_cost_min).all()
    open_day = out_case.roads.response().period(0, None)
    assert open_day.paths.closed is None


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_finds_it_from_a_start_with_the_station(out_case, method):
    response = out_case.response()
    before, want = response.solve(0, None), response.solve(1, None)
    tolerance = 1e-3 if method in {"msa", "sra"} else 1e-8
    found = solve(response.period(1, None), method, tolerance, start=before)
    assert found.converged
    assert found.link_flow_vph == pytest.approx(want.link_flow_vph, abs=1e3 * tolerance + 1e-6)


def test_who_waits_stays_and_is_served_when_the_power_is_back():
    station = Chargers(
        power_mw=np.array([0.6]), carries=np.array([True]), period_h=0.5,
        out=np.array([[False, True, True, False, False]]),
    )  # fmt: skip
    found = station.serve([[1.0, 0.2, 0.0, 0.1, 0.0]])
    assert found.p_mw.tolist() == [[0.6, 0.0, 0.0, 0.6, pytest.approx(0.1)]]
    assert found.backlog_mwh[0] == pytest.approx([0.2, 0.3, 0.3, 0.05, 0.0])
    assert 0.5 * found.p_mw.sum() == pytest.approx(0.5 * 1.3, abs=1e-12)
    later = station.serve([[0.0, 0.1]], 0.3, first=2)
    assert later.p_mw.tolist() == [[0.0, 0.6]]


def test_one_without_a_queue_loses_who_comes_with_the_energy_told():
    station = Chargers(power_mw=np.array([0.6]), carries=np.array([False]), period_h=0.5, out=np.array([[False, True]]))
    found = station.serve([[0.5, 0.4]])
    assert found.unserved_mwh[0] == pytest.approx([0.0, 0.2])


@pytest.mark.parametrize("extra", ["", KERNEL, "coupling: {mode: iterated, ev_price: {kind: nodal}}\n"])
def test_a_run_carries_vehicles_and_energy_through(small, tmp_path, extra):
    result = cosim.run(small(OUT + extra), out=tmp_path / "run", report=False)
    stations = result["stations"].set_index(["station", "period"])
    at = stations.loc["11"]
    assert not at["flow_vph"].loc[[2, 3]].any()
    assert at["flow_vph"].loc[[1, 4]].all()
    assert not at["p_served_mw"].loc[[2, 3]].any()
    assert at["out"].tolist() == [False, True, True, False, False, False]
    if extra == KERNEL:  # who left for it before waits, and draws afterwards
        assert at["backlog_mwh"].loc[3] > 0.0
        assert at["p_served_mw"].loc[4] > at["p_demand_mw"].loc[4]
    found = verify(result.folder)
    assert found.audit
    for item in found.audit:
        assert item.closes, item
        if item.unit == "MWh":
            assert abs(item.left - item.right) <= 1e-6
    assert result.summary()["outage_1"].value == "station 11, periods 2 to 3"


def test_what_nobody_announced_is_not_foreseen(small_case):
    case = small_case()
    known = Outage(at=1, start=3, stop=5)
    side, state = replace(case, roads=replace(case.roads, outages=(known,))).open_roads()
    assert side.expected == ()
    surprised = replace(case, roads=replace(case.roads, outages=(replace(known, announced=False),)))
    side, state = surprised.open_roads()
    _, plain = case.open_roads()
    assert side.expected[2].wrong.tolist() == [False, False, False, True, True, False]
    assert side.expected[2].load_mw == pytest.approx(plain.load_mw, abs=1e-9)
    assert not side.expected[3].wrong.any()
    assert state.load_mw[1, 3] == 0.0


def test_a_day_without_folders_is_the_same(small, tmp_path):
    text = OUT.replace("to: 3}", "to: 3, announced: false}")
    result = cosim.run(small(text), out=tmp_path / "run", report=False)
    day = solve_day(build_case(load(small(text))))
    cost = result["periods"]["cost"].to_numpy()
    assert day.grid.cost.sum() == pytest.approx(cost.sum(), rel=1e-7)
    assert day.grid.cost == pytest.approx(cost, rel=1e-4)  # where demand response lies is not polished here


def test_drivers_without_a_station_are_refused_by_class_and_pair(small):
    every = "".join(f'  - {{station: "{name}", from: 2, to: 3}}\n' for name in ("8", "11", "13"))
    with pytest.raises(InputError) as refused:
        build_case(load(small("outages:\n" + every)))
    assert "charging trips from 1 to 2 meet no open station in period 2, 3; out: 8, 11, 13" in str(refused.value)
    later = "ev: {charge_later: {cost_min: 30}}\n"
    case = build_case(load(small("outages:\n" + every + later)))
    assert not case.response().solve(1, None).link_flow_vph[case.roads.network.station_positions].any()


def test_unguarded_drivers_would_charge_where_there_is_no_power(small_case):
    """What the guard is for: chargers without power, while the choice sets still hold the station."""
    case = small_case()
    response = case.response()
    asked = response.load_mw(response.solve(1, None))
    served = Chargers(
        power_mw=np.full(3, 1.2), carries=np.full(3, True), period_h=1.0, out=np.array([[False], [True], [False]])
    ).serve(asked[:, None])
    assert served.backlog_mwh[1, 0] == pytest.approx(asked[1])


def test_simulated_chargers_have_no_power_while_they_are_out(small, tmp_path):
    """In a continuous day vehicles on their way when the power goes stay at the station, and charge afterwards."""
    micro = "ev: {fast_charge_share: 0.2}\nmicrosim: {mode: continuous, engine: point_queue, coupling_s: 300}\n"
    result = cosim.run(small(OUT + micro), out=tmp_path / "run", report=False)
    at = result["micro_stations"].query("station == '11'").groupby("period")
    drawn = at["p_mw"].sum()
    assert not drawn.loc[[2, 3]].any()
    assert drawn.loc[1] > 0.0
    assert drawn.loc[4] > 0.0
    assert at["plugged"].max().loc[3] > 0  # they wait at the chargers
    vehicles, minutes = result["micro_sessions"].query("station == '11'"), 60.0
    energy = vehicles["energy_kwh"].sum()
    assert energy == pytest.approx(1000.0 * drawn.sum() / minutes, rel=1e-6)
    assert len(vehicles) == at["arrivals"].sum().sum()


def test_sumo_drives_on_while_a_station_is_out(tmp_path):
    """Who is on the way to it parks and waits, nobody new is sent there, and all charge when it is back."""
    (tmp_path / "scenario.yaml").write_text(DRIVEN)
    result = cosim.run(tmp_path / "scenario.yaml", out=tmp_path / "run", report=False)
    sent = result["paths"].query("station == '11'").groupby("period")["flow_vph"].sum()
    assert sent.loc[2] == 0.0
    assert min(sent.loc[1], sent.loc[3]) > 0.0
    at = result["micro_stations"].query("station == '11'")
    drawn = at.groupby("period")["p_mw"].sum()
    assert drawn.loc[2] == 0.0
    assert min(drawn.loc[1], drawn.loc[3]) > 0.0
    present = at["plugged"] + at["queue"]
    assert present[at["period"] == 2].iloc[-1] >= present[at["period"] == 1].iloc[-1] > 0
    visits = result["micro_sessions"].query("station == '11'")
    assert len(visits) == at["arrivals"].sum()
    assert visits["energy_kwh"].sum() == pytest.approx(at["ledger_kwh"].iloc[-1], abs=1e-9)
    left = visits.query("reason == 'charged'").groupby("period")["leave_min"]
    assert left.max().get(2, 0.0) < 1.0, "who had charged before stays on for 38 s of the two minutes of access"
    assert left.count().loc[3] > 0
    quality = result["micro_quality"]
    assert (quality["teleports"].sum(), quality["collisions"].sum()) == (0, 0)
    measured, planned = result["ac_measured"], result["stations"].query("station == '11'")
    assert planned.set_index("period")["energy_mwh"].loc[2] == 0.0
    assert measured["converged"].all()


def test_a_window_of_sumo_has_nobody_at_a_station_that_is_out(tmp_path):
    (tmp_path / "scenario.yaml").write_text(DRIVEN.replace("continuous", "windows"))
    result = cosim.run(tmp_path / "scenario.yaml", out=tmp_path / "run", report=False)
    stations = result["micro_stations"].groupby("station")[["arrivals", "p_mw"]].sum()
    assert stations.loc["11"].tolist() == [0.0, 0.0]
    assert (stations.drop("11") > 0.0).all(axis=None)
    assert set(result["micro_sessions"]["station"]) == {"8", "13"}


def test_the_stage_without_roads_keeps_the_outages_of_lines_alone(small):
    text = OUT + '  - {line: "12", from: 5, to: 5}\n'
    path = small(text)
    path.write_text(path.read_text().replace("0.6, 0.5]}", "0.6, 0.5], islands: allow}"))
    told = _of_lines(load(path))
    assert told == 'outages: [{"line": "12", "from": 5, "to": 5, "announced": true}]\n'
