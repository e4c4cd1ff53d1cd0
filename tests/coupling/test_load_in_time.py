"""Flows of a day as a load that follows departures: what must hold, and what it says of the default day."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.load import charging_mw
from cosim.coupling.load_in_time import load_in_time
from cosim.errors import InputError
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.units import h_to_min

PERIODS = 24


@pytest.fixture(scope="module")
def default_day():
    """The default scenario with its equilibria, path flows of shape (T, K) and instant load."""
    case = build_case(load("nguyen_ieee33"))
    results, instant_mw = case.response().day(None)
    return case.roads, results, np.stack([one.path_flow_vph for one in results]), instant_mw


def mapping(roads, results, stations=None, **settings):
    given = {"energy_kwh": roads.energy_kwh, "period_h": 1.0} | settings
    return load_in_time(roads.network, roads.paths, stations or roads.stations, results, **given)


def random_flows(roads, seed, high=30.0):
    return np.random.default_rng(seed).uniform(0.0, high, (PERIODS, len(roads.paths)))


def test_the_default_day_is_misplaced_by_the_figures_of_the_documentation(default_day):
    """Station power in time, relative to the period of departure: -41 % in period 7, +29 % in period 2."""
    roads, results, flow, instant_mw = default_day
    load_mw = mapping(roads, results).day_mw(flow).sum(axis=0)
    change = load_mw / instant_mw.sum(axis=0) - 1.0
    assert change[6] == pytest.approx(-0.413, abs=5e-4)
    assert change[1] == pytest.approx(0.289, abs=5e-4)
    assert np.abs(load_mw - instant_mw.sum(axis=0)).max() == pytest.approx(0.284, abs=5e-4)
    assert change[0] < -0.7, "in the first period nobody is on the way yet"


@given(seed=st.integers(0, 10_000))
def test_energy_is_conserved_period_by_period_and_over_the_day(default_day, seed):
    roads, results, _, _ = default_day
    flow = random_flows(roads, seed)
    found = mapping(roads, results)
    load_mw, pending_mwh = found.day_mw(flow), found.pending_mwh(flow)
    at = roads.network.station_positions
    departed_mw = np.stack([charging_mw(roads.paths.link_flow(row)[at], roads.energy_kwh) for row in flow], axis=1)
    assert (load_mw >= 0.0).all()
    assert (pending_mwh >= 0.0).all()
    grown = np.diff(pending_mwh, axis=1, prepend=0.0)
    assert departed_mw == pytest.approx(load_mw + grown, rel=1e-12, abs=1e-12)
    assert departed_mw.sum() == pytest.approx(load_mw.sum() + pending_mwh[:, -1].sum(), rel=1e-13)


@given(seed=st.integers(0, 10_000), a=st.floats(0.0, 5.0), b=st.floats(0.0, 5.0))
def test_load_is_linear_in_the_flows(default_day, seed, a, b):
    roads, results, _, _ = default_day
    found, first, second = mapping(roads, results), random_flows(roads, seed), random_flows(roads, seed + 1)
    mixed = found.day_mw(a * first + b * second)
    assert mixed == pytest.approx(a * found.day_mw(first) + b * found.day_mw(second), rel=1e-12, abs=1e-14)


@given(seed=st.integers(0, 10_000), shift=st.integers(1, 20))
def test_the_same_departures_later_are_the_same_load_later(default_day, seed, shift):
    """With travel times equal in all periods; what leaves the day at its end is carried over."""
    roads, results, _, _ = default_day
    found = mapping(roads, [results[0]] * PERIODS)
    flow = random_flows(roads, seed)
    late = np.zeros_like(flow)
    late[shift:] = flow[:-shift]
    assert found.day_mw(late)[:, shift:] == pytest.approx(found.day_mw(flow)[:, :-shift], rel=1e-12, abs=1e-14)
    assert (found.day_mw(late)[:, :shift] == 0.0).all()


@given(seed=st.integers(0, 10_000), period=st.integers(0, 23))
def test_nobody_draws_before_leaving(default_day, seed, period):
    roads, results, _, _ = default_day
    flow = np.zeros((PERIODS, len(roads.paths)))
    flow[period] = random_flows(roads, seed)[period]
    load_mw = mapping(roads, results).day_mw(flow)
    assert (load_mw[:, :period] == 0.0).all()


def test_without_lag_and_service_time_it_is_the_instant_load(default_day):
    """Exact where nothing takes time: empty links of no length, no access, chargers of boundless power."""
    roads, results, flow, instant_mw = default_day
    still = [replace(one, link_time_min=np.zeros_like(one.link_time_min)) for one in results]
    at_once = [replace(one, free_flow_min=1e-12, charger_kw=h_to_min(20.0) * 1e12) for one in roads.stations]
    assert mapping(roads, still, at_once).day_mw(flow) == pytest.approx(instant_mw, rel=1e-11)


def test_a_long_way_from_every_origin_moves_the_whole_load(default_day):
    """Two whole periods on the road, nothing else: the instant load, two periods later."""
    roads, results, flow, instant_mw = default_day
    paths = roads.paths
    first = {paths.path_links(k)[0] for k in np.flatnonzero(paths.station >= 0)}
    assert not roads.network.is_station[list(first)].any()
    time = np.zeros(len(paths.link_ids))
    time[list(first)] = 120.0
    slow = [replace(one, link_time_min=time) for one in results]
    at_once = [replace(one, free_flow_min=1e-12, charger_kw=h_to_min(20.0) * 1e12) for one in roads.stations]
    load_mw = mapping(roads, slow, at_once).day_mw(flow)
    assert load_mw[:, 2:] == pytest.approx(instant_mw[:, :-2], rel=1e-9)
    assert load_mw[:, :2] == pytest.approx(0.0, abs=1e-12)


def test_shorter_periods_sum_up_to_longer_ones(default_day):
    """Hourly flows written as four equal quarters draw in each hour what the hourly map says."""
    roads, results, flow, _ = default_day
    hourly = mapping(roads, results).day_mw(flow)
    quarters = mapping(roads, [one for one in results for _ in range(4)], period_h=0.25)
    by_quarter = quarters.day_mw(np.repeat(flow, 4, axis=0))
    assert by_quarter.reshape(3, PERIODS, 4).mean(axis=2) == pytest.approx(hourly, rel=1e-12, abs=1e-14)


def test_a_station_whose_chargers_are_unknown_is_named(default_day):
    roads, results, _, _ = default_day
    stations = (replace(roads.stations[0], charger_kw=None), *roads.stations[1:])
    with pytest.raises(InputError, match="station '8' does not say its chargers' power"):
        mapping(roads, results, stations)


def test_a_service_longer_than_the_time_in_the_station_is_named(default_day):
    roads, results, _, _ = default_day
    stations = (*roads.stations[:2], replace(roads.stations[2], free_flow_min=10.0))
    with pytest.raises(InputError, match="station '13' serves 20 kWh at 60 kW within"):
        mapping(roads, results, stations)
