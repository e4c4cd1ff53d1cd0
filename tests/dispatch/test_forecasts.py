"""What the rolling dispatch knows of later charging, and what it costs not to know."""

import numpy as np
import pytest

from cosim.dispatch.controller import Controller, carried, initial_states
from cosim.dispatch.forecast import noisy, window_load_mw
from cosim.dispatch.settings import DispatchSettings
from cosim.errors import InputError

SOME = slice(14, 24)


@pytest.fixture(scope="module")
def rolled(day):
    """The last ten hours of the day, dispatched hour by hour; the total cost and what storage did."""

    def roll(**settings) -> tuple[float, np.ndarray]:
        case = day.case(day.feeder, periods=SOME, mode="rolling", settings=settings)
        ev_mw = day.ev_mw[:, SOME]
        foreseen = 0.5 * ev_mw
        controller, states, cost, stored = Controller(case), initial_states(case), 0.0, []
        for k in range(10):
            load = window_load_mw(
                case, position=k, length=controller.horizon(k), now_mw=ev_mw[:, k], outlook_mw=ev_mw, first_mw=foreseen
            )
            plan = controller.plan(k, load, states=states)
            states = carried(states, plan)
            cost += plan.total_cost[0]
            stored.append(plan.devices["ess"].energy_mwh[0])
        return cost, np.array(stored)

    return roll


def test_perfect_forecast_costs_what_the_day_ahead_plan_costs(day, rolled, lookahead):
    whole = lookahead(day.case(day.feeder, periods=SOME), day.ev_mw[:, SOME])
    assert rolled()[0] == pytest.approx(whole.total_cost.sum(), rel=1e-6)


@pytest.mark.parametrize(
    "settings", [{"forecast": "day_ahead"}, {"forecast": "persistence"}, {"forecast": "noisy", "forecast_error": 0.5}]
)
def test_knowing_less_is_never_cheaper_and_still_balances(rolled, settings):
    best, _ = rolled()
    cost, stored = rolled(**settings)
    assert cost >= best * (1 - 1e-6)
    assert stored[-1] >= 0.8 - 1e-6
    assert stored.min() >= 0.32 - 1e-9


def test_short_window_is_never_cheaper_than_the_whole_day_and_keeps_every_balance(rolled):
    best, _ = rolled()
    cost, stored = rolled(lookahead_periods=4)
    assert cost >= best * (1 - 1e-6)
    assert stored[-1] >= 0.8 - 1e-6


def test_window_as_long_as_the_day_is_the_day(rolled):
    assert rolled(lookahead_periods=10)[0] == pytest.approx(rolled()[0], rel=1e-9)


def test_noise_depends_on_seed_and_period_alone():
    load = np.ones((2, 5))
    np.testing.assert_array_equal(noisy(load, 0.1, seed=3, position=7), noisy(load, 0.1, seed=3, position=7))
    assert not np.array_equal(noisy(load, 0.1, seed=3, position=7), noisy(load, 0.1, seed=4, position=7))
    assert not np.array_equal(noisy(load, 0.1, seed=3, position=7), noisy(load, 0.1, seed=3, position=8))
    many = noisy(np.full((1, 100_000), 2.0), 0.1, seed=1, position=0)
    assert many.mean() == pytest.approx(2.0, abs=0.003)
    assert many.std() == pytest.approx(0.2, rel=0.02)
    assert noisy(np.ones((1, 1000)), 1.0, seed=1, position=0).min() >= 0.0


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_errors_of_a_forecast_are_an_ar1_process(correlation):
    """Standard deviation and autocorrelation ``phi^j`` of 100,000 windows, within five standard errors."""
    windows, error = 100_000, 0.1
    sample = noisy(np.full((windows, 6), 3.0), error, seed=2, position=1, correlation=correlation) / 3.0 - 1.0
    assert np.abs(sample.mean(axis=0)).max() <= 5 * error / np.sqrt(windows)
    assert np.abs(sample.std(axis=0) / error - 1.0).max() <= 5 / np.sqrt(2 * windows)
    expected = correlation ** np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    assert np.abs(np.corrcoef(sample.T) - expected).max() <= 5 / np.sqrt(windows)
    shock = sample[:, 1:] - correlation * sample[:, :-1]
    assert shock.std() == pytest.approx(error * np.sqrt(1 - correlation**2), rel=0.01)
    for lag in range(1, 5):  # white: what is left after the memory has none
        assert abs(np.corrcoef(shock[:, 0], shock[:, lag])[0, 1]) <= 5 / np.sqrt(windows)


def test_a_persistent_error_keeps_the_sum_of_the_window_wrong():
    """The variance of the mean error of L periods: ``s^2 / L^2 (L + 2 sum_j (L - j) phi^j)``."""
    length, phi, error = 12, 0.8, 0.1
    sample = noisy(np.ones((50_000, length)), error, seed=5, position=0, correlation=phi).mean(axis=1)
    lags = np.arange(1, length)
    variance = error**2 / length**2 * (length + 2 * ((length - lags) * phi**lags).sum())
    assert sample.std() == pytest.approx(np.sqrt(variance), rel=0.02)


def test_stations_err_independently():
    sample = noisy(np.ones((2, 20_000)), 0.1, seed=4, position=3, correlation=0.5)
    assert abs(np.corrcoef(sample)[0, 1]) <= 5 * np.sqrt(3) / np.sqrt(20_000)  # of effective size n (1-phi^2)/(1+phi^2)


def test_correlation_reaches_the_window_and_means_nothing_without_noise(day):
    settings = {"forecast": "noisy", "forecast_error": 0.2, "forecast_correlation": 0.9}
    case = day.case(day.feeder, mode="rolling", settings=settings)
    outlook = np.full((3, 24), 0.5)
    load = window_load_mw(case, position=4, length=20, now_mw=outlook[:, 0], outlook_mw=outlook, first_mw=outlook)
    expected = noisy(outlook[:, 4:], 0.2, seed=case.seed, position=4, correlation=0.9)
    np.testing.assert_array_equal(load[:, 1:], expected[:, 1:])
    with pytest.raises(InputError, match="forecast_correlation.*has no random error"):
        DispatchSettings(forecast_correlation=0.5)
    with pytest.raises(InputError, match="must be >= 0 and < 1"):
        noisy(outlook, 0.1, seed=1, position=0, correlation=1.0)


def test_present_load_is_never_a_forecast(day):
    now, outlook = np.array([0.1, 0.2, 0.3]), np.full((3, 24), 0.5)
    for forecast in ("perfect", "day_ahead", "persistence", "noisy"):
        case = day.case(day.feeder, mode="rolling", settings={"forecast": forecast})
        load = window_load_mw(case, position=4, length=20, now_mw=now, outlook_mw=outlook, first_mw=2 * outlook)
        assert load.shape == (3, 20)
        np.testing.assert_array_equal(load[:, 0], now)
        later = {"perfect": 0.5, "day_ahead": 1.0, "persistence": now[1]}
        if forecast in later:
            np.testing.assert_array_equal(load[1, 1:], later[forecast])


@pytest.mark.parametrize("setting", [{"lookahead_periods": 4}, {"forecast": "persistence"}])
@pytest.mark.parametrize("mode", ["day_ahead", "single_period"])
def test_only_a_rolling_dispatch_looks_ahead_anew(mode, setting):
    with pytest.raises(InputError, match="rolling"):
        DispatchSettings(mode=mode, **setting)
