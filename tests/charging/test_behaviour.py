"""The simulated fleet: its chain, and the share of trips with a fast charge."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.charging.behaviour import (
    DRIVING,
    FAST,
    PARKED,
    SLOW,
    STEPS,
    BehaviourSettings,
    sample_chain,
    simulate_fleet,
)
from cosim.errors import InputError


@pytest.fixture(scope="module")
def fleets():
    """50,000 vehicles by the unit in which the distance is read."""
    return {
        unit: simulate_fleet(BehaviourSettings(distance_unit=unit), np.random.default_rng(1))
        for unit in ("km", "miles")
    }


# --- the published fleet --------------------------------------------------------------------------


def test_fleet_drives_as_its_distributions_say(fleets):
    """2 + 0.35 trips; the mean of the lognormal distance, exp(3.20 + 0.88^2 / 2)."""
    figures = fleets["km"].statistics
    assert figures["trips_per_vehicle"] == pytest.approx(2.35, abs=0.01)
    assert figures["km_per_vehicle"] == pytest.approx(np.exp(3.20 + 0.88**2 / 2), rel=0.02)
    assert fleets["miles"].statistics["km_per_vehicle"] == pytest.approx(1.609344 * figures["km_per_vehicle"], rel=2e-3)


@pytest.mark.parametrize(("unit", "low", "high"), [("km", 0.03, 0.05), ("miles", 0.07, 0.1)])
def test_share_of_trips_with_a_fast_charge(fleets, unit, low, high):
    """Few in the morning, when batteries are full; more than twice as many in the afternoon and evening."""
    fleet = fleets[unit]
    assert low < fleet.statistics["chain_fast_charge_share"] < high
    share = fleet.by_period(24, 60)["fast_charge_share"]
    assert share[14:22].mean() > 2 * share[4:9].mean() > 0


# --- the chain ------------------------------------------------------------------------------------


def test_rows_are_probabilities(fleets):
    matrices = fleets["km"].matrices
    assert matrices.shape == (STEPS, 4, 4)
    assert np.all(matrices >= 0)
    assert np.allclose(matrices.sum(axis=2), 1.0, rtol=0, atol=1e-14)
    assert np.all(matrices[:, PARKED, FAST] == 0)  # nobody charges fast without driving there
    assert np.all(matrices[:, [SLOW, FAST], [FAST, SLOW]] == 0)


def test_chain_reproduces_the_occupancy_of_the_fleet(fleets):
    """The matrices carry the simulated shares from each step to the next, and the day's last to its first."""
    fleet = fleets["km"]
    assert np.allclose(fleet.occupancy.sum(axis=1), 1.0, rtol=0, atol=1e-14)
    for step in range(STEPS):
        ahead = fleet.occupancy[step] @ fleet.matrices[step]
        assert np.allclose(ahead, fleet.occupancy[(step + 1) % STEPS], rtol=0, atol=1e-12)


def test_sampled_days_have_the_trips_of_the_fleet(fleets):
    """In total to sampling noise (4 sigma of a Poisson count), and hour by hour."""
    fleet = fleets["km"]
    assert abs(fleet.trips.sum() - fleet.fleet_trips.sum()) <= 4 * np.sqrt(fleet.fleet_trips.sum())
    hourly, simulated = (trips.reshape(24, 4).sum(axis=1) for trips in (fleet.trips, fleet.fleet_trips))
    assert np.all(np.abs(hourly - simulated) <= 5 * np.sqrt(simulated + 1))
    share, own = fleet.statistics["chain_fast_charge_share"], fleet.statistics["fast_charge_share"]
    assert share == pytest.approx(own, rel=0.1)  # the chain forgets how full a battery is


@given(p=st.floats(0.05, 0.95), arrive=st.floats(0.2, 0.9), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_share_of_a_constant_chain_in_closed_form(p, arrive, seed):
    """Driving ends in each step with probability `arrive`, at a charger with probability p: p_z = p."""
    matrix = np.zeros((4, 4))
    matrix[DRIVING] = [1 - arrive, arrive * (1 - p), 0, arrive * p]
    matrix[PARKED, [DRIVING, PARKED]] = 0.05, 0.95
    matrix[SLOW, SLOW] = 1.0
    matrix[FAST, PARKED] = 1.0
    found = sample_chain(
        np.repeat(matrix[None], STEPS, axis=0), np.array([0.0, 1.0, 0, 0]), 3000, np.random.default_rng(seed)
    )
    trips = found.trips.sum()
    assert abs(found.fast_trips.sum() - p * trips) <= 5 * np.sqrt(p * (1 - p) * trips)
    assert np.all(found.fast_trips <= found.trips)


# --- limits ---------------------------------------------------------------------------------------

SMALL = BehaviourSettings(vehicles=2000)


def simulate(seed=1, **changes):
    return simulate_fleet(replace(SMALL, **changes), np.random.default_rng(seed))


def test_same_seed_same_numbers():
    one, two, other = simulate(7), simulate(7), simulate(8)
    assert np.array_equal(one.matrices, two.matrices)
    assert np.array_equal(one.fast_trips, two.fast_trips)
    assert not np.array_equal(one.trips, other.trips)


@pytest.mark.parametrize(("midday", "hours"), [(1.0, (7, 12, 18)), (0.0, (7, 18))])
def test_every_trip_starts_when_it_is_due(midday, hours):
    """Without spread, all 2,000 vehicles leave at 7, at noon if they have a trip then, and at 18 o'clock."""
    sharp = {f"{trip}_departure_sd_h": 0.0 for trip in ("first", "midday", "evening")}
    hours_of = {
        f"{trip}_departure_mean_h": hour for trip, hour in (("first", 7.0), ("midday", 12.0), ("evening", 18.0))
    }
    easy = {"soc_mean": 0.95, "soc_sd": 0.0, "distance_log_mean": 1.0, "distance_log_sd": 0.0}
    fleet = simulate(**sharp, **hours_of, **easy, midday_trip_share=midday)
    expected = np.zeros(STEPS)
    expected[[4 * hour for hour in hours]] = 2000
    np.testing.assert_array_equal(fleet.fleet_trips, expected)


def test_full_batteries_and_short_trips_need_no_charger():
    fleet = simulate(soc_mean=0.95, soc_sd=0.0, distance_log_mean=1.0, distance_log_sd=0.0)
    assert fleet.fleet_fast_trips.sum() == fleet.fast_trips.sum() == 0
    assert fleet.occupancy[:, FAST].max() == 0


def test_every_trip_of_an_empty_fleet_charges_first():
    """Starting at 26 % with a threshold of 75 %, each first trip goes to a charger; it leaves with 80 %."""
    fleet = simulate(soc_mean=0.26, soc_sd=0.0, fast_threshold_mean=0.75, fast_threshold_sd=0.0)
    assert fleet.fleet_fast_trips.sum() >= 2000
    assert simulate(slow_share=0.0).occupancy[:, SLOW].max() == 0


def test_energy_is_conserved():
    """Without charging, the fleet loses exactly what its kilometres take."""
    quiet = {"fast_threshold_mean": 0.05, "fast_threshold_sd": 0.0, "slow_share": 0.0, "soc_mean": 0.9, "soc_sd": 0.0}
    fleet = simulate(**quiet, distance_log_mean=2.0, distance_log_sd=0.1, first_departure_sd_h=0.0)
    lost = (fleet.soc.max() - fleet.soc.min()) * SMALL.battery_kwh
    assert lost == pytest.approx(fleet.statistics["km_per_vehicle"] * SMALL.consumption_kwh_per_km, rel=1e-9)


# --- periods --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("periods", "period_min"), [(24, 60), (96, 15), (48, 30), (288, 5), (72, 20), (1, 1440)])
def test_periods_of_a_day_share_its_trips(periods, period_min):
    fleet = simulate()
    found = fleet.by_period(periods, period_min)
    assert found["trips"].sum() == pytest.approx(fleet.trips.sum(), rel=1e-12)
    assert found["fast_charge_trips"].sum() == pytest.approx(fleet.fast_trips.sum(), rel=1e-12)
    assert np.all((found["fast_charge_share"] >= 0) & (found["fast_charge_share"] <= 1))
    started = found["trips"] > 0
    expected = found["fast_charge_trips"][started] / found["trips"][started]
    assert np.allclose(found["fast_charge_share"][started], expected, rtol=1e-12)


def test_days_repeat():
    found = simulate().by_period(48, 60)
    assert np.array_equal(found["fast_charge_share"][:24], found["fast_charge_share"][24:])


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vehicles", 10),
        ("distance_unit", "yards"),
        ("midday_trip_share", 1.2),
        ("soc_min", 0.96),
        ("battery_kwh", 1.0),
        ("speed_kmh", float("nan")),
        ("evening_departure_mean_h", 25.0),
        ("charge_efficiency", 0.0),
    ],
)
def test_wrong_settings_are_named(field, value):
    with pytest.raises(InputError, match=field):
        replace(SMALL, **{field: value})


def test_a_battery_lasts_for_one_step_from_the_lowest_threshold():
    """15 min at 30 km/h and 0.17 kWh/km take 1.275 kWh, which is 5 % of 25.5 kWh."""
    assert replace(SMALL, battery_kwh=25.6).step_kwh == pytest.approx(1.275)
    with pytest.raises(InputError, match=r"25.4 kWh are too few for 1\.2[78] kWh in 15 min"):
        replace(SMALL, battery_kwh=25.4)
