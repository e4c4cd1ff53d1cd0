"""Relaxation against AC state: differences, places and limits, computed once more by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.grid.state import GridState
from cosim.quantities.checks import GateLimits
from cosim.validation.grid import compare

FEEDER = Feeder(
    name="small", bus_ids=("root", "mid", "end"), line_ids=("a", "b"), parent=[0, 1], child=[1, 2], slack=0,
    r_pu=[0.05, 0.05], x_pu=[0.05, 0.05], i_max_ka=[0.5, np.inf], v_min_pu=[0.95] * 3, v_max_pu=[1.05] * 3,
    p_mw=[0.0, 1.0, 1.0], q_mvar=[0.0, 0.2, 0.2], base_mva=10.0, base_kv=12.66, slack_vm_pu=1.0,
)  # fmt: skip


def state(**changes: Any) -> GridState:
    values = {
        "vm_pu": [1.0, 0.98, 0.97], "va_degree": [0.0] * 3, "i_ka": [0.1, 0.05], "p_from_mw": [2.0, 1.0],
        "q_from_mvar": [0.4, 0.2], "loss_mw": 0.02, "loss_mvar": 0.02, "slack_mw": 2.02, "slack_mvar": 0.42,
        "converged": True, "injection_error_mw": 0.0, "mismatch_mva": 0.0,
    }  # fmt: skip
    return GridState(**(values | changes))


PLAN = state()


def test_equal_states_differ_by_nothing():
    difference = compare(PLAN, state(), FEEDER, GateLimits())
    assert (difference.dv_pu, difference.di_a, difference.dloss_kw, difference.dloss_rel) == (0.0, 0.0, 0.0, 0.0)
    assert (difference.dslack_kw, difference.dslack_kvar) == (0.0, 0.0)
    assert (difference.voltage_violation_pu, difference.current_violation_rel) == (0.0, 0.0)
    assert difference.violations == ()


def test_each_difference_comes_in_its_unit_with_its_place():
    plan = replace(PLAN, vm_pu=[1.0, 0.981, 0.95], i_ka=[0.103, 0.05], loss_mw=0.021, slack_mw=2.0, slack_mvar=0.45)
    difference = compare(plan, state(), FEEDER, GateLimits())
    assert difference.dv_pu == pytest.approx(0.02)
    assert difference.dv_bus == "end"
    assert difference.di_a == pytest.approx(3.0)
    assert difference.di_line == "a"
    assert difference.dloss_kw == pytest.approx(1.0)
    assert difference.dloss_rel == pytest.approx(0.05)
    assert difference.dslack_kw == pytest.approx(20.0)
    assert difference.dslack_kvar == pytest.approx(30.0)


def test_differences_are_symmetric():
    plan = replace(PLAN, vm_pu=[1.0, 0.979, 0.99], loss_mw=0.019, slack_mw=2.04, slack_mvar=0.39)
    mirrored = replace(PLAN, vm_pu=[1.0, 0.981, 0.95], loss_mw=0.021, slack_mw=2.0, slack_mvar=0.45)
    a, b = compare(plan, state(), FEEDER, GateLimits()), compare(mirrored, state(), FEEDER, GateLimits())
    for name in ("dv_pu", "dloss_kw", "dloss_rel", "dslack_kw", "dslack_kvar"):
        assert getattr(a, name) == pytest.approx(getattr(b, name), rel=1e-9)


def test_losses_next_to_nothing_do_not_divide_by_zero():
    """The least loss to compare with is 2e-4 of the feeder's own power."""
    plan = replace(PLAN, loss_mw=1e-6)
    difference = compare(plan, state(loss_mw=0.0), FEEDER, GateLimits())
    own_mw = max(np.hypot(FEEDER.p_mw, FEEDER.q_mvar).sum(), abs(plan.slack_mw))
    assert difference.dloss_rel == pytest.approx(1e-6 / (2e-4 * own_mw))


def test_broken_limits_are_listed_with_place_and_size():
    ac = state(vm_pu=[1.06, 0.98, 0.9], i_ka=[0.6, 99.0])
    found = {violation.kind: violation for violation in compare(PLAN, ac, FEEDER, GateLimits()).violations}
    assert set(found) == {"undervoltage", "overvoltage", "overcurrent"}
    assert (found["undervoltage"].where, found["undervoltage"].limit) == ("end", 0.95)
    assert found["undervoltage"].excess == pytest.approx(0.05)
    assert (found["overvoltage"].where, found["overvoltage"].value) == ("root", 1.06)
    assert found["overcurrent"].where == "a"
    assert found["overcurrent"].excess == pytest.approx(0.2)


@pytest.mark.parametrize("end", [0.92, 1.08])
def test_the_largest_voltage_excess_counts_on_both_sides(end):
    difference = compare(PLAN, state(vm_pu=[1.0, 0.98, end]), FEEDER, GateLimits())
    assert difference.voltage_violation_pu == pytest.approx(0.03)
    assert [violation.where for violation in difference.violations] == ["end"]


def test_a_line_without_limit_is_never_overloaded():
    difference = compare(PLAN, state(i_ka=[0.1, 1e6]), FEEDER, GateLimits())
    assert difference.current_violation_rel == 0.0


@pytest.mark.parametrize(("excess", "listed"), [(0.9e-4, 0), (1.1e-4, 1)])
def test_the_voltage_tolerance_is_a_tenth_of_a_thousandth(excess, listed):
    difference = compare(PLAN, state(vm_pu=[1.0, 0.98, 0.95 - excess]), FEEDER, GateLimits())
    assert difference.voltage_violation_pu == pytest.approx(excess)
    assert len(difference.violations) == listed


@pytest.mark.parametrize(("factor", "listed"), [(1.0009, 0), (1.0011, 1)])
def test_the_current_tolerance_is_a_thousandth(factor, listed):
    difference = compare(PLAN, state(i_ka=[0.5 * factor, 0.0]), FEEDER, GateLimits())
    assert difference.current_violation_rel == pytest.approx(factor - 1.0)
    assert len(difference.violations) == listed


def test_without_an_ac_state_every_number_is_nan():
    ac = AcFlow(FEEDER).solve([0.0, -500.0, -500.0], [0.0] * 3)
    assert not ac.converged
    difference = compare(PLAN, ac, FEEDER, GateLimits())
    numbers = [
        difference.dv_pu, difference.di_a, difference.dloss_kw, difference.dloss_rel, difference.dslack_kw,
        difference.dslack_kvar, difference.voltage_violation_pu, difference.current_violation_rel,
    ]  # fmt: skip
    assert np.isnan(numbers).all()
    assert difference.violations == ()


def test_a_single_nan_voltage_is_not_hidden_by_the_others():
    plan = replace(PLAN, vm_pu=[1.0, np.nan, 0.9])
    difference = compare(plan, state(), FEEDER, GateLimits())
    assert np.isnan(difference.dv_pu)
    assert difference.dv_bus == "mid"
    assert np.isnan(compare(PLAN, state(vm_pu=[1.0, np.nan, 0.9]), FEEDER, GateLimits()).voltage_violation_pu)


def test_the_branch_flow_without_losses_is_above_the_ac_voltage():
    """LinDistFlow bounds the voltage from above where all power flows down; the difference is the loss term."""
    ac = AcFlow(FEEDER, tolerance_mva=1e-10).solve(-FEEDER.p_mw, -FEEDER.q_mvar)
    linear = FEEDER.loss_free_voltage_pu(FEEDER.p_mw, FEEDER.q_mvar)
    plan = replace(PLAN, vm_pu=linear, i_ka=ac.i_ka, loss_mw=0.0, slack_mw=2.0, slack_mvar=0.4)
    difference = compare(plan, ac, FEEDER, GateLimits())
    assert (linear >= ac.vm_pu).all()
    assert 0.0 < difference.dv_pu < 0.01
    assert difference.dslack_kw == pytest.approx(difference.dloss_kw, abs=1e-6)
