"""The same per-unit physics has one answer and one verdict, whatever `base_mva` is and however large the feeder."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.dispatch.controller import Controller
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.dispatch.scaling import case_power_mw
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.results.parts import dispatch_period
from cosim.validation.gate import evaluate

HOURS = slice(17, 20)
POWERS = ("p_max_mw", "s_max_mva", "q_min_mvar", "q_max_mvar", "ramp_mw_per_h", "capacity_mwh", "available_mw")


def on_base(feeder: Feeder, base_mva: float) -> Feeder:
    """The same feeder in ohm and MW, per unit of another base."""
    ratio = base_mva / feeder.base_mva
    return replace(feeder, base_mva=base_mva, r_pu=ratio * feeder.r_pu, x_pu=ratio * feeder.x_pu)


def times(feeder: Feeder, factor: float) -> Feeder:
    """A feeder of so many times the power and so much less impedance: per unit of its load it is the same."""
    return replace(
        feeder, p_mw=factor * feeder.p_mw, q_mvar=factor * feeder.q_mvar, i_max_ka=factor * feeder.i_max_ka,
        r_pu=feeder.r_pu / factor, x_pu=feeder.x_pu / factor,
    )  # fmt: skip


def resized(device: Any, factor: float) -> Any:
    changes = {name: factor * getattr(device, name) for name in POWERS if getattr(device, name, None) is not None}
    if getattr(device, "cost_quadratic_per_mw2h", None):
        changes["cost_quadratic_per_mw2h"] = device.cost_quadratic_per_mw2h / factor
    return replace(device, **changes)


def sized_case(day: SimpleNamespace, factor: float, base_mva: float, **fields: Any) -> DispatchCase:
    """Three evening hours of the default day, so many times as large."""
    feeder = on_base(times(day.read(**fields), factor), base_mva)
    return day.case(
        feeder, periods=HOURS, devices=tuple(resized(one, factor) for one in day.devices()),
        series={
            "pv": {"available_mw": factor * day.pv_mw[HOURS]}, "wt": {"available_mw": factor * day.wind_mw[HOURS]},
        },
    )  # fmt: skip


def solved(case: DispatchCase, ev_mw: np.ndarray) -> DispatchPlan:
    flow = AcFlow(case.feeder)
    return Controller(case, flow.solve).plan(0, ev_mw)


def statuses(case: DispatchCase, plan: DispatchPlan) -> list[str]:
    parts = [dispatch_period(case, plan, k, stations=()) for k in range(plan.length)]
    return [evaluate(part.judged() | {"restoration": None}, case.limits).status for part in parts]


def same(one: DispatchPlan, other: DispatchPlan, factor: float = 1.0) -> None:
    """Costs in proportion, voltages and prices alike; voltages of degenerate hours have fewer digits than the cost."""
    assert other.record.status == one.record.status
    assert other.record.retries == one.record.retries
    assert other.total_cost.sum() == pytest.approx(factor * one.total_cost.sum(), rel=1e-8)
    np.testing.assert_allclose(other.grid.vm_pu, one.grid.vm_pu, rtol=0, atol=1e-5)
    np.testing.assert_allclose(other.price_per_mwh, one.price_per_mwh, rtol=0, atol=1e-3)
    np.testing.assert_allclose(other.cone.relative.max(), one.cone.relative.max(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("slack_vm_pu", [1.03, 0.97])
@settings(max_examples=4, deadline=None)
@given(exponent=st.floats(-3.0, 4.0))
def test_the_base_has_no_say(day, slack_vm_pu, exponent):
    """At 0.97 pu the last resorts are needed."""
    ev_mw = day.ev_mw[:, HOURS]
    one, other = (sized_case(day, 1.0, base, slack_vm_pu=slack_vm_pu) for base in (10.0, 10.0**exponent))
    here, there = solved(one, ev_mw), solved(other, ev_mw)
    same(here, there)
    assert statuses(one, here) == statuses(other, there)


@pytest.mark.parametrize("slack_vm_pu", [1.03, 0.97])
def test_a_base_far_beyond_the_power_moves_no_cone(day, slack_vm_pu):
    """A voltage of 1 beside the inverse of a squared current of 1e-16 had no digits left."""
    ev_mw = day.ev_mw[:, HOURS]
    here, there = (
        Controller(sized_case(day, 1.0, base, slack_vm_pu=slack_vm_pu)).plan(0, ev_mw) for base in (10.0, 1e8)
    )
    same(here, there)
    assert there.cone.relative.max() <= 1e-4


@pytest.mark.parametrize("slack_vm_pu", [1.03, 0.97])
@pytest.mark.parametrize("factor", [1e-2, 1e3])
def test_a_feeder_of_1_kw_and_one_of_100_mw_a_bus_have_one_verdict(day, slack_vm_pu, factor):
    ev_mw = day.ev_mw[:, HOURS]
    one, other = (sized_case(day, size, 10.0, slack_vm_pu=slack_vm_pu) for size in (1.0, factor))
    here, there = solved(one, ev_mw), solved(other, factor * ev_mw)
    same(here, there, factor)
    assert statuses(one, here) == statuses(other, there)


@pytest.mark.parametrize("base_mva", [0.1, 1000.0])
def test_a_restored_plan_is_the_same_on_every_base(day, base_mva):
    """Over-voltage by generation without reactive power: the relaxation is inexact and has to be restored."""
    devices = (
        day.device("substation", name="grid"),
        day.device("photovoltaic", name="pv", bus="18", s_max_mva=3.0, available_mw=0.0, reactive=False),
    )
    cases = [
        day.case(
            on_base(day.read(v_min_pu=0.9, slack_vm_pu=1.0), base), periods=slice(12, 13), devices=devices,
            series={"pv": {"available_mw": np.array([3.0])}}, station_names=(), station_buses=(),
        )
        for base in (10.0, base_mva)
    ]  # fmt: skip
    one, other = (solved(case, np.zeros((0, 1))) for case in cases)
    assert one.restoration is not None
    assert other.restoration is not None
    assert other.restoration.method == one.restoration.method
    assert other.total_cost.sum() == pytest.approx(one.total_cost.sum(), rel=1e-5)
    np.testing.assert_allclose(other.grid.vm_pu, one.grid.vm_pu, rtol=0, atol=1e-4)


def test_a_longer_day_of_the_same_loads_is_of_the_same_power(day):
    """Profiles are alike at all buses here, so that the peaks of the buses add up to the peak of the feeder."""
    powers = []
    for count in (1, 3, 24):
        base = np.linspace(0.8, 1.0, count) if count > 1 else np.ones(1)
        case = day.case(
            day.feeder, devices=(day.device("substation", name="grid"),), series={}, tariff_per_mwh=np.ones(count),
            base_p_mw=np.outer(day.feeder.p_mw, base), base_q_mvar=np.outer(day.feeder.q_mvar, base),
        )  # fmt: skip
        powers.append(case_power_mw(case))
    peak_mva = np.hypot(day.feeder.p_mw, day.feeder.q_mvar).sum()
    np.testing.assert_allclose(powers, peak_mva, rtol=1e-12)
