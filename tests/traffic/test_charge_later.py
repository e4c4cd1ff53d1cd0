"""Charging later at a constant cost: closed form, limits, and nothing else moved."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.traffic.charge_later import later, with_charge_later
from cosim.traffic.dag import frozen_dag
from cosim.traffic.equilibrium import solve
from cosim.traffic.laws.davidson import DavidsonSettings
from cosim.traffic.methods import METHODS
from cosim.traffic.network import RoadNetwork
from cosim.traffic.overlap import with_path_size
from cosim.traffic.paths import all_simple_paths
from cosim.traffic.problem import SueProblem, fisk_objective

THETA = 0.1
CLASSES = {"charging": True, "other": False}


def one_road(time_min=12.0, station_min=30.0):
    """One pair, one road of constant time, one station of constant time half-way."""
    station = Station(
        name="S", node="M", bus="1", free_flow_min=station_min, capacity_vph=1e4, law=DavidsonSettings(j=0.0)
    )
    return RoadNetwork(
        node_ids=("O", "M", "D"), link_ids=("OM", "MD"), tail=[0, 1], head=[1, 2],
        free_flow_min=[time_min / 2] * 2, capacity_vph=[1e4] * 2, alpha=0.0,
    ).with_stations([station])  # fmt: skip


def problem_of(network, pairs, demand, cost_min=None, theta=THETA):
    paths = all_simple_paths(network, pairs, CLASSES)
    if cost_min is not None:
        paths = with_charge_later(paths, cost_min=cost_min)
    return SueProblem(network=network, paths=paths, demand_vph=np.asarray(demand, dtype=float), theta_per_min=theta)


@given(
    cost_min=st.floats(0.0, 200.0), station_min=st.floats(1.0, 100.0), demand=st.floats(1.0, 500.0),
    theta=st.floats(0.01, 1.0),
)  # fmt: skip
def test_one_pair_splits_by_the_binary_logit(cost_min, station_min, demand, theta):
    """``P(later) = 1 / (1 + exp(theta (cost - station time)))``: the road is the same on both."""
    problem = problem_of(one_road(station_min=station_min), [("O", "D")], [demand, 40.0], cost_min, theta)
    result = solve(problem, tolerance=1e-12)
    share = 1.0 / (1.0 + np.exp(theta * (cost_min - station_min)))
    at = later(problem.path_set)
    assert result.path_flow_vph[at].sum() == pytest.approx(demand * share, rel=1e-9, abs=1e-12)
    assert result.link_flow_vph[-1] == pytest.approx(demand * (1.0 - share), rel=1e-9, abs=1e-12)
    assert result.link_flow_vph[:-1] == pytest.approx([demand + 40.0] * 2, rel=1e-12)


@pytest.fixture(scope="module")
def shipped(small_case):
    return small_case().roads.problem


def with_option(problem, cost_min, **changes):
    return replace(problem, paths=with_charge_later(problem.path_set, cost_min=cost_min), **changes)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_finds_the_same_equilibrium(shipped, method):
    problem = with_option(shipped, 40.0)
    reference, found = solve(problem, "newton", 1e-12), solve(problem, method, 1e-6, 100_000)
    assert found.converged
    assert found.link_flow_vph == pytest.approx(reference.link_flow_vph, rel=1e-3, abs=1e-3)
    share = reference.path_flow_vph[later(problem.path_set)].sum() / problem.demand_vph[:4].sum()
    assert 0.1 < share < 0.9, "the option is taken, and not by all"
    assert fisk_objective(problem, reference.path_flow_vph) <= fisk_objective(problem, found.path_flow_vph) + 1e-9


@given(costs=st.lists(st.floats(0.0, 150.0), min_size=2, max_size=2))
def test_a_dearer_way_out_is_taken_by_fewer(shipped, costs):
    low, high = sorted(costs)
    flows = []
    for cost_min in (low, high):
        problem = with_option(shipped, cost_min)
        flows.append(solve(problem, tolerance=1e-12).path_flow_vph[later(problem.path_set)].sum())
    assert flows[1] <= flows[0] + 1e-9


def test_a_way_out_that_costs_too_much_changes_nothing(shipped):
    without = solve(shipped, tolerance=1e-12)
    problem = with_option(shipped, 1000.0)
    found = solve(problem, tolerance=1e-12)
    assert found.link_flow_vph == pytest.approx(without.link_flow_vph, rel=1e-10)
    assert found.path_flow_vph[~later(problem.path_set)] == pytest.approx(without.path_flow_vph, rel=1e-9, abs=1e-12)


def test_with_path_size_too_a_way_out_that_costs_too_much_changes_nothing(shipped):
    sized = with_path_size(shipped.network, shipped.path_set, beta=1.0, theta_per_min=shipped.theta_per_min)
    without = solve(replace(shipped, paths=sized), tolerance=1e-12)
    found = solve(with_option(replace(shipped, paths=sized), 1000.0), tolerance=1e-12)
    assert found.link_flow_vph == pytest.approx(without.link_flow_vph, rel=1e-10)


def test_one_price_for_all_stations_now_moves_demand(shipped):
    """Without the option it is a constant per pair; with it, one station more is one vehicle less later."""
    problem = with_option(shipped, 40.0)
    dear = replace(problem, network=problem.network.with_fixed_min(20.0))
    before, after = (solve(one, tolerance=1e-12) for one in (problem, dear))
    at = later(problem.path_set)
    assert after.path_flow_vph[at].sum() > before.path_flow_vph[at].sum() + 3.0
    plain = replace(shipped, network=shipped.network.with_fixed_min(20.0))
    unmoved = solve(plain, tolerance=1e-12).link_flow_vph
    assert unmoved == pytest.approx(solve(shipped, tolerance=1e-12).link_flow_vph, rel=1e-9)


def test_everybody_still_drives_from_origin_to_destination(shipped):
    problem = with_option(shipped, 25.0)
    paths, result = problem.path_set, solve(problem, tolerance=1e-12)
    flow = np.bincount(paths.commodity, weights=result.path_flow_vph, minlength=len(paths.commodities))
    assert flow == pytest.approx(problem.demand_vph, rel=1e-12)
    node = np.zeros(len(problem.network.node_ids))
    np.add.at(node, problem.network.head, result.link_flow_vph)
    np.add.at(node, problem.network.tail, -result.link_flow_vph)
    expected = np.zeros_like(node)
    for commodity, demand in zip(paths.commodities, problem.demand_vph, strict=True):
        expected[problem.network.node_ids.index(commodity.destination)] += demand
        expected[problem.network.node_ids.index(commodity.origin)] -= demand
    assert node == pytest.approx(expected, abs=1e-9)


def test_the_plain_paths_are_those_of_the_other_class(shipped):
    before, after = shipped.path_set, with_charge_later(shipped.path_set, cost_min=17.0)
    for w, commodity in enumerate(before.commodities):
        own = [before.path_links(k) for k in before.paths_of(w)]
        now = [after.path_links(k) for k in after.paths_of(w)]
        if not commodity.needs_station:
            assert now == own
            continue
        twin = next(
            v for v, one in enumerate(before.commodities)
            if not one.needs_station and (one.origin, one.destination) == (commodity.origin, commodity.destination)
        )  # fmt: skip
        plain = [before.path_links(k) for k in before.paths_of(twin)]
        assert now == own + plain
        assert after.offset_min[after.paths_of(w)].tolist() == [0.0] * len(own) + [17.0] * len(plain)
    assert "charging later at 17 min" in after.model


def test_a_pair_whose_paths_meet_no_station_charges_later():
    network = RoadNetwork(
        node_ids=("O", "M", "D", "E"), link_ids=("OM", "MD", "OE"), tail=[0, 1, 0], head=[1, 2, 3],
        free_flow_min=5.0, capacity_vph=1e4,
    ).with_stations([Station(name="S", node="M", bus="1", free_flow_min=30.0, capacity_vph=60.0)])  # fmt: skip
    pairs, demand = [("O", "D"), ("O", "E")], [10.0, 20.0, 0.0, 0.0]
    with pytest.raises(InputError, match="no path past a charging station"):
        problem_of(network, pairs, demand)
    problem = problem_of(network, pairs, demand, cost_min=1000.0)
    flow = solve(problem, tolerance=1e-12).path_flow_vph
    assert flow[later(problem.path_set)].sum() == pytest.approx(20.0, rel=1e-9)


@pytest.mark.parametrize("cost_min", [-1.0, np.nan, np.inf])
def test_a_cost_that_is_none_is_refused(shipped, cost_min):
    with pytest.raises(InputError, match="cost_min of charge_later"):
        with_charge_later(shipped.path_set, cost_min=cost_min)


def test_routes_that_are_not_listed_are_refused_by_name():
    network = one_road()
    dag = frozen_dag(network, [("O", "D")], {"charging": False, "other": False})
    with pytest.raises(InputError, match=r"charge_later adds a constant to listed paths; the route model '.*dag"):
        with_charge_later(dag, cost_min=10.0)


def test_a_station_class_alone_has_no_plain_paths_to_take():
    paths = all_simple_paths(one_road(), [("O", "D")], {"charging": True})
    with pytest.raises(InputError, match="has no class without a station"):
        with_charge_later(paths, cost_min=10.0)
