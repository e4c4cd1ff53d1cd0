"""Storage charges or discharges, never both; what that costs is bounded."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from cosim.dispatch.controller import Controller, initial_states, make_window
from cosim.grid.engines.pandapower import AcFlow
from cosim.results.parts import dispatch_period
from cosim.validation.gate import evaluate


@pytest.fixture
def paid(day):
    """Build three hours in which wasted energy is paid for by the battery's losses, while line losses cost."""

    def build(mode: str, **settings):
        few = slice(0, 3)
        case = day.case(
            day.feeder, periods=few, tariff_per_mwh=np.array([-20.0, -20.0, -20.0]),
            settings={"loss_price_per_mwh": 40.0, "storage_exclusivity": mode} | settings,
        )  # fmt: skip
        return case, Controller(case, AcFlow(day.feeder).solve), day.ev_mw[:, few]

    return build


def test_tight_cones_do_not_keep_storage_from_both_at_once(paid):
    _, controller, ev_mw = paid("off")
    plan = controller.plan(0, ev_mw)
    assert plan.restoration is None
    assert plan.exclusivity is None
    assert plan.overlap_mw().max() > 0.01


@pytest.mark.parametrize("charging", [True, False])
def test_a_barred_direction_carries_nothing(day, charging):
    """Both at once would burn paid energy; one at a time charges, or gives what is stored."""
    case = day.case(
        day.feeder, periods=slice(0, 1), tariff_per_mwh=np.array([-20.0 if charging else 900.0]),
        devices=(day.device("substation", name="grid"), day.devices(ess={"soc_end": "free"})[2]),
        series={},
        settings={"loss_price_per_mwh": 40.0},
    )  # fmt: skip
    controller = Controller(case)
    window = replace(make_window(case, 0, 1, day.ev_mw[:, :1]), first_of_pair={"ess": np.array([charging])})
    plan = controller.solver.problem(elastic=False).solve(window, initial_states(case))
    assert plan.overlap_mw().max() <= 1e-6
    (ess,) = (one for one in plan.devices.values() if one.name == "ess")
    assert abs(ess.p_mw[0]) <= 0.4 + 1e-6
    assert ess.p_mw[0] < -0.01 if charging else ess.p_mw[0] > 0.01
    against = replace(window, first_of_pair={"ess": np.array([not charging])})
    barred = controller.solver.problem(elastic=False).solve(against, initial_states(case)).devices["ess"].p_mw[0]
    assert barred >= -1e-6 if charging else barred <= 1e-6


def test_sign_fix_removes_it_and_reports_its_gap(paid):
    _, controller, ev_mw = paid("auto")
    plan = controller.plan(0, ev_mw)
    assert plan.exclusivity.method == "sign_fix"
    assert plan.overlap_mw().max() <= 1e-6
    assert plan.exclusivity.overlap_mw > 0.01
    gap = (plan.total_cost.sum() - plan.lower_bound) / abs(plan.lower_bound)
    assert plan.exclusivity.gap_rel == pytest.approx(gap)
    assert gap > 0.0


def test_scip_finds_the_best_of_all_patterns(paid):
    """Eight patterns of three hours, each solved as a continuous programme."""
    pytest.importorskip("pyscipopt")
    case, controller, ev_mw = paid("misocp")
    plan = controller.plan(0, ev_mw)
    assert plan.exclusivity.method == "misocp"
    window = make_window(case, 0, 3, ev_mw)
    costs = []
    for pattern in itertools.product([True, False], repeat=3):
        fixed = replace(window, first_of_pair={"ess": np.array(pattern)})
        one = controller.solver.problem(elastic=False).solve(fixed, initial_states(controller.case))
        costs.append(one.total_cost.sum() if one.record.usable else np.inf)
    assert plan.total_cost.sum() == pytest.approx(min(costs), rel=2e-4)
    assert plan.exclusivity.gap_rel <= 2e-4
    assert plan.overlap_mw().max() <= 1e-6


def test_positive_prices_need_no_repair(plan):
    assert plan.exclusivity is None
    assert plan.overlap_mw().max() <= 1e-6


def test_wear_above_the_conversion_loss_prevents_it(day):
    """Above (1 / (n_ch n_dis) - 1) |price| = 0.108 |price| nothing is earned by burning."""
    devices = day.devices(ess={"wear_cost_per_mwh": 0.12 * 20.0})
    case = day.case(
        day.feeder, periods=slice(0, 3), devices=devices, tariff_per_mwh=np.full(3, -20.0),
        settings={"loss_price_per_mwh": 40.0},
    )  # fmt: skip
    plan = Controller(case).plan(0, day.ev_mw[:, :3])
    assert plan.exclusivity is None
    assert plan.overlap_mw().max() <= 1e-6


def test_plan_repaired_in_both_ways_tells_its_cost_above_the_bound_and_has_not_failed(paid):
    """Where losses are free besides, cones are slack before and after the storage's direction is set."""
    case, controller, ev_mw = paid("auto", loss_price_per_mwh=0.0)
    plan = controller.plan(0, ev_mw)
    gap = (plan.total_cost.sum() - plan.lower_bound) / abs(plan.lower_bound)
    assert plan.exclusivity.method == "sign_fix"
    assert plan.restoration.method == "loss_floor"
    assert plan.restoration.gap_rel == pytest.approx(gap)
    gate = dispatch_period(case, plan, 0, stations=()).judged()
    assert evaluate(gate | {"ac_converged": True}, case.limits).status == "inexact_restored"


def test_charge_and_discharge_at_once_mean_nothing_without_losses_and_wear(paid, day):
    """Only their difference is stored, injected and paid for, whatever the solver makes of the two."""
    case, _, ev_mw = paid("off")
    lossless = day.devices(ess={"charge_efficiency": 1.0, "discharge_efficiency": 1.0})
    plan = Controller(replace(case, devices=lossless)).plan(0, ev_mw)
    battery = plan.devices["ess"]
    assert plan.overlap_mw().max() == 0.0
    before = np.concatenate([[0.5 * 1.6], battery.energy_mwh[:-1]])
    np.testing.assert_allclose(battery.energy_mwh, before - battery.p_mw, rtol=0, atol=1e-8)
