"""Inexact relaxations end in plans that the AC equations confirm; the optimum behind each is known from elsewhere."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import brentq

from cosim.dispatch.controller import Controller, initial_states, make_window
from cosim.dispatch.restoration import loss_price_floor
from cosim.grid.engines.pandapower import AcFlow


def sunny(day: SimpleNamespace, pv_mw: float, v_max_pu: float = 1.05, tariff: float = 300.0, **changes):
    """Sun at the end of the feeder, unity power factor; fields of the case, of the device, and of the settings."""
    feeder = day.read(slack_vm_pu=1.0, v_min_pu=0.9, v_max_pu=v_max_pu)
    load, loss_price = changes.pop("load", 1.0), changes.pop("loss_price", 0.0)
    pv = day.device(
        "photovoltaic", name="pv", bus="18", s_max_mva=pv_mw, available_mw=0.0, reactive=False, **changes
    )  # fmt: skip
    return day.case(
        feeder, periods=slice(0, 1), devices=(day.device("substation", name="grid"), pv),
        series={"pv": {"available_mw": np.array([pv_mw])}}, base_p_mw=load * feeder.p_mw[:, None],
        base_q_mvar=load * feeder.q_mvar[:, None], tariff_per_mwh=np.array([tariff]), station_names=(),
        station_buses=(), settings={"loss_price_per_mwh": loss_price},
    )  # fmt: skip


def ac_state(case, pv_mw: float):
    p_mw = -case.base_p_mw[:, 0].copy()
    p_mw[case.feeder.bus_position("18")] += pv_mw
    return AcFlow(case.feeder, tolerance_mva=1e-10).solve(p_mw, -case.base_q_mvar[:, 0])


def planned(case):
    return Controller(case, AcFlow(case.feeder).solve).plan(0, np.zeros((len(case.station_names), case.periods)))


@pytest.mark.parametrize(("pv_mw", "v_max_pu"), [(3.0, 1.05), (5.0, 1.05), (4.0, 1.1), (6.0, 1.1)])
def test_repaired_sun_is_the_largest_that_the_ac_limit_allows(day, pv_mw, v_max_pu):
    """Import falls as the sun grows up to the limit, so the optimum stands where the AC voltage meets the limit."""
    case = sunny(day, pv_mw, v_max_pu)
    truth = brentq(lambda p: ac_state(case, p).vm_pu.max() - v_max_pu, 1.0, pv_mw, xtol=1e-10)
    assert ac_state(case, truth).slack_mw < ac_state(case, truth - 1e-3).slack_mw
    plan = planned(case)
    assert plan.restoration.method == "ccp"
    assert plan.devices["pv"].p_mw[0] == pytest.approx(truth, rel=1e-5)
    assert plan.grid.slack_mw[0] == pytest.approx(ac_state(case, truth).slack_mw, rel=1e-5)
    assert np.abs(plan.cone.gap_pu2).max() <= 1e-7
    assert plan.lower_bound < plan.total_cost.sum()


def test_row_of_the_published_comparison(day):
    """PV 3 MW, limit 1.05: repaired to PV 2.086 MW and import 1.868 MW; the relaxation promised 1.552."""
    case = sunny(day, 3.0)
    controller = Controller(case, AcFlow(case.feeder).solve)
    relaxed = controller.solver.relaxed(make_window(case, 0, 1, np.zeros((0, 1))), initial_states(case))
    assert relaxed.grid.slack_mw[0] == pytest.approx(1.552, abs=5e-4)
    plan = planned(case)
    assert plan.devices["pv"].p_mw[0] == pytest.approx(2.086, rel=1e-3)
    assert plan.grid.slack_mw[0] == pytest.approx(1.868, rel=1e-3)
    assert plan.lower_bound == pytest.approx(300.0 * relaxed.grid.slack_mw[0], rel=1e-6)


def test_exact_plan_is_left_alone(day):
    case = sunny(day, 2.0)
    plan = planned(case)
    assert plan.restoration is None
    assert plan.lower_bound == pytest.approx(plan.total_cost.sum(), rel=1e-7)


def test_loss_floor_is_for_prices_at_which_waste_is_free(day):
    window = {price: sunny(day, 3.0, tariff=price, load=0.4) for price in (-50.0, 0.0, 0.5, 300.0)}
    floors = {
        price: loss_price_floor(case, make_window(case, 0, 1, np.zeros((0, 1)))) for price, case in window.items()
    }
    assert floors == {-50.0: 1.0, 0.0: 1.0, 0.5: 1.0, 300.0: None}


def test_floor_is_not_in_the_reported_cost(day):
    case = sunny(day, 3.0, tariff=-50.0, load=0.4)
    plan = planned(case)
    assert plan.restoration.method == "loss_floor"
    assert plan.cost["losses"][0] == 0.0
    assert plan.total_cost[0] == pytest.approx(-50.0 * plan.grid.slack_mw[0], rel=1e-12)
    assert plan.grid.slack_mw[0] == pytest.approx(ac_state(case, plan.devices["pv"].p_mw[0]).slack_mw, abs=1e-6)


def test_must_take_sun_ends_in_its_ac_state_beyond_the_limit(day):
    case = sunny(day, 3.0, curtailable=False, load=0.4, loss_price=100.0)
    plan, state = planned(case), ac_state(case, 3.0)
    assert plan.restoration.method == "ac"
    np.testing.assert_allclose(plan.grid.vm_pu[:, 0], state.vm_pu, rtol=0, atol=1e-9)
    np.testing.assert_allclose(plan.grid.i_ka[:, 0], state.i_ka, rtol=0, atol=1e-9)
    assert plan.grid.slack_mw[0] == pytest.approx(state.slack_mw, abs=1e-8)
    assert plan.devices["grid"].p_mw[0] == plan.grid.slack_mw[0]
    assert plan.cost["energy"][0] == pytest.approx(300.0 * state.slack_mw, rel=1e-8)
    assert plan.cost["losses"][0] == pytest.approx(100.0 * state.loss_mw, rel=1e-6)
    assert abs(plan.energy_balance_mw()[0]) <= 1e-6
    assert plan.grid.vm_pu.max() > 1.05
    assert np.abs(plan.cone.gap_pu2).max() <= 1e-7


def test_without_a_power_flow_the_inexact_plan_stays_what_it_is(day):
    case = sunny(day, 3.0, curtailable=False, load=0.4)
    plan = Controller(case).plan(0, np.zeros((0, 1)))
    assert plan.restoration is None
    assert np.abs(plan.cone.gap_pu2).max() > 0.1


@pytest.mark.parametrize("few", [slice(10, 16), slice(0, 24)], ids=["noon", "day"])
def test_weak_feeder_and_strong_sun_are_repaired_in_every_hour(day, few):
    """Storage and demand response among the choices; each hour's AC state keeps the limits."""
    strong = {"pv": {"s_max_mva": 4.0, "reactive": False}, "wt": {"reactive": False}, "ess": {"reactive": False}}
    feeder = day.read(slack_vm_pu=1.04)
    case = day.case(
        feeder, periods=few, devices=day.devices(**strong, gt={"p_max_mw": 0.0, "q_max_mvar": 0.0}),
        series={"pv": {"available_mw": 5.0 * day.pv_mw[few]}, "wt": {"available_mw": day.wind_mw[few]}},
        base_p_mw=0.4 * np.outer(feeder.p_mw, day.base[few]), base_q_mvar=0.4 * np.outer(feeder.q_mvar, day.base[few]),
        settings={"loss_price_per_mwh": 0.0},
    )  # fmt: skip
    flow = AcFlow(feeder, tolerance_mva=1e-10)
    plan = Controller(case, flow.solve).plan(0, day.ev_mw[:, few])
    assert plan.restoration is not None
    assert plan.restoration.method == "ccp"
    assert plan.restoration.inexact.any()
    assert plan.lower_bound <= plan.total_cost.sum()
    for k in range(case.periods):
        state = flow.solve((plan.p_gen_mw - plan.p_load_mw)[:, k], (plan.q_gen_mvar - plan.q_load_mvar)[:, k])
        assert state.vm_pu.max() <= 1.05 + 1e-6
        np.testing.assert_allclose(state.vm_pu, plan.grid.vm_pu[:, k], rtol=0, atol=1e-6)
