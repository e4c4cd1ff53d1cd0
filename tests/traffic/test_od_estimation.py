"""OD trips from link counts: exact without noise, on the bound with it, refused where the counts are blind."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, poisson

from cosim.errors import InputError
from cosim.traffic import od_problem
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.estimation import LinkCounts, OdPrior, OdProblem, estimate_od, theta_profile
from cosim.traffic.identifiability import assess
from cosim.traffic.likelihoods import LIKELIHOODS, fisher, gaussian
from cosim.traffic.network import RoadNetwork
from cosim.traffic.od_problem import evaluate, flow_jacobian, mean_covariance, path_flow_jacobian
from cosim.traffic.paths import all_simple_paths

TRUTH = np.array([240.0, 480.0, 360.0, 120.0])


def flows(problem):
    result = solve(problem, tolerance=1e-12)
    assert result.converged
    return result


def with_counts(problem, flow, links=None, **more):
    """The estimation of the trips of an equilibrium problem of one class, from these link flows."""
    ids = problem.network.link_ids if links is None else links
    positions = [problem.network.link_ids.index(link) for link in ids]
    counts = LinkCounts(link_ids=ids, flow_vph=np.atleast_2d(flow)[:, positions])
    return OdProblem(
        network=problem.network, paths=problem.paths, counts=counts, theta_per_min=problem.theta_per_min, **more
    )


@pytest.fixture(scope="module")
def night(nguyen):
    """60 % of the peak: problem, result, ``draw(n, seed)`` of link flows from Poisson path flows."""
    problem = nguyen.plain(scale=0.6)
    result = flows(problem)

    def draw(n, seed):
        path_flow = np.random.default_rng(seed).poisson(result.path_flow_vph, (n, len(problem.paths)))
        return path_flow @ problem.paths.incidence.T

    return SimpleNamespace(problem=problem, result=result, draw=draw)


@pytest.fixture(scope="module")
def seen(night):
    """Five samples of a day at the night's trips, and a point that is not the estimate."""
    problem = with_counts(night.problem, night.draw(5, 3))
    return SimpleNamespace(problem=problem, point=evaluate(problem, TRUTH * [1.2, 0.9, 0.8, 1.3], 0.1))


def by_differences(function, at, step=1e-4):
    """Central differences of a function, along the last axis."""
    columns = []
    for position in range(len(at)):
        h = step * at[position] * (np.arange(len(at)) == position)
        columns.append((function(at + h) - function(at - h)) / (2 * h[position]))
    return np.stack(columns, axis=-1)


@pytest.fixture
def junction():
    """Two origins, one road on: ``junction(links, flows, **more)``, flows of one sample."""
    network = RoadNetwork(
        node_ids=("o1", "o2", "m", "d"),
        link_ids=("in1", "in2", "out"),
        tail=[0, 1, 2],
        head=[2, 2, 3],
        free_flow_min=[5.0, 5.0, 5.0],
        capacity_vph=[1000.0, 1000.0, 1000.0],
    )
    paths = all_simple_paths(network, [("o1", "d"), ("o2", "d")], {"all": False})

    def problem(links, flow, hours=1.0, **more):
        counts = LinkCounts(link_ids=links, flow_vph=flow, hours=hours)
        return OdProblem(network=network, paths=paths, counts=counts, theta_per_min=0.1, **more)

    return problem


# Without noise


@pytest.mark.parametrize("theta", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("roads", "scale"), [("default", 0.6), ("default", 2.0), ("congested", 1.0)])
def test_flows_without_noise_give_the_trips_back(nguyen, roads, scale, theta):
    problem = nguyen.plain(roads, theta, scale)
    found = estimate_od(with_counts(problem, flows(problem).link_flow_vph))
    assert found.status == "converged"
    assert found.iterations <= 8
    assert np.allclose(found.trips_vph, problem.demand_vph, rtol=1e-8, atol=0)
    assert np.allclose(found.fitted_vph, found.observed_vph, rtol=1e-8, atol=1e-6)
    assert found.deviance <= 1e-12 * problem.demand_vph.sum()
    assert found.equilibrium.converged


def test_rounding_in_extreme_congestion_is_borne(nguyen):
    """There R does not fall below about 1e-9; that is an equilibrium all the same."""
    problem = nguyen.plain("congested", 5.0, 2.0)
    assert not solve(problem, tolerance=1e-10).converged
    point = evaluate(with_counts(problem, np.ones(19)), problem.demand_vph, 5.0)
    assert point.equilibrium.converged
    assert point.equilibrium.residual <= 1e-8


def test_two_classes_with_stations(nguyen):
    """The share of charging trips is known; counts of roads alone, or of stations too."""
    problem = nguyen.mixed()
    share = np.repeat([[1 - 0.024], [0.024]], 4, axis=1)
    flow = flows(problem).link_flow_vph
    roads = tuple(problem.network.link_ids[:19])
    for links in (roads, (*roads, "S8", "S11", "S13")):
        found = estimate_od(with_counts(problem, flow, links, class_share=share))
        assert np.allclose(found.trips_vph, nguyen.peak_vph, rtol=1e-8, atol=0)


def test_theta_is_estimated_with_the_trips(nguyen):
    problem = nguyen.plain(theta=0.17)
    counts = with_counts(problem, flows(problem).link_flow_vph)
    found = estimate_od(od_problem.with_theta(counts, 0.1), estimate_theta=True)
    assert found.status == "converged"
    assert found.theta_per_min == pytest.approx(0.17, rel=1e-8)
    assert np.allclose(found.trips_vph, problem.demand_vph, rtol=1e-8, atol=0)
    assert 0 < found.theta_error_per_min < 0.17
    fixed = estimate_od(counts)
    assert np.all(found.bound > fixed.bound)  # one more unknown costs knowledge of the others


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_profile_of_theta_is_lowest_at_the_truth_and_wrong_thetas_bias(nguyen, likelihood):
    problem = nguyen.plain(theta=0.2)
    counts = with_counts(problem, flows(problem).link_flow_vph)
    profile = theta_profile(od_problem.with_theta(counts, 0.1), likelihood, [0.1, 0.14, 0.2, 0.28, 0.4])
    assert set(profile.status) == {"converged"}
    assert profile.best_theta_per_min == 0.2
    assert np.all(np.diff(profile.deviance)[:2] < 0)
    assert np.all(np.diff(profile.deviance)[2:] > 0)
    relative = profile.trips_vph / problem.demand_vph - 1
    assert np.abs(relative[2]).max() < 0.01
    assert relative[0].max() > 0.3  # half the truth


def test_samples_may_miss_links(night):
    """In every sample another link fails; the flows are the same each time."""
    flow = np.tile(night.result.link_flow_vph, (19, 1))
    whole = with_counts(night.problem, flow)
    counts = replace(whole.counts, observed=~np.eye(19, dtype=bool))
    for likelihood, tolerance in (("fisher", 1e-8), ("gaussian", 0.01)):
        found = estimate_od(replace(whole, counts=counts), likelihood)
        assert np.allclose(found.trips_vph, TRUTH, rtol=tolerance, atol=0)
        errors = estimate_od(whole, likelihood).sandwich_error_vph
        assert np.all(found.sandwich_error_vph > errors * 0.999)
        assert np.all(found.sandwich_error_vph < errors * 1.15)


def test_the_order_of_links_and_samples_does_not_matter(night):
    drawn = night.draw(4, 8)
    links = tuple(night.problem.network.link_ids[::-1])
    for likelihood in LIKELIHOODS:
        first = estimate_od(with_counts(night.problem, drawn), likelihood)
        second = estimate_od(with_counts(night.problem, drawn[::-1], links), likelihood)
        assert np.allclose(first.trips_vph, second.trips_vph, rtol=1e-7, atol=0)


def test_longer_samples_weigh_as_more_of_them(night):
    one = with_counts(night.problem, night.draw(1, 4))
    four = estimate_od(replace(one, counts=replace(one.counts, hours=4.0)))
    once = estimate_od(one)
    assert np.allclose(four.trips_vph, once.trips_vph, rtol=1e-6, atol=0)
    for name in ("naive_error_vph", "sandwich_error_vph", "bound"):
        assert np.allclose(getattr(four, name), getattr(once, name) / 2, rtol=1e-6, atol=0)


# Derivatives, and the same numbers by other means


def test_the_score_is_the_slope_of_the_deviance(seen):
    problem, point = seen.problem, seen.point
    prior = OdPrior(trips_vph=TRUTH, sd_vph=0.3 * TRUTH)
    for one in (problem, replace(problem, prior=prior)):
        slope = fisher.score(one, point, flow_jacobian(one, point, with_theta=True))

        def deviance(at, one=one):
            return np.array(fisher.deviance(one, evaluate(one, at[:4], at[4])))

        expected = by_differences(deviance, np.append(point.trips_vph, 0.1))
        assert np.allclose(-2 * slope, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("covariance", gaussian.COVARIANCES)
def test_the_score_is_the_slope_of_eq_1(seen, covariance):
    problem, point = seen.problem, seen.point
    variance = 1.0 if covariance == "measurement" else 0.0
    fixed = gaussian.choice_at(problem, point, covariance, variance)
    for one in (problem, replace(problem, prior=OdPrior(trips_vph=TRUTH, sd_vph=0.3 * TRUTH))):
        slope, information = gaussian.score(one, fixed, point.trips_vph)

        def value(at, one=one):
            return np.array(gaussian.log_likelihood(one, fixed, at))

        expected = by_differences(value, point.trips_vph)
        assert np.allclose(slope, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
        assert np.all(np.linalg.eigvalsh(information) > 0)


def test_eq_1_is_a_multivariate_normal(seen):
    problem, point = seen.problem, seen.point
    fixed = gaussian.choice_at(problem, point, "measurement", 1.0)
    result, incidence = point.equilibrium, problem.paths.incidence
    share = result.path_flow_vph / point.trips_vph[problem.paths.commodity]

    def expected(trips):
        flow = share * trips[problem.paths.commodity]
        spread = incidence @ np.diag(flow) @ incidence.T + np.eye(19)
        return multivariate_normal(incidence @ flow, spread).logpdf(problem.counts.flow_vph).sum()

    def found(trips):
        return gaussian.log_likelihood(problem, fixed, trips)

    for trips in (TRUTH, 1.4 * TRUTH):
        difference = expected(trips) - expected(point.trips_vph)
        assert found(trips) - found(point.trips_vph) == pytest.approx(difference, rel=1e-8)


def test_the_rank_of_the_counts_is_the_number_of_links_less_the_nodes_that_conserve(seen):
    for covariance in ("independent_links", "pseudo_inverse"):
        (block,) = gaussian.choice_at(seen.problem, seen.point, covariance, 0.0).blocks
        assert len(block.mean) == 19 - 9


def test_both_ways_without_measurement_error_agree_and_are_its_limit(seen):
    """Counts that obey conservation: the likelihoods differ by constants only."""
    options = [{"covariance": name} for name in ("independent_links", "pseudo_inverse")]
    options += [{"measurement_variance": 1e-4}]
    first, *others = [estimate_od(seen.problem, "gaussian", tolerance=1e-6, **one) for one in options]
    for other in others:
        assert np.allclose(other.trips_vph, first.trips_vph, rtol=1e-5, atol=0)
    default = estimate_od(seen.problem, "gaussian").trips_vph
    assert np.allclose(default, first.trips_vph, rtol=0.02, atol=0)


def test_path_flows_follow_trips_as_differences_say(nguyen):
    problem = nguyen.mixed("congested", 0.5)
    share = np.repeat([[0.7], [0.3]], 4, axis=1)
    counted = with_counts(problem, np.ones(22), class_share=share)
    point = evaluate(counted, 0.5 * nguyen.peak_vph, 0.5)
    found = path_flow_jacobian(counted, point)
    expected = by_differences(
        lambda at: flows(counted.equilibrium_problem(at, 0.5)).path_flow_vph, point.trips_vph, step=1e-3
    )
    assert np.allclose(found, expected, rtol=0, atol=2e-5)
    assert np.allclose(counted.observed_incidence @ found, flow_jacobian(counted, point), rtol=0, atol=1e-9)


def test_a_general_optimiser_finds_the_same_poisson_estimate(seen):
    found = estimate_od(seen.problem)
    counts = seen.problem.counts.flow_vph

    def loss(logarithm):
        trips = np.exp(logarithm)
        flow = solve(seen.problem.equilibrium_problem(trips, 0.1), tolerance=1e-11).link_flow_vph
        return -poisson(flow).logpmf(counts).sum()

    other = minimize(loss, np.log(TRUTH), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    assert np.allclose(found.trips_vph, np.exp(other.x), rtol=2e-5, atol=0)


# With noise


def estimates(night, n, draws, likelihood):
    rows = [estimate_od(with_counts(night.problem, night.draw(n, seed)), likelihood) for seed in range(draws)]
    assert all(row.status == "converged" for row in rows)
    return SimpleNamespace(
        trips=np.array([row.trips_vph for row in rows]),
        naive=np.array([row.naive_error_vph for row in rows]),
        sandwich=np.array([row.sandwich_error_vph for row in rows]),
    )


@pytest.mark.parametrize(("likelihood", "draws"), [("fisher", 200), ("gaussian", 120)])
def test_poisson_errors_lie_on_the_bound_and_in_the_sandwich_interval(night, likelihood, draws):
    found = estimates(night, 5, draws, likelihood)
    exact = with_counts(night.problem, np.tile(night.result.link_flow_vph, (5, 1)))
    bound = assess(exact, evaluate(exact, TRUTH, 0.1)).bound * TRUTH
    rmse = np.sqrt(((found.trips - TRUTH) ** 2).mean(axis=0))
    assert np.all(rmse <= 1.3 * bound)
    assert np.all(rmse >= 0.8 * bound)
    assert np.abs(found.trips.mean(axis=0) / TRUTH - 1).max() <= 0.02
    inside = (np.abs(found.trips - TRUTH) <= 1.96 * found.sandwich).mean()
    assert 0.92 <= inside <= 0.975
    believed = (np.abs(found.trips - TRUTH) <= 1.96 * found.naive).mean()
    assert believed < inside - 0.03  # counts of the same vehicles are no independent evidence


@pytest.mark.parametrize(("n", "draws", "limit"), [(5, 150, 0.085), (20, 60, 0.045), (100, 40, 0.022)])
def test_eq_1_with_known_route_choice(night, n, draws, limit):
    """The acceptance of the paper's step 1; the bound itself is 7.3 % for the smallest pair at n = 5."""
    found = []
    for seed in range(draws):
        problem = with_counts(night.problem, night.draw(n, seed))
        truth = evaluate(problem, TRUTH, 0.1)
        fixed = gaussian.choice_at(problem, truth, "measurement", 1.0)
        trips, ended = gaussian.maximise(problem, fixed, np.full(4, 300.0))
        assert ended
        found.append(trips)
    relative = np.array(found) / TRUTH
    assert relative.std(axis=0).max() <= limit
    assert np.abs(relative.mean(axis=0) - 1).max() <= 0.02


def test_naive_errors_are_too_small_by_a_quarter_to_a_third(night):
    found = estimate_od(with_counts(night.problem, night.result.link_flow_vph))
    missing = 1 - found.naive_error_vph / found.sandwich_error_vph
    assert missing.min() > 0.15
    assert missing.max() < 0.45


def test_counts_of_a_vehicle_on_two_links_are_not_independent(junction):
    """Counting each origin twice, on its link and on the way out, adds nothing."""
    found = estimate_od(junction(("in1", "in2", "out"), [100.0, 300.0, 400.0]))
    assert np.allclose(found.trips_vph, [100, 300], rtol=1e-9)
    assert np.allclose(found.sandwich_error_vph, np.sqrt([100, 300]), rtol=1e-6)
    assert np.allclose(found.bound, 1 / np.sqrt([100, 300]), rtol=1e-6)
    assert np.all(found.naive_error_vph < 0.95 * found.sandwich_error_vph)


@pytest.mark.parametrize("covariance", ["independent_links", "pseudo_inverse"])
@pytest.mark.parametrize("detour", [False, True])
def test_eq_1_counts_every_vehicle_once_however_many_links_it_passes(covariance, detour):
    """Mean and variance are both O: ``O^2 + O`` is the mean square of the counts; the dead detour says nothing."""
    network = RoadNetwork(
        node_ids=("o1", "o2", "m", "d"), link_ids=("in1", "in2", "out", "detour"), tail=[0, 1, 2, 0], head=[2, 2, 3, 3],
        free_flow_min=[5.0, 5.0, 5.0, 1e5], capacity_vph=[1000.0] * 4,
    )  # fmt: skip
    paths = all_simple_paths(network, [("o1", "d"), ("o2", "d")], {"all": False})
    flow = np.array([[100.0, 310.0, 410.0, 0.0], [120.0, 280.0, 400.0, 0.0], [90.0, 295.0, 385.0, 0.0]])
    used = slice(None) if detour else slice(3)
    counts = LinkCounts(link_ids=network.link_ids[used], flow_vph=flow[:, used])
    found = estimate_od(
        OdProblem(network=network, paths=paths, counts=counts, theta_per_min=0.1), "gaussian", covariance=covariance
    )
    assert found.status == "converged"
    square = (flow[:, :2] ** 2).mean(axis=0)
    assert found.trips_vph == pytest.approx((np.sqrt(1.0 + 4.0 * square) - 1.0) / 2.0, rel=1e-9)


# The gate


def test_a_pair_that_no_count_sees_is_named(junction):
    with pytest.raises(InputError) as refused:
        estimate_od(junction(("in1",), [100.0]))
    assert str(refused.value) == (
        "field 'counts': the counts do not identify the trips 'o2' -> 'd'; "
        "observe another link on their paths, take more samples, or give a prior"
    )


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_pairs_that_are_only_seen_as_a_sum_are_named(junction, likelihood):
    with pytest.raises(InputError) as refused:
        estimate_od(junction(("out",), [400.0]), likelihood)
    (problem,) = refused.value.problems
    assert "combination: changing the trips 'o1' -> 'd' by" in problem.reason
    assert "the trips 'o2' -> 'd' by" in problem.reason
    assert {"+1", "-1"} <= set(problem.reason.replace(",", "").split())


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_prior_on_one_of_them_is_enough(junction, likelihood):
    prior = OdPrior(trips_vph=[120.0, 0.0], sd_vph=[10.0, np.inf])
    found = estimate_od(junction(("out",), [400.0], prior=prior), likelihood)
    assert found.status == "converged"
    assert found.trips_vph[0] == pytest.approx(120.0, rel=1e-3)
    # The Gaussian's variance falls with its mean: the root of m^2 + m = 400^2 is 399.5.
    total = {"fisher": 400.0, "gaussian": (np.sqrt(1 + 4 * 400.0**2) - 1) / 2}[likelihood]
    assert found.trips_vph.sum() == pytest.approx(total, rel=1e-5)
    assert found.condition > 1e4
    assert found.sandwich_error_vph == pytest.approx([10.0, np.sqrt(10**2 + 400)], rel=2e-2)
    assert found.bound * found.trips_vph == pytest.approx([10.0, np.sqrt(10**2 + 400)], rel=2e-2)


def test_a_prior_on_another_pair_is_not_enough(junction):
    prior = OdPrior(trips_vph=[100.0, 0.0], sd_vph=[10.0, np.inf])
    with pytest.raises(InputError, match="do not identify the trips 'o2' -> 'd'"):
        estimate_od(junction(("in1",), [100.0], prior=prior))


def test_too_few_vehicles_are_refused_with_the_size_of_the_doubt(junction):
    """One count of half a vehicle has an error of 141 %; eight hours of it 50 %."""
    with pytest.raises(InputError, match=r"leave the trips 'o1' -> 'd' uncertain by 14[12] % of the estimate"):
        estimate_od(junction(("in1", "in2"), [0.5, 300.0]))
    found = estimate_od(junction(("in1", "in2"), [0.5, 300.0], hours=8.0))
    assert found.bound[0] == pytest.approx(0.5, rel=1e-3)


def test_counts_of_nothing_are_refused(junction):
    with pytest.raises(InputError, match="explained best by 0 for the trips 'o1' -> 'd'"):
        estimate_od(junction(("in1", "in2"), [0.0, 0.0]))


def test_trips_do_not_become_negative(junction):
    """Fewer vehicles leave than enter by the second road: the first pair stays at 0, and is refused without a prior."""
    links, flow = ("in2", "out"), [400.0, 350.0]
    with pytest.raises(InputError, match="explained best by 0 for the trips 'o1' -> 'd'"):
        estimate_od(junction(links, flow))
    prior = OdPrior(trips_vph=[1.0, 0.0], sd_vph=[5.0, np.inf])
    found = estimate_od(junction(links, flow, prior=prior))
    assert found.status == "converged"
    assert found.trips_vph == pytest.approx([0.0, 375.0], abs=1e-6)


def test_nguyen_designs(night):
    """All links see all trips; two links do not, and one message names every pair that stays unknown."""
    flow = night.result.link_flow_vph
    whole = estimate_od(with_counts(night.problem, flow))
    assert whole.condition < 100
    assert whole.bound.max() < 0.25
    with pytest.raises(InputError) as refused:
        estimate_od(with_counts(night.problem, flow, ("1-5", "1-12")))
    for pair in ("'4' -> '2'", "'4' -> '3'"):
        assert pair in str(refused.value)


# Status and misuse


def test_an_assignment_that_does_not_converge_is_told(night, monkeypatch):
    monkeypatch.setattr(od_problem, "SUE_TOLERANCES", (1e-40, 1e-39))
    for likelihood in LIKELIHOODS:
        found = estimate_od(with_counts(night.problem, night.result.link_flow_vph), likelihood)
        assert found.status == "equilibrium"
        assert not found.converged
        assert np.isnan(found.sandwich_error_vph).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_limit_that_is_reached_is_told(night, likelihood):
    found = estimate_od(with_counts(night.problem, night.draw(2, 0)), likelihood, limit=1)
    assert (found.status, found.iterations, found.converged) == ("limit", 1, False)


def test_what_a_likelihood_does_not_know_is_refused(seen):
    cases = [
        (("poisson", {}), "likelihood: 'poisson' is unknown"),
        (("fisher", {"covariance": "measurement"}), "'fisher' has no option 'covariance'"),
        (("gaussian", {"covariance": "measurment"}), "did you mean 'measurement'"),
        (("gaussian", {"measurement_variance": 0.0}), "must be > 0"),
        (("gaussian", {"estimate_theta": True}), "cannot estimate theta"),
        (("fisher", {"tolerance": 0.0}), "0.0 must be between 0 and 1"),
        (("fisher", {"limit": 0}), "0 must be at least 1"),
    ]
    for (likelihood, options), message in cases:
        with pytest.raises(InputError, match=message):
            estimate_od(seen.problem, likelihood, **options)


def test_wrong_problems_are_refused(night):
    flow = night.result.link_flow_vph
    wrong = {
        "must be >= 0 and sum to 1": {"class_share": np.full((1, 4), 0.9)},
        "3 values for 4 OD pairs": {"prior": OdPrior(trips_vph=np.ones(3), sd_vph=np.ones(3))},
    }
    for message, more in wrong.items():
        with pytest.raises(InputError, match=message):
            with_counts(night.problem, flow, **more)
    with pytest.raises(InputError, match="pair 2: -1 must be >= 0"):
        OdPrior(trips_vph=[1.0, -1.0], sd_vph=[1.0, 1.0])
    with pytest.raises(InputError, match="theta_per_min"):
        od_problem.with_theta(with_counts(night.problem, flow), 0.0)


def test_the_covariance_of_counts_is_that_of_their_paths(night):
    """Two links of one path only share its vehicles: Poisson variances on the diagonal."""
    problem = with_counts(night.problem, night.result.link_flow_vph)
    point = evaluate(problem, TRUTH, 0.1)
    covariance = mean_covariance(problem, point)
    assert np.allclose(np.diag(covariance), point.flow_vph, rtol=1e-12)
    sampled = np.cov(night.draw(4000, 1).T)
    assert np.abs(sampled - covariance).max() <= 0.12 * covariance.max()


def test_an_equilibrium_problem_splits_trips_by_class(nguyen):
    problem = nguyen.mixed()
    share = np.repeat([[0.7], [0.3]], 4, axis=1)
    counted = with_counts(problem, np.ones(22), class_share=share)
    assigned = counted.equilibrium_problem(TRUTH, 0.1)
    assert isinstance(assigned, SueProblem)
    assert np.allclose(assigned.demand_vph, np.append(0.7 * TRUTH, 0.3 * TRUTH))
