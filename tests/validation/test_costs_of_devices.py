"""Costs that are told are held against price times quantity, period by period, worst device first."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.base import DeviceOutcome
from cosim.dispatch.plan import DispatchCase
from cosim.grid.feeder import Feeder
from cosim.validation.devices import cost_error_rel

HALF_HOUR = 0.5
TARIFF = np.array([300.0, 900.0])
OWN_MW = np.ones(2)
IMPORT_MW, TURBINE_MW = np.array([1.5, 0.9]), np.array([0.2, 0.4])
ENERGY, FUEL = HALF_HOUR * TARIFF * IMPORT_MW, HALF_HOUR * (40.0 * TURBINE_MW**2 + 85.0 * TURBINE_MW)


def case(*kinds):
    settings = {
        "substation": {"name": "grid"},
        "gas_turbine": {
            "name": "gt", "bus": "2", "p_max_mw": 0.5, "cost_quadratic_per_mw2h": 40.0, "cost_per_mwh": 85.0,
        },
    }  # fmt: skip
    feeder = Feeder(
        name="line", bus_ids=("1", "2"), line_ids=("1-2",), parent=[0], child=[1], slack=0, r_pu=[0.01], x_pu=[0.01],
        i_max_ka=[np.inf], v_min_pu=[0.9] * 2, v_max_pu=[1.1] * 2, p_mw=[0.0, 1.0], q_mvar=[0.0, 0.5], base_mva=10.0,
        base_kv=12.66, slack_vm_pu=1.02,
    )  # fmt: skip
    return DispatchCase(
        feeder=feeder, period_h=HALF_HOUR,
        devices=tuple(catalogue()[kind].Settings(**settings[kind]) for kind in kinds),
        series={}, base_p_mw=np.ones((2, 2)), base_q_mvar=np.zeros((2, 2)), tariff_per_mwh=TARIFF,
    )  # fmt: skip


def result(kind, name, p_mw, cost):
    nothing = np.full(2, np.nan)
    return DeviceOutcome(
        name=name, kind=kind, traits=catalogue()[kind].traits(), bus="2", p_mw=p_mw, q_mvar=np.zeros(2),
        energy_mwh=nothing, available_mw=nothing, overlap_mw=nothing, missed=np.zeros(2), cost=cost,
    )  # fmt: skip


def error(energy, fuel):
    done = {
        "grid": result("substation", "grid", IMPORT_MW, energy), "gt": result("gas_turbine", "gt", TURBINE_MW, fuel),
    }  # fmt: skip
    return cost_error_rel(case("substation", "gas_turbine"), done, slice(0, 2), OWN_MW)


def test_price_times_quantity_is_no_error_and_a_tenth_more_is_a_tenth_of_it():
    assert error(ENERGY, FUEL) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert error(ENERGY, FUEL * [1.0, 1.1]) == pytest.approx([0.0, 0.1], abs=1e-12)
    assert error(ENERGY * [0.98, 1.2], FUEL * [1.01, 1.1]) == pytest.approx([0.02, 0.2], abs=1e-12)


def test_devices_without_results_say_nothing():
    assert cost_error_rel(case("substation"), {}, slice(0, 2), OWN_MW) is None


def test_rounding_of_a_device_at_rest_is_none_whatever_the_currency_and_the_size():
    """A power of 1e-8 of the feeder's own is none; the same share of money is, in cents or for a large feeder."""
    rest = {"gt": result("gas_turbine", "gt", np.zeros(2), np.array([0.0, -1.5e-6]))}
    settings = case("substation", "gas_turbine")
    assert cost_error_rel(settings, rest, slice(0, 2), np.full(2, 40.0))[1] < 1e-6
    assert cost_error_rel(settings, rest, slice(0, 2), np.full(2, 0.1))[1] > 1e-6
    dear = replace(settings, tariff_per_mwh=1000.0 * TARIFF)
    assert cost_error_rel(dear, rest, slice(0, 2), np.full(2, 0.1))[1] < 1e-6
