"""A number that is missing or not finite is refused on every port, in lists as well, wherever it stands."""

import math

import pytest

from cosim.errors import ComponentError
from cosim.simulators.base import _adds_up


@pytest.mark.parametrize("values", [[0.0, math.nan], [math.inf, 1.0], [math.inf, -math.inf], [1.0, None], ["x", 1.0]])
def test_what_is_no_finite_number_is_looked_at(values):
    assert not _adds_up(values)


@pytest.mark.parametrize("values", [[], [0.0, -1.5], [True, 2], [1e308, 1e308, -1e308]])
def test_what_is_finite_and_adds_up(values):
    assert _adds_up(values) == math.isfinite(sum(values))


@pytest.mark.parametrize("bad", [math.nan, math.inf, None])
@pytest.mark.parametrize("place", [0, 11])
def test_a_bad_value_of_a_forecast_is_refused(bad, place):
    from cosim.simulators.profiles import Simulator

    simulator = Simulator()
    values = [1e308] * 12  # finite, and their sum is not
    assert simulator.checked("Series-1", "P_forecast[MW]", values) is values
    values[place] = bad
    with pytest.raises(ComponentError, match="P_forecast"):
        simulator.checked("Series-1", "P_forecast[MW]", values)
