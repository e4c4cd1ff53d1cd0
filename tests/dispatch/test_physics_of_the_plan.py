"""The plan against the equations it claims to solve, recomputed in numpy (Eqs 12-21, 23)."""

from types import SimpleNamespace

import numpy as np
import pytest

from cosim.dispatch.plan import DispatchPlan


def bus_residual(plan: DispatchPlan, day: SimpleNamespace, part: str) -> np.ndarray:
    """What flows in at each bus less what flows out, is lost on the way, or is taken; MW or Mvar."""
    feeder = day.feeder
    flow = plan.grid.p_from_mw if part == "p" else plan.grid.q_from_mvar
    impedance = feeder.r_pu if part == "p" else feeder.x_pu
    current_sq = (plan.grid.i_ka / feeder.base_current_ka) ** 2
    residual = (plan.p_gen_mw - plan.p_load_mw) if part == "p" else (plan.q_gen_mvar - plan.q_load_mvar)
    residual = residual.copy()
    residual[feeder.slack] += plan.grid.slack_mw if part == "p" else plan.grid.slack_mvar
    for k in range(feeder.n_lines):
        residual[feeder.parent[k]] -= flow[k]
        residual[feeder.child[k]] += flow[k] - feeder.base_mva * impedance[k] * current_sq[k]
    return residual


@pytest.mark.parametrize("part", ["p", "q"])
def test_power_balances_at_every_bus_in_every_period(plan, day, part):
    assert np.abs(bus_residual(plan, day, part)).max() <= 1e-8


def test_loads_and_generation_of_the_plan_are_those_of_case_and_devices(plan, day):
    feeder = day.feeder
    load = np.outer(feeder.p_mw, day.base)
    for bus, ev in zip(("16", "20", "32"), day.ev_mw, strict=True):
        load[feeder.bus_position(bus)] += ev
    generation = np.zeros_like(load)
    reactive = np.zeros_like(load)
    for d in plan.devices.values():
        if d.kind == "demand_response":
            load[feeder.bus_position(d.bus)] -= d.p_mw
        elif d.kind != "substation":
            generation[feeder.bus_position(d.bus)] += d.p_mw
            reactive[feeder.bus_position(d.bus)] += d.q_mvar
    np.testing.assert_allclose(plan.p_load_mw, load, rtol=0, atol=1e-12)
    np.testing.assert_allclose(plan.q_load_mvar, np.outer(feeder.q_mvar, day.base), rtol=0, atol=1e-12)
    np.testing.assert_allclose(plan.p_gen_mw, generation, rtol=0, atol=1e-12)
    np.testing.assert_allclose(plan.q_gen_mvar, reactive, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(plan.devices["grid"].p_mw, plan.grid.slack_mw)


def test_voltage_drops_along_every_line(plan, day):
    f = day.feeder
    v, l = plan.grid.vm_pu**2, (plan.grid.i_ka / f.base_current_ka) ** 2  # noqa: E741 - the symbol of the field
    p, q = plan.grid.p_from_mw / f.base_mva, plan.grid.q_from_mvar / f.base_mva
    r, x = f.r_pu[:, None], f.x_pu[:, None]
    drop = v[f.parent] - 2 * (r * p + x * q) + (r**2 + x**2) * l
    assert np.abs(v[f.child] - drop).max() <= 1e-9
    assert (plan.grid.vm_pu[f.slack] == f.slack_vm_pu).all()


def test_cone_gap_uses_the_voltage_of_the_sending_bus(plan, day):
    f = day.feeder
    l = (plan.grid.i_ka / f.base_current_ka) ** 2  # noqa: E741
    apparent = (plan.grid.p_from_mw**2 + plan.grid.q_from_mvar**2) / f.base_mva**2
    gap = l - apparent / plan.grid.vm_pu[f.parent] ** 2
    np.testing.assert_allclose(plan.cone.gap_pu2, gap, rtol=0, atol=1e-14)
    floor = 5e-3 * (np.maximum(np.hypot(f.p_mw, f.q_mvar).sum(), plan.p_load_mw.sum(axis=0)) / f.base_mva) ** 2
    np.testing.assert_allclose(plan.cone.relative, np.abs(gap) / np.maximum(l, floor), rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(
        plan.cone.fictitious_loss_kw, 1000 * f.base_mva * f.r_pu[:, None] * gap, rtol=0, atol=1e-9
    )
    assert np.abs(plan.cone.gap_pu2).max() <= 1e-7
    assert plan.cone.gap_pu2.min() >= -1e-9
    assert plan.cone.relative.max() <= 1e-4


def test_voltages_and_storage_stay_inside_their_limits(plan, day):
    assert plan.grid.vm_pu.min() >= 0.95 - 1e-9
    assert plan.grid.vm_pu.max() <= 1.05 + 1e-9
    energy = plan.devices["ess"].energy_mwh
    assert energy.min() >= 0.2 * 1.6 - 1e-8
    assert energy.max() <= 0.8 * 1.6 + 1e-8
    assert energy[-1] >= 0.8 - 1e-8


def test_stored_energy_telescopes(plan):
    ess = plan.devices["ess"]
    gain = np.where(ess.p_mw < 0, -0.95 * ess.p_mw, -ess.p_mw / 0.95)
    np.testing.assert_allclose(ess.energy_mwh, 0.8 + np.cumsum(gain), rtol=0, atol=1e-6)
    assert np.abs(ess.recursion_mwh).max() <= 1e-9
    assert ess.overlap_mw.max() <= 1e-6
    assert plan.recursion_error_mwh(5) == abs(ess.recursion_mwh[5])


@pytest.mark.parametrize(("name", "s_max"), [("pv", 0.8), ("wt", 0.6), ("ess", 0.48)])
def test_inverters_stay_inside_their_circles(plan, name, s_max):
    d = plan.devices[name]
    assert (d.p_mw**2 + d.q_mvar**2).max() <= s_max**2 + 1e-8


def test_generation_stays_below_forecast_and_rating(plan, day):
    for name, forecast in (("pv", day.pv_mw), ("wt", day.wind_mw)):
        d = plan.devices[name]
        assert d.p_mw.min() >= -1e-9
        assert (d.p_mw <= forecast + 1e-9).all()
        np.testing.assert_array_equal(d.available_mw, forecast)
    gt = plan.devices["gt"]
    assert gt.p_mw.min() >= -1e-9
    assert gt.p_mw.max() <= 0.5 + 1e-9
    assert gt.q_mvar.min() >= -1e-9
    assert gt.q_mvar.max() <= 0.375 + 1e-9


def test_demand_response_returns_what_it_cuts_and_keeps_its_share(plan, day):
    for bus in day.dr_buses:
        d = plan.devices[f"dr{bus}"]
        cap = 0.3 * day.feeder.p_mw[day.feeder.bus_position(bus)] * day.base
        assert abs(d.p_mw.sum()) <= 1e-8
        assert (np.abs(d.p_mw) <= cap + 1e-9).all()
        np.testing.assert_allclose(d.available_mw, cap, rtol=1e-12)


def test_objective_is_the_sum_of_its_parts(plan, day):
    """Eq 21 by hand; the padded solver objective says the same."""
    tariff, gt = day.tariff(), plan.devices["gt"].p_mw
    cut = np.sum([np.maximum(plan.devices[f"dr{b}"].p_mw, 0) for b in day.dr_buses], axis=0)
    hand = tariff * plan.grid.slack_mw + 0.024 * gt**2 + 85 * gt + 105 * cut + 100 * plan.grid.loss_mw
    np.testing.assert_allclose(plan.total_cost, hand, rtol=1e-7)
    assert plan.total_cost.sum() == pytest.approx(plan.record.primal_objective, rel=1e-9)
    assert plan.record.dual_objective == pytest.approx(plan.record.primal_objective, rel=1e-7)
    np.testing.assert_allclose(
        plan.total_cost - plan.cost["losses"], sum(d.cost for d in plan.devices.values()), rtol=1e-12
    )


def test_energy_balances_over_the_feeder(plan, day):
    f = day.feeder
    loss = f.base_mva * (f.r_pu @ (plan.grid.i_ka / f.base_current_ka) ** 2)
    np.testing.assert_allclose(plan.grid.loss_mw, loss, rtol=1e-12)
    balance = plan.grid.slack_mw + plan.p_gen_mw.sum(axis=0) - plan.p_load_mw.sum(axis=0) - loss
    assert np.abs(balance).max() <= 1e-6
    np.testing.assert_allclose(plan.energy_balance_mw(), balance, rtol=0, atol=1e-12)


def test_record_is_that_of_a_solved_hard_model(plan):
    record = plan.record
    assert (record.status, record.raw_status, record.elastic) == ("optimal", "Solved", False)
    assert record.usable
    assert record.primal_residual <= 1e-6
    assert record.dual_residual <= 1e-6
    assert record.gap <= 1e-6
    assert record.iterations <= 20
