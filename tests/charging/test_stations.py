import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.errors import InputError

VALID = {"name": "S1", "node": "8", "bus": "16", "free_flow_min": 30.0, "capacity_vph": 60.0}
CHARGERS = {"name": "S1", "node": "8", "bus": "16", "chargers": 20, "charger_kw": 60.0}


def test_chargers_give_time_and_capacity():
    station = Station.from_chargers(**CHARGERS, access_min=10.0, energy_kwh=20.0)
    assert (station.free_flow_min, station.capacity_vph, station.installed_mw) == (30.0, 60.0, 1.2)


@given(chargers=st.integers(1, 500), kw=st.floats(1, 400), energy=st.floats(1, 100))
def test_full_use_draws_all_power(chargers, kw, energy):
    """Capacity times energy per visit is the power of all chargers."""
    station = Station.from_chargers(
        **CHARGERS | {"chargers": chargers, "charger_kw": kw}, access_min=0.0, energy_kwh=energy
    )
    assert station.capacity_vph * energy / 1000.0 == pytest.approx(station.installed_mw, rel=1e-12)


def test_power_is_unknown_without_chargers():
    assert Station(**VALID).installed_mw is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("free_flow_min", -1.0),
        ("capacity_vph", 0.0),
        ("capacity_vph", math.inf),
        ("access_fee", math.nan),
        ("chargers", 0),
        ("charger_kw", math.nan),
    ],
)
def test_wrong_values_are_named(field, value):
    with pytest.raises(InputError, match=field):
        Station(**VALID | {field: value})


def test_all_mistakes_at_once():
    with pytest.raises(InputError) as caught:
        Station(**VALID | {"free_flow_min": -2.0, "capacity_vph": math.nan})
    assert {problem.field for problem in caught.value.problems} == {"S1.free_flow_min", "S1.capacity_vph"}


@pytest.mark.parametrize(("access", "energy"), [(-1.0, 20.0), (10.0, 0.0), (math.nan, 20.0), (10.0, math.inf)])
def test_wrong_visits_are_named(access, energy):
    with pytest.raises(InputError, match="S1"):
        Station.from_chargers(**CHARGERS, access_min=access, energy_kwh=energy)
