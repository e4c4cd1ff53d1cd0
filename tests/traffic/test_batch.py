"""A batch of equilibria is what single solves say, instance by instance."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.traffic.batch import solve_batch
from cosim.traffic.equilibrium import SueProblem, residual, solve
from cosim.traffic.methods.base import DENSE_CELLS
from cosim.traffic.shares_of_demand import at_shares


def lognormal(problem, instances, sigma=0.3, seed=1):
    shape = (instances, len(problem.demand_vph))
    return problem.demand_vph * np.random.default_rng(seed).lognormal(-(sigma**2) / 2, sigma, shape)


def singly(problem, demand, theta, tolerance):
    theta = np.broadcast_to(theta, len(demand))
    return [
        solve(replace(problem, demand_vph=row, theta_per_min=float(t)), "newton", tolerance)
        for row, t in zip(demand, theta, strict=True)
    ]


def close(one, two, tolerance):
    return np.abs(one - two).max() <= tolerance * np.abs(two).max()


@pytest.mark.parametrize(
    ("roads", "theta", "charging_vph"),
    [("default", 0.1, 48.0), ("congested", 0.5, 170.0), ("default", 1.0, 320.0), ("linear", 0.3, 48.0)],
)
def test_instances_are_single_solves(nguyen, roads, theta, charging_vph):
    problem = nguyen.mixed(roads, theta, charging_vph=charging_vph)
    demand = lognormal(problem, 12)
    batch = solve_batch(problem, demand, tolerance=1e-10)
    assert batch.converged.all()
    for number, single in enumerate(singly(problem, demand, theta, 1e-10)):
        assert batch.iterations[number] == single.iterations
        assert batch.loads[number] == single.loads
        assert close(batch.link_flow_vph[number], single.link_flow_vph, 1e-10)
        assert close(batch.path_flow_vph[number], single.path_flow_vph, 1e-10)
        assert close(batch.link_time_min[number], single.link_time_min, 1e-9)
        assert close(batch.expected_min_cost_min[number], single.expected_min_cost_min, 1e-9)
        own = residual(replace(problem, demand_vph=demand[number]), batch.path_flow_vph[number])
        assert batch.residual[number] == pytest.approx(own, rel=1e-3, abs=1e-12)
        effort = single.link_time_min @ single.link_flow_vph
        assert batch.gap[number] == pytest.approx(single.gap, abs=1e-12 * effort)


def test_constant_costs_of_paths_count_in_every_instance(nguyen):
    problem = nguyen.plain()
    offset = np.random.default_rng(4).uniform(0.0, 30.0, len(problem.paths))
    problem = replace(problem, paths=replace(problem.paths, offset_min=offset))
    demand = lognormal(problem, 3)
    batch = solve_batch(problem, demand, tolerance=1e-10)
    for number, single in enumerate(singly(problem, demand, problem.theta_per_min, 1e-10)):
        assert close(batch.path_flow_vph[number], single.path_flow_vph, 1e-9)


def test_every_instance_may_have_its_theta(nguyen):
    """Cold starts above 1 pass through smaller thetas, each instance through its own."""
    problem = nguyen.plain("congested")
    theta = np.array([0.05, 0.1, 1.0, 1.01, 2.0, 2.5, 5.0, 6.25, 10.0])
    demand = lognormal(problem, len(theta))
    batch = solve_batch(problem, demand, theta)
    assert batch.converged.all()
    assert np.array_equal(batch.theta_per_min, theta)
    for number, single in enumerate(singly(problem, demand, theta, 1e-8)):
        assert close(batch.link_flow_vph[number], single.link_flow_vph, 1e-7)
        assert abs(int(batch.iterations[number]) - single.iterations) <= 2


def test_two_thousand_instances_without_a_failure(nguyen):
    problem = nguyen.plain(theta=0.5)
    batch = solve_batch(problem, lognormal(problem, 2000))
    assert batch.converged.all()
    assert batch.residual.max() <= 1e-8
    assert batch.iterations.max() <= 40
    assert batch.path_model == "all_simple"
    assert batch.history.shape == (batch.iterations.max() + 1, 2000)
    assert np.array_equal(np.isfinite(batch.history).sum(axis=0), batch.iterations + 1)


def test_chunks_do_not_matter(nguyen):
    problem = nguyen.mixed()
    demand = lognormal(problem, 23)
    one, two = (solve_batch(problem, demand, tolerance=1e-10, chunk=size) for size in (23, 5))
    assert close(one.link_flow_vph, two.link_flow_vph, 1e-10)
    assert np.array_equal(one.iterations, two.iterations)


def test_queueing_stations(nguyen):
    stations = [
        Station.from_chargers(
            name=f"S{n}", node=n, bus=n, chargers=20, charger_kw=60.0, access_min=10.0, energy_kwh=20.0, law="erlang"
        )
        for n in ("8", "11", "13")
    ]
    base = nguyen.mixed(charging_vph=160.0)
    problem = replace(base, network=nguyen.roads["default"].with_stations(stations))
    demand = lognormal(problem, 6)
    batch = solve_batch(problem, demand, tolerance=1e-10)
    assert batch.converged.all()
    for number, single in enumerate(singly(problem, demand, 0.1, 1e-10)):
        assert close(batch.link_flow_vph[number], single.link_flow_vph, 1e-9)


def test_failures_are_flagged_one_by_one(nguyen):
    """One instance is easy, one needs more than the iterations allowed, one stalls above a tolerance below rounding."""
    problem = nguyen.plain("congested", theta=1.0)
    demand = np.array([0.01, 2.0, 0.0])[:, np.newaxis] * problem.demand_vph
    batch = solve_batch(problem, demand, tolerance=1e-9, limit=2)
    assert batch.status.tolist() == ["converged", "limit", "converged"]
    assert batch.iterations.tolist()[1:] == [2, 0]
    assert not batch.link_flow_vph[2].any()
    assert batch.residual[1] > 1e-9
    hard = solve_batch(problem, demand, tolerance=1e-17)
    assert hard.status.tolist()[1:] == ["stalled", "converged"]
    assert hard.residual.max() < 1e-10


def test_a_result_that_is_not_finite_stops_nobody(nguyen):
    """Demand of 1e80: costs overflow; the neighbour converges."""
    problem = nguyen.plain()
    demand = np.stack([problem.demand_vph, 1e80 * problem.demand_vph])
    batch = solve_batch(problem, demand)
    assert batch.status.tolist() == ["converged", "stalled"]
    assert not batch.residual[1] <= 1e-8


def test_no_instance(nguyen):
    batch = solve_batch(nguyen.mixed(), np.empty((0, 8)))
    assert batch.link_flow_vph.shape == (0, 22)
    assert batch.path_flow_vph.shape == (0, 50)
    assert len(batch.status) == len(batch.residual) == 0


def test_wrong_batches_are_named(nguyen):
    problem = nguyen.plain()
    demand = lognormal(problem, 3)
    demand[1, 2] = np.nan
    demand[2, 0] = -4.0
    with pytest.raises(InputError) as caught:
        solve_batch(problem, demand, [0.1, 0.0, np.nan], tolerance=2.0, chunk=0)
    text = str(caught.value)
    for expected in ("instance 1, '4' -> '2'", "instance 2, '1' -> '2'", "instance 1: 0.0", "instance 2: nan"):
        assert expected in text
    assert {one.field for one in caught.value.problems} == {"demand_vph", "theta_per_min", "tolerance", "chunk"}
    with pytest.raises(InputError, match="shape"):
        solve_batch(problem, np.ones((3, 5)))
    with pytest.raises(InputError, match="shape"):
        solve_batch(problem, lognormal(problem, 3), np.ones(2))


def test_demand_without_a_path_is_named(nguyen):
    """No station on any path of (1, 2): its charging trips have none."""
    from cosim.traffic.paths import all_simple_paths

    network = nguyen.roads["default"].with_stations(nguyen.stations[2:])
    paths = all_simple_paths(network, (("1", "2"), ("1", "3")), {"charging": True})
    problem = SueProblem(network=network, paths=paths, demand_vph=[0.0, 10.0], theta_per_min=0.1)
    batch = solve_batch(problem, [[0.0, 5.0]])
    single = solve(replace(problem, demand_vph=np.array([0.0, 5.0])))
    assert close(batch.link_flow_vph[0], single.link_flow_vph, 1e-9)
    assert batch.expected_min_cost_min[0, 0] == np.inf
    with pytest.raises(InputError, match="no path"):
        solve_batch(problem, [[1.0, 5.0]])


@pytest.mark.parametrize("most_cells", [0, DENSE_CELLS])
def test_shares_of_a_demand_are_solved_at_once_or_one_by_one(nguyen, monkeypatch, most_cells):
    monkeypatch.setattr("cosim.traffic.shares_of_demand.DENSE_CELLS", most_cells)
    problem, shares = nguyen.mixed(), (0.25, 1.0, 0.5)
    flows = at_shares(problem, shares)
    assert np.allclose(flows.sum(axis=1), np.array(shares) * problem.demand_vph.sum())
    for share, flow in zip(shares, flows, strict=True):
        assert residual(replace(problem, demand_vph=share * problem.demand_vph), flow) <= 1e-8


def test_a_share_without_an_equilibrium_is_told(nguyen, monkeypatch):
    problem = nguyen.mixed()
    slow = replace(solve(problem), status="limit")
    monkeypatch.setattr("cosim.traffic.shares_of_demand.DENSE_CELLS", 0)
    monkeypatch.setattr("cosim.traffic.shares_of_demand.solve", lambda _problem: slow)
    with pytest.raises(InputError, match=r"no equilibrium at 0\.5 of the demand: limit, R = "):
        at_shares(problem, (0.5,))
