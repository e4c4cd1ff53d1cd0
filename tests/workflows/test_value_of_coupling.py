"""Three runs of one day, from no interaction to equilibrium: what is the same in them, and what differs."""

import csv
import json

import numpy as np
import pytest

from cosim.coupling.free_flow import free_flow_load_mw
from cosim.errors import InputError, StorageError, UsageError
from cosim.records.period import PeriodRecord
from cosim.records.traffic import StationRows, TrafficPeriod
from cosim.results.store import load
from cosim.scenario.case import build_case
from cosim.scenario.load import load as load_scenario
from cosim.workflows import value_of_coupling as study
from cosim.workflows.value_of_coupling import load_shift, value_of_coupling
from tests.by_hand import by_hand

BINDING = """\
schema: 1
title: Two hours of the binding day, its worst and a quiet one
extends: nguyen_ieee33_binding
periods: 2
traffic: {demand_profile: [1.0, 0.3]}
feeder: {load_profile: [0.9, 0.6]}
devices:
  pv: {available_mw: [0.376, 0]}
  wind: {available_mw: [0.24, 0.3]}
"""


@pytest.fixture(scope="module")
def binding(tmp_path_factory):
    folder = tmp_path_factory.mktemp("binding") / "two_hours"
    folder.mkdir()
    (folder / "scenario.yaml").write_text(BINDING, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def found(binding):
    return value_of_coupling(binding, out=binding.parent / "out", report=False)


def test_one_way_curtails_and_the_equilibrium_does_not(found):
    none, one_way, equilibrium = found.comparison.row("ev_not_served_mwh").values
    assert one_way > 0.1
    assert equilibrium == 0.0
    assert [found.runs[name].exit_code for name in ("one_way", "equilibrium")] == [5, 0]
    assert found.exit_code == 0
    assert "MWh one way, 0 MWh in equilibrium" in found.verdict
    assert "hardly" not in found.verdict
    assert none is not None


def test_only_the_equilibrium_is_certified_in_every_period(found):
    assert found.comparison.row("certified").values == (None, 0, 2)
    none, one_way, bound_vph = found.comparison.row("coupling_bound_vph").values
    assert (none, one_way) == (None, None)
    assert bound_vph < 1e-2


def test_demand_tariff_and_base_load_are_the_same_in_all_three(found):
    assert found.comparison.row("ev_demand_mwh").values == pytest.approx(
        [found.comparison.row("ev_demand_mwh").values[0]] * 3
    )
    first, *others = [result["periods"]["tariff_per_mwh"].tolist() for result in found.runs.values()]
    assert others == [first, first]
    manifests = [result.manifest for result in found.runs.values()]
    assert len({one["base_load_mwh"] for one in manifests}) == 1
    assert {one["seed"] for one in manifests} == {1}
    assert {one["scenario"] for one in manifests} == {"two_hours"}


def test_the_fixed_series_is_the_free_flow_split(found, binding):
    expected = free_flow_load_mw(build_case(load_scenario(binding)).response())
    kept = found.runs["none"].folder / "scenario" / "ev_load.csv"
    with kept.open(encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["period", "16", "20", "32"]
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], dtype=float), expected.T)
    assert found.runs["none"]["periods"]["ev_mw"].to_numpy() == pytest.approx(expected.sum(axis=0))


def test_only_the_coupling_differs_between_the_other_two(found):
    changed = {one.key for one in found.comparison.differences if one.values[1] != one.values[2]}
    assert changed == {"coupling.mode", "coupling.ev_price.kind"}


def test_the_folder_holds_three_runs_and_their_comparison(found):
    assert {path.name for path in found.folder.iterdir()} == {
        "none", "one_way", "equilibrium", "comparison.json", "comparison.csv",
    }  # fmt: skip
    told = json.loads((found.folder / "comparison.json").read_text(encoding="utf-8"))
    assert [run["name"] for run in told["runs"]] == ["none", "one_way", "equilibrium"]
    for name, result in found.runs.items():
        assert load(found.folder / name).exit_code == result.exit_code
        assert build_case(load_scenario(result.folder / "scenario")).timeline.periods == 2


def test_the_shift_is_the_largest_change_of_a_stations_load(found):
    before, after = (found.runs[name]["stations"] for name in ("one_way", "equilibrium"))
    change = (after["p_demand_mw"] - before["p_demand_mw"]).abs()
    assert found.shift.shift_mw == change.max()
    row = before.loc[change.idxmax()]
    assert (found.shift.period, found.shift.station) == (row["period"], row["station"])


def test_tables_of_other_stations_are_refused():
    def told(*names):
        rows = by_hand(StationRows, station=names, p_demand_mw=np.full(len(names), 0.1))
        return [PeriodRecord(period=1, traffic=by_hand(TrafficPeriod, period=1, stations=rows))]

    with pytest.raises(StorageError, match="not the same stations and periods"):
        load_shift(told("8", "11"), told("8"))


def test_where_little_moves_it_says_so(small, tmp_path):
    found = value_of_coupling(small(), out=tmp_path / "out", report=False, overrides=["dispatch.mode=day_ahead"])
    assert found.exit_code == 0
    assert found.shift.shift_mw < study.HARDLY_MW
    assert "less than 0.05 MW: coupling hardly matters here" in found.verdict


def test_all_charging_trips_of_the_drawn_fleet_are_the_same(small, tmp_path):
    found = value_of_coupling(
        small(), out=tmp_path / "out", report=False, seed=9, overrides=["ev.fast_charge_share=mcmc"]
    )
    demand = [result["periods"]["ev_mw"].to_numpy() for result in found.runs.values()]
    assert demand[1] == pytest.approx(demand[0], abs=1e-9)
    assert demand[2] == pytest.approx(demand[0], abs=1e-9)
    assert {result.manifest["seed"] for result in found.runs.values()} == {9}


def test_strict_ends_with_the_first_flagged_period_and_without_a_table(binding, tmp_path):
    found = value_of_coupling(binding, out=tmp_path / "out", report=False, strict=True)
    assert list(found.runs) == ["none", "one_way"]
    assert (found.exit_code, found.comparison, found.shift) == (5, None, None)
    assert found.verdict == "no comparison: a run is incomplete"
    assert {path.name for path in found.folder.iterdir()} == {"none", "one_way"}


def test_periods_without_a_trustworthy_answer_spoil_the_study(small, tmp_path):
    found = value_of_coupling(small(), out=tmp_path / "out", report=False, overrides=["feeder.v_min_pu=1.045"])
    assert [result.exit_code for result in found.runs.values()] == [6, 6, 6]
    assert found.exit_code == 6
    assert "not known in every period" in found.verdict


@pytest.mark.parametrize(
    ("scenario", "missing"), [("nguyen_traffic_only", "no grid"), ("ieee33_grid_only", "no roads")]
)
def test_half_a_scenario_is_refused_by_name_and_nothing_is_written(scenario, missing, tmp_path):
    with pytest.raises(InputError, match=f"scenario '{scenario}' has {missing}; the value of coupling needs"):
        value_of_coupling(scenario, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_is_refused_before_anything_runs(small, tmp_path):
    with pytest.raises(UsageError, match="exists; choose another with --out"):
        value_of_coupling(small(), out=tmp_path)


def test_a_series_of_prices_gives_way_to_the_stages_own_prices(small, tmp_path):
    (small().parent / "prices.csv").write_text(
        "period,8,11,13\n" + "".join(f"{k},400,500,600\n" for k in range(1, 7)), encoding="utf-8"
    )
    path = small("coupling: {ev_price: {kind: series, file: prices.csv}}\n")
    found = value_of_coupling(path, out=tmp_path / "out", report=False, overrides=["dispatch.mode=day_ahead"])
    resolved = [result.manifest["resolved"]["coupling"] for result in found.runs.values()]
    assert [one["ev_price"]["kind"] for one in resolved] == ["none", "none", "nodal"]


def test_vehicles_are_simulated_only_where_there_are_roads(small):
    base = load_scenario(small(), ["microsim.mode=meso"])
    case = build_case(base)
    with study._variants(base, case, case.dispatch) as variants:
        modes = {name: build_case(load_scenario(folder)).microsim.mode for name, folder in variants.items()}
    assert modes == {"none": "off", "one_way": "meso", "equilibrium": "meso"}


def test_a_mark_up_is_that_of_the_equilibrium_alone(small, tmp_path):
    path = small("coupling: {mode: iterated, ev_price: {kind: nodal, markup: 0.2}}\n")
    found = value_of_coupling(path, out=tmp_path / "out", report=False, overrides=["dispatch.mode=day_ahead"])
    prices = [result.manifest["resolved"]["coupling"]["ev_price"] for result in found.runs.values()]
    assert prices == [{"kind": "none"}, {"kind": "none"}, {"kind": "nodal", "markup": 0.2}]
    stations = found.runs["equilibrium"]["stations"]
    assert stations["price_per_mwh"].to_numpy() == pytest.approx(1.2 * stations["nodal_price_per_mwh"].to_numpy())


def test_what_the_equilibrium_may_not_have_is_told_before_anything_runs(tmp_path):
    blocks = ("dispatch.mode=day_ahead", "dispatch.block_h=8")
    with pytest.raises(InputError, match=r"block_h.*all periods at once, not block by block"):
        value_of_coupling("five_nodes", out=tmp_path / "study", overrides=blocks)
    assert not (tmp_path / "study").exists()
