"""The shipped day: what it must show, in three modes."""

import hashlib
import json
import re

import numpy as np
import pandas as pd
import pytest

from cosim.errors import InputError, StorageError, UsageError
from cosim.results.manifest import PACKAGES
from cosim.scenario import shipped
from cosim.scenario.load import load as load_scenario
from cosim.workflows.run import run

BUSIEST = [18, 19, 20, 21, 22]


@pytest.mark.parametrize("name", ["sequential", "iterated", "day_ahead"])
def test_every_period_passes_with_room_to_spare(finished, name):
    result = finished(name)
    periods = result["periods"]
    assert (result.exit_code, result.complete, len(periods)) == (0, True, 24)
    assert result.run["reasons"] == []
    assert result.run["period_statuses"] == {"optimal": 24}
    for column, limit in {
        "sue_residual": 1e-8,
        "cone_gap_pu2": 1e-7,
        "ac_dv_pu": 1e-6,
        "ac_dloss_kw": 0.01,
        "energy_balance_mw": 1e-6,
        "injection_error_mw": 1e-9,
    }.items():
        assert periods[column].abs().max() <= limit, column  # a NaN is not <= anything
        assert np.isfinite(periods[column]).all()


def test_import_of_the_sequential_day(finished):
    periods = finished("sequential")["periods"]
    assert periods["import_mw"].max() == pytest.approx(3.04, abs=0.01)
    assert periods["import_mw"].sum() == pytest.approx(57.4, abs=0.05)
    assert periods["import_mw"].tolist() == pytest.approx(periods["ac_slack_mw"].tolist(), abs=1e-6)


def test_demand_response_cuts_the_evening(finished):
    devices = finished("sequential")["devices"].query("kind == 'demand_response'")
    by_period = devices.groupby("period")["p_mw"].sum()
    assert (by_period[BUSIEST] > 0.01).all()
    assert (by_period.drop(BUSIEST) < 0.001).all()
    assert abs(by_period.sum()) < 1e-6  # what is cut is made up for


def test_storage_charges_at_night_and_ends_where_it_began(finished):
    storage = finished("sequential")["devices"].query("kind == 'storage'").set_index("period")
    assert storage.loc[1:6, "p_mw"].sum() < -0.5
    assert storage.loc[BUSIEST, "p_mw"].sum() > 0.5
    assert storage.loc[24, "energy_mwh"] == pytest.approx(0.8, abs=1e-6)


def energies(result):
    return result["stations"].groupby("station")["energy_mwh"].sum()[["8", "11", "13"]].to_numpy()


def test_nodal_prices_move_drivers(finished):
    before, after = energies(finished("sequential")), energies(finished("iterated"))
    assert before == pytest.approx([3.04, 8.10, 3.00], abs=0.006)
    assert after == pytest.approx([2.87, 8.34, 2.93], abs=0.006)
    assert np.abs(after - before).max() > 0.1
    assert after.sum() == pytest.approx(before.sum(), abs=1e-6)


def test_price_and_flow_agree_in_every_period(finished):
    periods = finished("iterated")["periods"]
    assert (periods["coupling_residual_mw"] <= 1e-6).all()
    assert periods["coupling_rounds"].between(1, 3).all()  # a step of Newton's method is often enough
    assert periods["coupling_converged"].all()
    assert (periods["coupling_bound_vph"] <= 2e-3).all()
    assert (periods["coupling_objection"].fillna("") == "").all()


def test_a_cheaper_station_gains(finished):
    """Where the price falls below the others', the share of the load rises."""
    before, after = (finished(name)["stations"].set_index(["period", "station"]) for name in ("sequential", "iterated"))
    price = after["price_per_mwh"] - after.groupby("period")["price_per_mwh"].mean()
    moved = after["p_demand_mw"] - before["p_demand_mw"]
    assert (price * moved).groupby("period").sum().max() < 0.0


def test_with_a_perfect_forecast_the_rolling_cost_is_the_day_ahead_cost(finished):
    rolling, ahead = (finished(name)["periods"]["cost"].sum() for name in ("sequential", "day_ahead"))
    assert rolling == pytest.approx(ahead, rel=1e-6)


def test_the_forecast_is_the_outcome(finished):
    loads = [finished(name)["stations"]["p_demand_mw"] for name in ("sequential", "day_ahead")]
    assert (loads[0] == loads[1]).all()
    assert np.array_equal(loads[0], finished("sequential")["stations"]["energy_mwh"])


def test_the_tariff_is_announced_and_the_same_in_every_mode(finished):
    tariffs = [finished(name)["periods"]["tariff_per_mwh"].tolist() for name in ("sequential", "iterated", "day_ahead")]
    assert tariffs[0] == tariffs[1] == tariffs[2]
    assert set(tariffs[0]) == {385.0, 550.0, 715.0}


def test_the_manifest_tells_what_was_run(finished):
    manifest = finished("iterated").manifest
    assert manifest["scenario"] == "nguyen_ieee33"
    assert manifest["overrides"] == ["coupling.mode=iterated", "coupling.ev_price=nodal"]
    assert set(manifest["versions"]) == {"cosim", *PACKAGES}
    assert all(re.match(r"\d+\.", version) for version in manifest["versions"].values())
    assert {"created", "command", "python", "platform", "git", "gates", "resolved", "sources", "seed"} <= set(manifest)
    assert manifest["gates"]["coupling_residual_mw"] == 1e-6
    inputs = {item["file"]: item for item in manifest["inputs"]}
    [links] = [name for name in inputs if name.endswith("links.csv")]
    content = (shipped.folder(shipped.ROADS) / "nguyen" / "links.csv").read_bytes()
    assert inputs[links]["sha256"] == hashlib.sha256(content).hexdigest()
    assert inputs[links]["bytes"] == len(content)
    assert {name.rsplit("/", 1)[-1] for name in inputs} >= {
        "scenario.yaml", "profiles.csv", "nodes.csv", "links.csv", "bus.csv", "line.csv", "load.csv"
    }  # fmt: skip


def test_manifest_and_verdict_are_strict_json(finished):
    for name in ("manifest.json", "run.json", "periods/0001/gate.json"):
        text = (finished("sequential").folder / name).read_text()
        json.loads(text, parse_constant=pytest.fail)


def test_the_scenario_is_kept_with_the_run_and_runs_again(finished, tmp_path):
    kept = load_scenario(finished("iterated").folder / "scenario")
    assert (kept.scenario.coupling.mode, kept.scenario.coupling.ev_price.kind) == ("iterated", "nodal")
    first = run("nguyen_traffic_only", out=tmp_path / "first", overrides=["ev.share=0.3"], report=False)
    again = run(first.folder / "scenario", out=tmp_path / "again", report=False)
    for name in first.tables:
        pd.testing.assert_frame_equal(first[name], again[name], check_exact=True)


STRICT = ["feeder.slack_vm_pu=1.0", *(f"devices.{name}.reactive=false" for name in ("ess", "pv", "wind"))]


def test_strict_stops_at_the_first_flagged_period_and_keeps_it(small, tmp_path):
    seen = []
    result = run(
        small(),
        out=tmp_path / "strict",
        overrides=STRICT,
        strict=True,
        report=False,
        progress=lambda p, r: seen.append(p.period),
    )
    assert seen == [1]
    assert result.exit_code == 5
    assert not result.complete
    assert result.run["periods"] == {"planned": 6, "committed": 1}
    assert result["periods"]["status"].tolist() == ["optimal_with_ev_curtailment"]


def test_tolerant_goes_on_and_keeps_the_code(small, tmp_path):
    result = run(small(), out=tmp_path / "tolerant", overrides=STRICT, report=False)
    assert result.exit_code == 5
    assert result.complete
    assert len(result.run["reasons"]) == result.run["period_statuses"]["optimal_with_ev_curtailment"] >= 2
    curtailed = result["stations"]["curtailed_mw"]
    assert curtailed.max() > 0.01
    served = result["stations"]["p_demand_mw"] - curtailed
    assert np.allclose(result["stations"]["energy_mwh"], served, atol=1e-12)


def test_the_seed_is_recorded(tmp_path):
    result = run("nguyen_traffic_only", out=tmp_path / "run", seed=77, report=False)
    assert result.manifest["seed"] == 77
    assert result.manifest["resolved"]["seed"] == 77


def test_an_existing_folder_is_refused_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr("cosim.workflows.run.run_world", lambda *a: pytest.fail("a simulator was started"))
    (tmp_path / "run").mkdir()
    with pytest.raises(UsageError, match="exists"):
        run("nguyen_traffic_only", out=tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr("cosim.workflows.run.run_world", lambda *a: pytest.fail("a simulator was started"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        run("nguyen_traffic_only", out=tmp_path / "file" / "run")


def test_a_wrong_scenario_leaves_no_folder(tmp_path):
    with pytest.raises(InputError, match="thetta"):
        run("nguyen_traffic_only", out=tmp_path / "run", overrides=["traffic.thetta=1"])
    assert not (tmp_path / "run").exists()


def test_runs_get_names_of_their_own_and_latest_points_to_the_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (run("nguyen_traffic_only", report=False) for _ in range(2))
    assert first.folder != second.folder
    assert (tmp_path / "runs" / "latest").resolve() == (tmp_path / second.folder).resolve()
    assert re.fullmatch(r"runs/nguyen_traffic_only-\d{8}T\d{6}Z(-\d+)?", str(second.folder))


def test_the_error_of_a_run_is_told_even_if_it_cannot_be_written_down(small, tmp_path, monkeypatch):
    def full(self, *arguments, **named):
        raise StorageError("no space left for run.json")

    def broken(self, period, *more):
        raise StorageError(f"no space left for period {period}")

    monkeypatch.setattr("cosim.results.store.RunStore.commit", broken)
    monkeypatch.setattr("cosim.results.store.RunStore.finish", full)
    with pytest.raises(StorageError, match="no space left for period 1"):
        run(small(), out=tmp_path / "run", report=False)
