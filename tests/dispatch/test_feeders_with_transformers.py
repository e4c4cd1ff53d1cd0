"""Dispatch of feeders with transformers, cables' charging and several levels: pandapower's power flow is the truth."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cosim.grid.loading import loading_percent
from tests.dispatch.own_nets import NETS, case_of, feeder_of, planned, solved
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
