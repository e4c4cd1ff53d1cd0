import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from cosim.charging.stations import Station
from cosim.traffic.equilibrium import SueProblem, solve, solve_day
from cosim.traffic.laws.davidson import DavidsonSettings
from cosim.traffic.methods import METHODS
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet, all_simple_paths

STEP_TEST = {"method": "msa", "tolerance": 1e-12, "paper_step_test_vph": 1.0}


def counts(day):
    return [result.iterations for result in day]


# --- newton ---------------------------------------------------------------------------------------

GRID = list(itertools.product((0.1, 0.5, 1.0, 2.0, 5.0), (0.5, 1.0, 2.0)))


@pytest.mark.parametrize("name", ["default", "congested", "roomier"])
@pytest.mark.parametrize(("theta", "scale"), GRID)
def test_newton_needs_few_iterations(nguyen, name, theta, scale):
    result = solve(nguyen.plain(name, theta, scale))
    assert result.converged
    assert result.iterations <= 40


@pytest.mark.parametrize("theta", [0.1, 0.5, 1.0, 2.0, 5.0])
def test_newton_needs_few_iterations_at_heavy_congestion(nguyen, theta):
    result = solve(nguyen.plain("congested", theta, 2.5))
    assert result.converged
    assert result.iterations <= 40


@pytest.mark.parametrize(("theta", "scale"), GRID)
def test_newton_copes_with_overloaded_stations(nguyen, theta, scale):
    result = solve(nguyen.mixed("default", theta, scale, charging_vph=320.0 * scale))
    assert result.converged
    assert result.iterations <= 80
    assert result.above_knee or 320.0 * scale < 3 * 0.9 * 60.0


@pytest.mark.parametrize("theta", [0.5, 2.0])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_random_starts_end_at_the_same_flows(nguyen, theta, seed):
    """The start is a real result of some other demand on the same paths."""
    rng = np.random.default_rng(seed)
    problem = nguyen.mixed("congested", theta)
    other = nguyen.mixed("congested", theta, scale=rng.uniform(0.1, 2.0), charging_vph=rng.uniform(1, 300))
    one = solve(problem, tolerance=1e-10)
    two = solve(problem, tolerance=1e-10, start=solve(other))
    assert one.converged
    assert two.converged
    assert np.abs(one.link_flow_vph - two.link_flow_vph).max() <= 1e-8 * one.link_flow_vph.max()


def test_newton_ends_when_rounding_hides_progress(nguyen):
    """Five times the congested peak: times of 1e4 min leave R near 1e-8, and it says so."""
    result = solve(nguyen.plain("congested", 5.0, 5.0), tolerance=1e-11)
    assert result.status == "stalled"
    assert result.iterations <= 80
    assert result.residual > 1e-11


def test_newton_converges_quadratically_at_the_end(nguyen):
    result = solve(nguyen.plain(), tolerance=1e-12)
    residuals = [record.residual for record in result.history]
    assert residuals[-1] < 1e-2 * residuals[-2] < 1e-4 * residuals[-3]
    assert result.history[-1].iteration == result.iterations


def test_continuation_passes_through_smaller_thetas(nguyen):
    thetas = list(dict.fromkeys(r.theta_per_min for r in solve(nguyen.plain(theta=5.0)).history))
    assert np.allclose(thetas, [0.8, 2.0, 5.0], rtol=1e-12)
    warm = solve(nguyen.plain(theta=5.0), start=solve(nguyen.plain(theta=2.0)))
    assert {record.theta_per_min for record in warm.history} == {5.0}


# --- msa ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["1/n", "1/(n+1)"])
@pytest.mark.parametrize("theta", [0.1, 0.5])
def test_msa_tends_to_the_answer_of_newton(nguyen, step, theta):
    problem = nguyen.mixed(theta=theta)
    newton = solve(problem)
    averaged = solve(problem, "msa", 1e-4, msa_step=step)
    assert averaged.converged
    assert averaged.residual <= 1e-4
    difference = np.abs(averaged.link_flow_vph - newton.link_flow_vph).sum()
    assert difference <= 1e-3 * newton.link_flow_vph.sum()
    assert averaged.gap > newton.gap


def test_first_step_of_one_replaces_the_flows(nguyen):
    """From a uniform split, one step of 1/1 is the logit loading at the uniform split's costs."""
    problem = nguyen.plain()
    result = solve(problem, "msa", 1e-12, limit=1, record_paths=True)
    number = np.bincount(problem.paths.commodity)
    uniform = (problem.demand_vph / number)[problem.paths.commodity]
    cost = problem.link_cost(problem.paths.link_flow(uniform))
    assert np.allclose(result.path_flow_vph, problem.load(cost).path_flow_vph, rtol=1e-13)
    half = solve(problem, "msa", 1e-12, limit=1, msa_step="1/(n+1)")
    assert np.allclose(half.path_flow_vph, (uniform + result.path_flow_vph) / 2, rtol=1e-13)


def test_second_hour_needs_two_iterations_as_in_the_paper(nguyen):
    """With 1/(n+1) and a step test of 1 veh/h: few iterations from the hour before, more from nothing."""
    warm = counts(solve_day(nguyen.mixed(), nguyen.day_vph, msa_step="1/(n+1)", **STEP_TEST))
    cold = counts(solve_day(nguyen.mixed(), nguyen.day_vph, msa_step="1/(n+1)", warm=False, **STEP_TEST))
    assert warm[1] <= 2 < warm[0]
    assert sum(warm) < sum(cold)
    assert max(warm[6:9]) > 2  # the morning ramp is no such hour


def test_step_test_passes_far_from_the_equilibrium(nguyen):
    """It measures step times gap; the residual says what is true, and the status follows the residual."""
    day = solve_day(nguyen.mixed(), nguyen.day_vph, **STEP_TEST)
    assert {result.status for result in day} == {"stalled"}
    assert max(result.residual for result in day) > 1e-3
    loose = solve(nguyen.mixed(), "msa", 0.5, paper_step_test_vph=1e-9)
    assert loose.converged


@pytest.mark.parametrize("before", [0.3, 0.0])
def test_warm_start_is_rescaled_to_the_demand(nguyen, before):
    """After one iteration from a start of other demand, or of none, the flows meet the demand."""
    start = solve(nguyen.mixed(scale=before), "msa", 1e-3)
    problem = nguyen.mixed()
    result = solve(problem, "msa", 1e-12, limit=1, msa_step="1/(n+1)", start=start)
    flow = problem.paths.commodity_flow(result.path_flow_vph)
    assert np.allclose(flow, problem.demand_vph, rtol=1e-12)


def test_path_history_holds_every_iteration(nguyen):
    result = solve(nguyen.plain(), "msa", 1e-3, record_paths=True)
    flows = np.array([record.path_flow_vph for record in result.history])
    assert flows.shape == (result.iterations, 25)
    assert np.array_equal(flows[-1], result.path_flow_vph)
    assert result.loads == result.iterations + 2
    assert all(record.path_flow_vph is None for record in solve(nguyen.plain()).history)


# --- all methods ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_loading_is_counted_once(nguyen, method, monkeypatch):
    made, load = [], PathSet.load
    monkeypatch.setattr(PathSet, "load", lambda *given: made.append(1) or load(*given))
    result = solve(nguyen.plain(), method, 1e-4)
    assert result.converged
    assert result.loads == len(made)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", [None, *METHODS])
def test_every_method_starts_from_the_result_of_every_other(nguyen, method, start):
    problem = nguyen.mixed()
    before = None if start is None else solve(nguyen.mixed(scale=0.9), start, 1e-3)
    result = solve(problem, method, 1e-3, start=before)
    reference = solve(problem)
    assert result.converged
    assert result.method == method
    assert result.path_model == "all_simple"
    assert np.abs(result.link_flow_vph - reference.link_flow_vph).max() <= 10.0


def test_a_cold_start_leaves_a_corner_in_which_one_station_takes_all():
    """Without flow S1 is 600 min cheaper; with all of it, 240 min dearer: nothing is seen to be better from there."""
    roads = RoadNetwork(
        node_ids=("a", "b"), link_ids=("ab",), tail=[0], head=[1], free_flow_min=[10.0], capacity_vph=[900.0],
        alpha=[0.15], beta=[4.0],
    )  # fmt: skip
    places = (("S1", 17.0, 5.0, 0.5), ("S2", 81.8, 8.07, 0.0), ("S3", 32.0, 8.0, 0.5))
    network = roads.with_stations(
        [
            Station(name=name, node="a", bus="1", free_flow_min=t0, capacity_vph=most, law=DavidsonSettings(j=j))
            for name, t0, most, j in places
        ]
    ).with_fixed_min(np.array([209.0, 784.0, 783.0]))
    paths = all_simple_paths(network, (("a", "b"),), {"charging": True})
    problem = SueProblem(network=network, paths=paths, demand_vph=[9.437], theta_per_min=0.6727)
    result = solve(problem, "newton")
    assert result.converged

    def excess(first_vph):
        """Return how far the log-odds of S1 against S3 are from their costs, by the formulas."""
        over = 17.0 * 0.5 * (9.0 + (first_vph - 4.5) * 5.0 / 0.5**2)
        other = 32.0 * 0.5 * (9.437 - first_vph) / (8.0 - (9.437 - first_vph))
        return np.log(first_vph / (9.437 - first_vph)) + 0.6727 * (209.0 + 17.0 + over - 783.0 - 32.0 - other)

    assert result.link_flow_vph[1] == pytest.approx(brentq(excess, 5.0, 9.4), rel=1e-9)
