"""Where the relaxation was repaired, a price is the slope of the repaired cost, the AC problem's, or there is none."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.dispatch.controller import Controller, make_window
from cosim.grid.engines.pandapower import AcFlow

STEP_MW = 1e-3


def strained(day, periods=slice(11, 13)):
    """Twice as much sun as the end of the feeder can take at unity power factor, with the paper's other devices."""
    devices = day.devices(pv={"bus": "18", "s_max_mva": 4.0, "reactive": False}, ess={"bus": "20"})
    series = {"pv": {"available_mw": 5.0 * day.pv_mw[periods]}, "wt": {"available_mw": day.wind_mw[periods]}}
    return day.case(day.feeder, periods=periods, devices=devices, series=series), day.ev_mw[:, periods]


def alone(day, tariff, *, pv_mw=3.0, load=0.4, **pv):
    """Sun at the end of the feeder and nothing else, one hour."""
    devices = (
        day.device("substation", name="grid"),
        day.device("photovoltaic", name="pv", bus="18", s_max_mva=pv_mw, available_mw=0.0, reactive=False, **pv),
    )
    case = day.case(
        day.read(slack_vm_pu=1.0, v_min_pu=0.9), periods=slice(0, 1), devices=devices, station_names=(),
        series={"pv": {"available_mw": np.array([pv_mw])}}, station_buses=(), tariff_per_mwh=np.array([tariff]),
        base_p_mw=load * day.feeder.p_mw[:, None], base_q_mvar=load * day.feeder.q_mvar[:, None],
        settings={"loss_price_per_mwh": 0.0},
    )  # fmt: skip
    return case, np.zeros((0, 1))


def planned(case, ev_mw):
    flow = AcFlow(case.feeder)
    return Controller(case, flow.solve).plan(0, ev_mw)


def slope(case, ev_mw, bus, k):
    """Central difference of the repaired cost."""
    costs = []
    for sign in (1.0, -1.0):
        load = case.base_p_mw.copy()
        load[bus, k] += sign * STEP_MW
        costs.append(float(planned(replace(case, base_p_mw=load), ev_mw).total_cost.sum()))
    return (costs[0] - costs[1]) / (2 * STEP_MW)


@pytest.mark.parametrize(("tariff", "method"), [(300.0, "ccp"), (-50.0, "loss_floor")])
@pytest.mark.parametrize("bus", [5, 17, 24])
def test_price_of_a_repaired_hour_is_the_slope_of_its_cost(day, tariff, method, bus):
    """Without the sun's inverter or the raised loss price in it: these moved prices by up to a fifth."""
    case, ev = alone(day, tariff)
    plan = planned(case, ev)
    assert plan.restoration.method == method
    assert plan.restoration.price_objection == ""
    assert plan.price_per_mwh[bus, 0] == pytest.approx(slope(case, ev, bus, 0), rel=1e-5, abs=1e-4)


def test_prices_of_a_repaired_day_are_the_slopes_of_its_cost(day):
    """With ramps, storage and demand response between the hours."""
    case, ev = strained(day)
    plan = planned(case, ev)
    assert plan.restoration.inexact.any()
    for bus, k in ((10, 0), (31, 1)):
        assert plan.price_per_mwh[bus, k] == pytest.approx(slope(case, ev, bus, k), abs=1e-3)
    assert plan.price_per_mwh[17].max() == pytest.approx(0.0, abs=1e-6)  # one more MWh there is sun that was curtailed
    np.testing.assert_array_equal(plan.station_price_per_mwh, plan.price_per_mwh[list(case.station_buses)])


def test_a_repaired_plan_is_no_dearer_for_being_an_optimum_and_meets_the_ac_equations(day):
    case, ev = strained(day)
    plan = planned(case, ev)
    flow = AcFlow(case.feeder, tolerance_mva=1e-10)
    for k in range(plan.length):
        state = flow.solve((plan.p_gen_mw - plan.p_load_mw)[:, k], (plan.q_gen_mvar - plan.q_load_mvar)[:, k])
        np.testing.assert_allclose(plan.grid.vm_pu[:, k], state.vm_pu, rtol=0, atol=1e-8)
        assert state.vm_pu.max() <= 1.05 + 1e-8
    assert plan.total_cost.sum() >= plan.lower_bound


def test_what_is_no_optimum_has_no_prices_and_says_why(day):
    """Sun that must be taken lifts the voltage above its limit in any AC state: nothing there is a marginal cost."""
    case, ev = alone(day, 300.0, curtailable=False)
    plan = planned(case, ev)
    assert plan.restoration.method == "ac"
    assert "no local optimum" in plan.restoration.price_objection
    assert np.isnan(plan.price_per_mwh).all()


def test_a_repair_that_costs_nothing_keeps_the_prices_of_the_relaxation(day):
    """At a price of 0 and free losses any cone may be slack, and all that power costs is nothing."""
    case, ev = alone(day, 0.0)
    plan = planned(case, ev)
    assert plan.restoration is not None
    assert plan.restoration.gap_rel <= 1e-6
    assert plan.restoration.price_objection == ""
    np.testing.assert_allclose(plan.price_per_mwh, 0.0, rtol=0, atol=1e-6)


def ladder(day, tariff, *, pv_mw=3.0, **parts):
    """Return the relaxed plan of an hour, its window, and the ladder with some rungs taken out."""
    case, ev = alone(day, tariff, pv_mw=pv_mw)
    solver = Controller(case, AcFlow(case.feeder).solve).solver
    window = make_window(case, 0, 1, ev)
    relaxed = replace(solver.relaxed(window, {}), refine=None)
    return relaxed, window, replace(solver._ladder(elastic=False), **parts)


def nothing(plan):
    """Return a rung that has no answer."""
    failed = replace(plan, record=replace(plan.record, status="not_converged"))
    return {"solve": lambda *_: failed, "solve_limited": None, "solve_linearised": lambda *_, **__: failed}


@pytest.mark.parametrize(("tariff", "pv_mw", "price"), [(0.0, 0.5, 0.0), (-50.0, 0.5, np.nan), (300.0, 3.0, np.nan)])
def test_the_ac_state_of_given_setpoints_has_the_prices_of_the_relaxation_where_it_is_an_optimum_of_it(
    day, tariff, pv_mw, price
):
    """Waste is free at 0, so that the state that wastes nothing is as cheap; at -50 waste was paid for, at 3 MW it hid
    an overvoltage."""
    relaxed, window, whole = ladder(day, tariff, pv_mw=pv_mw)
    plan = replace(whole, **nothing(relaxed)).restore(relaxed, window, {}, 1)
    assert plan.restoration.method == "ac"
    np.testing.assert_allclose(plan.price_per_mwh, price, rtol=0, atol=1e-6)
    assert bool(plan.restoration.price_objection) == bool(np.isnan(price))


def test_a_repair_without_prices_stands_back_behind_one_that_has_them(day):
    """Under limits on currents the plan is physical, too, but none of its multipliers is the slope of a cost."""
    relaxed, window, whole = ladder(day, 300.0)
    physical = whole.restore(relaxed, window, {}, 1)
    limited = lambda *_: replace(physical, refine=None, restoration=None)  # noqa: E731
    plan = replace(whole, solve_limited=limited).restore(relaxed, window, {}, 1)
    assert plan.restoration.method == "ccp"
    assert np.isfinite(plan.price_per_mwh).all()
    only = replace(whole, **nothing(relaxed) | {"solve_limited": limited, "power_flow": None})
    plan = only.restore(relaxed, window, {}, 1)
    assert plan.restoration.method == "current_limits"
    assert plan.restoration.price_objection
