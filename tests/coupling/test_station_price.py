"""The price of a visit, in minutes."""

import pytest

from cosim.coupling.price import marked_up, station_cost_min


def test_cost_of_a_visit_by_hand():
    # 20 kWh at 715/MWh are 14.3; with a fee of 2 this is 16.3; at 0.5 per minute 32.6 min.
    cost = station_cost_min(715.0, energy_kwh=20.0, access_fee=2.0, value_of_time_per_min=0.5)
    assert cost == pytest.approx(32.6, rel=1e-15)


def test_each_station_has_its_own_price_and_fee():
    cost = station_cost_min([500.0, -100.0], energy_kwh=40.0, access_fee=[0.0, 10.0], value_of_time_per_min=2.0)
    assert cost.tolist() == pytest.approx([10.0, 3.0], rel=1e-15)


def test_markup_is_relative():
    assert marked_up([500.0, 1000.0], 0.1).tolist() == pytest.approx([550.0, 1100.0], rel=1e-15)
    assert (marked_up([715.3, 0.1], 0.0) == [715.3, 0.1]).all()
