"""Windows that the hard model cannot serve: curtailment and shedding, priced and located; or no answer, as a value."""

import re
from dataclasses import replace

import numpy as np
import pandapower as pp
import pytest
from scipy.optimize import brentq

from cosim.dispatch.controller import Controller, carried, initial_states, make_window
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.problem import DispatchProblem
from cosim.dispatch.settings import DispatchSettings
from cosim.dispatch.solving import WindowSolver
from cosim.errors import ComponentError
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.validation.gate import evaluate
from tests.dispatch.own_nets import case_of, feeder_of, planned, solved

UNITY = {"pv": {"reactive": False}, "wt": {"reactive": False}, "ess": {"reactive": False}}


@pytest.fixture(scope="module")
def strict(day, lookahead):
    """Source at 1.0 and unity power factor, as the paper's text has it: the voltage cannot be held."""
    case = day.case(day.read(slack_vm_pu=1.0), devices=day.devices(**UNITY))
    return lookahead(case, day.ev_mw)


def test_source_at_nominal_voltage_without_reactive_power_curtails_charging(strict):
    assert strict.record.status == "optimal"
    assert strict.record.elastic
    assert strict.ev_curtailed_mw.sum() > 0.1
    assert strict.grid.vm_pu.min() >= 0.95 - 1e-7
    assert np.abs(strict.cone.gap_pu2).max() <= 1e-7


def test_curtailment_is_located_at_the_weak_end_in_the_evening(strict):
    station, period = np.unravel_index(strict.ev_curtailed_mw.argmax(), strict.ev_curtailed_mw.shape)
    assert station == 0  # bus 16, on the long branch
    assert 17 <= period <= 22
    assert strict.ev_curtailed_mw[1].max() <= 1e-6  # bus 20, next to the source
    assert strict.shed_mw.max() <= 1e-6  # charging is given up before households


def test_curtailed_load_is_not_served_and_is_paid_for(strict, day):
    at = day.feeder.bus_position("16")
    demanded = day.feeder.p_mw[at] * day.base + day.ev_mw[0]
    np.testing.assert_allclose(strict.p_load_mw[at], demanded - strict.ev_curtailed_mw[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(strict.cost["ev_curtailment"], 2000.0 * strict.ev_curtailed_mw.sum(axis=0), rtol=1e-12)
    assert strict.total_cost.sum() == pytest.approx(strict.record.primal_objective, rel=1e-8)


def test_curtailed_plan_is_physical(strict, day):
    """The AC flow of what is left of the load keeps the limits that the full load would break."""
    feeder = day.read(slack_vm_pu=1.0)
    flow = AcFlow(feeder, tolerance_mva=1e-10)
    for k in (19, 20):
        p, q = strict.p_gen_mw - strict.p_load_mw, strict.q_gen_mvar - strict.q_load_mvar
        state = flow.solve(p[:, k], q[:, k])
        np.testing.assert_allclose(state.vm_pu, strict.grid.vm_pu[:, k], rtol=0, atol=1e-6)
    cut = strict.ev_curtailed_mw[:, 20]
    for bus, mw in zip(("16", "20", "32"), cut, strict=True):
        p[feeder.bus_position(bus), 20] -= mw
    assert flow.solve(p[:, 20], q[:, 20]).vm_pu.min() < 0.95


def test_gate_flags_the_curtailed_period(strict):
    figures = {"solver_status": strict.record.status, "ev_curtailed_mw": float(strict.ev_curtailed_mw[:, 20].sum())}
    assert evaluate(figures).status == "optimal_with_ev_curtailment"


def test_huge_load_is_shed_with_its_reactive_power(day, lookahead):
    few = slice(17, 21)
    plain = day.case(day.feeder, periods=few)
    p_mw, q_mvar = 3 * plain.base_p_mw, 3 * plain.base_q_mvar
    plan = lookahead(day.case(day.feeder, periods=few, base_p_mw=p_mw, base_q_mvar=q_mvar), day.ev_mw[:, few])
    assert plan.record.usable
    assert plan.record.elastic
    assert plan.shed_mw.sum() > 1.0
    assert (plan.shed_mw <= p_mw + 1e-7).all()
    assert plan.grid.vm_pu.min() >= 0.95 - 1e-7
    share = np.divide(plan.shed_mw, p_mw, out=np.zeros_like(p_mw), where=p_mw > 0)
    np.testing.assert_allclose(plan.q_load_mvar, q_mvar * (1 - share), rtol=0, atol=1e-9)
    np.testing.assert_allclose(plan.cost["load_shedding"], 1e4 * plan.shed_mw.sum(axis=0), rtol=1e-12)
    assert np.abs(plan.energy_balance_mw()).max() <= 1e-6
    assert plan.total_cost.sum() == pytest.approx(plan.record.primal_objective, rel=1e-8)


@pytest.mark.parametrize("factor", [10.0, 30.0])
def test_every_overload_is_answered(day, lookahead, factor):
    few = slice(18, 20)
    plain = day.case(day.feeder, periods=few)
    case = day.case(day.feeder, periods=few, base_p_mw=factor * plain.base_p_mw, base_q_mvar=factor * plain.base_q_mvar)
    plan = lookahead(case, factor * day.ev_mw[:, few])
    assert plan.record.usable
    assert plan.shed_mw.sum() > 1.0
    assert plan.cone.relative.max() <= 1e-4
    assert plan.p_load_mw.min() >= -1e-6  # a bus that is shed cannot also feed back what it "cuts"


def test_elastic_model_is_the_hard_one_where_that_has_an_answer(day, plan):
    """All nodal prices lie below the price of curtailment, so nothing is curtailed (exact penalty)."""
    case = day.case(day.feeder)
    elastic = DispatchProblem(case, 24, elastic=True).solve(make_window(case, 0, 24, day.ev_mw), initial_states(case))
    assert plan.price_per_mwh.max() < 2000.0
    assert elastic.record.status == "optimal"
    assert elastic.record.primal_objective == pytest.approx(plan.record.primal_objective, rel=1e-7)
    assert elastic.total_cost.sum() == pytest.approx(plan.total_cost.sum(), rel=1e-7)
    assert elastic.ev_curtailed_mw.max() <= 1e-6
    assert elastic.shed_mw.max() <= 1e-6
    np.testing.assert_allclose(elastic.grid.vm_pu, plan.grid.vm_pu, rtol=0, atol=1e-5)


def test_unmet_balance_of_a_day_of_overload_is_charged_in_rolling_as_in_day_ahead(day, lookahead):
    """Demand response cuts all day and never gives back: each way must pay for it in full."""
    flat = {"base_p_mw": np.outer(day.feeder.p_mw, np.full(24, 2.2))}
    flat["base_q_mvar"] = np.outer(day.feeder.q_mvar, np.full(24, 2.2))
    few = slice(18, 24)
    flat = {name: values[:, few] for name, values in flat.items()}
    whole = lookahead(day.case(day.feeder, periods=few, **flat), day.ev_mw[:, few])
    rolling = day.case(day.feeder, periods=few, mode="rolling", **flat)
    controller, states = Controller(rolling), initial_states(rolling)
    terms: dict[str, float] = {}
    for k in range(6):
        step = controller.plan(k, day.ev_mw[:, 18 + k : 24], states=states)
        states = carried(states, step)
        for term, cost in step.cost.items():
            terms[term] = terms.get(term, 0.0) + cost[0]
    assert whole.cost["unmet_balance"].sum() > 1000.0
    assert terms["unmet_balance"] == pytest.approx(whole.cost["unmet_balance"].sum(), rel=1e-4)
    assert sum(terms.values()) == pytest.approx(whole.total_cost.sum(), rel=1e-6)
    missed = sum(outcome.missed[-1] for outcome in step.devices.values())
    assert missed * 2000.0 == pytest.approx(terms["unmet_balance"], rel=1e-6)  # the price of the shortfall


def test_must_take_power_that_the_elastic_model_turns_away_is_reported(day, lookahead):
    """5 MW that must be taken behind lines for 0.1 kA (about 2.2 MVA): not all of it can be."""
    pv = day.device(
        "photovoltaic", name="pv", bus="18", s_max_mva=5.0, available_mw=5.0, curtailable=False, reactive=False
    )
    light = {"base_p_mw": np.outer(day.feeder.p_mw, [0.3]), "base_q_mvar": np.outer(day.feeder.q_mvar, [0.3])}
    thin = replace(day.feeder, i_max_ka=np.full(day.feeder.n_lines, 0.1))
    case = day.case(
        thin, periods=slice(0, 1), devices=(day.device("substation", name="grid"), pv),
        series={"pv": {"available_mw": np.array([5.0])}}, **light,
    )  # fmt: skip
    plan = lookahead(case, np.zeros((3, 1)))
    assert plan.record.elastic
    outcome = plan.devices["pv"]
    assert outcome.missed[0] == pytest.approx(5.0 - outcome.p_mw[0])
    assert outcome.missed[0] > 2.5


def test_cones_keep_their_one_side_unless_the_other_is_asked_for(day):
    solver = WindowSolver(day.case(day.feeder), 1)
    assert solver.problem(elastic=False) is solver.problem(elastic=False, other_side=False)
    assert solver.problem(elastic=False).other_side is False


def test_voltage_slack_is_reported_in_place_and_priced(day, lookahead):
    """Cheap voltage slack is used before curtailment; bus, amount and cost agree."""
    few = slice(19, 21)
    case = day.case(
        day.read(slack_vm_pu=1.0), periods=few, devices=day.devices(**UNITY), settings={"voltage_slack_price": 1e3}
    )
    plan = lookahead(case, day.ev_mw[:, few])
    assert plan.record.usable
    missed = np.maximum(0.95**2 - plan.grid.vm_pu**2, 0.0)
    assert missed.max() > 1e-3
    np.testing.assert_allclose(plan.voltage_slack_pu2, missed, rtol=0, atol=1e-6)
    np.testing.assert_allclose(plan.cost["voltage_slack"], 1e3 * plan.voltage_slack_pu2.sum(axis=0), rtol=1e-12)
    assert plan.total_cost.sum() == pytest.approx(plan.record.primal_objective, rel=1e-7)


@pytest.fixture
def impossible(day):
    """No load, and a source below the lower limit: no choice of ours can lift the voltage."""
    nothing = np.zeros((33, 2))
    return day.case(
        day.read(slack_vm_pu=0.9), periods=slice(0, 2), devices=day.devices()[:1], series={},
        base_p_mw=nothing, base_q_mvar=nothing,
    )  # fmt: skip


def test_window_without_any_answer_is_a_value_full_of_nan(impossible):
    before = initial_states(impossible)
    plan = Controller(impossible).plan(0, np.full((3, 2), 0.1))
    assert plan.record.status == "infeasible"
    assert not plan.record.usable
    for name in ("price_per_mwh", "ev_curtailed_mw", "shed_mw"):
        assert np.isnan(getattr(plan, name)).all(), name
    for name in ("vm_pu", "p_from_mw", "i_ka", "slack_mw", "loss_mw"):
        assert np.isnan(getattr(plan.grid, name)).all(), name
    assert np.isnan(plan.cone.gap_pu2).all()
    assert np.isnan(plan.energy_balance_mw()).all()
    assert plan.total_cost.shape == (2,)
    assert np.isnan(plan.total_cost).all()
    assert plan.length == 2
    np.testing.assert_array_equal(plan.ev_mw, 0.1)
    assert plan.p_load_mw.sum() == pytest.approx(0.6)
    assert carried(before, plan) == before


def test_answer_after_an_impossible_window_is_untouched_by_it(day, plan):
    """Stored energy far beyond its window cannot be served by any last resort."""
    controller = Controller(day.case(day.feeder))
    full = {**initial_states(controller.case), "ess": {"energy_mwh": 9.0}}
    assert not controller.plan(0, day.ev_mw, states=full).record.usable
    again = controller.plan(0, day.ev_mw)
    np.testing.assert_array_equal(again.grid.vm_pu, plan.grid.vm_pu)


@pytest.mark.parametrize(
    ("load", "position"), [(np.full((3, 24), np.nan), 0), (np.zeros((2, 24)), 0), (np.zeros((3, 24)), 1)]
)
def test_charging_load_that_is_no_load_is_refused_with_its_period(day_ahead, load, position):
    with pytest.raises(ComponentError, match=f"period {position + 1}"):
        day_ahead.plan(position, load)


def shortage(day):
    """Three half hours on three lines of 20 kV; in the last one the end of the feeder is below its voltage limit."""
    load_mw, load_mvar = np.array([0.3456, 0.3268, 0.0, 0.4778]), np.array([0.16996, 0.0029572, 0.0, 0.018591])
    ohm = np.array([3.543, 4.8381, 4.0379])
    feeder = Feeder(
        name="short", bus_ids=("1", "4", "3", "2"), line_ids=("L1", "L2", "L3"), parent=np.array([0, 1, 1]),
        child=np.array([1, 2, 3]), r_pu=ohm * np.array([0.1022, 0.2376, 0.4381]) / 40.0,
        x_pu=ohm * np.array([0.4786, 0.1435, 0.2667]) / 40.0, i_max_ka=np.array([0.04657, 0.003493, 0.06922]),
        v_min_pu=np.full(4, 1.02362), v_max_pu=np.full(4, 1.076), slack=0, slack_vm_pu=1.026, base_mva=10.0,
        base_kv=20.0, p_mw=load_mw, q_mvar=load_mvar,
    )  # fmt: skip
    profile = np.array([0.6327, 0.8726, 0.8418])
    sun = day.device(
        "photovoltaic", name="pv", bus="2", s_max_mva=0.3874, available_mw=0.0, reactive=False, power_factor=-0.95
    )
    return DispatchCase(
        feeder=feeder, devices=(day.device("substation", name="grid", export=False), sun), period_h=0.5,
        series={"pv": {"available_mw": np.array([0.2362, 0.1002, 0.0])}}, base_p_mw=np.outer(load_mw, profile),
        base_q_mvar=np.outer(load_mvar, profile), tariff_per_mwh=np.full(3, 206.7), station_names=("1",),
        station_buses=(0,), settings=DispatchSettings(mode="day_ahead"),
    )  # fmt: skip


def test_an_inaccurate_answer_that_loses_power_is_not_the_last_word(day):
    """Solved to 1e-6 it shed 0.6 kW where 14.3 kW are needed: what the rows lacked stood for the load."""
    case = shortage(day)
    plan = Controller(case).plan(0, np.array([[0.47115, 0.17039, 0.0]]))
    flow, end = AcFlow(case.feeder, tolerance_mva=1e-12), case.feeder.bus_position("2")

    def above_limit(shed_mw):
        p_mw, q_mvar = case.base_p_mw[:, 2], case.base_q_mvar[:, 2]
        left = 1.0 - shed_mw / p_mw[end] * (np.arange(4) == end)  # what is shed takes its reactive power with it
        return flow.solve(-left * p_mw, -left * q_mvar).vm_pu[end] - case.feeder.v_min_pu[end]

    assert plan.shed_mw[:, :2].sum() <= 1e-7
    assert plan.shed_mw[end, 2] == pytest.approx(brentq(above_limit, 0.0, 0.1, xtol=1e-12), rel=1e-5)
    assert np.abs(plan.energy_balance_mw()).max() <= 1e-9


def test_last_resorts_do_not_limit_the_generator_at_a_bus_whose_load_may_be_cut(day):
    """Cut and shedding end at the 60 kW that bus 33 draws; the turbine there does not, and is cheaper than the grid."""
    devices = (
        day.device("substation", name="grid"), day.device("demand_response", name="dr", bus="33", pay_per_mwh=105.0),
        day.device("gas_turbine", name="gt", bus="33", p_max_mw=0.5, q_max_mvar=0.0, cost_per_mwh=85.0),
    )  # fmt: skip
    case = day.case(day.feeder, periods=slice(0, 2), devices=devices, series={})
    controller = Controller(case)
    elastic = controller.solver.problem(elastic=True)
    assert elastic.model(2).base_load_mw is not None
    plan = elastic.solve(make_window(case, 0, 2, day.ev_mw[:, :2]), initial_states(case))
    np.testing.assert_allclose(plan.devices["gt"].p_mw, 0.5, atol=1e-5)


def test_of_fixed_power_that_no_dispatch_can_carry_the_broken_limit_is_told():
    """What is fed in at the end of a line is no device: by how much it breaks a limit is pandapower's word."""
    net = pp.create_empty_network()
    pp.create_buses(net, 2, 0.4)
    pp.create_ext_grid(net, 0)
    pp.create_line_from_parameters(net, 0, 1, 0.4, 0.2, 0.08, 10.0, max_i_ka=0.1)
    pp.create_sgen(net, 1, 0.1)
    plan = planned(case_of(feeder_of(net)[0]))
    assert plan.record.status == "infeasible"
    told = r"loading limit 100 % of line 0 by (0\.\d+) of it; let a device that may give less feed in"
    assert (found := re.search(told, plan.diagnosis[0])), plan.diagnosis
    over = solved(net).res_line.loading_percent[0] / 100.0 - 1.0
    assert float(found[1]) == pytest.approx(over, rel=1e-3)
