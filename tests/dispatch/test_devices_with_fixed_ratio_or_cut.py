"""Interruptible load and inverters of fixed power factor, against hand calculations; last resorts by name and place."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.dispatch.devices._renewable import RenewableSettings
from cosim.errors import InputError

EVENING = slice(18, 21)


def interruptible(day, pay: float, tariff: float):
    device = day.device("interruptible_load", name="il", bus="25", share=0.4, pay_per_mwh=pay)
    case = day.case(
        day.read(v_min_pu=0.9), periods=EVENING, devices=(day.device("substation", name="grid"), device), series={},
        tariff_per_mwh=np.full(3, tariff),
    )  # fmt: skip
    return case, day.feeder.bus_position("25")


def test_load_is_cut_in_full_where_that_is_cheaper_than_serving_it(day, lookahead):
    case, at = interruptible(day, pay=300.0, tariff=550.0)
    plan = lookahead(case, day.ev_mw[:, EVENING])
    cap = 0.4 * case.base_p_mw[at]
    np.testing.assert_allclose(plan.devices["il"].p_mw, cap, rtol=0, atol=1e-6)
    np.testing.assert_allclose(plan.p_load_mw[at], 0.6 * case.base_p_mw[at], rtol=0, atol=1e-6)
    np.testing.assert_allclose(plan.q_load_mvar[at], case.base_q_mvar[at], rtol=0, atol=1e-12)
    np.testing.assert_allclose(plan.cost["interruptible_load"], 300.0 * cap, rtol=1e-5)
    assert plan.total_cost.sum() == pytest.approx(plan.record.primal_objective, rel=1e-8)


def test_load_is_served_where_its_price_is_lower_than_the_pay(day, lookahead):
    """The nodal price at bus 25 is the tariff plus a few percent of losses."""
    case, _ = interruptible(day, pay=700.0, tariff=550.0)
    plan = lookahead(case, day.ev_mw[:, EVENING])
    assert np.abs(plan.devices["il"].p_mw).max() <= 1e-6


def test_a_cut_is_not_made_up_for(day, lookahead):
    """Two hours cheap, one dear: only the dear one is cut, and nothing comes back."""
    case, at = interruptible(day, pay=300.0, tariff=550.0)
    case = replace(case, tariff_per_mwh=np.array([100.0, 550.0, 100.0]))
    plan = lookahead(case, day.ev_mw[:, EVENING])
    np.testing.assert_allclose(
        plan.devices["il"].p_mw, [0.0, 0.4 * case.base_p_mw[at, 1], 0.0], rtol=0, atol=1e-6
    )  # fmt: skip


@pytest.mark.parametrize(("factor", "per_p"), [(0.8, 0.75), (-0.8, -0.75), (0.6, 4.0 / 3.0), (1.0, 0.0)])
def test_reactive_power_follows_the_fixed_power_factor(day, lookahead, factor, per_p):
    devices = day.devices(wt={"reactive": False, "power_factor": factor}, pv={"reactive": False})
    plan = lookahead(day.case(day.feeder, periods=EVENING, devices=devices), day.ev_mw[:, EVENING])
    wind = plan.devices["wt"]
    assert wind.p_mw.min() > 0.1
    np.testing.assert_allclose(wind.q_mvar, per_p * wind.p_mw, rtol=1e-12, atol=1e-12)
    assert np.abs(plan.energy_balance_mw()).max() <= 1e-6
    at = day.feeder.bus_position("14")
    np.testing.assert_allclose(plan.q_gen_mvar[at], wind.q_mvar, rtol=0, atol=1e-12)


def test_rating_bounds_the_apparent_power_at_a_fixed_power_factor(day, lookahead):
    devices = day.devices(pv={"reactive": False, "power_factor": 0.8, "s_max_mva": 0.5}, wt={"reactive": False})
    few = slice(12, 13)
    plan = lookahead(day.case(day.feeder, periods=few, devices=devices), day.ev_mw[:, few])
    pv = plan.devices["pv"]
    assert pv.available_mw[0] == pytest.approx(0.4)
    assert np.hypot(pv.p_mw, pv.q_mvar)[0] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"power_factor": 0.0, "reactive": False}, "gives no active power"),
        ({"power_factor": 0.9}, "free to choose"),
        ({"power_factor": 1.2, "reactive": False}, "must be <= 1"),
    ],
)
def test_power_factor_that_cannot_be_is_refused(values, said):
    with pytest.raises(InputError, match=said):
        RenewableSettings(name="pv", bus="1", s_max_mva=1.0, available_mw=1.0, **values)


def test_plan_that_serves_all_has_no_diagnosis(plan):
    assert plan.diagnosis == ("",) * 24


def test_import_limit_is_named_where_it_binds(day, lookahead):
    """3 MW of import for about 4 MW of load, nothing else to help."""
    devices = (day.device("substation", name="grid", import_max_mw=3.0),)
    few = slice(19, 20)
    plan = lookahead(day.case(day.feeder, periods=few, devices=devices, series={}), day.ev_mw[:, few])
    assert plan.grid.slack_mw[0] == pytest.approx(3.0, abs=1e-6)
    assert "import limit 3 MW" in plan.diagnosis[0]
    assert "MW of load at bus" in plan.diagnosis[0]


def test_lower_voltage_limit_is_named_with_its_bus(day, lookahead):
    unity = {"pv": {"reactive": False}, "wt": {"reactive": False}, "ess": {"reactive": False}}
    few = slice(19, 21)
    case = day.case(day.read(slack_vm_pu=1.0), periods=few, devices=day.devices(**unity))
    plan = lookahead(case, day.ev_mw[:, few])
    assert "station 8 (bus 16)" in plan.diagnosis[1]
    assert "lower voltage limit 0.95 pu at bus" in plan.diagnosis[1]


def test_current_limit_is_named_with_its_line(day, lookahead):
    thin = replace(day.feeder, i_max_ka=np.where(np.arange(32) == 0, 0.12, np.inf))
    few = slice(19, 20)
    plan = lookahead(day.case(thin, periods=few), day.ev_mw[:, few])
    assert plan.record.elastic
    assert f"current limit 0.12 kA of line {thin.line_ids[0]}" in plan.diagnosis[0]
