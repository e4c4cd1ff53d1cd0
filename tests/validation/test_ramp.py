"""Flows moved along their paths: nothing is lost, a constant flow stays constant, a pulse arrives late."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths
from cosim.validation.ramp import compare_ramp, moved_along


def line():
    """Two links one behind the other."""
    network = RoadNetwork(
        node_ids=("a", "b", "c"), link_ids=("ab", "bc"), tail=np.array([0, 1]), head=np.array([1, 2]),
        free_flow_min=np.array([20.0, 10.0]), capacity_vph=np.array([900.0, 900.0]),
    )  # fmt: skip
    return all_simple_paths(network, (("a", "c"),), {"other": False}, 10)


def test_a_pulse_leaves_each_link_after_the_time_to_its_end():
    flows = np.zeros((6, 1))
    flows[0] = 400.0
    found = moved_along(line(), flows, np.tile([20.0, 10.0], (6, 1)), 15.0)
    assert found[:, 0] == pytest.approx([0.0, 400.0 * 2 / 3, 400.0 / 3, 0.0, 0.0, 0.0])
    assert found[:, 1] == pytest.approx([0.0, 0.0, 400.0, 0.0, 0.0, 0.0])


@given(st.floats(0.0, 2000.0))
def test_a_constant_flow_stays_constant_once_it_is_there(flow):
    found = moved_along(line(), np.full((8, 1), flow), np.tile([20.0, 10.0], (8, 1)), 15.0)
    assert found[2:] == pytest.approx(np.full((6, 2), flow))


@given(st.lists(st.floats(0.0, 1000.0), min_size=3, max_size=3), st.floats(0.1, 44.0))
def test_every_vehicle_leaves_every_link_once(flows, time):
    padded = np.array([*flows, 0, 0, 0, 0, 0])[:, None]
    found = moved_along(line(), padded, np.tile([time, time / 2], (8, 1)), 15.0)
    assert found.sum(axis=0) == pytest.approx([sum(flows)] * 2)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="do not fit"):
        moved_along(line(), np.zeros((3, 2)), np.zeros((3, 2)), 15.0)


def test_the_spread_of_the_seeds_is_the_tolerance():
    rng = np.random.default_rng(1)
    runs = rng.normal(500.0, 20.0, size=(5, 8, 4))
    same = compare_ramp(np.full((8, 4), 500.0), runs)
    other = compare_ramp(np.full((8, 4), 800.0), runs)
    assert same.share_inside > 0.9
    assert other.share_inside == 0.0
    assert np.isnan(compare_ramp(np.full((8, 4), 500.0), runs[:1]).share_inside)


def test_a_link_that_a_seed_did_not_use_is_left_out():
    runs = np.ones((3, 2, 2))
    runs[1, 0, 1] = np.nan
    found = compare_ramp(np.ones((2, 2)), runs)
    assert found.compared.sum() == 3
    assert found.share_inside == 1.0
