import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

costs = arrays(np.float64, 22, elements=st.floats(1, 60))
thetas = st.floats(0.01, 3.0)


@given(cost=costs, theta=thetas)
def test_shares_follow_the_logit_ratio(nguyen, cost, theta):
    problem = nguyen.mixed()
    paths = problem.paths
    loaded = paths.load(problem.demand_vph, theta, cost)
    path_cost = paths.route_cost(cost)
    assert np.allclose(path_cost, paths.incidence.T @ cost, rtol=1e-13)
    for number in range(len(paths.commodities)):
        own = paths.paths_of(number)
        used = own[loaded.share[own] > 1e-12]
        log_ratio = np.log(loaded.share[used]) - np.log(loaded.share[used[0]])
        assert np.allclose(log_ratio, -theta * (path_cost[used] - path_cost[used[0]]), rtol=0, atol=1e-9)
        weights = np.exp(-theta * (path_cost[own] - path_cost[own].min()))
        expected = path_cost[own].min() - np.log(weights.sum()) / theta
        assert loaded.expected_min_cost_min[number] == pytest.approx(expected, rel=1e-12)


@given(cost=costs, theta=thetas)
def test_flows_are_conserved(nguyen, cost, theta):
    """Per commodity, per link and at every inner node; station flows sum to the charging demand."""
    problem = nguyen.mixed()
    paths, network = problem.paths, problem.network
    loaded = paths.load(problem.demand_vph, theta, cost)
    flow = loaded.link_flow_vph
    total = problem.demand_vph.sum()
    assert np.allclose(paths.commodity_flow(loaded.path_flow_vph), problem.demand_vph, rtol=1e-12)
    assert np.allclose(flow, paths.incidence @ loaded.path_flow_vph, rtol=1e-12, atol=1e-12)
    balance = np.zeros(len(network.node_ids))
    np.add.at(balance, network.head, flow)
    np.subtract.at(balance, network.tail, flow)
    for commodity, demand in zip(paths.commodities, problem.demand_vph, strict=True):
        balance[network.node_ids.index(commodity.destination)] -= demand
        balance[network.node_ids.index(commodity.origin)] += demand
    assert np.abs(balance).max() <= 1e-12 * total
    assert flow[network.is_station].sum() == pytest.approx(problem.demand_vph[4:].sum(), rel=1e-12)


@given(cost=costs)
def test_small_theta_splits_equally(nguyen, cost):
    problem = nguyen.plain()
    loaded = problem.paths.load(problem.demand_vph, 1e-9, cost[:19])
    counts = np.array([8, 6, 5, 6])
    assert np.allclose(loaded.share, 1.0 / counts[problem.paths.commodity], rtol=1e-6)


def test_large_costs_neither_overflow_nor_divide_by_zero(nguyen):
    problem = nguyen.plain()
    loaded = problem.paths.load(problem.demand_vph, 100.0, np.linspace(1e5, 2e6, 19))
    assert np.all(np.isfinite(loaded.path_flow_vph))
    assert np.all(np.isfinite(loaded.expected_min_cost_min))


@given(cost=costs, theta=st.floats(0.02, 0.5), link=st.integers(0, 21))
def test_covariance_is_the_derivative_of_the_loading(nguyen, cost, theta, link):
    """H = -(1/theta) dV/dt, by central differences."""
    problem = nguyen.mixed()
    paths, demand = problem.paths, problem.demand_vph
    loaded = paths.load(demand, theta, cost)
    covariance = paths.link_use_covariance(demand, loaded)
    shift = np.zeros(22)
    shift[link] = 1e-4
    ahead = paths.load(demand, theta, cost + shift).link_flow_vph
    behind = paths.load(demand, theta, cost - shift).link_flow_vph
    slope = -(ahead - behind) / (2e-4 * theta)
    assert np.allclose(covariance[:, link], slope, rtol=1e-5, atol=1e-5)
    assert np.allclose(covariance, covariance.T, rtol=1e-12, atol=1e-9)
    assert np.linalg.eigvalsh(covariance).min() >= -1e-9 * demand.sum()


@given(cost=costs, other=costs, theta=thetas)
def test_expected_cost_is_monotone(nguyen, cost, other, theta):
    """S is concave in the costs: its gradient is the link use, which falls against the costs."""
    problem = nguyen.mixed()
    one = problem.paths.load(problem.demand_vph, theta, cost).link_flow_vph
    two = problem.paths.load(problem.demand_vph, theta, other).link_flow_vph
    assert (one - two) @ (cost - other) <= 1e-9


@given(cost=costs, shift=arrays(np.float64, 22, elements=st.floats(-3, 3)), theta=thetas)
def test_divergence_is_the_kullback_leibler_sum(nguyen, cost, shift, theta):
    problem = nguyen.mixed()
    paths, demand = problem.paths, problem.demand_vph
    one, two = (paths.load(demand, theta, c) for c in (cost, cost + shift))
    found = paths.divergence(demand, one.path_flow_vph, theta, cost + shift)
    log_one, log_two = (
        -theta * (paths.route_cost(c) - load.expected_min_cost_min[paths.commodity])
        for c, load in ((cost, one), (cost + shift, two))
    )
    expected = one.path_flow_vph @ (log_one - log_two)
    assert found >= 0
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-10 * demand.sum())


def test_divergence_counts_unused_paths(nguyen):
    """All on one of n equal routes: KL = q ln n."""
    problem = nguyen.plain()
    paths = problem.paths
    flow = np.zeros(25)
    flow[[paths.paths_of(number)[0] for number in range(4)]] = problem.demand_vph
    found = paths.divergence(problem.demand_vph, flow, 0.1, np.zeros(19))
    assert found == pytest.approx(problem.demand_vph @ np.log([8, 6, 5, 6]), rel=1e-12)
