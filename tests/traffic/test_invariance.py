"""What must not change an equilibrium: order, names, the split of demand, the start, the method."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.traffic.dag import acyclic_dag
from cosim.traffic.equilibrium import SueProblem, solve, solve_day
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths

CLASSES = {"other": False, "charging": True}
seeds = st.integers(0, 2**32 - 1)


def close(one, two, tolerance):
    return np.abs(one - two).max() <= tolerance * np.abs(two).max()


def shuffled(nguyen, roads, theta, rng):
    """The mixed problem with nodes, links, stations, pairs and classes in another order."""
    base, demand = nguyen.roads[roads], nguyen.mixed(roads, theta).demand_vph.reshape(2, 4)
    nodes, links, pairs = (rng.permutation(n) for n in (len(base.node_ids), 19, 4))
    place = np.argsort(nodes)
    network = RoadNetwork(
        node_ids=tuple(base.node_ids[n] for n in nodes),
        link_ids=tuple(base.link_ids[a] for a in links),
        tail=place[base.tail[links]],
        head=place[base.head[links]],
        free_flow_min=base.free_flow_min[links],
        capacity_vph=base.capacity_vph[links],
        alpha=base.alpha[links],
        beta=base.beta[links],
    ).with_stations([nguyen.stations[n] for n in rng.permutation(3)])
    names = list(CLASSES) if rng.random() < 0.5 else list(CLASSES)[::-1]
    paths = all_simple_paths(network, [nguyen.od_pairs[w] for w in pairs], {name: CLASSES[name] for name in names})
    rows = [demand[list(CLASSES).index(name)][pairs] for name in names]
    return SueProblem(network=network, paths=paths, demand_vph=np.concatenate(rows), theta_per_min=theta)


@given(seed=seeds, roads=st.sampled_from(["default", "congested", "linear"]), theta=st.floats(0.05, 1.0))
@settings(max_examples=20)
def test_no_order_matters(nguyen, seed, roads, theta):
    problem = nguyen.mixed(roads, theta)
    other = shuffled(nguyen, roads, theta, np.random.default_rng(seed))
    one, two = solve(problem, tolerance=1e-12), solve(other, tolerance=1e-12)
    assert one.converged
    assert two.converged
    flow = dict(zip(other.network.link_ids, two.link_flow_vph, strict=True))
    assert close(np.array([flow[link] for link in problem.network.link_ids]), one.link_flow_vph, 1e-10)
    cost = dict(zip(other.paths.commodities, two.expected_min_cost_min, strict=True))
    assert close(np.array([cost[w] for w in problem.paths.commodities]), one.expected_min_cost_min, 1e-10)


@pytest.mark.parametrize(("roads", "theta"), [("default", 0.1), ("congested", 0.5)])
@pytest.mark.parametrize("part", [0.5, 0.01])
def test_a_pair_in_two_parts_is_one_pair(nguyen, roads, theta, part):
    network = nguyen.roads[roads]
    paths = all_simple_paths(network, [*nguyen.od_pairs, nguyen.od_pairs[1]], {"all": False})
    demand = np.append(nguyen.peak_vph, part * nguyen.peak_vph[1])
    demand[1] *= 1 - part
    problem = SueProblem(network=network, paths=paths, demand_vph=demand, theta_per_min=theta)
    one, two = solve(nguyen.plain(roads, theta), tolerance=1e-12), solve(problem, tolerance=1e-12)
    assert len(paths) == 31
    assert close(two.link_flow_vph, one.link_flow_vph, 1e-10)
    assert two.expected_min_cost_min[4] == pytest.approx(one.expected_min_cost_min[1], rel=1e-10)


@pytest.mark.parametrize("method", ["newton", "mirror_bb", "sra"])
@pytest.mark.parametrize("theta", [0.1, 0.5])
def test_twenty_random_starts_end_at_the_same_flows(nguyen, method, theta):
    """Perceived costs drawn at random, up to ten times those of empty roads; no flows agree with them."""
    problem = nguyen.mixed("default", theta, charging_vph=120.0)
    reference = solve(problem, tolerance=1e-12)
    rng = np.random.default_rng(7)
    for _ in range(20):
        cost = problem.empty_cost_min * rng.uniform(0.1, 10.0, 22)
        start = replace(reference, perceived_cost_min=cost, link_flow_vph=problem.load(cost).link_flow_vph)
        result = solve(problem, method, 1e-10, start=start)
        assert result.converged
        assert close(result.link_flow_vph, reference.link_flow_vph, 1e-8)


@pytest.mark.parametrize("theta", [0.1, 0.5])
@pytest.mark.parametrize("charging_vph", [48.0, 320.0])
def test_four_ways_to_the_equilibrium_of_two_classes(nguyen, theta, charging_vph):
    """Three methods on paths and one on the acyclic graph; with 320 vehicles the stations are above the knee."""
    problem = nguyen.mixed("default", theta, charging_vph=charging_vph)
    dag = acyclic_dag(problem.network, nguyen.od_pairs, CLASSES)
    newton, mirror, averaged = (solve(problem, method, 1e-10) for method in ("newton", "mirror_bb", "sra"))
    linked = solve(replace(problem, paths=dag), "mirror_bb", 1e-10)
    assert bool(newton.above_knee) == (charging_vph == 320.0)
    for other in (mirror, averaged, linked):
        assert other.converged
        assert other.above_knee == newton.above_knee
        assert close(other.link_flow_vph, newton.link_flow_vph, 1e-7)


@pytest.mark.parametrize("method", ["mirror_bb", "sra"])
def test_a_warm_day_is_the_cold_day_for_loading_methods(nguyen, method):
    problem = nguyen.mixed()
    warm, cold = (solve_day(problem, nguyen.day_vph, method, warm=kind) for kind in (True, False))
    for one, two in zip(warm, cold, strict=True):
        assert one.converged
        assert two.converged
        assert close(one.link_flow_vph, two.link_flow_vph, 1e-6)
    assert sum(r.loads for r in warm) < sum(r.loads for r in cold)


@pytest.mark.parametrize("roads", ["default", "congested", "linear"])
def test_a_vanishing_theta_splits_every_pair_equally(nguyen, roads):
    """The distance from the equal split falls in proportion to theta."""
    problem = nguyen.mixed(roads)
    equal = problem.paths.uniform(problem.demand_vph)
    away = []
    for theta in (1e-4, 1e-5, 1e-6):
        result = solve(replace(problem, theta_per_min=theta), tolerance=1e-12)
        assert result.converged
        away.append(np.abs(result.path_flow_vph - equal).max())
    assert away[0] <= 0.1 * equal.max()
    assert all(second == pytest.approx(first / 10, rel=0.1) for first, second in pairwise(away))


@given(seed=seeds, theta=st.floats(0.02, 2.0))
@settings(max_examples=20)
def test_vehicles_are_conserved_at_every_node(nguyen, seed, theta):
    """On listed paths; a station's link leads from its node to its node."""
    problem = nguyen.mixed("congested", theta)
    demand = problem.demand_vph * np.random.default_rng(seed).uniform(0, 2, 8)
    result = solve(replace(problem, demand_vph=demand))
    network, size = problem.network, len(problem.network.node_ids)
    balance = np.bincount(network.head, result.link_flow_vph, size)
    balance -= np.bincount(network.tail, result.link_flow_vph, size)
    for (origin, destination), flow in zip(nguyen.od_pairs * 2, demand, strict=True):
        balance[network.node_ids.index(origin)] += flow
        balance[network.node_ids.index(destination)] -= flow
    assert np.abs(balance).max() <= 1e-9 * demand.sum()
