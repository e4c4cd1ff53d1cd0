"""Statistics of the comparison with a microscopic simulation, against closed forms, scipy and conservation laws."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths
from cosim.validation import metrics
from cosim.validation.gate import GateLimits
from cosim.validation.micro import (
    MicroSeen,
    expected_flow,
    null_claim,
    over_seeds,
    statistics,
    sue_claim,
    with_skill,
)
from cosim.validation.micro_limits import MicroLimits
from cosim.validation.micro_verdict import STATISTICS, holds, judge
from cosim.validation.route_choice import class_closure, closure, delivered_flow, free_flow_logit, moved_share, residual

flows = st.floats(min_value=0.0, max_value=1e5)
positive = st.lists(st.floats(min_value=0.1, max_value=1e4), min_size=2, max_size=30)


def two_routes(demand=1000.0, theta=0.5):
    """Two parallel roads of 10 and 12 min with BPR, capacity 800."""
    network = RoadNetwork(
        node_ids=("a", "b", "c"),
        link_ids=("ab", "ac", "cb"),
        tail=np.array([0, 0, 2]),
        head=np.array([1, 2, 1]),
        free_flow_min=np.array([10.0, 6.0, 6.0]),
        capacity_vph=np.array([800.0, 800.0, 800.0]),
    )
    paths = all_simple_paths(network, (("a", "b"),), {"other": False}, 10)
    return SueProblem(network=network, paths=paths, demand_vph=np.array([demand]), theta_per_min=theta)


def exact(problem, path_flow_vph):
    """Return a run that measured exactly what path flows claim."""
    claim = sue_claim(problem, path_flow_vph)
    none = np.zeros(0)
    time = problem.path_set
    return MicroSeen(
        seed=1, link_flow_vph=claim.link_flow_vph, link_time_min=claim.link_time_min,
        link_vehicles=np.full(3, 100.0),
        path_time_min=np.array([claim.link_time_min[list(time.path_links(k))].sum() for k in range(len(time))]),
        path_vehicles=np.full(len(time), 100.0),
        station_growth_vph=none, station_wait_min=none, station_energy_kwh=none, station_ledger_error_kwh=none,
        vehicles=1000, teleported=0, never_inserted=0, unfinished=0, collisions=0, emergency_stops=0,
    )  # fmt: skip


@given(flows, flows)
def test_geh_is_symmetric_and_its_square_is_twice_the_square_over_the_sum(m, x):
    found = float(metrics.geh(m, x))
    assert found == float(metrics.geh(x, m))
    assert found**2 * (m + x) == pytest.approx(2.0 * (m - x) ** 2, rel=1e-9, abs=1e-9)


@given(positive)
def test_a_model_that_is_right_makes_no_error(values):
    assert metrics.rmse(values, values) == metrics.mape(values, values) == metrics.percent_rmse(values, values) == 0.0
    if len(set(values)) > 1:
        assert metrics.r_squared(values, values) == 1.0


@given(positive, st.floats(min_value=0.01, max_value=0.5))
def test_a_model_that_is_off_by_a_share_has_this_mape(values, share):
    modelled = np.array(values) * (1.0 + share)
    assert metrics.mape(values, modelled) == pytest.approx(share)


@given(st.lists(st.floats(min_value=-1e3, max_value=1e3), min_size=3, max_size=12), st.floats(-5.0, 5.0))
def test_r_squared_of_a_shifted_model_is_one_less_the_shift_over_the_variance(values, shift):
    m = np.array(values)
    if m.std() < 1e-3:
        return
    assert metrics.r_squared(m, m + shift) == pytest.approx(1.0 - shift**2 / m.var(), rel=1e-6, abs=1e-9)


@given(st.lists(st.floats(min_value=-1e3, max_value=1e3), min_size=2, max_size=12))
def test_the_interval_over_seeds_is_scipys_student_interval(values):
    found = metrics.estimate(values)
    spread = float(np.std(values, ddof=1))
    if spread < 1e-9:
        assert found.low == pytest.approx(found.high, abs=1e-6)
        return
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)


def test_ninety_five_percent_of_further_runs_fall_within_the_prediction_interval():
    rng = np.random.default_rng(7)
    runs = rng.normal(100.0, 5.0, size=(6, 20_000))
    inside = np.abs(runs[5] - runs[:5].mean(axis=0)) <= metrics.prediction_half_width(runs[:5])
    assert inside.mean() == pytest.approx(0.95, abs=0.006)


def test_one_seed_tells_nothing_of_the_spread():
    found = metrics.estimate([0.3])
    assert found.mean == 0.3
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert np.isnan(metrics.prediction_half_width(np.ones((1, 2)))).all()
    with pytest.raises(InputError, match="at least one"):
        metrics.estimate([])


def test_statistics_of_nothing_are_nan_and_pass_no_limit():
    for statistic in (metrics.rmse, metrics.mape, metrics.r_squared, metrics.percent_rmse):
        assert math.isnan(statistic([], []))
    assert math.isnan(metrics.skill(0.1, 0.0))


def test_an_equilibrium_is_closed_at_its_own_times_and_the_null_model_is_not():
    problem = two_routes()
    result = solve(problem, tolerance=1e-12)
    own = closure(problem, result.path_flow_vph, result.link_time_min)
    null = free_flow_logit(problem)
    assert own == pytest.approx(0.0, abs=1e-9)
    assert closure(problem, null.path_flow_vph, problem.link_cost(null.link_flow_vph)) > 0.1


def test_the_residual_tells_an_equilibrium_from_none():
    problem = two_routes()
    assert residual(problem, solve(problem, tolerance=1e-10).path_flow_vph) <= 1e-10
    assert residual(problem, free_flow_logit(problem).path_flow_vph) > 0.1


@given(st.floats(min_value=0.0, max_value=1.0), st.floats(min_value=0.0, max_value=1.0))
def test_the_moved_share_is_the_smallest_share_of_trips_that_must_change_path(first, second):
    problem = two_routes()
    one, other = (1000.0 * np.array([share, 1.0 - share]) for share in (first, second))
    assert moved_share(problem, one, other) == pytest.approx(abs(first - second), abs=1e-12)


def test_a_run_that_shows_exactly_the_equilibrium_has_no_error_and_full_skill():
    problem = two_routes()
    result = solve(problem, tolerance=1e-12)
    found = statistics(problem, sue_claim(problem, result.path_flow_vph), exact(problem, result.path_flow_vph),
                       MicroLimits())  # fmt: skip
    assert found["geh_share"] == 1.0
    assert found["time_mape"] == pytest.approx(0.0, abs=1e-12)
    assert found["route_time_mape"] == pytest.approx(0.0, abs=1e-12)
    assert found["closure"] == pytest.approx(0.0, abs=1e-9)
    claim = null_claim(problem)
    null = statistics(problem, claim, exact(problem, claim.path_flow_vph), MicroLimits())
    judged = with_skill(over_seeds([found, found]), over_seeds([null, null]))
    assert judged["closure_skill"].mean == pytest.approx(1.0, abs=1e-6)
    assert null["geh_max"] == 0.0, "the null model passes GEH on its own routes: GEH tells nothing of route choice"
    findings = judge(judged, over_seeds([null, null]), limits=MicroLimits(), gates=GateLimits(), basis="matched")
    assert holds(findings)


def test_queued_vehicles_are_missing_behind_their_station_only():
    problem = two_routes()
    flow = np.array([600.0, 400.0])
    detour = next(k for k in range(2) if len(problem.path_set.path_links(k)) == 2)
    lost = np.array([0.0, 0.25, 0.0])
    delivered = delivered_flow(problem, flow, lost)
    assert delivered[1] == flow[detour]
    assert delivered[2] == pytest.approx(0.75 * flow[detour])
    assert delivered_flow(problem, flow, np.zeros(3)) == pytest.approx(problem.path_set.link_flow(flow))


def test_practical_capacities_are_told_and_not_judged():
    problem = two_routes(demand=2000.0)
    claim = null_claim(problem)
    found = over_seeds([statistics(problem, claim, exact(problem, claim.path_flow_vph), MicroLimits())] * 2)
    words = {
        basis: {one.name: one.word for one in judge(found, None, limits=MicroLimits(), gates=GateLimits(), basis=basis)}
        for basis in ("matched", "practical")
    }
    assert words["matched"]["closure"] == words["matched"]["time_mape"] == "failed"
    assert words["practical"]["closure"] == words["practical"]["time_mape"] == "not_comparable_capacity"
    assert words["practical"]["geh_share"] == "passed"


@pytest.mark.parametrize("name", [name for name, one in STATISTICS.items() if one.limit])
def test_a_statistic_that_is_not_a_number_passes_no_limit(name):
    nothing = metrics.Estimate(mean=math.nan, low=math.nan, high=math.nan, least=math.nan, most=math.nan, n=1)
    null = {"closure": replace(nothing, mean=1.0)}
    if STATISTICS[name].group == "station":
        return
    (finding,) = judge({name: nothing}, null, limits=MicroLimits(), gates=GateLimits(), basis="matched")
    assert finding.word == "failed"


def test_every_statistic_of_a_run_is_in_the_catalogue():
    problem = two_routes()
    claim = null_claim(problem)
    found = statistics(problem, claim, exact(problem, claim.path_flow_vph), MicroLimits())
    assert found.keys() <= STATISTICS.keys()


def test_measured_arrays_of_another_network_are_refused():
    problem = two_routes()
    claim = null_claim(problem)
    seen = exact(problem, claim.path_flow_vph)
    with pytest.raises(InputError, match="link_flow_vph of seed 1 is not finite"):
        statistics(problem, claim, replace(seen, link_flow_vph=np.array([1.0, math.nan, 1.0])), MicroLimits())
    with pytest.raises(InputError, match=r"has shape \(2,\), must be \(3,\)"):
        statistics(problem, claim, replace(seen, link_time_min=np.ones(2)), MicroLimits())
    assert expected_flow(problem, claim, seen) == pytest.approx(claim.link_flow_vph)


@pytest.mark.parametrize("name", ["station_energy_rel", "time_mape"])
def test_a_verdict_by_one_seed_is_never_certain(name):
    """It fails all the same where the value is beyond the limit, but another seed may say otherwise."""
    value = metrics.estimate([0.2])
    (finding,) = judge({name: value}, None, limits=MicroLimits(), gates=GateLimits(), basis="matched")
    assert (finding.word, finding.sure) == ("failed", False)
    several = metrics.estimate([0.2, 0.21, 0.2])
    (finding,) = judge({name: several}, None, limits=MicroLimits(), gates=GateLimits(), basis="matched")
    assert (finding.word, finding.sure) == ("failed", True)


def test_prices_count_in_the_choice_at_measured_times_as_in_the_equilibrium():
    """Measured are times alone; a toll and a price that rises with the flow are as the model has them."""
    free = two_routes()
    network = replace(free.network, fixed_min=np.array([3.0, 0.0, 1.0]), slope_min_per_vph=np.array([2e-3, 0.0, 1e-3]))
    problem = replace(free, network=network)
    flow = solve(problem, tolerance=1e-12).path_flow_vph
    seen = exact(problem, flow)
    assert seen.link_time_min == pytest.approx(sue_claim(free, flow).link_time_min), "times are without prices"
    found = statistics(problem, sue_claim(problem, flow), seen, MicroLimits())
    assert found["closure"] == pytest.approx(0.0, abs=1e-9)
    assert statistics(free, sue_claim(free, flow), seen, MicroLimits())["closure"] > 0.01


def charging_routes():
    """The two routes, each with a station on it for those who charge alone, and terms of overlap on the paths."""
    free = two_routes()
    each = {"bus": "2", "charger_kw": 60.0, "energy_kwh": 20.0, "access_min": 5.0}
    stations = [
        Station.from_chargers(name="s1", node="a", chargers=10, **each),
        Station.from_chargers(name="s2", node="c", chargers=8, **each),
    ]
    network = free.network.with_stations(stations)
    paths = all_simple_paths(network, (("a", "b"),), {"other": False, "charging": True}, 10)
    paths = replace(paths, offset_min=np.linspace(0.5, 2.0, len(paths)))
    return SueProblem(network=network, paths=paths, demand_vph=np.array([900.0, 120.0]), theta_per_min=0.5)


def measured(problem, path_flow_vph, **changes):
    claim = sue_claim(problem, path_flow_vph)
    paths, stations = problem.path_set, problem.network.station_positions
    seen = MicroSeen(
        seed=1, link_flow_vph=claim.link_flow_vph, link_time_min=claim.link_time_min, link_vehicles=np.full(5, 100.0),
        path_time_min=np.array([claim.link_time_min[list(paths.path_links(k))].sum() for k in range(len(paths))]),
        path_vehicles=np.full(len(paths), 100.0), station_growth_vph=np.zeros(2),
        station_wait_min=(claim.link_time_min - problem.network.free_flow_min)[stations],
        station_energy_kwh=np.array([700.0, 300.0]), station_ledger_error_kwh=np.array([0.0, -1e-9]), vehicles=1000,
        teleported=0, never_inserted=0, unfinished=0, collisions=0, emergency_stops=0,
    )  # fmt: skip
    return replace(claim, station_energy_kwh=np.array([600.0, 400.0])), replace(seen, **changes)


def test_stations_that_show_what_the_equilibrium_says_have_no_error_and_each_error_is_told():
    problem = charging_routes()
    flow = solve(problem, tolerance=1e-12).path_flow_vph
    claim, seen = measured(problem, flow)
    found = statistics(problem, claim, seen, MicroLimits())
    for name in ("time_mape", "route_time_mape", "station_geh_max", "station_wait_error_min", "station_energy_rel"):
        assert found[name] == pytest.approx(0.0, abs=1e-9), name
    assert found["closure"] == pytest.approx(0.0, abs=1e-9)
    assert found["closure_charging"] == pytest.approx(0.0, abs=1e-9)
    assert found["ledger_kwh"] == 1e-9
    assert found["links_compared"] == 3.0
    assert found["routes_compared"] == 2.0
    waits = seen.station_wait_min + [0.25, np.nan]
    _, seen = measured(problem, flow, station_wait_min=waits, station_energy_kwh=np.array([800.0, 300.0]))
    found = statistics(problem, claim, seen, MicroLimits())
    assert found["station_wait_error_min"] == pytest.approx(0.25)
    assert found["station_energy_rel"] == pytest.approx(0.1)


def test_the_closure_of_those_who_charge_is_the_share_of_them_that_would_move():
    """Of 120 who charge, 30 sit on the other route than at the equilibrium's own times; the others sit right."""
    problem = charging_routes()
    flow = solve(problem, tolerance=1e-12).path_flow_vph
    cost = problem.link_cost(problem.path_set.link_flow(flow))
    charging = np.flatnonzero(problem.path_set.station >= 0)
    wrong = flow.copy()
    fuller, other = charging[np.argsort(flow[charging])[::-1][:2]]
    wrong[fuller] -= 30.0
    wrong[other] += 30.0
    assert flow[fuller] > 30.0
    assert class_closure(problem, wrong, cost, "charging") == pytest.approx(0.25, abs=1e-9)
    assert class_closure(problem, wrong, cost, "other") == pytest.approx(0.0, abs=1e-9)
    assert closure(problem, wrong, cost) == pytest.approx(30.0 / 1020.0, abs=1e-9)
    assert math.isnan(class_closure(problem, wrong, cost, "freight"))


def test_vehicles_that_were_helped_lost_or_kept_out_are_told_as_shares_of_all():
    problem = two_routes()
    claim = null_claim(problem)
    seen = replace(
        exact(problem, claim.path_flow_vph), teleported=4, never_inserted=10, unfinished=25, collisions=2,
        emergency_stops=3,
    )  # fmt: skip
    found = statistics(problem, claim, seen, MicroLimits())
    names = ("teleported_share", "not_inserted_share", "unfinished_share", "collisions", "emergency_stops")
    assert [found[name] for name in names] == pytest.approx([0.004, 0.01, 0.025, 2.0, 3.0])
