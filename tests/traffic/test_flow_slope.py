"""The derivative of an equilibrium along any change of its problem, against solving again and a closed form."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.network import RoadNetwork
from cosim.traffic.overlap import with_path_size
from cosim.traffic.paths import all_simple_paths
from cosim.traffic.sensitivity import flow_slope

WIDTH = 1e-5


def slope(change, width=WIDTH):
    own = change(0.0)
    result = solve(own, tolerance=1e-12)
    return flow_slope(own, result, change(width / 2), change(-width / 2), width)


def by_solving(change, step=0.02):
    """Richardson extrapolation of central differences."""
    flows = {s: solve(change(s), tolerance=1e-12).link_flow_vph for s in (-step, -step / 2, step / 2, step)}
    whole, half = (flows[step] - flows[-step]) / (2 * step), (flows[step / 2] - flows[-step / 2]) / step
    return (4 * half - whole) / 3


@pytest.fixture(params=[("default", 0.1), ("congested", 0.5)], ids=str)
def problem(nguyen, request):
    name, theta = request.param
    return nguyen.mixed(name, theta, charging_vph=120.0)


CHANGES = {
    "theta": lambda p, s: replace(p, theta_per_min=p.theta_per_min * (1 + s)),
    "demand": lambda p, s: replace(p, demand_vph=p.demand_vph * (1 + s)),
    **{
        name: lambda p, s, name=name: replace(
            p, network=replace(p.network, **{name: getattr(p.network, name) * (1 + s)})
        )
        for name in ("capacity_vph", "free_flow_min", "alpha", "beta")
    },
    "j": lambda p, s: replace(
        p, network=replace(p.network, settings={**p.network.settings, "j": p.network.setting("j") * (1 + s)})
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_is_what_solving_again_gives(problem, name):
    if name == "beta":  # station links have beta 1, below which the law refuses; they do not read it
        at = problem.network.is_station
        problem = replace(problem, network=replace(problem.network, beta=np.where(at, 4.0, problem.network.beta)))

    def change(s):
        return CHANGES[name](problem, s)

    assert np.allclose(slope(change), by_solving(change), rtol=1e-5, atol=1e-4)


def test_theta_moves_the_path_size_term_too(nguyen):
    """Where the paths' constants depend on theta (path size is ``ln PS / theta``), they are differentiated with it."""
    plain = nguyen.mixed("default", 0.1, charging_vph=120.0)

    def change(s):
        theta = 0.1 * (1 + s)
        paths = with_path_size(plain.network, plain.path_set, beta=1.0, theta_per_min=theta)
        return replace(plain, paths=paths, theta_per_min=theta)

    assert np.allclose(slope(change), by_solving(change), rtol=1e-5, atol=1e-4)


def test_two_routes_have_the_closed_form_of_logit():
    """``v1 = q / (1 + exp(theta (c1(v1) - c2(q - v1))))``, linear costs: the elasticity is worked out by hand."""
    network = RoadNetwork(
        node_ids=("o", "m", "d"),
        link_ids=("direct", "first", "last"),
        tail=np.array([0, 0, 1]),
        head=np.array([2, 1, 2]),
        free_flow_min=np.array([10.0, 6.0, 5.0]),
        capacity_vph=np.array([400.0, 300.0, 500.0]),
        alpha=np.array([0.5, 0.4, 0.0]),
        beta=np.array([1.0, 1.0, 1.0]),
    )
    paths = all_simple_paths(network, (("o", "d"),), {"other": False}, 10)
    own = SueProblem(network=network, paths=paths, demand_vph=np.array([600.0]), theta_per_min=0.3)
    found = slope(lambda s: replace(own, theta_per_min=0.3 * (1 + s)))
    direct = solve(own, tolerance=1e-13).link_flow_vph[0]
    gap = (10.0 + 10.0 * 0.5 * direct / 400.0) - (11.0 + 6.0 * 0.4 * (600.0 - direct) / 300.0)
    share = direct / 600.0
    steepness = 10.0 * 0.5 / 400.0 + 6.0 * 0.4 / 300.0
    spread = 600.0 * share * (1.0 - share)
    expected = -spread * 0.3 * gap / (1.0 + 0.3 * spread * steepness)
    assert found == pytest.approx([expected, -expected, -expected], rel=1e-7)
