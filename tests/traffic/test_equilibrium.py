from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.traffic.equilibrium import (
    SueProblem,
    duality_gap,
    fisk_objective,
    residual,
    solve,
    solve_day,
)
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths
from cosim.traffic.performance import link_cost_integral
from cosim.traffic.problem import unit_remarks

roads = st.sampled_from(["default", "congested", "linear"])
thetas = st.floats(0.02, 2.0)
scales = st.floats(0.1, 1.5)
charging = st.floats(1.0, 300.0)


def close(one, two, tolerance):
    return np.abs(one - two).max() <= tolerance * np.abs(two).max()


# --- the answer is an equilibrium ---------------------------------------------------------------


@given(name=roads, theta=thetas, scale=scales, ev=charging)
@settings(max_examples=50)
def test_conservation_and_logit_at_the_equilibrium(nguyen, name, theta, scale, ev):
    problem = nguyen.mixed(name, theta, scale, ev)
    result = solve(problem, tolerance=1e-10)
    paths, demand = problem.paths, problem.demand_vph
    assert result.converged
    assert close(paths.commodity_flow(result.path_flow_vph), demand, 1e-12)
    assert close(result.link_flow_vph, paths.incidence @ result.path_flow_vph, 1e-12)
    assert result.link_flow_vph[-3:].sum() == pytest.approx(demand[4:].sum(), rel=1e-12)
    assert np.array_equal(result.link_time_min, problem.link_cost(result.link_flow_vph))
    assert residual(problem, result.path_flow_vph) == result.residual <= 1e-10
    for number in range(8):
        own = paths.paths_of(number)
        used = own[result.path_flow_vph[own] > 1e-12 * demand[number]]
        constant = np.log(result.path_flow_vph[used]) + theta * result.path_cost_min[used]
        assert np.ptp(constant) <= 1e-6


def test_linear_two_link_case_in_closed_form():
    """Two parallel links t0 + b v with total q: v1 solves ln(v1 / (q - v1)) = theta (c2 - c1)."""
    network = RoadNetwork(
        node_ids=("a", "b"),
        link_ids=("x", "y"),
        tail=[0, 0],
        head=[1, 1],
        free_flow_min=[10.0, 12.0],
        capacity_vph=[100.0, 100.0],
        alpha=[0.2, 0.1],
        beta=[1.0, 1.0],
    )
    paths = all_simple_paths(network, [("a", "b")], {"all": False})
    result = solve(SueProblem(network=network, paths=paths, demand_vph=[90.0], theta_per_min=0.5))
    low, high = 0.0, 90.0
    for _ in range(200):
        v = (low + high) / 2
        excess = np.log(v / (90.0 - v)) - 0.5 * ((12.0 + 0.012 * (90.0 - v)) - (10.0 + 0.02 * v))
        low, high = (v, high) if excess < 0 else (low, v)
    assert result.link_flow_vph[0] == pytest.approx(low, rel=1e-8)


@pytest.mark.parametrize(
    ("name", "beckmann", "od_cost"),
    [
        ("linear", 85028.07, (47.531, 55.574, 47.167, 43.910)),
        ("default", 69825.10, (36.518, 42.791, 38.650, 36.303)),
        ("congested", 90931.28, (83.616, 108.647, 70.628, 93.448)),
    ],
)
def test_large_theta_tends_to_the_user_equilibrium(nguyen, name, beckmann, od_cost):
    """Deterministic equilibrium of Nguyen & Dupuis (1984) and its BPR variants; excess falls with theta."""
    excess, result = [], None
    for theta in (0.1, 0.5, 2.0, 10.0, 50.0, 200.0):
        problem = nguyen.plain(name, theta)
        result = solve(problem, start=result)
        assert result.converged
        integral = link_cost_integral(problem.network, result.link_flow_vph).sum()
        excess.append(integral / beckmann - 1)
    assert np.all(np.diff(excess) < 0)
    assert excess[-2] <= 2e-6
    assert abs(excess[-1]) <= 2e-7
    assert np.allclose(result.expected_min_cost_min, od_cost, rtol=0, atol=0.03)


@given(theta=thetas, scale=scales, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_no_feasible_flow_has_a_lower_objective_and_the_gap_bounds_it(nguyen, theta, scale, seed):
    problem = nguyen.mixed("congested", theta, scale, 100.0)
    best = fisk_objective(problem, solve(problem, tolerance=1e-10).path_flow_vph)
    rng = np.random.default_rng(seed)
    for _ in range(50):
        weight = rng.exponential(size=len(problem.paths)) ** 2
        total = problem.paths.commodity_flow(weight)
        flow = weight * (problem.demand_vph / total)[problem.paths.commodity]
        above = fisk_objective(problem, flow) - best
        assert above >= -1e-9 * abs(best)
        assert above <= duality_gap(problem, flow) * (1 + 1e-9)


def test_gap_of_perceived_costs_is_the_difference_of_objectives(nguyen):
    """(c - t).v + sum q (S(t) - S(c)) = (1/theta) sum q KL, and it falls with the square of R."""
    problem = nguyen.plain()
    gaps, residuals = [], []
    for limit in (1, 2, 3):
        result = solve(problem, tolerance=1e-12, limit=limit)
        loaded = problem.load(result.perceived_cost_min)
        flow, cost = result.link_flow_vph, result.link_time_min
        other = (cost - result.perceived_cost_min) @ flow + problem.demand_vph @ (
            loaded.expected_min_cost_min - result.expected_min_cost_min
        )
        assert result.gap == pytest.approx(other, rel=1e-6, abs=1e-12 * (cost @ flow))
        gaps.append(result.gap)
        residuals.append(result.residual)
    assert gaps[2] / gaps[0] == pytest.approx((residuals[2] / residuals[0]) ** 2, rel=0.5)


# --- symmetries -----------------------------------------------------------------------------------


@given(theta=thetas, factor=st.floats(0.1, 10))
@settings(max_examples=30)
def test_scaling_demand_and_capacity_scales_flows(nguyen, theta, factor):
    problem = nguyen.mixed("congested", theta)
    network = problem.network
    scaled = replace(
        problem,
        network=replace(network, capacity_vph=factor * network.capacity_vph),
        demand_vph=factor * problem.demand_vph,
    )
    one, two = solve(problem, tolerance=1e-11), solve(scaled, tolerance=1e-11)
    assert close(two.link_flow_vph, factor * one.link_flow_vph, 1e-9)
    assert close(two.link_time_min, one.link_time_min, 1e-8)


@given(theta=thetas, factor=st.floats(0.2, 5))
@settings(max_examples=30)
def test_scaling_times_and_theta_keeps_flows(nguyen, theta, factor):
    problem = nguyen.mixed("default", theta)
    network = problem.network
    scaled = replace(
        problem,
        network=replace(network, free_flow_min=factor * network.free_flow_min),
        theta_per_min=theta / factor,
    )
    one, two = solve(problem, tolerance=1e-11), solve(scaled, tolerance=1e-11)
    assert close(two.link_flow_vph, one.link_flow_vph, 1e-9)


@given(constant=st.floats(-20, 100), theta=thetas)
@settings(max_examples=30)
def test_one_price_for_all_stations_moves_nobody(nguyen, constant, theta):
    problem = nguyen.mixed("default", theta)
    priced = replace(problem, network=problem.network.with_fixed_min(constant))
    one, two = solve(problem, tolerance=1e-11), solve(priced, tolerance=1e-11)
    assert close(two.link_flow_vph, one.link_flow_vph, 1e-9)
    shift = two.expected_min_cost_min - one.expected_min_cost_min
    assert np.allclose(shift, [0] * 4 + [constant] * 4, rtol=0, atol=1e-6)


def test_a_price_at_one_station_drives_vehicles_to_the_others(nguyen):
    problem = nguyen.mixed()
    flows = [
        solve(replace(problem, network=problem.network.with_fixed_min([0.0, price, 0.0]))).link_flow_vph[-3:]
        for price in (0.0, 5.0, 20.0)
    ]
    assert flows[0][1] > flows[1][1] > flows[2][1]
    assert flows[0][0] < flows[1][0] < flows[2][0]


def test_a_slope_on_a_station_acts_as_flow_dependent_price(nguyen):
    """At the equilibrium slope * flow is the same as a constant of that size."""
    problem = nguyen.mixed()
    sloped = solve(replace(problem, network=problem.network.with_fixed_min(0.0, 0.3)), tolerance=1e-11)
    constants = 0.3 * sloped.link_flow_vph[-3:]
    again = solve(replace(problem, network=problem.network.with_fixed_min(constants)), tolerance=1e-11)
    assert close(again.link_flow_vph, sloped.link_flow_vph, 1e-8)


def test_an_offset_on_all_paths_of_a_pair_shifts_its_expected_cost_only(nguyen):
    problem = nguyen.plain()
    offset = np.where(problem.paths.commodity == 1, 13.0, 0.0)
    shifted = replace(problem, paths=replace(problem.paths, offset_min=offset))
    one, two = solve(problem, tolerance=1e-11), solve(shifted, tolerance=1e-11)
    assert close(two.link_flow_vph, one.link_flow_vph, 1e-10)
    shift = two.expected_min_cost_min - one.expected_min_cost_min
    assert np.allclose(shift, [0, 13, 0, 0], rtol=0, atol=1e-7)


def test_order_of_links_and_pairs_does_not_matter(nguyen):
    base = nguyen.roads["congested"]
    order = np.random.default_rng(1).permutation(19)
    network = RoadNetwork(
        node_ids=base.node_ids,
        link_ids=tuple(base.link_ids[k] for k in order),
        tail=base.tail[order],
        head=base.head[order],
        free_flow_min=base.free_flow_min[order],
        capacity_vph=base.capacity_vph[order],
    )
    paths = all_simple_paths(network, nguyen.od_pairs[::-1], {"all": False})
    problem = SueProblem(network=network, paths=paths, demand_vph=nguyen.peak_vph[::-1], theta_per_min=0.5)
    one, two = solve(nguyen.plain("congested", 0.5), tolerance=1e-12), solve(problem, tolerance=1e-12)
    assert close(two.link_flow_vph, one.link_flow_vph[order], 1e-10)


def test_splitting_travellers_into_classes_leaves_flows(nguyen):
    network = nguyen.roads["default"]
    paths = all_simple_paths(network, nguyen.od_pairs, {"a": False, "b": False, "c": False})
    parts = np.concatenate([part * nguyen.peak_vph for part in (0.5, 0.3, 0.2)])
    problem = SueProblem(network=network, paths=paths, demand_vph=parts, theta_per_min=0.1)
    one, three = solve(nguyen.plain(), tolerance=1e-12), solve(problem, tolerance=1e-12)
    assert close(three.link_flow_vph, one.link_flow_vph, 1e-10)


@given(seed=st.integers(0, 2**32 - 1), theta=thetas)
@settings(max_examples=30)
def test_expected_costs_are_monotone_in_demand(nguyen, seed, theta):
    rng = np.random.default_rng(seed)
    problem = nguyen.mixed("congested", theta)
    one, two = (problem.demand_vph * rng.uniform(0.2, 1.5, 8) for _ in range(2))
    low, high = (solve(replace(problem, demand_vph=q)).expected_min_cost_min for q in (one, two))
    assert (high - low) @ (two - one) >= -1e-6


# --- states and refusals --------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["newton", "msa"])
def test_no_demand_gives_empty_roads(nguyen, method):
    problem = replace(nguyen.mixed(), demand_vph=np.zeros(8))
    result = solve(problem, method)
    assert result.converged
    assert (result.residual, result.gap) == (0.0, 0.0)
    assert not result.link_flow_vph.any()
    assert np.array_equal(result.link_time_min, problem.link_cost(np.zeros(22)))


def test_a_pair_without_demand_is_served_beside_others(nguyen):
    problem = replace(nguyen.plain(), demand_vph=[400.0, 0.0, 600.0, 200.0])
    result = solve(problem)
    assert result.converged
    assert not result.path_flow_vph[problem.paths.paths_of(1)].any()


def test_demand_above_all_capacity_is_a_flag_no_error(nguyen):
    result = solve(nguyen.mixed(charging_vph=640.0))
    assert result.converged
    assert result.above_knee == ("S8", "S11", "S13")
    assert solve(nguyen.mixed()).above_knee == ()


def test_above_the_knee_begins_at_the_knee(nguyen):
    """Knee 0.9 of 60 veh/h: 54."""
    result = solve(nguyen.mixed(charging_vph=160.0))
    assert 54.0 < result.link_flow_vph[-2] < 60.0
    assert result.link_flow_vph[[-3, -1]].max() < 54.0
    assert result.above_knee == ("S11",)


def test_a_reached_limit_is_a_status(nguyen):
    result = solve(nguyen.plain(), limit=1)
    assert (result.status, result.converged, result.iterations) == ("limit", False, 1)
    assert result.residual > 1e-8


def test_charging_demand_without_a_station_path_names_the_pair(nguyen):
    lonely = Station(name="S8", node="8", bus="1", free_flow_min=30.0, capacity_vph=60.0)
    network = nguyen.roads["default"].with_stations([lonely])
    paths = all_simple_paths(network, nguyen.od_pairs, {"ev": True})
    with pytest.raises(InputError) as caught:
        SueProblem(network=network, paths=paths, demand_vph=[1.0, 1.0, 1.0, 1.0], theta_per_min=0.1)
    assert len(caught.value.problems) == 2
    assert "'1' -> '3' of class 'ev'" in str(caught.value)
    assert "'4' -> '3' of class 'ev'" in str(caught.value)
    idle = SueProblem(network=network, paths=paths, demand_vph=[1.0, 0.0, 1.0, 0.0], theta_per_min=0.1)
    result = solve(idle)
    assert result.converged
    assert result.link_flow_vph[-1] == pytest.approx(2.0, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"demand_vph": [1.0, np.nan, 1.0, 1.0]}, "'1' -> '3' of class 'all': nan"),
        ({"demand_vph": [1.0, 1.0, -2.0, 1.0]}, "must be >= 0"),
        ({"demand_vph": [1.0, 1.0, np.inf, 1.0]}, "must be >= 0 and finite"),
        ({"demand_vph": [1.0, 1.0]}, "demand_vph"),
        ({"demand_vph": 1.0}, "demand_vph"),
        ({"theta_per_min": 0.0}, "theta_per_min: 0.0|theta_per_min': 0.0"),
        ({"theta_per_min": -0.1}, "theta_per_min.*-0.1 must be > 0"),
        ({"theta_per_min": np.inf}, "theta_per_min.*inf must be > 0 and finite"),
        ({"theta_per_min": np.nan}, "theta_per_min.*nan must be > 0"),
    ],
)
def test_wrong_problems_are_refused(nguyen, change, words):
    with pytest.raises(InputError, match=words):
        replace(nguyen.plain(), **change)


def test_paths_of_another_network_are_refused(nguyen):
    with pytest.raises(InputError, match="other links"):
        replace(nguyen.mixed(), paths=nguyen.paths, demand_vph=np.ones(4))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"method": "newtn"}, "'newtn' is unknown"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"tolerance": np.nan}, "tolerance"),
        ({"limit": 0}, "limit"),
        ({"msa_step": "1/n"}, "has no option 'msa_step'"),
        ({"method": "msa", "msa_step": "1/m"}, "'1/m' is unknown"),
    ],
)
def test_wrong_calls_are_refused(nguyen, values, words):
    with pytest.raises(InputError, match=words):
        solve(nguyen.plain(), **values)


def test_a_start_from_another_path_set_is_refused(nguyen):
    with pytest.raises(InputError, match="another path set"):
        solve(nguyen.plain(), start=solve(nguyen.mixed()))


def test_a_theta_in_the_wrong_unit_is_remarked_with_its_magnitude(nguyen):
    """The mean link time of the 19 links is 164 / 19 min."""
    assert unit_remarks(nguyen.plain(theta=0.1)) == []
    for theta, magnitude in ((60.0, "517.895"), (1e-5, "8.63158e-05")):
        (remark,) = unit_remarks(nguyen.plain(theta=theta))
        assert f"theta_per_min {theta:g} times the mean link time is {magnitude}; is it per minute?" in remark


# --- the day --------------------------------------------------------------------------------------


@pytest.mark.parametrize("theta", [0.1, 1.0])
def test_a_warm_day_is_the_cold_day(nguyen, theta):
    problem = nguyen.mixed(theta=theta)
    warm = solve_day(problem, nguyen.day_vph)
    cold = solve_day(problem, nguyen.day_vph, warm=False)
    assert len(warm) == 24
    assert all(result.converged for result in warm + cold)
    for one, two in zip(warm, cold, strict=True):
        assert close(one.link_flow_vph, two.link_flow_vph, 1e-7)
    assert sum(r.iterations for r in warm) < sum(r.iterations for r in cold)


def test_a_day_needs_a_row_per_period(nguyen):
    with pytest.raises(InputError, match="demand_vph"):
        solve_day(nguyen.plain(), nguyen.peak_vph)


def test_an_empty_hour_does_not_disturb_the_next(nguyen):
    demand = nguyen.day_vph[:3].copy()
    demand[1] = 0.0
    for method, tolerance in (("newton", 1e-8), ("msa", 1e-3)):
        day = solve_day(nguyen.mixed(), demand, method, tolerance)
        alone = solve(replace(nguyen.mixed(), demand_vph=demand[2]), method, tolerance)
        assert [result.status for result in day] == ["converged"] * 3
        assert close(day[2].link_flow_vph, alone.link_flow_vph, 10 * tolerance)


def test_station_peaks_of_the_default_day(nguyen):
    """Every charging vehicle charges once; at most 41 % of the capacity of 60 veh/h is used."""
    day = solve_day(nguyen.mixed(), nguyen.day_vph)
    flows = np.array([result.link_flow_vph[-3:] for result in day])
    assert np.allclose(flows.sum(axis=1), nguyen.day_vph[:, 4:].sum(axis=1), rtol=1e-12)
    assert np.allclose(flows.max(axis=0), [10.7, 24.8, 12.6], rtol=0, atol=0.05)
