import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.demand import split_by_class
from cosim.charging.load import charging_mw
from cosim.errors import InputError

share = st.floats(0, 1)


@given(trips=st.lists(st.floats(0, 1e4), min_size=3, max_size=3), ev=share, fast=share)
def test_classes_add_up_to_all_trips(trips, ev, fast):
    charging, other = split_by_class([trips], ev, fast)
    assert np.allclose(charging + other, [trips], rtol=1e-14, atol=0)
    assert np.all(charging >= 0)
    assert np.all(other >= 0)


def test_a_fraction_of_a_trip_and_none_are_demand_too():
    charging, other = split_by_class([[0.5, 0.0]], 0.5, 0.5)
    assert (charging.tolist(), other.tolist()) == ([[0.125, 0.0]], [[0.375, 0.0]])


def test_share_per_period():
    charging, _ = split_by_class([[100.0, 50.0], [100.0, 50.0]], 0.5, [0.1, 0.2])
    assert np.allclose(charging, [[5.0, 2.5], [10.0, 5.0]], rtol=1e-14)


@pytest.mark.parametrize(
    ("trips", "ev", "fast"),
    [
        ([[-1.0]], 0.2, 0.1),
        ([[np.nan]], 0.2, 0.1),
        ([1.0], 0.2, 0.1),
        ([[1.0]], 1.2, 0.1),
        ([[1.0]], np.nan, 0.1),
        ([[1.0]], 0.2, [0.1, 0.1]),
        ([[1.0]], 0.2, [np.nan]),
    ],
)
def test_wrong_demand_is_refused(trips, ev, fast):
    with pytest.raises(InputError):
        split_by_class(trips, ev, fast)


def test_energy_of_an_hour():
    """50 visits of 20 kWh within one hour are 1 MWh, hence 1 MW."""
    assert charging_mw([50.0, 0.0], 20.0).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("arrivals", "energy"), [([-1.0], 20.0), ([np.nan], 20.0), ([1.0], np.inf)])
def test_wrong_arrivals_are_refused(arrivals, energy):
    with pytest.raises(InputError):
        charging_mw(arrivals, energy)
