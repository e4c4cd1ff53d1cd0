"""Worked example: what a driver pays at the end of one line, from the closed form of its losses to minutes."""

import math

import numpy as np
import pytest

from cosim.coupling.price import marked_up, station_cost_min
from cosim.dispatch.controller import Controller
from cosim.dispatch.devices.substation import SubstationSettings
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.settings import DispatchSettings
from cosim.grid.feeder import Feeder

R, X, BASE_MVA = 0.02, 0.01, 10.0
TARIFF, LOSS_PRICE, MARKUP = 500.0, 100.0, 0.1
BASE_MW, CHARGING_MW = 2.0, 1.5


def loss_mw(load_mw):
    """Loss of one line from 1 pu at load P: v^2 + (2 r P - 1) v + (r^2 + x^2) P^2 = 0, loss = r P^2 / v."""
    p = load_mw / BASE_MVA
    half = (1.0 - 2.0 * R * p) / 2.0
    v = half + math.sqrt(half**2 - (R**2 + X**2) * p**2)
    return BASE_MVA * R * p**2 / v


@pytest.fixture(scope="module")
def nodal_price():
    feeder = Feeder(
        name="line", bus_ids=("1", "2"), line_ids=("1-2",), parent=[0], child=[1], slack=0, r_pu=[R], x_pu=[X],
        i_max_ka=[np.inf], v_min_pu=[0.9, 0.9], v_max_pu=[1.1, 1.1], p_mw=[0.0, BASE_MW], q_mvar=[0.0, 0.0],
        base_mva=BASE_MVA, base_kv=12.66, slack_vm_pu=1.0,
    )  # fmt: skip
    case = DispatchCase(
        feeder=feeder, period_h=1.0, devices=(SubstationSettings(name="grid"),), series={},
        base_p_mw=np.array([[0.0], [BASE_MW]]), base_q_mvar=np.zeros((2, 1)), tariff_per_mwh=np.array([TARIFF]),
        station_names=("S",), station_buses=(1,),
        settings=DispatchSettings(mode="single_period", loss_price_per_mwh=LOSS_PRICE),
    )  # fmt: skip
    plan = Controller(case).plan(0, np.array([[CHARGING_MW]]))
    assert plan.grid.loss_mw[0] == pytest.approx(loss_mw(BASE_MW + CHARGING_MW), rel=1e-7)
    return float(plan.price_per_mwh[1, 0])


def test_the_nodal_price_is_the_tariff_and_the_marginal_loss(nodal_price):
    step, load = 1e-4, BASE_MW + CHARGING_MW
    slope = (loss_mw(load + step) - loss_mw(load - step)) / (2 * step)
    assert 0.01 < slope < 0.05
    assert nodal_price == pytest.approx(TARIFF + (TARIFF + LOSS_PRICE) * slope, abs=1e-3)


def test_the_markup_and_the_minutes_of_a_driver(nodal_price):
    retail = marked_up(np.array([nodal_price]), MARKUP)
    assert retail[0] == pytest.approx(1.1 * nodal_price, rel=1e-14)
    minutes = station_cost_min(retail, energy_kwh=20.0, access_fee=1.0, value_of_time_per_min=0.5)
    assert minutes[0] == pytest.approx((retail[0] * 0.02 + 1.0) / 0.5, rel=1e-14)
    assert 22.0 < minutes[0] < 25.5  # about 570 per MWh, 20 kWh, 0.5 per min, and a fee of 2 min
