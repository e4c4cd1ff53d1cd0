"""Dispatch of feeders with transformers, cables' charging and several levels: pandapower's power flow is the truth."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cosim.dispatch.controller import Controller, carried, initial_states, make_window
from cosim.dispatch.exactness import exact_periods
from cosim.dispatch.possible_currents import possible_current_sq_pu
from cosim.grid.engines.batch import BatchFlow
from cosim.grid.loading import loading_percent, over_limit_rel
from tests.dispatch.own_nets import NETS, case_of, device, feeder_of, planned, solved
from tests.grid.reduction.growing import grown


def check_against(net, feeder, found, plan):
    """Compare voltages, flows, loading and exchange of a plan with pandapower's results."""
    state = plan.grid.at(0)
    for bus, place in found.place.items():
        assert state.vm_pu[place] == pytest.approx(net.res_bus.vm_pu[bus], abs=1e-8)
    assert float(state.slack_mw) == pytest.approx(net.res_ext_grid.p_mw.sum(), abs=1e-6)
    assert float(state.slack_mvar) == pytest.approx(net.res_ext_grid.q_mvar.sum(), abs=1e-6)
    elements = feeder.circuit.elements
    ends = {"line": ("p_from_mw", "p_to_mw"), "trafo": ("p_hv_mw", "p_lv_mw")}
    alone = np.bincount(elements.branch) == 1
    for k, percent in enumerate(loading_percent(feeder, state)):
        kind, index = elements.ids[k].split()[:2]
        if kind not in ends:
            continue
        told = net[f"res_{kind}"].loc[int(index)]
        if np.isfinite(percent):
            assert percent == pytest.approx(told["loading_percent"], rel=1e-6, abs=1e-5)
        if alone[elements.branch[k]]:
            entering = told[ends[kind][0 if elements.from_parent[k] else 1]]
            assert state.p_from_mw[elements.branch[k]] == pytest.approx(entering, abs=1e-6)
    assert np.abs(plan.energy_balance_mw()).max() <= 1e-9 * plan.own_power_mw.max()


@pytest.mark.parametrize("name", NETS)
def test_a_dispatch_without_choice_is_the_power_flow(name):
    net = NETS[name]()
    feeder, found = feeder_of(net, own_limits=False)
    plan = planned(case_of(feeder.without_current_limits()))
    assert plan.record.status == "optimal"
    assert plan.restoration is None
    check_against(solved(net), feeder, found, plan)


@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(st.integers(0, 10**6), st.sampled_from([0.0, 30.0, 300.0]))
def test_a_random_net_without_choice_is_its_power_flow(seed, charging):
    """Every kind of element: windings, groups of unequal ratio, star legs of negative reactance, shunts."""
    net, options = grown(seed, charging)
    net["user_pf_options"] = options
    feeder, found = feeder_of(net, low=0.0, high=2.0)
    plan = planned(case_of(feeder.without_current_limits()))
    assert plan.record.usable
    assert plan.restoration is None
    check_against(solved(net, **options), feeder, found, plan)


def day_on(feeder, periods=6):
    """Return a rolling day with storage, photovoltaics and a charging station behind a transformer at its limit."""
    buses = [feeder.bus_ids[bus] for bus in np.flatnonzero(feeder.p_mw > 0.02)]
    sun = 0.3 * np.sin(np.linspace(0.2, 2.9, periods))
    case = case_of(
        feeder,
        device("storage", name="ess", bus=buses[0], capacity_mwh=0.4, p_max_mw=0.1, s_max_mva=0.12),
        device("photovoltaic", name="pv", bus=buses[1], s_max_mva=0.4, available_mw=0.0),
        device("photovoltaic", name="pv2", bus=buses[-1], s_max_mva=0.4, available_mw=0.0),
        periods=periods, price=500.0, load=0.6,
        series={name: {"available_mw": sun} for name in ("pv", "pv2")},
        station_names=("cars",), station_buses=(feeder.bus_position(buses[-1]),),
    )  # fmt: skip
    tariff = np.where(np.arange(periods) % 2, 700.0, 400.0)
    return replace(case, tariff_per_mwh=tariff, settings=replace(case.settings, mode="rolling"))


def test_a_rolling_day_keeps_its_loading_limits_in_ac():
    """Every window is a cut of one form, its cones are tight, and the power flow of its setpoints is its own state."""
    feeder, _ = feeder_of(NETS["cigre_lv"](), low=0.92, high=1.05)
    case, ev = day_on(feeder), np.full((1, 6), 0.05)
    controller, states = Controller(case), initial_states(case)
    problem = controller.solver.problem(elastic=False)
    assert problem._cutting(problem.form(6)).tags is not None
    fullest = 0.0
    for position in range(6):
        plan = controller.plan(position, ev[:, position:], states=states)
        assert plan.record.usable
        assert not plan.record.elastic
        assert exact_periods(plan.cone, case.limits)[0]
        p, q = plan.p_gen_mw - plan.p_load_mw, plan.q_gen_mvar - plan.q_load_mvar
        state = BatchFlow(feeder).solve(p[:, 0], q[:, 0])
        assert np.abs(state.vm_pu - plan.grid.vm_pu[:, 0]).max() <= 1e-7
        assert np.abs(state.i_ka - plan.grid.i_ka[:, 0]).max() <= 1e-6
        assert float(over_limit_rel(feeder, state).max()) <= 1e-5
        fullest = max(fullest, float(np.nanmax(loading_percent(feeder, state))))
        states = carried(states, plan)
    assert fullest > 30.0


@pytest.mark.parametrize("by", ["current", "power"])
def test_a_transformer_at_its_limit_is_loaded_to_it_and_not_beyond(by):
    """Photovoltaics behind a transformer of 60 %: rows of the current, or cones of the apparent power, bind in AC."""
    net = NETS["cigre_lv"]()
    net["user_pf_options"] = {"trafo_loading": by}
    net.trafo["max_loading_percent"] = 60.0
    feeder, found = feeder_of(net, low=0.9, high=1.1)
    bus = next(k for k in found.place.values() if feeder.bus_ids[k] == str(net.load.bus.iloc[2]))
    sun = device("photovoltaic", name="pv", bus=feeder.bus_ids[bus], s_max_mva=2.0, available_mw=2.0)
    plan = planned(case_of(feeder, sun, series={"pv": {"available_mw": np.full(1, 2.0)}}, price=500.0, loss_price=50.0))
    assert plan.record.usable
    state = BatchFlow(feeder).solve((plan.p_gen_mw - plan.p_load_mw)[:, 0], (plan.q_gen_mvar - plan.q_load_mvar)[:, 0])
    percent = loading_percent(feeder, state)
    limited = np.array([kind == "trafo" for kind in feeder.circuit.elements.kinds])
    fullest = float(np.nanmax(np.where(limited, percent, np.nan)))
    lines = float(np.nanmax(np.where(limited, np.nan, percent)))
    assert max(fullest / 60.0, lines / 100.0) == pytest.approx(1.0, abs=1e-5)


def test_no_plan_exceeds_the_currents_that_are_possible():
    """The largest currents of random injections inside the limits of a net with shunts and ratios."""
    net, _ = grown(5, 300.0)
    feeder, _ = feeder_of(net, low=0.9, high=1.1)
    case = case_of(feeder)
    window = make_window(case, 0, 1, np.zeros((0, 1)))
    most = possible_current_sq_pu(case, window)[:, 0]
    shares = np.random.default_rng(1).uniform(0.0, 1.0, (feeder.n_buses, 30))
    states = BatchFlow(feeder).solve(-feeder.p_mw[:, None] * shares, -feeder.q_mvar[:, None] * shares)
    inside = (states.vm_pu.min(axis=0) >= 0.9) & (states.vm_pu.max(axis=0) <= 1.1)
    assert inside.any()
    assert (states.current_sq_pu[:, inside] <= most[:, None] * (1.0 + 1e-9)).all()
