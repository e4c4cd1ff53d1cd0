"""Charging load without interaction: logit at empty roads, by hand, and as the limit of the equilibrium."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.coupling.free_flow import free_flow_load_mw
from cosim.coupling.roads import RoadResponse
from cosim.traffic.equilibrium import SueProblem
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths

THETA, ENERGY_KWH, VALUE_OF_TIME = 0.1, 20.0, 0.5
TIME_A_MIN, TIME_B_MIN = 18.0, 25.0


def two_routes(demand_vph, fee=(0.0, 0.0)):
    """One OD pair, two disjoint routes of 18 and 25 min, a station of 30 min half-way on each."""
    stations = [Station(name=f"S{node}", node=node, bus=node, free_flow_min=30.0, capacity_vph=60.0) for node in "AB"]
    network = RoadNetwork(
        node_ids=("O", "A", "B", "D"),
        link_ids=("OA", "OB", "AD", "BD"),
        tail=[0, 0, 1, 2],
        head=[1, 2, 3, 3],
        law=("bpr",) * 4,
        free_flow_min=[10.0, 12.0, TIME_A_MIN - 10.0, TIME_B_MIN - 12.0],
        capacity_vph=[200.0] * 4,
        alpha=[0.15] * 4,
        beta=4.0,
    ).with_stations(stations)
    paths = all_simple_paths(network, (("O", "D"),), {"charging": True, "other": False})
    demand = np.atleast_2d(np.asarray(demand_vph, dtype=float))
    problem = SueProblem(network=network, paths=paths, demand_vph=demand[0], theta_per_min=THETA)
    return RoadResponse(
        problem=problem,
        demand_vph=demand,
        energy_kwh=ENERGY_KWH,
        access_fee=np.array(fee),
        value_of_time_per_min=VALUE_OF_TIME,
        tolerance=1e-12,
    )


@given(charging_vph=st.floats(0.0, 55.0), other_vph=st.floats(0.0, 2000.0), fee=st.floats(0.0, 20.0))
def test_the_split_is_the_logit_of_two_empty_routes_whatever_the_traffic(charging_vph, other_vph, fee):
    load_mw = free_flow_load_mw(two_routes([charging_vph, other_vph], fee=(fee, 0.0)))
    longer_min = TIME_B_MIN - TIME_A_MIN - fee / VALUE_OF_TIME
    share = 1.0 / (1.0 + math.exp(-THETA * longer_min))
    expected = charging_vph * ENERGY_KWH / 1000.0 * np.array([[share], [1.0 - share]])
    np.testing.assert_allclose(load_mw, expected, rtol=1e-12, atol=1e-15)


def test_energy_of_all_stations_is_that_of_the_equilibrium_in_every_period():
    response = two_routes([[40.0, 500.0], [10.0, 100.0], [0.0, 300.0]])
    _, equilibrium_mw = response.day(None)
    np.testing.assert_allclose(free_flow_load_mw(response).sum(axis=0), equilibrium_mw.sum(axis=0), atol=1e-12)


def test_it_is_the_limit_of_the_equilibrium_as_traffic_vanishes():
    full = np.array([[40.0, 900.0]])
    gaps = []
    for scale in (1.0, 0.1, 0.001):
        response = two_routes(scale * full)
        equilibrium_mw = response.day(None)[1]
        gaps.append(np.abs(free_flow_load_mw(response) - equilibrium_mw).max() / scale)
    assert gaps[0] > 0.01  # congestion moves drivers
    assert gaps[2] < 0.001 * gaps[0]  # at least in proportion
    assert gaps == sorted(gaps, reverse=True)


def test_the_split_does_not_see_a_price_that_the_network_carries():
    response = two_routes([40.0, 500.0])
    priced = replace(response, problem=replace(response.problem, network=response.network(np.array([900.0, 100.0]))))
    np.testing.assert_array_equal(free_flow_load_mw(priced), free_flow_load_mw(response))


def test_a_stations_load_is_never_negative_and_has_one_column_per_period():
    load_mw = free_flow_load_mw(two_routes([[40.0, 500.0], [0.0, 0.0]]))
    assert load_mw.shape == (2, 2)
    assert load_mw.min() == pytest.approx(0.0)
