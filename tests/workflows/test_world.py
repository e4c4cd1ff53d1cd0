"""The whole chain over mosaik: who steps how often, and that no end is quiet."""

import gc
import json
from dataclasses import replace

import numpy as np
import pytest

from cosim import world
from cosim.dispatch.controller import Controller
from cosim.dispatch.problem import empty_plan
from cosim.errors import ComponentError, StorageError
from cosim.grid.engines.batch import BatchFlow
from cosim.grid.engines.pandapower import AcFlow
from cosim.records.period import tables
from cosim.results.store import load
from cosim.scenario import load as scenario_files
from cosim.scenario.case import build_case
from cosim.simulators.dispatch import Simulator as Dispatch
from cosim.simulators.grid import Simulator as Grid
from cosim.simulators.recorder import Simulator as Recorder
from cosim.simulators.traffic import Simulator as Traffic
from cosim.workflows.run import run

ITERATED = ("coupling.mode=iterated", "coupling.ev_price=nodal")
BEYOND_REACH = ("feeder.v_min_pu=1.045",)  # above the root's 1.03, and nothing here can lift it
SIMULATORS = {"traffic": Traffic, "dispatch": Dispatch, "grid": Grid, "recorder": Recorder}


def run_small(case):
    parts = []
    world.run_world(case, lambda part, record: parts.append((part, record)))
    return parts


def count_steps(monkeypatch):
    steps = {name: [] for name in SIMULATORS}
    for name, kind in SIMULATORS.items():

        def advance(self, time, inputs, name=name, original=kind.advance):
            steps[name].append(time // 3600)
            return original(self, time, inputs)

        monkeypatch.setattr(kind, "advance", advance)
    return steps


def test_outsiders_step_once_a_period_while_the_loop_turns(small_case, monkeypatch):
    steps = count_steps(monkeypatch)
    parts = run_small(small_case(*ITERATED))
    rounds = [part.traffic.coupling.coupling_rounds for part, _ in parts]
    assert steps["grid"] == steps["recorder"] == [0, 1, 2, 3, 4, 5]
    assert max(rounds) >= 2
    assert len(steps["dispatch"]) == sum(rounds)
    assert len(steps["traffic"]) == sum(rounds) + 6  # the last answer of each period ends the loop


def test_sequential_runs_step_everybody_once(small_case, monkeypatch):
    steps = count_steps(monkeypatch)
    run_small(small_case())
    assert set(map(tuple, steps.values())) == {(0, 1, 2, 3, 4, 5)}


def test_the_ac_check_sees_converged_values_only(small_case, monkeypatch):
    checked = []
    solve = AcFlow.solve

    def seen(self, p_mw, q_mvar):
        checked.append(np.array(p_mw))
        return solve(self, p_mw, q_mvar)

    monkeypatch.setattr(AcFlow, "solve", seen)
    parts = run_small(small_case(*ITERATED))
    assert len(checked) == len(parts)
    for injected, (part, _) in zip(checked, parts, strict=True):
        buses = tables(part)["buses"]
        assert injected == pytest.approx(np.subtract(buses["p_gen_mw"], buses["p_load_mw"]), abs=1e-15)


def test_a_day_ahead_loop_runs_once_over_the_day(small_case, monkeypatch):
    steps = count_steps(monkeypatch)
    parts = run_small(small_case("dispatch.mode=day_ahead", *ITERATED))
    rounds = [part.traffic.coupling.coupling_rounds for part, _ in parts]
    assert 2 <= rounds[0] <= 10
    assert rounds[1:] == [0] * 5
    assert steps["dispatch"].count(0) == rounds[0]
    assert [steps["dispatch"].count(hour) for hour in range(1, 6)] == [1] * 5
    assert all(part.traffic.coupling.coupling_residual_mw <= 1e-6 for part, _ in parts)
    for part, _ in parts:  # each hour at its own price: the one that the loop ended with
        stations = tables(part)["stations"]
        assert stations["price_per_mwh"] == pytest.approx(stations["nodal_price_per_mwh"], abs=0.5)
    alone = run_small(small_case(*ITERATED))
    cost = [sum(part.dispatch.cost for part, _ in day) for day in (parts, alone)]
    assert cost[0] == pytest.approx(cost[1], rel=1e-5)


@pytest.mark.parametrize("ev_price", ["none", "tariff"])
def test_a_price_that_no_flow_moves_ends_the_loop_after_one_round(small_case, ev_price):
    plain = run_small(small_case("coupling.ev_price=" + ev_price))
    looped = run_small(small_case("coupling.mode=iterated", "coupling.ev_price=" + ev_price))
    for (one, _), (other, judged) in zip(plain, looped, strict=True):
        assert other.traffic.coupling.coupling_rounds == 1
        assert other.traffic.coupling.coupling_residual_mw <= 1e-9
        assert judged.status == "optimal"
        assert tables(other)["stations"]["p_demand_mw"] == pytest.approx(
            tables(one)["stations"]["p_demand_mw"], abs=1e-7
        )


def test_two_worlds_in_one_process_give_equal_results(small_case):
    first, second = (run_small(small_case(*ITERATED)) for _ in range(2))
    assert len(first) == 6
    for (one, judged), (other, judged_again) in zip(first, second, strict=True):
        np.testing.assert_equal(tables(one), tables(other))
        np.testing.assert_equal(one.judged(), other.judged())
        assert judged == judged_again


def test_the_cap_of_rounds_gives_one_flagged_record_per_period(small_case):
    parts = run_small(small_case(*ITERATED, "coupling.round_limit=1"))
    assert [part.period for part, _ in parts] == [1, 2, 3, 4, 5, 6]
    for part, _ in parts:
        assert part.traffic.coupling.coupling_rounds == 1
        assert part.traffic.coupling.coupling_converged is (part.traffic.coupling.coupling_residual_mw <= 1e-6)
    assert parts[0][1].status == "not_converged"
    assert parts[0][0].traffic.coupling.coupling_residual_mw > 1e-6


def test_a_day_ahead_whose_loop_ends_too_early_goes_on_with_every_period_flagged(small_case):
    """The plan of the day and the day's load differ by what the loop admits; nobody refuses them on the way."""
    parts = run_small(small_case(*ITERATED, "dispatch.mode=day_ahead", "coupling.round_limit=1"))
    assert len(parts) == 6
    assert {judged.status for _, judged in parts} == {"not_converged"}
    assert {part.traffic.coupling.coupling_converged for part, _ in parts} == {False}


def test_a_load_that_a_day_ahead_plan_was_not_made_for_is_refused_after_a_loop_that_settled(small_case, monkeypatch):
    values = Traffic._values

    def other(self, eid):
        told = values(self, eid)
        if self.position == 2 and "P_demand[MW]" in told:
            told["P_demand[MW]"] += 0.01
        return told

    monkeypatch.setattr(Traffic, "_values", other)
    with pytest.raises(ComponentError, match="0.01 MW other than the day-ahead plan foresaw for period 3"):
        run_small(small_case(*ITERATED, "dispatch.mode=day_ahead"))


def fail_in_period(monkeypatch, kind, period, method="advance"):
    original = getattr(kind, method)

    def failing(self, *arguments):
        if method == "advance" and self.period_at(arguments[0]) == period - 1:
            return 1 / 0
        if method == "get_data" and self.position == period - 1:
            return {}["lost"]
        return original(self, *arguments)

    monkeypatch.setattr(kind, method, failing)


@pytest.mark.parametrize("name", SIMULATORS)
def test_a_simulator_that_dies_is_named_with_its_period_and_what_was_committed_stays(
    small, tmp_path, monkeypatch, name
):
    fail_in_period(monkeypatch, SIMULATORS[name], 5)
    with pytest.raises(ComponentError, match=f"{name} failed at period 5: ZeroDivisionError") as caught:
        run(small(), out=tmp_path / "run", report=False)
    result = load(tmp_path / "run")
    assert caught.value.exit_code == result.exit_code == 7
    assert not result.complete
    assert result.run["periods"] == {"planned": 6, "committed": 4}
    assert result.run["reasons"] == [str(caught.value)]
    assert sorted(result["buses"].period.unique()) == [1, 2, 3, 4]
    assert sorted(path.name for path in (tmp_path / "run" / "periods").iterdir()) == ["0001", "0002", "0003", "0004"]


def test_a_simulator_that_dies_outside_its_step_is_no_defect_of_the_command_line(small, tmp_path, monkeypatch):
    fail_in_period(monkeypatch, Grid, 3, "get_data")
    with pytest.raises(ComponentError, match="the simulation stopped: KeyError: 'lost'"):
        run(small(), out=tmp_path / "run", report=False)
    assert load(tmp_path / "run").run["periods"]["committed"] == 2


def test_dying_after_the_last_commit_is_still_no_complete_run(small, tmp_path, monkeypatch):
    monkeypatch.setattr(Grid, "status", lambda self: {"periods_done": 6, "error": "it hurts"})
    with pytest.raises(ComponentError, match="Grid finished 6 of 6 periods: it hurts"):
        run(small(), out=tmp_path / "run", report=False)
    result = load(tmp_path / "run")
    assert (result.exit_code, result.complete) == (7, False)
    assert result.run["periods"] == {"planned": 6, "committed": 6}


@pytest.mark.parametrize("name", SIMULATORS)
def test_a_simulator_that_skipped_a_period_is_found_out(small_case, monkeypatch, name):
    kind = SIMULATORS[name]
    monkeypatch.setattr(kind, "status", lambda self: {"periods_done": self.periods_done - 1, "error": ""})
    with pytest.raises(ComponentError, match=f"{name.title()} finished 5 of 6 periods"):
        run_small(small_case())


def test_a_simulator_that_does_not_answer_is_found_out(small_case, monkeypatch):
    monkeypatch.setattr(Grid, "status", lambda self: 1 / 0)
    with pytest.raises(ComponentError, match="Grid does not answer after the run: division by zero"):
        run_small(small_case())


def test_a_load_that_is_not_sent_leaves_nothing_stale_unnoticed(small_case, monkeypatch):
    """Without its trigger the dispatch does not step, and mosaik would go on with last hour's setpoints."""
    values = Traffic._values
    monkeypatch.setattr(
        Traffic,
        "_values",
        lambda self, eid: {k: v for k, v in values(self, eid).items() if k != "P_demand[MW]" or self.position != 3},
    )
    with pytest.raises(ComponentError, match="setpoints of period 3 arrived in period 4"):
        run_small(small_case())


def test_a_failure_leaves_no_task_behind(small_case, monkeypatch, caplog):
    fail_in_period(monkeypatch, Grid, 2)
    with pytest.raises(ComponentError):
        run_small(small_case(*ITERATED))
    gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_a_station_without_its_port_is_named(small_case):
    case = small_case()
    fewer = replace(case.dispatch, station_names=case.dispatch.station_names[:2], station_buses=(0, 1))
    with pytest.raises(ComponentError, match="Station-13 finds no Port in Dispatch"):
        run_small(replace(case, dispatch=fewer))


def only_finite_on_wires(monkeypatch):
    """Collect what every simulator sends; records and states are no wires of numbers."""
    sent = []
    for kind in SIMULATORS.values():

        def get_data(self, outputs, original=kind.get_data):
            data = original(self, outputs)
            sent.extend(
                value for ports in data.values() for attr, value in ports.items() if attr not in {"record", "state"}
            )
            return data

        monkeypatch.setattr(kind, "get_data", get_data)
    return sent


@pytest.mark.parametrize("mode", ["rolling", "day_ahead"])
@pytest.mark.parametrize("coupling", [(), ITERATED])
def test_a_dispatch_without_an_answer_is_flagged_and_the_run_goes_on(small, tmp_path, monkeypatch, mode, coupling):
    sent = only_finite_on_wires(monkeypatch)
    overrides = (*BEYOND_REACH, f"dispatch.mode={mode}", *coupling)
    result = run(small(), out=tmp_path / "run", overrides=overrides, report=False)
    assert result.exit_code == 6
    assert result.complete
    assert result.run["period_statuses"] == {"failed": 6}
    assert len(result.run["reasons"]) == 6
    assert all("solver_status infeasible" in reason for reason in result.run["reasons"])
    assert len(sent) > 6 * 100
    flat = [v for value in sent for v in (value if isinstance(value, list) else [value])]
    assert all(v is not None and np.isfinite(v) for v in flat if not isinstance(v, str | dict))
    periods = result["periods"]
    assert periods["import_mw"].isna().all()
    assert np.isfinite(periods["ac_slack_mw"]).all()  # what would happen if nobody did anything


def test_one_period_without_an_answer_does_not_spoil_the_others(small, tmp_path, monkeypatch):
    plan = Controller.plan

    def failing(self, position, ev_mw, *more):
        found = plan(self, position, ev_mw, *more)
        if position != 2:
            return found
        from cosim.dispatch.controller import make_window

        record = replace(found.record, status="not_converged")
        return empty_plan(self.case, make_window(self.case, position, self.window_periods, ev_mw), record)

    monkeypatch.setattr(Controller, "plan", failing)
    result = run(small(), out=tmp_path / "run", report=False)
    assert result.exit_code == 6
    assert result["periods"]["status"].tolist() == ["optimal"] * 2 + ["failed"] + ["optimal"] * 3
    assert "not_converged" in result["periods"]["flags"][2]
    stations = result["stations"].query("period == 3")
    assert (stations.p_set_mw == stations.p_demand_mw).all()


def test_a_sink_that_cannot_write_stops_the_run_as_such(small_case):
    def full(part, record):
        if part.period == 2:
            raise StorageError("no space left")

    with pytest.raises(StorageError, match="no space left"):
        world.run_world(small_case(), full)


@pytest.mark.parametrize("scenario", ["nguyen_traffic_only", "ieee33_grid_only"])
def test_half_a_scenario_runs_without_the_other_half(tmp_path, scenario, monkeypatch):
    result = run(scenario, out=tmp_path / "run", report=False)
    assert (result.exit_code, result.complete) == (0, True)
    assert ("buses" in result) is (scenario == "ieee33_grid_only")
    assert ("links" in result) is (scenario == "nguyen_traffic_only")


def test_roads_and_grid_without_electric_vehicles(tmp_path):
    text = """\
schema: 1
extends: nguyen_ieee33
periods: 3
ev: null
stations: []
traffic: {demand_profile: [1, 0.5, 0.2]}
feeder: {load_profile: [0.9, 1, 0.8]}
devices: {pv: {available_mw: 0}, wind: {available_mw: 0.2}}
"""
    (tmp_path / "scenario.yaml").write_text(text)
    case = build_case(scenario_files.load(tmp_path / "scenario.yaml"))
    parts = run_small(case)
    assert [judged.status for _, judged in parts] == ["optimal"] * 3
    assert all("stations" not in tables(part) for part, _ in parts)
    assert all(part.dispatch.ev_mw == 0.0 for part, _ in parts)


def test_wires_are_those_of_the_parts_that_exist(small_case):
    kinds = {(w.source, w.target, w.attrs, w.weak) for w in world.wires(small_case(*ITERATED))}
    assert ("Dispatch", "Traffic", ("price[CNY/MWh]", "P_offer[MW]"), True) in kinds
    assert ("Dispatch", "Traffic", ("answer",), True) in kinds
    assert ("Traffic", "Dispatch", ("query",), False) in kinds
    assert not any(weak for *_, weak in {(w.source, w.weak) for w in world.wires(small_case())})
    names = {name for wire in world.wires(small_case()) for name in (wire.source, wire.target)}
    assert names == {"Traffic", "Dispatch", "Grid", "Recorder"}


def test_tables_of_a_record_are_plain_data(small_case):
    """What is stored of a period needs no type of ours to be read."""
    part, _ = run_small(small_case())[0]
    assert json.loads(json.dumps(tables(part))).keys() == tables(part).keys() > {"periods", "buses", "links"}


def test_a_day_on_the_batch_engine_has_the_same_states_and_pandapower_judges_a_sample(small_case, monkeypatch):
    judged = []
    solve = AcFlow.solve

    def seen(self, p_mw, q_mvar):
        judged.append(1)
        return solve(self, p_mw, q_mvar)

    monkeypatch.setattr(AcFlow, "solve", seen)
    monkeypatch.setattr("cosim.simulators.grid.SAMPLE", 4)
    batch, told = (run_small(small_case(f"dispatch.ac_engine={name}")) for name in ("batch", "pandapower"))
    assert len(judged) == 2 + 6  # periods 1 and 5 of the batch, then every period
    for (one, one_judged), (other, other_judged) in zip(batch, told, strict=True):
        assert one_judged.status == other_judged.status == "optimal"
        np.testing.assert_allclose(one.grid.buses.vm_ac_pu, other.grid.buses.vm_ac_pu, rtol=0.0, atol=1e-10)
        assert one.grid.ac_loss_mw == pytest.approx(other.grid.ac_loss_mw, abs=1e-10)


def test_every_flagged_period_of_the_batch_engine_is_put_to_pandapower(small_case, monkeypatch):
    asked = []
    confirm = BatchFlow.confirm

    def seen(self, found, p_mw, q_mvar, what):
        asked.append(what)
        return confirm(self, found, p_mw, q_mvar, what)

    monkeypatch.setattr(BatchFlow, "confirm", seen)
    parts = run_small(small_case("dispatch.ac_engine=batch", "gates.ac_voltage_violation_pu=0", "gates.dv_pu=1e-18"))
    flagged = [part.period for part, judged in parts if judged.flags]
    assert flagged
    assert asked == [f"grid: period {period}" for period in sorted({1, *flagged})]
