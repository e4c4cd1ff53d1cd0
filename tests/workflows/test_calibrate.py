"""Long runs of the queue against queueing theory."""

import numpy as np
import pytest

from cosim.charging.stations import Station
from cosim.errors import InputError, UsageError
from cosim.traffic.laws.erlang import mean_wait
from cosim.workflows.calibrate import calibrate, davidson_shape, stationary_wait_min

SERVICE_MIN = 20.0


def station(chargers):
    return Station.from_chargers(
        name="S", node="1", bus="1", chargers=chargers, charger_kw=60.0, access_min=10.0, energy_kwh=20.0
    )


def test_one_charger_waits_as_pollaczek_and_khinchine_say():
    """The steps of the queue add no bias: what a batch waits for itself is what it saves before; the rest is chance."""
    exact = SERVICE_MIN * 0.6 / (2.0 * (1.0 - 0.6))
    found = [stationary_wait_min(station(1), 20.0, 0.6, seed) for seed in (1, 2, 3, 4)]
    assert np.mean(found) == pytest.approx(exact, rel=0.08)


def test_twenty_chargers_wait_about_half_as_long_as_with_exponential_services():
    wait, _, _ = mean_wait(20, np.array([0.9]))
    found = [stationary_wait_min(station(20), 20.0, 0.9, seed) for seed in (1, 2, 3, 4)]
    assert np.mean(found) == pytest.approx(SERVICE_MIN * float(wait[0]) / 2.0, rel=0.25)


def test_davidsons_shape_of_twenty_chargers_is_far_below_the_papers():
    j, fit = davidson_shape(station(20), 20.0, 1)
    assert 0.0 < j < 0.05
    assert fit.points == 7


def test_a_station_without_chargers_has_no_queue():
    other = Station(name="S", node="1", bus="1", free_flow_min=30.0, capacity_vph=60.0)
    with pytest.raises(InputError, match="needs its servers"):
        stationary_wait_min(other, 20.0, 0.5, 1)


def test_an_existing_folder_is_not_overwritten(tmp_path):
    with pytest.raises(UsageError, match="exists"):
        calibrate("nguyen_micro", tmp_path)


def test_no_law_is_fitted_to_a_net_whose_speeds_follow_a_law(tmp_path):
    with pytest.raises(InputError, match=r"variant.*would find that law again"):
        calibrate("nguyen_micro", tmp_path / "out", overrides=["microsim.variant=metered"])
