"""Path size: by hand, in the limits, and as a constant within Fisk's programme."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.traffic.equilibrium import SueProblem, duality_gap, fisk_objective, solve
from cosim.traffic.network import RoadNetwork
from cosim.traffic.overlap import path_size, with_path_size
from cosim.traffic.paths import all_simple_paths

OD = [("a", "d")]


def shared_link(times=(6.0, 4.0, 4.0, 10.0), congested=False):
    """a-b shared by two of three routes to d: a-b-d twice (parallel links), and a-d."""
    network = RoadNetwork(
        node_ids=("a", "b", "d"),
        link_ids=("ab", "bd1", "bd2", "ad"),
        tail=[0, 1, 1, 0],
        head=[1, 2, 2, 2],
        free_flow_min=times,
        capacity_vph=[100.0] * 4,
        alpha=0.15 if congested else 0.0,
    )
    return network, all_simple_paths(network, OD, {"all": False})


def test_sizes_by_hand():
    """(6/10)/2 + (4/10)/1 = 0.7 for the two that share a link of 6 of their 10 minutes; 1 for the other."""
    network, paths = shared_link()
    expected = {("ab", "bd1"): 0.7, ("ab", "bd2"): 0.7, ("ad",): 1.0}
    found = {paths.path_link_ids(k): size for k, size in enumerate(path_size(network, paths))}
    assert found == pytest.approx(expected, rel=1e-15)


@given(theta=st.floats(0.02, 5), beta=st.floats(0, 3))
def test_shares_by_hand(theta, beta):
    """Three routes of 10 min without congestion: shares go as PS^beta, whatever theta."""
    network, paths = shared_link()
    paths = with_path_size(network, paths, beta=beta, theta_per_min=theta)
    result = solve(SueProblem(network=network, paths=paths, demand_vph=[90.0], theta_per_min=theta))
    weight = path_size(network, paths) ** beta
    assert np.allclose(result.path_flow_vph, 90.0 * weight / weight.sum(), rtol=1e-12)


def test_routes_without_common_links_are_left_alone():
    network, paths = shared_link()
    apart = all_simple_paths(
        RoadNetwork(
            node_ids=("a", "d"), link_ids=("x", "y"), tail=[0, 0], head=[1, 1], free_flow_min=[3.0, 0.0],
            capacity_vph=[1.0, 1.0],
        ),
        OD,
        {"all": False},
    )  # fmt: skip
    assert path_size(replace(network, free_flow_min=np.zeros(4)), paths) == pytest.approx([0.75, 0.75, 1.0])
    assert np.all(path_size(replace(network, link_ids=("x", "y", "z", "w")), apart) == 1.0)
    plain = with_path_size(network, paths, beta=0.0, theta_per_min=0.1)
    assert not plain.offset_min.any()


def test_almost_one_route_counts_as_one():
    """If the shared link is all of both routes, each has half the size: together they draw what the third draws."""
    network, paths = shared_link(times=(10.0, 0.0, 0.0, 10.0))
    paths = with_path_size(network, paths, beta=1.0, theta_per_min=0.1)
    result = solve(SueProblem(network=network, paths=paths, demand_vph=[90.0], theta_per_min=0.1))
    flow = {paths.path_link_ids(k): value for k, value in enumerate(result.path_flow_vph)}
    assert flow["ad",] == pytest.approx(45.0, rel=1e-12)


def test_classes_count_their_own_paths(nguyen):
    """The same routes for both classes, one station on each: sizes of the other class do not see the stations."""
    problem = nguyen.mixed()
    size = path_size(problem.network, problem.paths)
    assert np.array_equal(size[:25], path_size(nguyen.roads["default"], nguyen.paths))
    assert np.all((size > 0) & (size <= 1))
    assert not np.allclose(size[:25], size[25:])


def test_default_case_moves_a_twentieth_of_the_demand(nguyen):
    """Beta 1 at the peak: about 5 % of the trips take another route."""
    problem = nguyen.mixed()
    paths = with_path_size(problem.network, problem.paths, beta=1.0, theta_per_min=0.1)
    one, two = solve(problem), solve(replace(problem, paths=paths))
    moved = np.abs(one.path_flow_vph - two.path_flow_vph).sum() / 2 / problem.demand_vph.sum()
    assert 0.03 < moved < 0.08
    assert two.path_model == "all_simple with path size 1"


@given(theta=st.floats(0.05, 1.0), beta=st.floats(0.1, 2), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_it_stays_the_minimum_of_the_programme(nguyen, theta, beta, seed):
    base = nguyen.mixed("congested", theta)
    problem = replace(base, paths=with_path_size(base.network, base.paths, beta=beta, theta_per_min=theta))
    result = solve(problem, tolerance=1e-10)
    assert result.converged
    best = fisk_objective(problem, result.path_flow_vph)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        weight = rng.exponential(size=len(problem.paths))
        total = np.bincount(problem.paths.commodity, weights=weight)
        flow = weight * (problem.demand_vph / total)[problem.paths.commodity]
        above = fisk_objective(problem, flow) - best
        assert -1e-9 * abs(best) <= above <= duality_gap(problem, flow) * (1 + 1e-9)


@pytest.mark.parametrize(("beta", "theta"), [(-1.0, 0.1), (np.nan, 0.1), (1.0, 0.0), (1.0, np.inf)])
def test_wrong_weights_are_refused(beta, theta):
    with pytest.raises(InputError, match=r"overlap_beta|theta_per_min"):
        with_path_size(*shared_link(), beta=beta, theta_per_min=theta)
