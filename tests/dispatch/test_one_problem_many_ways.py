"""The same problem built in another way gives the same answer: cuts, base, order, dummy devices."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.dispatch.controller import Controller, carried, initial_states, make_window
from cosim.dispatch.problem import DispatchProblem
from cosim.grid.model import read_feeder


@pytest.mark.parametrize("start", [1, 7, 18, 22, 23])
def test_shorter_window_is_the_problem_of_the_remaining_periods(day, day_ahead, start):
    """The remaining periods as a case of their own, from states that are not those of the morning."""
    states = {
        **initial_states(day_ahead.case),
        "ess": {"energy_mwh": 0.95},
        "gt": {"p_mw": 0.35},
        "dr24": {"open_mwh": 0.02},
    }
    rest = slice(start, None)
    ev = day.ev_mw[:, rest]
    whole = DispatchProblem(day_ahead.case, 24, elastic=False)
    cut = whole.solve(make_window(day_ahead.case, start, 24, ev), states)
    alone = day.case(day.feeder, periods=rest)
    short = DispatchProblem(alone, alone.periods, elastic=False).solve(make_window(alone, 0, alone.periods, ev), states)
    assert cut.length == short.length == 24 - start
    assert cut.record.status == short.record.status == "optimal"
    assert cut.total_cost.sum() == pytest.approx(short.total_cost.sum(), rel=1e-9)
    assert cut.record.primal_objective == pytest.approx(short.record.primal_objective, rel=1e-9)
    assert np.abs(cut.cone.gap_pu2).max() <= 1e-7


def test_solving_again_is_a_fresh_build_bit_for_bit(day, plan):
    """Whatever was solved in between, the hard and the elastic model repeat themselves exactly."""
    controller = Controller(day.case(day.feeder))
    controller.plan(3, 1.3 * day.ev_mw[:, 3:])
    controller.plan(20, 0.1 * day.ev_mw[:, 20:])
    again = controller.plan(0, day.ev_mw)
    for name in ("price_per_mwh", "p_gen_mw", "q_gen_mvar", "p_load_mw"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plan, name), err_msg=name)
    for name in ("vm_pu", "i_ka", "slack_mw", "slack_mvar"):
        np.testing.assert_array_equal(getattr(again.grid, name), getattr(plan.grid, name), err_msg=name)
    assert again.record.primal_objective == plan.record.primal_objective
    assert again.next_state == plan.next_state


def test_planning_changes_no_state_and_carrying_returns_the_next(day, plan):
    controller = Controller(day.case(day.feeder))
    before = initial_states(controller.case)
    step = controller.plan(0, day.ev_mw, states=before)
    assert before == initial_states(controller.case)
    after = carried(before, step)
    assert after["ess"]["energy_mwh"] == pytest.approx(step.devices["ess"].energy_mwh[0], abs=1e-9)
    assert after["gt"]["p_mw"] == pytest.approx(step.devices["gt"].p_mw[0], abs=1e-9)
    assert after["dr7"]["open_mwh"] == pytest.approx(step.devices["dr7"].p_mw[0], abs=1e-9)


def test_power_base_does_not_matter(day, lookahead):
    """1 MVA and 10 MVA; the price of a balance in per unit scales with the base, per MWh it does not."""
    few = slice(15, 21)
    plans = [lookahead(day.case(day.read(base_mva=base), periods=few), day.ev_mw[:, few]) for base in (1.0, 10.0)]
    small, large = plans
    assert small.total_cost.sum() == pytest.approx(large.total_cost.sum(), rel=1e-6)
    assert small.record.primal_objective == pytest.approx(large.record.primal_objective, rel=1e-6)
    np.testing.assert_allclose(small.grid.vm_pu, large.grid.vm_pu, rtol=0, atol=1e-4)
    np.testing.assert_allclose(small.price_per_mwh, large.price_per_mwh, rtol=1e-4)
    np.testing.assert_allclose(small.grid.loss_mw, large.grid.loss_mw, rtol=1e-3)


def test_order_of_rows_and_direction_of_lines_do_not_matter(day, lookahead, tmp_path):
    """Buses, lines and loads in random order, every second line written from its far end."""
    rng = np.random.default_rng(7)
    for name in ("bus", "line", "load"):
        head, *rows = (day.folder / f"{name}.csv").read_text().splitlines()
        rows = [rows[k] for k in rng.permutation(len(rows))]
        if name == "line":
            for k in range(0, len(rows), 2):
                cells = rows[k].split(",")
                cells[1], cells[2] = cells[2], cells[1]
                rows[k] = ",".join(cells)
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n")
    mixed = read_feeder(tmp_path, slack_bus="1", slack_vm_pu=1.03, base_mva=10.0, v_min_pu=0.95, v_max_pu=1.05)
    assert mixed.bus_ids != day.feeder.bus_ids
    few = slice(15, 21)
    there = lookahead(day.case(mixed, periods=few), day.ev_mw[:, few])
    here = lookahead(day.case(day.feeder, periods=few), day.ev_mw[:, few])
    assert there.total_cost.sum() == pytest.approx(here.total_cost.sum(), rel=1e-7)
    order = [mixed.bus_position(bus) for bus in day.feeder.bus_ids]
    np.testing.assert_allclose(there.grid.vm_pu[order], here.grid.vm_pu, rtol=0, atol=1e-5)
    np.testing.assert_allclose(there.price_per_mwh[order], here.price_per_mwh, rtol=1e-4)
    np.testing.assert_allclose(there.p_load_mw[order].sum(axis=0), here.p_load_mw.sum(axis=0), rtol=1e-6)


def test_order_of_devices_does_not_matter(day, lookahead):
    few = slice(15, 21)
    plans = [
        lookahead(day.case(day.feeder, periods=few, devices=devices), day.ev_mw[:, few])
        for devices in (day.devices(), day.devices()[::-1])
    ]
    assert plans[0].total_cost.sum() == pytest.approx(plans[1].total_cost.sum(), rel=1e-7)


def test_no_device_is_a_device_of_no_capacity(day, lookahead):
    few = slice(16, 20)
    zero = {
        "gt": {"p_max_mw": 0.0, "q_max_mvar": 0.0},
        "ess": {"p_max_mw": 0.0, "s_max_mva": 0.0},
        "pv": {"s_max_mva": 0.0},
        "wt": {"s_max_mva": 0.0},
    } | {f"dr{bus}": {"share": 0.0} for bus in day.dr_buses}
    none = day.case(day.feeder, periods=few, devices=day.devices()[:1], series={})
    nothing = day.case(day.feeder, periods=few, devices=day.devices(**zero))
    ev = day.ev_mw[:, few]
    bare, dummy = lookahead(none, ev), lookahead(nothing, ev)
    assert bare.record.elastic == dummy.record.elastic
    assert dummy.total_cost.sum() == pytest.approx(bare.total_cost.sum(), rel=1e-7)
    np.testing.assert_allclose(dummy.grid.vm_pu, bare.grid.vm_pu, rtol=0, atol=1e-6)


def test_without_load_the_voltage_is_that_of_the_source(day, lookahead):
    f = day.feeder
    nothing = np.zeros((f.n_buses, 2))
    case = day.case(
        f, periods=slice(0, 2), devices=day.devices()[:1], series={}, base_p_mw=nothing, base_q_mvar=nothing
    )
    plan = lookahead(case, np.zeros((3, 2)))
    assert plan.record.status == "optimal"
    np.testing.assert_allclose(plan.grid.vm_pu, 1.03, rtol=0, atol=1e-7)
    np.testing.assert_allclose(plan.grid.slack_mw, 0.0, atol=1e-6)
    np.testing.assert_allclose(plan.grid.loss_mw, 0.0, atol=1e-6)


def test_length_of_a_period_scales_energy_and_cost(day, lookahead):
    """Two half hours with the same load are one hour, as far as nothing couples beyond them."""
    one, two = slice(18, 19), [18, 18]
    fixed = day.devices()[:2] + day.devices()[3:5]
    hour = lookahead(day.case(day.feeder, periods=one, devices=fixed), day.ev_mw[:, one])
    halves = lookahead(replace(day.case(day.feeder, periods=two, devices=fixed), period_h=0.5), day.ev_mw[:, two])
    assert halves.total_cost.sum() == pytest.approx(hour.total_cost.sum(), rel=1e-7)
    np.testing.assert_allclose(halves.price_per_mwh, np.repeat(hour.price_per_mwh, 2, axis=1), rtol=1e-4)
