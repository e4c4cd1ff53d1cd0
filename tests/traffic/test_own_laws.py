"""Laws of users: an object in Python, or by name."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cosim import plugins
from cosim.errors import InputError
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.laws import LAWS
from cosim.traffic.laws.base import Law, broken
from cosim.traffic.performance import link_cost


class Quadratic(Law):
    """``t0 + t0 (v / cap)^2``: what BPR says with alpha 1, beta 2."""

    kind = "quadratic"

    def __init__(self, links):
        self.t0, self.capacity = links.free_flow_min, links.capacity_vph

    @staticmethod
    def breaches(links):
        yield from broken("capacity_vph", links.capacity_vph, links.capacity_vph > 1, "must be > 1")

    def value(self, flow_vph):
        return self.t0 * (1 + (flow_vph / self.capacity) ** 2)

    def derivative(self, flow_vph):
        return 2 * self.t0 * flow_vph / self.capacity**2

    def integral(self, flow_vph):
        return self.t0 * flow_vph * (1 + (flow_vph / self.capacity) ** 2 / 3)


def test_an_object_in_python_is_a_law(nguyen):
    """Some links follow it, the others stay with BPR; the flows are those of BPR with alpha 1, beta 2 on them."""
    roads = nguyen.roads["default"]
    chosen = np.arange(19) % 3 == 0
    own = replace(roads, law=tuple(Quadratic if mine else "bpr" for mine in chosen))
    same = replace(roads, alpha=np.where(chosen, 1.0, roads.alpha), beta=np.where(chosen, 2.0, roads.beta))
    one, two = (
        solve(SueProblem(network=net, paths=nguyen.paths, demand_vph=nguyen.peak_vph, theta_per_min=0.2))
        for net in (own, same)
    )
    assert one.converged
    assert np.allclose(one.link_flow_vph, two.link_flow_vph, rtol=1e-8)
    assert own.with_stations(nguyen.stations).law[0] is Quadratic


def test_its_rules_are_asked(nguyen):
    roads = nguyen.roads["default"]
    capacity = np.where(np.arange(19) == 4, 0.5, roads.capacity_vph)
    with pytest.raises(InputError, match=r"link '5-6': capacity_vph 0.5 must be > 1"):
        replace(roads, law=(Quadratic,) * 19, capacity_vph=capacity)


def test_an_installed_law_goes_by_its_name(nguyen, monkeypatch):
    """Through the entry point group cosim.laws, as another package would offer it."""
    entry = SimpleNamespace(name="quadratic", load=lambda: Quadratic)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == "cosim.laws" else [])
    plugins.discover.cache_clear()
    found = plugins.discover("cosim.traffic.laws", "cosim.laws", Law)
    plugins.discover.cache_clear()
    assert found == {**LAWS, "quadratic": Quadratic}
    monkeypatch.setitem(LAWS, "quadratic", Quadratic)
    network = replace(nguyen.roads["default"], law=("quadratic",) * 19)
    assert np.allclose(link_cost(network, network.capacity_vph), 2 * network.free_flow_min)


def test_ours_are_found():
    assert {"bpr", "davidson", "erlang"} <= set(LAWS)
    with pytest.raises(InputError, match="'bprr' is unknown; known: bpr, davidson, erlang"):
        replace_law("bprr")


def replace_law(name):
    from cosim.traffic.network import RoadNetwork

    return RoadNetwork(
        node_ids=("a", "b"), link_ids=("ab",), tail=[0], head=[1], law=(name,), free_flow_min=[1.0], capacity_vph=[9.0]
    )


def test_linear_cost_is_bpr_with_exponent_one():
    """``t0 + b v`` with b = 0.03: alpha = b cap / t0."""
    network = replace_law("bpr")
    network = replace(network, beta=np.array([1.0]), alpha=0.03 * network.capacity_vph / network.free_flow_min)
    flow = np.array([7.0])
    assert link_cost(network, flow) == pytest.approx(network.free_flow_min + 0.03 * flow, rel=1e-15)
