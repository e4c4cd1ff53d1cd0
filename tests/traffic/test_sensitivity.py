from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import InputError
from cosim.traffic.equilibrium import solve
from cosim.traffic.sensitivity import sensitivity


def exact(problem):
    return solve(problem, tolerance=1e-12)


def central(change, step):
    """Richardson extrapolation of central differences of the link flows."""
    slopes = [(change(h) - change(-h)) / (2 * h) for h in (step, step / 2)]
    return (4 * slopes[1] - slopes[0]) / 3


@pytest.fixture(params=[("default", 0.1), ("congested", 0.5)], ids=str)
def problem(nguyen, request):
    name, theta = request.param
    return nguyen.mixed(name, theta, charging_vph=120.0)


def test_derivatives_are_finite_differences(problem):
    found = sensitivity(problem, exact(problem))
    network = problem.network

    def flows(**change):
        return exact(replace(problem, **change)).link_flow_vph

    def by_demand(w):
        return lambda h: flows(demand_vph=problem.demand_vph + h * (np.arange(8) == w))

    def by_constant(a):
        shift = np.arange(22) == a
        return lambda h: flows(network=replace(network, fixed_min=network.fixed_min + h * shift))

    for w in range(8):
        expected = central(by_demand(w), 0.2)
        assert np.allclose(found.to_demand[:, w], expected, rtol=1e-6, atol=1e-6)
    for a in (0, 9, 19, 20, 21):
        expected = central(by_constant(a), 0.05)
        assert np.allclose(found.to_fixed_min[:, a], expected, rtol=1e-6, atol=1e-5)
    expected = central(lambda h: flows(theta_per_min=problem.theta_per_min + h), 1e-3)
    assert np.allclose(found.to_theta, expected, rtol=1e-6, atol=1e-4)


def test_equal_prices_change_nothing(problem):
    found = sensitivity(problem, exact(problem))
    assert np.abs(found.to_fixed_min[:, -3:].sum(axis=1)).max() <= 1e-9 * problem.demand_vph.sum()


def test_a_station_loses_by_its_own_price(problem):
    own = sensitivity(problem, exact(problem)).to_fixed_min[-3:, -3:]
    assert np.all(np.diag(own) < 0)
    assert np.allclose(own.sum(axis=0), 0.0, rtol=0, atol=1e-9)


def test_flows_that_are_no_equilibrium_are_refused(problem):
    with pytest.raises(InputError, match="'limit'"):
        sensitivity(problem, solve(problem, limit=1))
