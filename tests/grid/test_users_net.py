"""The judge of a feeder that comes from a net: the user's net says the same as pandapower does without us."""

import copy
from dataclasses import replace

import numpy as np
import pandapower as pp
import pandapower.networks as nets
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cosim.errors import DependencyError, InputError
from cosim.grid.engines.judge import judge
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.reduction.branch_table import BranchTable
from cosim.grid.reduction.net_elements import net_elements
from cosim.grid.reduction.own_feeder import feeder_of_net
from cosim.grid.reduction.own_net import reduced
from cosim.grid.reduction.users_net import users_net
from tests.grid.reduction.growing import grown

NETS = {
    "cigre mv with der": lambda: nets.create_cigre_network_mv(with_der="pv_wind"),
    "cigre lv": nets.create_cigre_network_lv,
    "kerber": nets.create_kerber_landnetz_freileitung_1,
    "four loads": nets.four_loads_with_branches_out,
}


def judged(net, slack=None):
    found = reduced(net, name="net", slack_bus=slack)
    feeder = feeder_of_net(net, found, v_min_pu=0.5, v_max_pu=1.5)
    return replace(feeder, net=users_net(found)), found


def injected(net, feeder, found, share=1.0):
    p, q = np.zeros((2, feeder.n_buses))
    for one in net_elements(net, found.table, found.place):
        p[one.at] -= share * one.p_mw
        q[one.at] -= share * one.q_mvar
    return p, q


def scaled(net, share):
    changed = copy.deepcopy(net)
    for kind in ("load", "sgen", "storage", "motor", "asymmetric_load", "asymmetric_sgen"):
        changed[kind]["scaling"] *= share
    changed.ward[["ps_mw", "qs_mvar"]] *= share
    return changed


def theirs(net, **options):
    """Return the net as pandapower solves it, to a tolerance that round-off allows."""
    for start, tolerance in (("dc", 1e-10), ("dc", 1e-8), ("flat", 1e-8)):
        try:
            with np.errstate(all="ignore"):
                pp.runpp(
                    net, numba=False, calculate_voltage_angles=True, init=start, tolerance_mva=tolerance / net.sn_mva,
                    max_iteration=30, **options,
                )  # fmt: skip
        except pp.LoadflowNotConverged:
            continue
        return net
    raise AssertionError("no state")


def same(feeder, found, state, net):
    """Compare a state with pandapower's own tables of results."""
    assert state.converged
    size = feeder.base_mva
    vm = net.res_bus.vm_pu.loc[list(found.place)].to_numpy()
    np.testing.assert_allclose(state.vm_pu[list(found.place.values())], vm, rtol=0.0, atol=1e-9)
    at_slack = net.ext_grid.bus.map(found.place) == feeder.slack
    assert float(state.slack_mw) == pytest.approx(net.res_ext_grid.p_mw[at_slack].sum(), abs=1e-8 * size)
    assert float(state.slack_mvar) == pytest.approx(net.res_ext_grid.q_mvar[at_slack].sum(), abs=1e-8 * size)
    assert float(state.mismatch_mva) < 1e-8 * size
    assert float(state.injection_error_mw) < 1e-12 * max(size, 1.0)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_the_users_net_is_asked(name, share):
    net = NETS[name]()
    feeder, found = judged(net)
    state = judge(feeder).solve(*injected(net, feeder, found, share))
    same(feeder, found, state, theirs(scaled(net, share)))
    lines = [k for k, one in enumerate(found.table.rows.elements) if one.kind == "line"]
    assert lines
    for k in lines[:5]:
        element, branch = found.table.rows.elements[k], int(found.table.branch_of_row[k])
        if np.count_nonzero(found.table.branch_of_row == branch) == 1:
            near = "from" if found.table.from_parent[k] else "to"
            told = theirs(scaled(net, share)).res_line.loc[element.index]
            assert state.p_from_mw[branch] == pytest.approx(told[f"p_{near}_mw"], abs=1e-8)
            assert state.i_ka[branch] == pytest.approx(max(told.i_from_ka, told.i_to_ka), abs=1e-9)


@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(seed=st.integers(0, 2**32 - 1))
def test_any_net_is_asked_with_the_power_of_its_own_elements(seed):
    net, options = grown(seed, 100.0)
    net["user_pf_options"] = options
    try:
        feeder, found = judged(net)
    except InputError:
        return  # too heavily loaded, or a ring
    for share in (1.0, 0.5):
        state = judge(feeder).solve(*injected(net, feeder, found, share))
        same(feeder, found, state, theirs(scaled(net, share), **options))


def test_power_balance_holds_with_shunts_and_iron_losses():
    net = nets.create_cigre_network_mv(with_der="all")
    bus = int(net.bus.index[5])
    pp.create_shunt(net, bus, q_mvar=-0.4, p_mw=0.1)
    pp.create_ward(net, bus, 0.2, 0.1, 0.3, 0.05)
    feeder, found = judged(net)
    p, q = injected(net, feeder, found)
    state = judge(feeder).solve(p, q)
    assert float(state.slack_mw + p.sum() - state.loss_mw - state.shunt_mw) == pytest.approx(0.0, abs=1e-9)
    assert float(state.shunt_mw) == pytest.approx(0.4 * state.vm_pu[found.place[bus]] ** 2, abs=1e-9)


def test_every_kind_of_element_has_its_power():
    """Motors, wards and unbalanced loads add up to what pandapower puts at the bus; whatever is missing is told."""
    net = nets.create_cigre_network_mv()
    bus = int(net.bus.index[6])
    pp.create_motor(net, bus, pn_mech_mw=0.3, cos_phi=0.8, efficiency_percent=90.0, loading_percent=70.0, scaling=0.9)
    pp.create_asymmetric_load(net, bus, p_a_mw=0.1, p_c_mw=0.2, q_b_mvar=0.05, scaling=0.5)
    pp.create_asymmetric_sgen(net, bus, p_a_mw=0.1, q_a_mvar=0.02)
    pp.create_ward(net, bus, 0.2, 0.1, 0.3, 0.05)
    pp.create_storage(net, bus, 0.25, max_e_mwh=1.0)
    found = reduced(net, name="net")
    by_kind = {one.kind: one.p_mw for one in net_elements(net, found.table, found.place) if one.kind != "load"}
    assert by_kind == {
        "motor": pytest.approx(0.3 / 0.9 * 0.7 * 0.9), "asymmetric_load": pytest.approx(0.15),
        "asymmetric_sgen": pytest.approx(-0.1), "ward": pytest.approx(0.2), "storage": pytest.approx(0.25),
    }  # fmt: skip
    lacking = replace(found.table, buses=replace(found.table.buses, p_mw=found.table.buses.p_mw - 1e-3))
    assert isinstance(lacking, BranchTable)
    with pytest.raises(DependencyError, match=r"do not add up to what pandapower puts there: 0\.001 MVA differ"):
        net_elements(net, lacking, found.place)


def test_nothing_is_injected_inside_an_element():
    net = nets.create_cigre_network_mv()
    feeder, found = judged(net)
    inside = int(np.flatnonzero(found.table.buses.inside)[0])
    p = np.zeros(feeder.n_buses)
    p[inside] = 0.1
    with pytest.raises(InputError, match="open end of line .* is inside an element; nothing can be injected there"):
        judge(feeder).solve(p, np.zeros(feeder.n_buses))


def test_a_flow_without_a_state_leaves_nothing_behind():
    net = nets.create_cigre_network_mv()
    feeder, found = judged(net)
    p, q = injected(net, feeder, found)
    flow = judge(feeder)
    first = flow.solve(p, q)
    states = flow.solve(np.stack([p, 40.0 * p, p], axis=1), np.stack([q, 40.0 * q, q], axis=1))
    assert states.converged.tolist() == [True, False, True]
    assert np.isnan(states.vm_pu[:, 1]).all()
    assert states.current_sq_pu.shape == (feeder.n_lines, 3)
    np.testing.assert_array_equal(states.vm_pu[:, 0], first.vm_pu)
    np.testing.assert_array_equal(states.vm_pu[:, 2], first.vm_pu)


def test_a_feeder_of_lines_is_judged_as_before(ieee33):
    assert isinstance(judge(ieee33), AcFlow)
