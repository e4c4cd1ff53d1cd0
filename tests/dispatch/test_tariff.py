"""Three bands on the equivalent load (Eq 22), against hand-computed values."""

import numpy as np
import pytest

from cosim.dispatch.tariffs.dynamic import DynamicTariffSettings, dynamic_tariff
from cosim.dispatch.tariffs.static import StaticTariffSettings
from cosim.errors import InputError

PEQ_MW = [2.071, 1.821, 1.697, 1.628, 1.709, 2.008, 2.519, 2.896, 3.186, 3.159, 3.056, 2.997]
PEQ_MW += [2.896, 2.750, 2.752, 2.944, 3.290, 3.688, 4.019, 4.083, 3.946, 3.649, 3.109, 2.506]


def periods(prices: np.ndarray, price: float) -> list[int]:
    return [int(k) + 1 for k in np.flatnonzero(np.isclose(prices, price))]


def test_equivalent_load_of_the_default_day(day):
    load = day.equivalent_load_mw()
    np.testing.assert_allclose(load, PEQ_MW, atol=6e-4)
    assert load.mean() == pytest.approx(2.849, abs=1e-3)
    assert np.ptp(load) == pytest.approx(2.455, abs=1e-3)


@pytest.mark.parametrize(
    ("sigma", "peak", "valley"),
    [
        (0.3, [18, 19, 20, 21, 22], [1, 2, 3, 4, 5, 6]),
        (0.2, [18, 19, 20, 21, 22], [1, 2, 3, 4, 5, 6]),
        (0.4, [19, 20, 21], None),
        (0.5, [20], []),
    ],
)
def test_peak_and_valley_follow_the_threshold(sigma, peak, valley):
    prices = dynamic_tariff(PEQ_MW, base_per_mwh=550.0, sigma_threshold=sigma, sigma_price=0.3)
    assert periods(prices, 715.0) == peak
    if valley is not None:
        assert periods(prices, 385.0) == valley
    assert set(np.round(prices, 9)) <= {385.0, 550.0, 715.0}


def test_low_threshold_gives_nine_peak_periods():
    prices = dynamic_tariff(PEQ_MW, base_per_mwh=550.0, sigma_threshold=0.1, sigma_price=0.3)
    assert len(periods(prices, 715.0)) == 9


def test_flat_load_has_the_base_price():
    np.testing.assert_array_equal(
        dynamic_tariff(np.full(24, 2.0), base_per_mwh=550.0, sigma_threshold=0.0, sigma_price=0.3), 550.0
    )


def test_bands_include_their_edges():
    prices = dynamic_tariff([0.0, 1.0, 2.0], base_per_mwh=100.0, sigma_threshold=0.5, sigma_price=0.25)
    np.testing.assert_array_equal(prices, [75.0, 100.0, 125.0])


def test_price_sigma_is_independent_of_the_threshold():
    prices = dynamic_tariff(PEQ_MW, base_per_mwh=550.0, sigma_threshold=0.3, sigma_price=0.0)
    np.testing.assert_array_equal(prices, 550.0)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"base_per_mwh": -1.0}, "tariff.base_per_mwh"),
        ({"base_per_mwh": float("nan")}, "tariff.base_per_mwh"),
        ({"sigma_threshold": 1.5}, "tariff.sigma_threshold"),
        ({"sigma_price": -0.1}, "tariff.sigma_price"),
    ],
)
def test_wrong_settings_are_named(values, named):
    with pytest.raises(InputError, match=named.replace(".", r"\.")):
        DynamicTariffSettings(**({"base_per_mwh": 550.0} | values))


def test_static_price_must_be_finite():
    with pytest.raises(InputError, match="prices_per_mwh"):
        StaticTariffSettings(prices_per_mwh=float("inf"))
    with pytest.raises(InputError, match="prices_per_mwh"):
        StaticTariffSettings(prices_per_mwh=(1.0, float("nan")))
