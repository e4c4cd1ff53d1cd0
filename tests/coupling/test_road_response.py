"""Loads of the stations at given prices: what moves drivers, how much, and what does not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from cosim.charging.stations import Station
from cosim.coupling.fixed_point import Answer, Roads, solve
from cosim.coupling.potential import certify
from cosim.coupling.roads import RoadResponse, loop_tolerance
from cosim.traffic.equilibrium import SueProblem
from cosim.traffic.laws.davidson import DavidsonSettings
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths

THETA, ENERGY_KWH, VALUE_OF_TIME = 0.1, 20.0, 0.5


def two_routes(*, free_flow_min, capacity_vph, alpha, demand_vph, davidson_j=0.1, stations_vph=60.0):
    """Return the response of one OD pair with two disjoint routes, each with a station half-way."""
    network = RoadNetwork(
        node_ids=("O", "A", "B", "D"),
        link_ids=("OA", "OB", "AD", "BD"),
        tail=[0, 0, 1, 2],
        head=[1, 2, 3, 3],
        law=("bpr",) * 4,
        free_flow_min=free_flow_min,
        capacity_vph=capacity_vph,
        alpha=alpha,
        beta=4.0,
    ).with_stations(
        [
            Station(
                name=f"S{node}",
                node=node,
                bus=node,
                free_flow_min=30.0,
                capacity_vph=stations_vph,
                law=DavidsonSettings(j=davidson_j),
            )
            for node in "AB"
        ]
    )
    paths = all_simple_paths(network, (("O", "D"),), {"charging": True, "other": False})
    demand = np.atleast_2d(demand_vph)
    problem = SueProblem(network=network, paths=paths, demand_vph=demand[0], theta_per_min=THETA)
    return RoadResponse(
        problem=problem,
        demand_vph=demand,
        energy_kwh=ENERGY_KWH,
        access_fee=np.zeros(2),
        value_of_time_per_min=VALUE_OF_TIME,
        tolerance=1e-12,
    )


@pytest.mark.parametrize("davidson_j", [0.0, 0.1])
def test_flows_answer_to_prices_by_their_slope(davidson_j):
    """Against differences of whole solves at prices around 500 and 650 money/MWh."""
    response = two_routes(
        free_flow_min=[10.0, 12.0, 8.0, 7.0],
        capacity_vph=[200.0, 150.0, 180.0, 220.0],
        alpha=[0.15] * 4,
        demand_vph=[60.0, 250.0],
        davidson_j=davidson_j,
    )
    price = np.array([500.0, 650.0])
    slope = response.flow_by_price(0, price, response.solve(0, price))
    for station in range(2):
        step = 0.5 * (np.arange(2) == station)
        ahead, behind = (response.solve(0, price + sign * step).link_flow_vph[-2:] for sign in (1.0, -1.0))
        assert np.allclose(slope[:, station], ahead - behind, rtol=1e-6, atol=1e-8)
        assert slope[station, station] < 0
    assert np.allclose(slope.sum(axis=0), 0.0, atol=1e-12)
    assert np.allclose(slope.sum(axis=1), 0.0, atol=1e-12)
    assert np.allclose(slope, slope.T, rtol=1e-9)  # all pay the same value of time


def test_flows_that_stalled_before_an_equilibrium_have_a_slope_to_go_on_by():
    """A loop that lost its slope there ended the run; the period is flagged by its residual all the same."""
    response = two_routes(
        free_flow_min=[10.0, 12.0, 8.0, 7.0], capacity_vph=[200.0, 150.0, 180.0, 220.0], alpha=[0.15] * 4,
        demand_vph=[60.0, 250.0],
    )  # fmt: skip
    price = np.array([500.0, 650.0])
    reached = response.solve(0, price)
    slope = response.flow_by_price(0, price, reached)
    stalled = replace(reached, status="stalled", link_flow_vph=reached.link_flow_vph * (1.0 + 1e-6))
    assert np.allclose(response.flow_by_price(0, price, stalled), slope, rtol=1e-4)


def flows(response, price, position=0):
    """Solve from a cold start, so that nothing but the price can make a difference."""
    return response.solve(position, None if price is None else np.asarray(price, dtype=float))


@pytest.fixture(scope="module")
def shipped(small_case):
    return replace(small_case().response(), tolerance=1e-12)


@pytest.mark.parametrize("price", [1e-3, 715.0, 5000.0, -300.0])
@pytest.mark.parametrize("position", [0, 3])
def test_a_uniform_price_moves_nobody_on_the_shipped_network(shipped, price, position):
    free = flows(shipped, None, position).link_flow_vph
    paid = flows(shipped, np.full(3, price), position).link_flow_vph
    assert np.abs(paid - free).max() <= 1e-9 * free.max()


@given(
    free_flow_min=st.lists(st.floats(1.0, 60.0), min_size=4, max_size=4),
    capacity_vph=st.lists(st.floats(200.0, 2000.0), min_size=4, max_size=4),
    price=st.floats(-2000.0, 5000.0),
    charging=st.floats(1.0, 80.0),
)
def test_a_uniform_price_moves_nobody_on_two_routes(free_flow_min, capacity_vph, price, charging):
    response = two_routes(
        free_flow_min=free_flow_min, capacity_vph=capacity_vph, alpha=0.15, demand_vph=[charging, 500.0]
    )
    free, paid = flows(response, None).link_flow_vph, flows(response, [price, price]).link_flow_vph
    assert np.abs(paid - free).max() <= 1e-9 * free.max()


def test_an_equal_fee_moves_nobody_and_an_unequal_one_does(shipped):
    free = flows(shipped, None).link_flow_vph
    equal = flows(replace(shipped, access_fee=np.full(3, 7.0)), None).link_flow_vph
    unequal = flows(replace(shipped, access_fee=np.array([7.0, 0.0, 0.0])), None).link_flow_vph
    assert np.abs(equal - free).max() <= 1e-9 * free.max()
    assert np.abs(unequal - free).max() > 1.0


def test_a_fee_is_a_price_by_another_name(shipped):
    fee = flows(replace(shipped, access_fee=np.array([4.0, 0.0, 2.0])), None).link_flow_vph
    price = flows(shipped, [200.0, 0.0, 100.0]).link_flow_vph  # 4 and 2 per visit of 0.02 MWh
    assert price == pytest.approx(fee, rel=1e-12)


@given(
    price=st.lists(st.floats(0.0, 2000.0), min_size=3, max_size=3),
    station=st.integers(0, 2),
    rise=st.floats(1.0, 1000.0),
)
def test_a_higher_price_at_one_station_lowers_its_flow_and_loses_nobody(small_case, price, station, rise):
    response = replace(small_case().response(), tolerance=1e-12)
    higher = np.array(price)
    higher[station] += rise
    before, after = (response.load_mw(flows(response, p)) for p in (price, higher))
    assert after[station] < before[station]
    assert after.sum() == pytest.approx(before.sum(), rel=1e-12)  # everyone charges once, whatever it costs
    assert after.sum() == pytest.approx(1e-3 * ENERGY_KWH * 48.0, rel=1e-12)


@given(
    prices=st.lists(st.lists(st.floats(0.0, 2000.0), min_size=3, max_size=3), min_size=2, max_size=2),
)
def test_load_is_a_monotone_answer_to_price(small_case, prices):
    # The value of Fisk's programme is concave in the prices, so (p - p')(x - x') <= 0 in all directions.
    response = replace(small_case().response(), tolerance=1e-12)
    loads = [response.load_mw(flows(response, price)) for price in prices]
    assert (np.subtract(*prices) * np.subtract(*loads)).sum() <= 1e-9


@pytest.mark.parametrize("slope", [0.0, 300.0, 3000.0])
def test_two_stations_on_one_od_meet_the_closed_form(slope):
    """Constant times and a price ``p_n = a_n + b s_n``: one scalar equation for the share of station A."""
    demand, minutes, base = 80.0, np.array([20.0, 28.0]), np.array([700.0, 500.0])
    response = two_routes(
        free_flow_min=[12.0, 16.0, 8.0, 12.0],
        capacity_vph=1000.0,
        alpha=0.0,
        demand_vph=[demand, 0.0],
        davidson_j=0.0,
        stations_vph=1000.0,
    )

    def excess(flow_a):
        energy_mwh = ENERGY_KWH / 1000.0
        flow = np.array([flow_a, demand - flow_a])
        cost = minutes + 30.0 + (base + slope * energy_mwh * flow) * energy_mwh / VALUE_OF_TIME
        return flow_a - demand / (1.0 + np.exp(THETA * (cost[0] - cost[1])))

    expected = brentq(excess, 0.0, demand, xtol=1e-13, rtol=1e-15)

    def respond(price, start):
        result = response.solve(0, price)
        return response.load_mw(result), result

    def answer(query):
        return Answer(price_per_mwh=base + slope * query.load_mw, load_mw=query.load_mw)

    loop = solve(Roads(respond=respond), answer, base, method="iterate", tolerance_mw=1e-12)
    assert loop.converged
    assert loop.load_mw[0] == pytest.approx(1e-3 * ENERGY_KWH * expected, rel=1e-10)


def test_the_day_is_its_periods_one_by_one(shipped):
    price = np.outer([700.0, 650.0, 720.0], np.linspace(1.0, 0.7, len(shipped.demand_vph)))
    _, load = shipped.day(price)
    alone = np.stack([shipped.load_mw(flows(shipped, price[:, k], k)) for k in range(price.shape[1])], axis=1)
    assert load == pytest.approx(alone, rel=1e-9)


def test_the_network_of_a_response_is_not_changed_by_its_price(shipped):
    before = shipped.problem.network.fixed_min.copy()
    flows(shipped, [700.0, 100.0, 900.0])
    assert (shipped.problem.network.fixed_min == before).all()


def test_equilibria_in_a_loop_are_a_tenth_as_coarse_as_the_loop():
    # 0.1 * 1e-6 MW / (0.02 MWh * 5000 veh/h)
    found = loop_tolerance(1e-8, tolerance_mw=1e-6, energy_kwh=20.0, link_flow_vph=5000.0)
    assert found == pytest.approx(1e-9, rel=1e-12)


@pytest.mark.parametrize(
    ("tolerance_mw", "link_flow_vph", "expected"),
    [(1.0, 5000.0, 1e-8), (1e-12, 5000.0, 1e-12), (1e-6, 0.0, 1e-8)],
)
def test_that_tolerance_stays_between_rounding_and_the_scenarios_own(tolerance_mw, link_flow_vph, expected):
    found = loop_tolerance(1e-8, tolerance_mw=tolerance_mw, energy_kwh=20.0, link_flow_vph=link_flow_vph)
    assert found == expected


def constant_times():
    """Two equal routes without congestion or queues for 40 vehicles that charge and 60 that do not."""
    return two_routes(
        free_flow_min=[10.0] * 4, capacity_vph=[1e6] * 4, alpha=0.0, demand_vph=[40.0, 60.0], davidson_j=0.0
    )


def certified(joint, response, price, change_vph, residual_mw=0.0):
    """Certify flows away from the equilibrium at a price; return what is claimed and the true distance."""
    block = joint.block_of(response, (0,))
    best = response.solve(0, price)
    flow = best.path_flow_vph + change_vph
    moved = replace(best, path_flow_vph=flow, link_flow_vph=response.problem.paths.link_flow(flow))
    load = response.load_mw(moved) + residual_mw
    answer = Answer(
        price_per_mwh=price[:, np.newaxis], load_mw=load[:, np.newaxis], suboptimality_per_h=0.0, exact=True
    )
    return certify(block, answer, [moved], exact_query=False), float(np.abs(change_vph).sum())


@pytest.mark.parametrize("size_vph", [1e-3, 0.1, 2.0])
def test_the_bound_is_the_distance_where_pinskers_inequality_is_one(joint, size_vph):
    """With even splits and the same relative change of both classes nothing is lost but terms of higher order."""
    away = size_vph * np.array([0.4, -0.4, 0.6, -0.6])
    found, distance = certified(joint, constant_times(), np.array([700.0, 700.0]), away)
    assert found.objection == ""
    assert distance <= found.bound_vph[0] * (1.0 + 1e-9) <= distance * (1.0 + 1e-3)


@given(p=st.floats(300.0, 900.0), a=st.floats(-0.9, 0.9), b=st.floats(-0.9, 0.9), gap_vph=st.floats(-1.0, 1.0))
def test_the_bound_holds_for_two_classes_uneven_splits_and_a_residual(joint, p, a, b, gap_vph):
    """Also where the dispatch stands at other loads than those of the flows."""
    response, price = constant_times(), np.array([700.0, p])
    flow = response.solve(0, price).path_flow_vph
    room = np.array([min(flow[:2]), min(flow[2:])])
    away = np.array([1.0, -1.0, 0.0, 0.0]) * a * room[0] + np.array([0.0, 0.0, 1.0, -1.0]) * b * room[1]
    found, distance = certified(joint, response, price, away, residual_mw=gap_vph * 0.02 * np.array([1.0, -1.0]))
    if not found.objection:
        assert distance <= found.bound_vph[0] * (1.0 + 1e-9) + 1e-9


def test_drivers_between_the_flows_and_the_loads_dispatched_are_in_the_bound(joint):
    """The dispatch stands at the equilibrium's loads, the flows do not: all the distance is in the drivers moved."""
    away = np.array([1.5, -1.5, 0.0, 0.0])
    back_mw = -ENERGY_KWH / 1000.0 * away[:2]
    found, distance = certified(joint, constant_times(), np.array([700.0, 700.0]), away, residual_mw=back_mw)
    assert found.gap_road_per_h == pytest.approx(0.0, abs=1e-12)
    assert distance - 1e-9 <= found.bound_vph[0] <= distance + 1e-3
