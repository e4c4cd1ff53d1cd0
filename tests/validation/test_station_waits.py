"""Waits that the laws tell are those of the queue in closed form, and use is that of all chargers together."""

import numpy as np
import pytest

from cosim.charging.stations import Station
from cosim.traffic.laws.erlang import ErlangSettings
from cosim.validation.station_waits import law_waits_min, use_of_chargers

SERVICE_MIN = 20.0
USE = np.array([0.2, 0.6])


def stations(scv):
    """One charger each, 20 min a visit: three vehicles an hour."""
    return [
        Station.from_chargers(
            name=name, node=name, bus="1", chargers=1, charger_kw=60.0, access_min=10.0, energy_kwh=20.0,
            law=ErlangSettings(scv=scv),
        )
        for name in ("A", "B")
    ]  # fmt: skip


def test_the_use_of_chargers_is_the_offered_load_over_their_number():
    assert use_of_chargers(stations(0.0), 3.0 * USE) == pytest.approx(USE, rel=1e-12)


@pytest.mark.parametrize("scv", [0.0, 1.0])
def test_one_charger_is_the_queue_of_pollaczek_and_khinchine_and_davidsons_delay_its_own(scv):
    waits = law_waits_min(stations(scv), 3.0 * USE)
    delay = USE / (1.0 - USE)
    assert waits["erlang"] == pytest.approx((1.0 + scv) / 2.0 * SERVICE_MIN * delay, rel=5e-3)
    assert waits["davidson"] == pytest.approx(0.1 * (10.0 + SERVICE_MIN) * delay, rel=1e-12)
