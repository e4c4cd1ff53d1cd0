"""Merge sections and meters under traffic: short runs of the real SUMO."""

import numpy as np
import pytest

from cosim.microsim.model import WindowInput
from cosim.microsim.network import build_net
from cosim.microsim.port import steady
from cosim.microsim.vehicles import claimed_vehicles, micro_routes
from cosim.microsim.windows import run_window
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths


def star(k, free_flow_min=1.0, out_capacity=3600.0, out_min=1.0):
    """Return k links into one node and one link out of it, as one path set of k origins."""
    network = RoadNetwork(
        node_ids=("c", "z", *(f"a{i}" for i in range(k))),
        link_ids=("out", *(f"in{i}" for i in range(k))),
        tail=np.array([0, *range(2, k + 2)]),
        head=np.array([1, *([0] * k)]),
        free_flow_min=np.array([out_min, *([free_flow_min] * k)]),
        capacity_vph=np.array([out_capacity, *([3600.0] * k)]),
        node_xy=np.array([[0, 0], [1, 0], *([-1, i] for i in range(k))], dtype=float),
    )
    return network, all_simple_paths(network, [(f"a{i}", "z") for i in range(k)], {"other": False})


def run(network, paths, flow_vph, folder, *, variant="merge", warmup_s=180.0, measured_s=600.0):
    net = build_net(network, [], folder, variant=variant)
    flows = np.full(len(paths), flow_vph)
    claim = steady(flows, warmup_s=warmup_s, measured_s=measured_s, period=1, p_set_mw=np.zeros(0), seed=1)
    demand = claimed_vehicles(micro_routes(net, paths), paths, claim)
    given = WindowInput(net=net, demand=demand, warmup_s=warmup_s, measured_s=measured_s, seed=1)
    return demand, run_window(given)


@pytest.mark.parametrize(
    ("k", "flow_vph", "most"), [(1, 3000.0, 1.25), (2, 3000.0, 1.25), (3, 2500.0, 1.25), (4, 1500.0, 1.15)]
)
def test_k_links_merge_without_collision_and_with_little_delay(k, flow_vph, most, tmp_path):
    # Four links into one lane each merge worse than two: 1.31 of the free-flow time at 2500 veh/h.
    network, paths = star(k, out_min=4.0)
    demand, found = run(network, paths, flow_vph / k, tmp_path, warmup_s=480.0)
    quality = found.quality
    assert (quality.teleports, quality.collisions, quality.emergency_stops) == (0, 0, 0)
    assert quality.never_inserted <= 0.01 * len(demand)
    assert (
        np.sqrt(2.0 * (found.links.link_flow_vph[0] - flow_vph) ** 2 / (found.links.link_flow_vph[0] + flow_vph)) < 5.0
    )
    assert found.links.link_time_min[0] < most * 4.0


def test_a_metered_link_takes_the_laws_time_at_a_flow_that_a_lane_would_not_notice(tmp_path):
    network, paths = star(1, out_capacity=400.0, out_min=2.0)
    flow = 520.0
    law = 2.0 * (1.0 + 0.15 * (flow / 400.0) ** 4)
    _, free = run(network, paths, flow, tmp_path / "merge")
    assert free.links.link_time_min[0] < 0.8 * law
    _, found = run(network, paths, flow, tmp_path / "metered", variant="metered", warmup_s=1200.0, measured_s=1200.0)
    assert found.links.link_time_min[0] == pytest.approx(law, rel=0.1)
    assert found.quality.teleports == 0
