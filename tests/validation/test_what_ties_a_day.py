"""`beyond_day` of the devices: ramps, ends of days, made-up cuts, fixed power factors, by hand."""

import numpy as np
import pytest

from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.traits import Did, Given


def did(p_mw, q_mvar=None, energy_mwh=None):
    p = np.array(p_mw, dtype=float)
    nothing = np.zeros_like(p)
    return Did(
        p_mw=p, q_mvar=nothing if q_mvar is None else np.array(q_mvar, dtype=float),
        energy_mwh=nothing if energy_mwh is None else np.array(energy_mwh, dtype=float), overlap_mw=nothing,
        missed=nothing, cost=nothing,
    )  # fmt: skip


def beyond(kind, settings, done, *, period_h=2.0, **given):
    device = catalogue()[kind]
    length = done.p_mw.size
    facts = Given(period_h=period_h, tariff_per_mwh=np.zeros(length), base_p_mw=np.ones(length), **given)
    return device.beyond_day(device.Settings(name="x", bus="1", **settings), facts, done).tolist()


def test_a_turbine_by_its_ramp():
    settings = {"p_max_mw": 2.0, "ramp_mw_per_h": 0.2}
    assert beyond("gas_turbine", settings, did([1.0, 1.4, 0.5])) == pytest.approx([0.0, 0.0, 0.5])
    assert beyond("gas_turbine", settings | {"p_initial_mw": 0.0}, did([1.0, 1.4, 1.0])) == pytest.approx([0.6, 0, 0])
    assert beyond("gas_turbine", {"p_max_mw": 2.0}, did([0.0, 2.0, 0.0])) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("end", "last_mwh", "missed"),
    [("at_least", 0.9, 0.1), ("at_least", 1.2, 0.0), ("equal", 1.2, 0.2), ("equal", 0.7, 0.3), ("free", 0.5, 0.0)],
)
def test_a_battery_by_the_end_of_its_day(end, last_mwh, missed):
    settings = {"capacity_mwh": 2.0, "p_max_mw": 1.0, "s_max_mva": 1.0, "soc_end": end}  # begins half full
    done = did([0.0, 0.0], energy_mwh=[1.0, last_mwh])
    assert beyond("storage", settings, done) == pytest.approx([0.0, missed])
    assert beyond("storage", settings, done, couples_periods=False) == [0.0, 0.0]


def test_a_cut_by_what_is_made_up_for():
    settings = {"share": 0.3, "pay_per_mwh": 1.0}
    assert beyond("demand_response", settings, did([0.3, -0.2, -0.1])) == pytest.approx([0.0, 0.0, 0.0])
    assert beyond("demand_response", settings, did([0.3, -0.2, 0.0])) == pytest.approx([0.0, 0.0, 0.2])


def test_sun_that_must_be_taken_and_a_fixed_power_factor():
    series = {"available_mw": np.array([1.0, 3.0])}
    settings = {"s_max_mva": 2.0, "available_mw": 0.0, "reactive": False}
    assert beyond("photovoltaic", settings | {"curtailable": True}, did([0.4, 0.0]), series=series) == [0.0, 0.0]
    must = settings | {"curtailable": False}
    assert beyond("photovoltaic", must, did([0.4, 2.0]), series=series) == pytest.approx([0.6, 0.0])  # 2 MVA at most
    fixed = settings | {"curtailable": True, "power_factor": 0.8}  # q = 0.75 p
    assert beyond("photovoltaic", fixed, did([0.4, 0.8], [0.3, 0.5]), series=series) == pytest.approx([0.0, 0.1])


def test_what_is_not_tied():
    assert beyond("interruptible_load", {"share": 0.3, "pay_per_mwh": 1.0}, did([0.1, 0.3])) == [0.0, 0.0]
