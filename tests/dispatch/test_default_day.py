"""The default day shows the pattern of the paper (Ma et al. 2024, Figs 9-11) and the figures of its data set."""

from types import SimpleNamespace

import numpy as np
import pytest

from cosim.dispatch.controller import Controller, carried, initial_states
from cosim.dispatch.plan import DispatchPlan
from cosim.grid.engines.pandapower import AcFlow

PEAK, VALLEY = slice(17, 22), slice(0, 6)


def demand_response_mw(plan: DispatchPlan, day: SimpleNamespace) -> np.ndarray:
    return np.sum([plan.devices[f"dr{bus}"].p_mw for bus in day.dr_buses], axis=0)


def test_import_loss_and_voltage_are_those_of_the_case(plan):
    assert plan.grid.slack_mw.max() == pytest.approx(3.04, rel=0.01)
    assert plan.grid.slack_mw.sum() == pytest.approx(57.4, rel=0.01)
    assert plan.grid.loss_mw.sum() == pytest.approx(0.93, rel=0.03)
    assert plan.grid.vm_pu.min() == pytest.approx(0.988, abs=1e-3)


def test_demand_response_cuts_at_the_peak_and_refills_in_the_valley(plan, day):
    cut = demand_response_mw(plan, day)
    cap = 0.3 * 1.24 * day.base
    np.testing.assert_allclose(cut[PEAK], cap[PEAK], atol=1e-4)
    np.testing.assert_allclose(cut[VALLEY], -cap[VALLEY], atol=1e-4)
    assert (cut[6:8] < -0.05).all()


def test_storage_charges_cheap_and_discharges_dear(plan):
    power = plan.devices["ess"].p_mw
    assert power[VALLEY].sum() < -0.5
    assert power[22:24].sum() < -0.1
    assert (power[VALLEY] <= 1e-6).all()
    assert (power[22:24] <= 1e-6).all()
    assert (power[PEAK] >= -1e-6).all()
    # All that the window of state of charge holds, less the discharge loss, goes at the peak.
    assert power[PEAK].sum() == pytest.approx(0.6 * 1.6 * 0.95, rel=1e-3)


def test_cheap_turbine_runs_flat_out(plan):
    np.testing.assert_allclose(plan.devices["gt"].p_mw, 0.5, atol=1e-6)


def test_flexibility_lowers_the_import(plan, day):
    assert plan.grid.slack_mw.sum() < day.equivalent_load_mw().sum()
    assert plan.grid.slack_mw.max() < day.equivalent_load_mw().max()


def test_small_prices_leave_demand_response_alone_and_show_the_ramp(day, lookahead):
    """Prices of 66.5, 95 and 123.5: the spread of 57 does not pay for 105, and the turbine stands still at night."""
    plan = lookahead(day.case(day.feeder, tariff_per_mwh=day.tariff(95.0)), day.ev_mw)
    turbine = plan.devices["gt"].p_mw
    steps = np.diff(turbine)
    assert np.abs(demand_response_mw(plan, day)).max() <= 1e-5
    assert turbine.min() <= 1e-4
    assert np.abs(steps).max() == pytest.approx(0.2, abs=1e-6)
    assert plan.grid.slack_mw.max() == pytest.approx(3.43, rel=0.01)
    assert plan.grid.slack_mw.sum() == pytest.approx(60.4, rel=0.01)
    assert plan.grid.loss_mw.sum() == pytest.approx(1.04, rel=0.03)


@pytest.mark.parametrize(
    ("v0", "ev", "peak_mw", "energy_mwh", "loss_mwh", "v_min"),
    [(1.0, 1.0, 3.05, 57.5, 0.99, 0.956), (1.03, 3.0, 4.82, 87.0, 2.26, 0.961)],
)
def test_other_rows_of_the_case_table(day, lookahead, v0, ev, peak_mw, energy_mwh, loss_mwh, v_min):
    plan = lookahead(day.case(day.read(slack_vm_pu=v0)), ev * day.ev_mw)
    assert not plan.record.elastic
    assert plan.grid.slack_mw.max() == pytest.approx(peak_mw, rel=0.01)
    assert plan.grid.slack_mw.sum() == pytest.approx(energy_mwh, rel=0.01)
    assert plan.grid.loss_mw.sum() == pytest.approx(loss_mwh, rel=0.03)
    assert plan.grid.vm_pu.min() == pytest.approx(v_min, abs=1e-3)


def test_static_tariff_moves_demand_response_to_its_two_peaks(day, lookahead):
    prices = np.array([288.0] * 8 + [550.0] * 3 + [743.0] * 3 + [550.0] * 4 + [743.0] * 4 + [550.0] * 2)
    plan = lookahead(day.case(day.feeder, tariff_per_mwh=prices), day.ev_mw)
    cut = demand_response_mw(plan, day)
    peaks = [11, 12, 13, 18, 19, 20, 21]
    cap = 0.3 * 1.24 * day.base
    np.testing.assert_allclose(cut[peaks], cap[peaks], atol=1e-4)
    assert (cut[:8] < -0.1).all()
    assert plan.grid.slack_mw.max() == pytest.approx(3.44, rel=0.01)
    assert plan.grid.slack_mw.sum() == pytest.approx(57.6, rel=0.01)
    assert plan.grid.vm_pu.min() == pytest.approx(0.975, abs=1e-3)


def test_rolling_with_perfect_forecast_costs_what_the_day_ahead_plan_costs(day, plan):
    controller = Controller(day.case(day.feeder, mode="rolling"))
    states = initial_states(controller.case)
    applied, energy, cut = 0.0, [], []
    for k in range(24):
        step = controller.plan(k, day.ev_mw[:, k:], states=states)
        assert step.record.status == "optimal"
        assert not step.record.elastic
        assert step.length == 24 - k
        assert np.abs(step.cone.gap_pu2).max() <= 1e-7
        assert abs(step.energy_balance_mw()).max() <= 1e-6
        states = carried(states, step)
        applied += step.total_cost[0]
        energy.append(step.devices["ess"].energy_mwh[0])
        cut.append([step.devices[f"dr{bus}"].p_mw[0] for bus in day.dr_buses])
    assert applied == pytest.approx(plan.total_cost.sum(), rel=1e-6)
    assert energy[-1] == pytest.approx(0.8, abs=1e-6)
    assert np.abs(np.sum(cut, axis=0)).max() <= 1e-6


def test_ac_power_flow_of_the_setpoints_is_the_plan(plan, day):
    """A tight relaxation is the AC state: 1e-9 pu and 4e-5 kW were reached."""
    flow = AcFlow(day.feeder, tolerance_mva=1e-10)
    p, q = plan.p_gen_mw - plan.p_load_mw, plan.q_gen_mvar - plan.q_load_mvar
    for k in (3, 12, 19):
        state = flow.solve(p[:, k], q[:, k])
        np.testing.assert_allclose(plan.grid.vm_pu[:, k], state.vm_pu, rtol=0, atol=1e-8)
        np.testing.assert_allclose(plan.grid.i_ka[:, k], state.i_ka, rtol=0, atol=1e-6)
        assert plan.grid.loss_mw[k] == pytest.approx(state.loss_mw, abs=1e-7)
        assert plan.grid.slack_mw[k] == pytest.approx(state.slack_mw, abs=1e-7)
