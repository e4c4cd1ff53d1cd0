"""SUMO as a part of a run: two quarter hours on short links."""

import warnings
from functools import cache

import mosaik
import numpy as np
import pytest

from cosim import world
from cosim.errors import ComponentError
from cosim.quantities import COLUMNS
from cosim.records.period import tables
from cosim.reports.summary import summarise
from cosim.results.store import RunResult, RunStore
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.simulators import SIM_CONFIG
from cosim.simulators.sumo import Simulator as Sumo
from tests.resume.points import check_points

QUARTERS = """\
schema: 1
title: Two quarter hours on short links
extends: nguyen_ieee33
periods: 2
period_min: 15
traffic: {demand_profile: [1.0, 0.6]}
ev: {share: 0.6, fast_charge_share: 0.5, battery_kwh: 4}
stations: {"8": {access_min: 2}, "11": {access_min: 2}, "13": {access_min: 2}}
feeder: {load_profile: [0.9, 0.7]}
devices:
  pv: {available_mw: [0.3, 0.1]}
  wind: {available_mw: [0.2, 0.3]}
microsim: {length_scale: 0.25, warmup_min: 15, seeds: 2, periods: [1]}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("quarters") / "scenario.yaml"
    path.write_text(QUARTERS, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def parts(path):
    """Return ``parts(mode)``: the committed parts of a run in that mode, simulated once."""

    def run(mode):
        found = []
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            case = build_case(load(path, (f"microsim.mode={mode}",)))
            world.run_world(case, lambda part, record: found.append((part, record)))
        return found

    return cache(run)


def test_a_day_is_measured_period_by_period(parts):
    (first, judged), (second, _) = parts("continuous")
    assert (first.period, second.period) == (1, 2)
    links = tables(first)["micro_links"]
    assert len(links["link"]) == 19
    assert links["vehicles"] == pytest.approx(np.array(links["flow_vph"]) / 4.0)
    assert "teleported_share" in {check.name for check in judged.checks}
    for part in (first, second):
        quality = tables(part)["micro_quality"]
        assert quality["teleports"] == quality["collisions"] == [0]


def test_every_column_is_in_the_vocabulary_and_none_is_idle(parts):
    """Vehicles, stations, sessions and the second look at the grid, over both modes together."""
    names = {"micro_links", "micro_stations", "micro_sessions", "micro_quality", "ac_measured"}
    found = {
        (table, column)
        for mode in ("continuous", "windows")
        for part, _ in parts(mode)
        for table, columns in tables(part).items()
        if table in names
        for column in columns
    }
    words = {(column.table, column.name) for column in COLUMNS if column.table in names}
    assert found == words - {(table, "period") for table in names}  # the store adds it


def test_the_flows_of_a_run_are_driven(parts):
    """What the equilibrium sends in two quarter hours is what SUMO is given, to rounding."""
    for part, _ in parts("continuous"):
        sent = sum(tables(part)["paths"]["flow_vph"]) / 4.0
        assert tables(part)["micro_quality"]["loaded"][0] == pytest.approx(sent, abs=4.0)


def test_the_grid_is_checked_under_the_measured_load(parts):
    for part, _ in parts("continuous"):
        measured, stations = tables(part)["ac_measured"], tables(part)["micro_stations"]
        assert measured["end_min"] == [float(minute) for minute in range(1, 16)]
        assert all(measured["converged"])
        by_minute = np.array(stations["p_mw"]).reshape(3, 15).sum(axis=0)
        assert measured["ev_mw"] == pytest.approx(by_minute, abs=1e-9)
        planned = sum(tables(part)["stations"]["energy_mwh"]) * 4.0
        assert measured["ev_planned_mw"] == pytest.approx([planned] * 15)
        losses = np.array(measured["ac_loss_mw"]) - np.array(measured["ac_slack_mw"]) + np.array(measured["ev_mw"])
        assert np.ptp(losses) < 1e-6  # all else of the balance stays as the dispatch set it


def test_measured_power_and_sessions_are_one_energy(parts):
    energy = drawn = visited = 0.0
    for part, _ in parts("continuous"):
        stations = tables(part)["micro_stations"]
        energy += sum(stations["p_mw"]) / 60.0 * 1000.0
        drawn = sum(np.array(stations["ledger_kwh"]).reshape(3, 15)[:, -1])
        visited += sum(tables(part)["micro_sessions"]["energy_kwh"])
    assert visited == pytest.approx(drawn, abs=1e-6), "those still there at the end of the day have sessions, too"
    assert energy == pytest.approx(drawn, abs=1e-6)
    assert drawn > 0.0


@pytest.mark.parametrize("mode", ["continuous", "windows", "meso"])
def test_the_summary_of_a_run_tells_what_sumo_counted(parts, tmp_path, mode):
    store = RunStore.create(tmp_path / "run")
    store.write_json("manifest.json", {"resolved": {"microsim": {"mode": mode}}})
    for part, judged in parts(mode):
        store.commit(part.period, tables(part), judged.as_dict())
    store.finish(code=0, reasons=(), statuses=[judged.status for _, judged in parts(mode)], planned=2)
    summary, driven = summarise(RunResult(store.folder)), parts(mode)[: 1 if mode == "windows" else 2]
    found = [tables(part) for part, _ in driven]
    assert summary["micro_periods"].value == f"{len(driven)} of 2"
    assert summary["micro_loaded"].value == sum(sum(one["micro_quality"]["loaded"]) for one in found)
    assert summary["micro_teleports"].value == summary["micro_collisions"].value == 0
    if mode == "continuous":
        drawn_kwh = sum(np.array(found[-1]["micro_stations"]["ledger_kwh"]).reshape(3, 15)[:, -1])
        assert summary["micro_energy_mwh"].value == pytest.approx(drawn_kwh / 1000.0, abs=1e-9)
        assert summary["micro_vmin_ac_pu"].value == min(min(one["ac_measured"]["vmin_ac_pu"]) for one in found)
    assert ("micro_energy_mwh" in summary) is (mode != "meso")
    if mode != "meso":
        planned = sum(sum(one["stations"]["energy_mwh"]) for one in found)
        assert summary["micro_planned_mwh"].value == pytest.approx(planned)


def test_windows_are_simulated_in_the_chosen_periods_with_every_seed(parts):
    (first, judged), (second, _) = parts("windows")
    quality = tables(first)["micro_quality"]
    assert quality["seed"] == [1, 2]
    assert len(set(quality["digest"])) == 2
    assert "micro_links" not in tables(second)
    assert judged.status == parts("off")[0][1].status
    stations = tables(first)["micro_stations"]
    assert stations["end_min"][:15] == [float(minute) for minute in range(1, 16)]
    sue = np.array(tables(first)["links"]["flow_vph"])
    micro = np.array(tables(first)["micro_links"]["flow_vph"]).reshape(2, -1).mean(axis=0)
    assert np.sqrt(2 * (micro - sue) ** 2 / (micro + sue)).max() < 5.0


def test_nothing_else_of_a_run_changes(parts):
    for mode in ("windows", "continuous"):
        for (part, _), (plain, _) in zip(parts(mode), parts("off"), strict=True):
            for table in ("links", "paths", "stations", "buses", "lines", "devices"):
                np.testing.assert_equal(tables(part)[table], tables(plain)[table])


def test_a_stopped_day_is_driven_again_up_to_there_and_goes_on(path, tmp_path):
    """From a state that holds no more of SUMO than what it was asked."""
    assert check_points(build_case(load(path, ("microsim.mode=continuous",))), tmp_path, (1,)) == [1]


def alone(path, start, mode):
    """Run the simulator with a given path flow and cap, without roads or grid; return what its station told."""
    tools = {"In": {"python": "mosaik.basic_simulators.input_simulator:InputSimulator"},
             "Out": {"python": "mosaik.basic_simulators.output_simulator:OutputSimulator"}}  # fmt: skip
    case = build_case(load(path))
    flows = Sumo()
    flows.init("Sumo-0", case=case)
    given = dict.fromkeys(flows.path_at, 8.0)
    flows.finalize()
    config = {"Sumo": start, **tools}
    with mosaik.World(config, {"start_timeout": 180}, skip_greetings=True, configure_logging=False) as running:
        sumo = running.start("Sumo", scenario=str(path), overrides=[f"microsim.mode={mode}"])
        micro = sumo.Micro()
        sends = running.start("In", step_size=900)
        running.connect(sends.Constant(constant=given), micro, ("value", "path_flow[veh/h]"))
        station = next(one for one in micro.children if one.eid == "Station-8")
        running.connect(sends.Constant(constant=0.09), station, ("value", "P_set[MW]"))
        out = running.start("Out")
        kept = out.Dict()
        running.connect(station, kept, "P[MW]", "E[MWh]", "plugged[veh]", "queue[veh]", "wait[min]")
        running.run(until=900, print_progress=False)
        assert sumo.status() == {"periods_done": 1, "error": ""}
        return out.get_dict(kept.eid)


def test_alone_in_a_world_and_in_another_process(path):
    inside = alone(path, {"python": SIM_CONFIG["Sumo"]["python"]}, "continuous")
    assert len(inside) == 15
    powers = [row["P[MW]"] for row in inside.values()]
    powers = [next(iter(one.values())) if isinstance(one, dict) else one for one in powers]
    assert 0.0 < max(powers) <= 0.09 + 1e-12
    outside = alone(path, {"cmd": "%(python)s -m cosim.simulators.sumo %(addr)s"}, "continuous")
    assert str(outside) == str(inside)


def test_path_flows_of_other_roads_are_refused(path):
    sumo = Sumo()
    sumo.init("Sumo-0", case=build_case(load(path)))
    sumo.create(1, "Micro")
    try:
        with pytest.raises(ComponentError, match=r"no path_flow\[veh/h\] for Micro-0 in period 1"):
            sumo.step(0, {}, 900)
        flows = dict.fromkeys(sumo.path_at, 1.0) | {"other:9-9": 1.0}
        with pytest.raises(ComponentError, match="other paths than the roads: other:9-9"):
            sumo.step(0, {"Micro-0": {"path_flow[veh/h]": {"Road-0": flows}}}, 900)
    finally:
        sumo.finalize()


def test_the_mesoscopic_model_gives_the_flows_of_a_day_and_says_so(parts):
    (first, _), (second, _) = parts("meso")
    for part in (first, second):
        assert tables(part)["micro_quality"]["model"] == ["meso"]
        assert "micro_stations" not in tables(part)
    sent = sum(sum(tables(part)["paths"]["flow_vph"]) / 4.0 for part in (first, second))
    quality = tables(second)["micro_quality"]
    arrived = tables(first)["micro_quality"]["arrived"][0] + quality["arrived"][0]
    assert arrived + quality["running"][0] == pytest.approx(sent, abs=8.0)
