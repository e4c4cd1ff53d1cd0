"""Charging load in time: against integration by quadrature, and what must hold whatever the times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from cosim.charging.kernel import drawn_by_period, drawn_share, periods_of_load
from cosim.errors import InputError

hours = st.floats(0.0, 5.0)
lengths = st.sampled_from([0.25, 0.5, 1.0])


@given(lag_h=hours, service_h=st.floats(0.01, 3.0), period_h=lengths, elapsed_h=st.floats(0.0, 9.0))
def test_the_closed_form_is_the_integral_over_departures(lag_h, service_h, period_h, elapsed_h):
    """Vehicle by vehicle: who left at ``u`` has drawn for ``min(max(x - u - L, 0), s)`` hours at power ``1 / s``."""
    kinks = [u for u in (elapsed_h - lag_h, elapsed_h - lag_h - service_h) if 0.0 < u < period_h]
    expected, _ = quad(
        lambda u: min(max(elapsed_h - u - lag_h, 0.0), service_h) / service_h, 0.0, period_h, points=kinks or None
    )
    found = drawn_share(elapsed_h, lag_h=lag_h, service_h=service_h, period_h=period_h)
    assert float(found) == pytest.approx(expected / period_h, rel=1e-9, abs=1e-12)


def test_the_power_within_a_period_rises_falls_and_sums_up():
    """Fine steps of the closed form are a power: a trapezoid of height 1 for a service shorter than the period."""
    grid = np.linspace(0.0, 2.0, 2001)
    power = np.diff(drawn_share(grid, lag_h=0.3, service_h=0.4, period_h=1.0)) / np.diff(grid)
    middle = (grid[:-1] + grid[1:]) / 2.0
    expected = np.interp(middle, [0.3, 0.7, 1.3, 1.7], [0.0, 1.0, 1.0, 0.0], left=0.0, right=0.0)
    assert power == pytest.approx(expected, abs=1e-9)


@given(lag_h=hours, service_h=st.floats(0.0, 3.0), period_h=lengths)
def test_all_energy_is_drawn_and_none_twice(lag_h, service_h, period_h):
    count = periods_of_load(lag_h, service_h, period_h=period_h, limit=100)
    drawn = drawn_by_period(lag_h, service_h, period_h=period_h, periods=count)
    share = np.diff(drawn, prepend=0.0)
    assert drawn[-1] == 1.0
    assert (share >= 0.0).all()
    assert share.sum() == pytest.approx(1.0, rel=1e-14)
    later = drawn_by_period(lag_h, service_h, period_h=period_h, periods=count + 5)
    assert (later[count:] == 1.0).all()


@given(lag_h=hours, service_h=st.floats(0.0, 3.0), period_h=lengths, shift=st.integers(0, 6))
def test_a_lag_longer_by_whole_periods_is_the_same_load_later(lag_h, service_h, period_h, shift):
    now = drawn_by_period(lag_h, service_h, period_h=period_h, periods=20)
    late = drawn_by_period(lag_h + shift * period_h, service_h, period_h=period_h, periods=20 + shift)
    assert (late[:shift] <= 1e-12).all()
    assert late[shift:] == pytest.approx(now, abs=1e-12)


@given(lag_h=hours, service_h=st.floats(0.0, 3.0), more_h=st.floats(0.0, 2.0), period_h=lengths)
def test_who_arrives_later_or_charges_longer_has_drawn_less(lag_h, service_h, more_h, period_h):
    drawn = drawn_by_period(lag_h, service_h, period_h=period_h, periods=12)
    for slower in ((lag_h + more_h, service_h), (lag_h, service_h + more_h)):
        assert (drawn_by_period(*slower, period_h=period_h, periods=12) <= drawn + 1e-12).all()


def test_without_lag_and_service_time_it_is_the_period_of_departure():
    assert drawn_by_period(0.0, 0.0, period_h=0.5, periods=4).tolist() == [1.0, 1.0, 1.0, 1.0]


def test_without_lag_the_service_time_alone_moves_half_of_it_into_the_next_period():
    drawn = drawn_by_period(0.0, 0.4, period_h=1.0, periods=3)
    assert drawn == pytest.approx([0.8, 1.0, 1.0], rel=1e-14)


@given(lag_h=st.floats(0.0, 3.0), service_h=st.floats(0.0, 2.0))
def test_a_constant_stream_of_departures_draws_what_the_instant_account_says(lag_h, service_h):
    """Away from the ends of the stream the shares of successive departures add up to 1."""
    count = periods_of_load(lag_h, service_h, period_h=1.0, limit=50)
    share = np.diff(drawn_by_period(lag_h, service_h, period_h=1.0, periods=count), prepend=0.0)
    load = np.convolve(np.ones(20), share)
    assert load[count - 1 : 20] == pytest.approx(np.ones(21 - count), rel=1e-13)


def test_tables_of_lags_broadcast():
    lag_h = np.array([[0.0, 0.4, 1.0], [2.0, 0.1, 0.2]])
    drawn = drawn_by_period(lag_h, np.array([0.3, 0.0, 0.5]), period_h=1.0, periods=4)
    assert drawn.shape == (2, 3, 4)
    assert (drawn[1, 2] == drawn_by_period(0.2, 0.5, period_h=1.0, periods=4)).all()


def test_the_number_of_periods_is_the_least_that_holds_all():
    assert periods_of_load(0.0, 0.0, period_h=1.0, limit=24) == 1
    assert periods_of_load(0.2, 0.3, period_h=1.0, limit=24) == 2
    assert periods_of_load(0.7, 0.3, period_h=1.0, limit=24) == 2
    assert periods_of_load(0.8, 0.3, period_h=1.0, limit=24) == 3
    assert periods_of_load([0.1, 50.0], 0.3, period_h=1.0, limit=24) == 24


@pytest.mark.parametrize("wrong", [-0.1, np.nan, np.inf])
@pytest.mark.parametrize("name", ["lag_h", "service_h", "period_h"])
def test_what_is_no_time_is_refused_by_name(name, wrong):
    times = {"lag_h": 0.1, "service_h": 0.2, "period_h": 1.0} | {name: wrong}
    with pytest.raises(InputError, match=f"{name}: .* must be"):
        drawn_share(1.0, **times)


def test_a_period_without_length_is_refused():
    with pytest.raises(InputError, match="period_h: 0"):
        drawn_share(1.0, lag_h=0.0, service_h=0.1, period_h=0.0)
    with pytest.raises(InputError, match="periods: 0"):
        drawn_by_period(0.0, 0.1, period_h=1.0, periods=0)
