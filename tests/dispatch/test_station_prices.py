"""The price of a station is what one more MWh there costs, where nobody charges or charging is curtailed, too."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.dispatch.controller import Controller, carried, initial_states
from cosim.dispatch.devices import catalogue
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.settings import DispatchSettings
from cosim.grid.feeder import Feeder

CURTAILMENT = 2000.0
STEP_MW = 1e-3


def feeder(r_pu=(0.03, 0.12), i_max_ka=(np.inf, 0.052), v_min_pu=0.9) -> Feeder:
    """Two lines from the source; bases of 10 MVA and 12.66 kV, so that 1 pu of current is 0.456 kA."""
    ids, lines = ("1", "2", "3"), ("a", "b")
    return Feeder(
        name="two lines", bus_ids=ids, line_ids=lines, parent=np.array([0, 0]), child=np.array([1, 2]),
        r_pu=np.array(r_pu), x_pu=0.6 * np.array(r_pu), i_max_ka=np.array(i_max_ka),
        v_min_pu=np.full(3, v_min_pu), v_max_pu=np.full(3, 1.1), slack=0, slack_vm_pu=1.0, base_mva=10.0,
        base_kv=12.66, p_mw=np.array([0.0, 1.0, 1.0]), q_mvar=np.array([0.0, 0.3, 0.3]),
    )  # fmt: skip


def case_of(one: Feeder, tariff_per_mwh=(500.0, 500.0)) -> DispatchCase:
    return DispatchCase(
        feeder=one, period_h=1.0, devices=(catalogue()["substation"].Settings(name="grid"),), series={},
        base_p_mw=np.outer(one.p_mw, np.ones(2)), base_q_mvar=np.outer(one.q_mvar, np.ones(2)),
        tariff_per_mwh=np.array(tariff_per_mwh), station_names=("near", "far"), station_buses=(1, 2),
        settings=DispatchSettings(mode="day_ahead", ev_curtailment_price_per_mwh=CURTAILMENT),
    )  # fmt: skip


def planned(case: DispatchCase, ev_mw):
    plan = Controller(case, polish=True).plan(0, np.array(ev_mw, dtype=float))
    assert plan.record.usable
    return plan


def cost_of_one_more(case: DispatchCase, ev_mw, station: int, period: int) -> float:
    """Slope of the least cost to more load, by the same model."""
    more = np.array(ev_mw, dtype=float)
    more[station, period] += STEP_MW
    return float(planned(case, more).total_cost.sum() - planned(case, ev_mw).total_cost.sum()) / STEP_MW


def test_a_station_without_load_has_the_price_of_its_bus_though_a_later_hour_is_curtailed():
    """0.6 MW in hour 2 are more than the far line can carry, so the whole window has the last resorts in it."""
    case = case_of(feeder())
    plan = planned(case, [[0.0, 0.1], [0.0, 0.6]])
    assert plan.record.elastic
    assert plan.ev_curtailed_mw[1, 1] > 0.3
    np.testing.assert_array_equal(plan.station_price_per_mwh[:, 0], plan.price_per_mwh[[1, 2], 0])
    almost = planned(case, [[1e-7, 0.1], [1e-7, 0.6]])
    np.testing.assert_allclose(plan.station_price_per_mwh[:, 0], almost.station_price_per_mwh[:, 0], rtol=0, atol=1e-3)


def test_where_some_or_all_charging_is_curtailed_one_more_mwh_costs_its_curtailment():
    """Hour 1: no room behind the far line even for the base load's losses; hour 2: room for a part."""
    plan = planned(case_of(feeder()), [[0.1, 0.1], [0.2, 0.6]])
    assert 0.0 < plan.ev_curtailed_mw[1, 1] < 0.6
    np.testing.assert_allclose(plan.station_price_per_mwh[1], CURTAILMENT, rtol=1e-9)
    full = planned(case_of(feeder(i_max_ka=(np.inf, 0.04))), [[0.1, 0.1], [0.2, 0.6]])
    np.testing.assert_allclose(full.ev_curtailed_mw[1], [0.2, 0.6], atol=1e-8)
    assert full.price_per_mwh[2].min() > 5000.0
    np.testing.assert_allclose(full.station_price_per_mwh[1], CURTAILMENT, rtol=1e-12)


@settings(max_examples=12, deadline=None)
@given(
    loads=st.tuples(*[st.sampled_from([0.0, 0.0, 0.05, 0.3])] * 2, *[st.floats(0.2, 1.5)] * 2),
    tariff=st.tuples(st.floats(50.0, 900.0), st.floats(50.0, 900.0)),
    limit=st.sampled_from([("current", 0.052), ("current", 0.058), ("voltage", 0.975), ("voltage", 0.97)]),
)
def test_every_price_is_the_cost_of_one_more_mwh(loads, tariff, limit):
    """Forward differences of 1 kW, whose own error is 2e-5; a later hour is curtailed in most examples."""
    one = feeder(i_max_ka=(np.inf, limit[1])) if limit[0] == "current" else feeder((0.03, 0.2), (np.inf,) * 2, limit[1])
    case = case_of(one, tariff)
    ev = np.array([[loads[0], loads[2]], [loads[1], loads[3]]])
    plan = planned(case, ev)
    if not plan.record.elastic:  # what one more MWh costs there may be a change of the model, which has no slope
        return
    for station in (0, 1):
        found = cost_of_one_more(case, ev, station, 0)
        assert plan.station_price_per_mwh[station, 0] == pytest.approx(found, rel=1e-4)


def test_no_price_is_above_that_of_the_bus_or_of_curtailment():
    for far in (0.0, 1e-9, 1e-6, 1e-3, 0.6):
        plan = planned(case_of(feeder()), [[0.0, 0.1], [far, 0.6]])
        ceiling = np.minimum(plan.price_per_mwh[[1, 2]], CURTAILMENT)
        np.testing.assert_allclose(plan.station_price_per_mwh, ceiling, rtol=1e-12)


def test_prices_of_an_hour_do_not_depend_on_idle_hours_behind_it():
    """Padding: a window cut short has loads and caps of zero behind its end."""
    day = case_of(feeder())
    rolling = replace(day, settings=replace(day.settings, mode="rolling"))
    controller = Controller(rolling, polish=True)
    first = controller.plan(0, np.array([[0.1, 0.1], [0.05, 0.0]]))
    last = controller.plan(1, np.array([[0.1], [0.0]]), states=carried(initial_states(rolling), first))
    np.testing.assert_allclose(last.station_price_per_mwh[:, 0], first.station_price_per_mwh[:, 1], rtol=1e-7)
