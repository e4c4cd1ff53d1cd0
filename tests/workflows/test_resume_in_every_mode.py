"""What the modes of a day carry from period to period is in its state: six hours, stopped behind two of them."""

import pytest

from tests.resume.points import MODES, check_points

SIX_HOURS = ("noisy", "charge_later", "carried", "day_ahead_iterated", "blocks")

QUEUES = ("microsim.mode=continuous", "microsim.engine=point_queue", "microsim.length_scale=0.25")
QUEUES += ("traffic.demand_profile=[0.1, 0.09, 0.08, 0.07, 0.06, 0.05]",)


@pytest.mark.parametrize("mode", SIX_HOURS)
def test_a_day_goes_on_from_what_is_stored(small_case, tmp_path, mode):
    assert check_points(small_case(*MODES[mode]), tmp_path, (1, 5)) == [1, 5]


def test_a_simulated_fleet_is_the_same_again(small_case, tmp_path):
    fleet = ("ev.fast_charge_share=mcmc", "ev.behaviour={vehicles: 500}", "dispatch.mode=single_period")
    assert check_points(small_case(*fleet), tmp_path, (3,)) == [3]


def test_queues_of_vehicles_go_through_all_periods(small_case, tmp_path):
    assert check_points(small_case("dispatch.mode=single_period", *QUEUES), tmp_path, (3,)) == [3]
