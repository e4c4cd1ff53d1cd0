"""Elasticities of a day: homogeneity, conservation, duals, and the Jacobians against solving again."""

import numpy as np
import pytest

from cosim.errors import UsageError
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.validation.vocabulary import STUDIED
from cosim.workflows.day import solve_day
from cosim.workflows.run import run
from cosim.workflows.sensitivity import NoAnswer, sensitivity

ROADS = ["traffic.*", "ev.*", "roads.*", "stations.*", "tariff.base*", "dispatch.*", "devices.*cost*", "devices.*pay*"]
SIX = """\
schema: 1
title: Six hours of the default day, from its busiest to its quietest
extends: nguyen_ieee33
periods: 6
traffic: {demand_profile: [1.0, 0.9, 0.7, 0.5, 0.3, 0.2]}
feeder: {load_profile: [0.9, 1.0, 0.95, 0.8, 0.6, 0.5]}
devices:
  pv: {available_mw: [0.3, 0.1, 0.0, 0.0, 0.0, 0.0]}
  wind: {available_mw: [0.2, 0.3, 0.3, 0.35, 0.4, 0.4]}
"""


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    path = tmp_path_factory.mktemp("six") / "scenario.yaml"
    path.write_text(SIX, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def study(six):
    return sensitivity(six, only=ROADS)


@pytest.fixture(scope="module")
def prices_given():
    return sensitivity("nguyen_traffic_only")


def rows(study, parameter, answer):
    found = [row for row in study.rows if row.parameter == parameter and row.answer == answer]
    assert found, (parameter, answer)
    return found


def number(study, parameter, answer):
    (row,) = rows(study, parameter, answer)
    return row.elasticity


@pytest.mark.parametrize("which", ["study", "prices_given"])
def test_jacobians_and_duals_agree_with_solving_again(which, request):
    exact = [row for row in request.getfixturevalue(which).rows if row.method == "exact" and row.step > 0]
    exact = [row for row in exact if np.isfinite(row.elasticity)]
    assert {"link_flow", "station_energy", "travel_time", "wait"} <= {row.answer for row in exact}
    assert which == "prices_given" or "cost" in {row.answer for row in exact}
    for row in exact:
        assert row.elasticity == pytest.approx(row.resolved, abs=2 * row.error + 1e-6), row
        assert not row.note


def test_demand_and_all_capacities_together_scale_the_flows(study):
    """Times depend on flow over capacity: (demand, capacities) x k gives flows x k, so their elasticities sum to 1."""
    parts = ["traffic.demand (all trips)", "roads.*.capacity_vph", "stations.*.chargers"]
    for answer in ("link_flow", "station_energy"):
        total = np.sum([[row.elasticity for row in rows(study, part, answer)] for part in parts], axis=0)
        assert total == pytest.approx(np.ones(len(total)), abs=1e-7)
    for answer in ("travel_time", "wait"):
        assert sum(number(study, part, answer) for part in parts) == pytest.approx(0.0, abs=1e-7)


def test_all_prices_together_scale_the_cost(study):
    """The least cost is homogeneous of degree 1 in its prices."""
    priced = [
        "tariff.base_per_mwh", "dispatch.loss_price_per_mwh", "dispatch.ev_curtailment_price_per_mwh",
        "dispatch.shedding_price_per_mwh", "devices.gt.cost_per_mwh", "devices.gt.cost_quadratic_per_mw2h",
        "devices.*demand_response.pay_per_mwh",
    ]  # fmt: skip
    assert sum(number(study, name, "cost") for name in priced) == pytest.approx(1.0, abs=1e-6)


def test_charging_vehicles_are_conserved(study):
    """Every charging vehicle charges once: more of them means as much more energy, anything else only moves it."""
    for name in ("ev.share", "ev.fast_charge_share", "ev.battery_kwh (energy per visit)"):
        assert number(study, name, "charging_energy") == pytest.approx(1.0, abs=1e-9)
    for name in ("traffic.theta_per_min", "roads.*.capacity_vph", "stations.*.law.j"):
        assert number(study, name, "charging_energy") == pytest.approx(0.0, abs=1e-7)
        assert sum(row.slope for row in rows(study, name, "station_energy")) == pytest.approx(0.0, abs=1e-7)


def test_numbers_that_nothing_reads_are_exactly_zero_and_say_why(study):
    for name, why in (
        ("ev.value_of_time_per_min", "no price that differs"),
        ("dispatch.ev_curtailment_price_per_mwh", "the hard model has an answer"),
    ):
        for row in (row for row in study.rows if row.parameter == name and row.base != 0.0):
            assert (row.slope, row.method) == (0.0, "exact")
            assert why in row.note


def test_the_value_of_time_undoes_given_prices(prices_given):
    """Drivers see price over value of time alone."""
    for answer in ("link_flow", "station_energy"):
        by_price = rows(prices_given, "given.station_price_per_mwh", answer)
        by_time = rows(prices_given, "ev.value_of_time_per_min", answer)
        spread = rows(prices_given, "given.station_price_per_mwh (spread)", answer)
        assert [row.elasticity for row in by_time] == pytest.approx([-row.elasticity for row in by_price], abs=1e-8)
        assert [row.elasticity for row in spread] == pytest.approx([row.elasticity for row in by_price], abs=1e-8)


def test_parameters_come_in_order_of_their_influence(study):
    sizes = [one.largest for one in study.influences]
    assert sizes == sorted(sizes, reverse=True)
    assert set(study.columns()) == {column.name for column in STUDIED}


def test_the_day_is_the_one_of_a_run(finished):
    """The rolling run, with its simulators and 24 plans, against the same day solved at once in plain Python."""
    run, day = finished("sequential"), solve_day(build_case(load("nguyen_ieee33")))
    assert day.problems == ()
    assert day.grid.cost.sum() == pytest.approx(run["periods"]["cost"].sum(), rel=1e-6)
    assert day.grid.loss_mw == pytest.approx(run["periods"]["loss_mw"], abs=1e-4)
    links = run["links"].pivot_table(index="period", columns="link", values="flow_vph", sort=False)
    assert day.roads.flow_vph == pytest.approx(links.to_numpy(), abs=1e-4)


def test_a_limit_that_just_binds_is_a_kink(six):
    """At the day's own lowest voltage, a lower limit moves nothing below, and takes the voltage with it above."""
    lowest = float(solve_day(build_case(load(six))).grid.vm_pu.min())
    found = sensitivity(six, overrides=[f"feeder.v_min_pu={lowest!r}"], only=["feeder.v_min_pu"], step=0.005)
    (row,) = rows(found, "feeder.v_min_pu", "min_voltage")
    assert (row.shape, row.method) == ("kink", "re-solved")
    assert (row.left, row.right) == (pytest.approx(0.0, abs=5e-3), pytest.approx(1.0, abs=5e-3))


def test_a_rule_that_bars_one_side_leaves_the_other(six):
    found = sensitivity(six, overrides=["ev.share=1"], only=["ev.share"])
    (row,) = rows(found, "ev.share", "charging_energy")
    assert row.shape == "one-sided"
    assert "one side only" in row.note
    assert np.isnan(row.right)
    assert row.elasticity == pytest.approx(1.0, abs=1e-6)


def test_the_feeder_alone_pays_its_nodal_prices():
    """More of the given load costs the nodal price of its bus (envelope theorem), in exact and re-solved numbers."""
    found = sensitivity("ieee33_grid_only", only=["given.ev_load_mw"])
    (row,) = rows(found, "given.ev_load_mw", "cost")
    assert row.method == "exact"
    assert row.elasticity == pytest.approx(row.resolved, abs=1e-6)
    assert not [row for row in found.rows if row.answer == "link_flow"]


def test_where_price_and_flow_iterate_all_is_solved_again(six):
    overrides = ["coupling.mode=iterated", "coupling.ev_price=nodal"]
    found = sensitivity(six, overrides=overrides, only=["ev.share"])
    assert {row.method for row in found.rows} == {"re-solved"}
    assert number(found, "ev.share", "charging_energy") == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("mode", ["rolling", "day_ahead"])
def test_the_day_that_is_varied_is_the_day_of_a_run(six, tmp_path, mode):
    """Where a limit binds the loop of a window and that of the day differ: the windows look at forecasts."""
    overrides = [
        "coupling.mode=iterated", "coupling.ev_price=nodal", f"dispatch.mode={mode}", "ev.share=0.5",
        "ev.fast_charge_share=0.2", "feeder.slack_vm_pu=1.0", *(f"stations.{n}.chargers=50" for n in (8, 11, 13)),
    ]  # fmt: skip
    told = run(six, out=tmp_path / "out", overrides=overrides, report=False)
    studied = solve_day(build_case(load(six, overrides))).grid
    assert told.exit_code == 0
    assert studied.cost == pytest.approx(told["periods"]["cost"].to_numpy(), rel=1e-6)
    if mode == "rolling":
        other = solve_day(build_case(load(six, [*overrides, "dispatch.mode=day_ahead"]))).grid
        assert np.abs(other.cost - studied.cost).max() > 1.0


def test_several_processes_find_the_same(six):
    only = ["traffic.theta_per_min", "tariff.base_per_mwh"]
    one, two = (sensitivity(six, only=only, jobs=jobs).columns() for jobs in (1, 2))
    assert one.pop("note") == two.pop("note")
    for name, values in one.items():
        if isinstance(values[0], float):
            assert values == pytest.approx(two[name], nan_ok=True, abs=1e-12)


def test_links_one_by_one_sum_to_all_together():
    found = sensitivity("nguyen_traffic_only", detail=True, only=["roads.*.capacity_vph"], exact=True)
    single = [one.parameter.name for one in found.influences if one.parameter.name != "roads.*.capacity_vph"]
    assert len(single) == 19
    for answer in ("travel_time", "wait"):
        total = sum(number(found, name, answer) for name in single)
        assert total == pytest.approx(number(found, "roads.*.capacity_vph", answer), abs=1e-7)


def test_only_the_chosen_periods_are_answered(six):
    found = sensitivity(six, only=["traffic.demand*"], periods="2:3")
    assert found.periods == (2, 3)
    day = solve_day(build_case(load(six)))
    (row,) = rows(found, "traffic.demand (all trips)", "charging_energy")
    assert row.base == pytest.approx(day.load_mw[:, 1:3].sum())
    (cost,) = rows(found, "traffic.demand (all trips)", "cost")
    assert cost.method == "re-solved"


def test_no_answer_is_told_with_period_and_residual():
    with pytest.raises(NoAnswer, match="period 1 is no equilibrium: limit") as error:
        sensitivity("nguyen_traffic_only", overrides=["traffic.method=msa", "traffic.iteration_limit=1"])
    assert error.value.exit_code == 6


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"step": 0.0}, "step: 0.0"),
        ({"step": 0.3}, "at most 0.2"),
        ({"by": "costs"}, "did you mean 'cost'"),
        ({"jobs": 0}, "jobs: 0"),
        ({"only": ["traffik.*"]}, "fits no parameter"),
        ({"periods": "5:"}, "first:last"),
        ({"periods": "30"}, "none of the periods 1 to 24"),
    ],
)
def test_misuse_names_value_and_rule(how, told):
    with pytest.raises(UsageError, match=told):
        sensitivity("nguyen_traffic_only", **how)
