"""F7: the AC flow diverges. Other starts are tried, and smaller injections; without a state the period is flagged.

Its row is not empty then, and NaN never counts as inside a limit.
"""

from dataclasses import replace

import numpy as np
import pandapower.networks as nets
import pytest

import cosim.grid.reduction.solving as users_solving
from cosim.grid.engines import from_less
from cosim.grid.engines import pandapower as own_lines
from cosim.grid.engines.judge import judge
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.grid.reduction.own_feeder import feeder_of_net
from cosim.grid.reduction.own_net import reduced
from cosim.grid.reduction.users_net import users_net
from cosim.quantities.status import exit_code
from cosim.results.parts import grid_period
from cosim.validation.gate import evaluate
from cosim.validation.grid import compare
from cosim.world import run_world


@pytest.fixture(scope="module")
def feeder(small_case):
    return small_case().dispatch.feeder


def test_it_is_not_converged_with_every_figure_told(feeder, small_case):
    state = AcFlow(feeder).solve(-30.0 * feeder.p_mw, -30.0 * feeder.q_mvar)
    assert not state.converged
    assert np.isnan(state.vm_pu).all()
    case = small_case()
    difference = compare(state, state, feeder, case.gates)
    record = grid_period(1, feeder, state, difference)
    judged = evaluate(record.judged() | {"values_missing": 66}, case.gates)
    assert judged.status == "not_converged"
    assert exit_code([judged.status]) == 6
    assert len(record.buses.bus) == feeder.n_buses
    assert {check.name for check in judged.failed} >= {"ac_converged", "ac_voltage_violation_pu"}


def test_unguarded_a_count_of_violations_over_nan_is_none(feeder):
    state = AcFlow(feeder).solve(-30.0 * feeder.p_mw, -30.0 * feeder.q_mvar)
    assert int((state.vm_pu < feeder.v_min_pu).sum() + (state.vm_pu > feeder.v_max_pu).sum()) == 0


def test_a_run_goes_on_and_ends_with_6(small_case, monkeypatch):
    solve = AcFlow.solve
    monkeypatch.setattr(AcFlow, "solve", lambda self, p, q: solve(self, 30.0 * np.asarray(p), 30.0 * np.asarray(q)))
    told, shares = [], []

    def keep(record, judged):
        told.append(judged.status)
        shares.append(record.grid.ac_reached_share)

    run_world(small_case("dispatch.mode=day_ahead"), keep)
    assert told == ["not_converged"] * 6
    assert all(0.0 < share < 1.0 for share in shares)


def far_from_flat(feeder):
    """Return injections of up to 18 MW at 12.66 kV that Newton's method does not answer from a flat start."""
    rng = np.random.default_rng(359)
    p_mw, q_mvar = 6.0 * rng.normal(size=(2, feeder.n_buses))
    p_mw[feeder.slack] = q_mvar[feeder.slack] = 0.0
    return p_mw, q_mvar


def left_over_mva(feeder, state, p_mw, q_mvar):
    """Return what the state's voltages leave of the injections of all buses but the slack, by Kirchhoff's laws."""
    voltage = state.vm_pu * np.exp(1j * np.radians(state.va_degree))
    current = (voltage[feeder.parent] - voltage[feeder.child]) / (feeder.r_pu + 1j * feeder.x_pu)
    drawn = np.zeros(feeder.n_buses, dtype=complex)
    np.add.at(drawn, feeder.parent, current)
    np.add.at(drawn, feeder.child, -current)
    left = voltage * np.conj(drawn) * feeder.base_mva - (p_mw + 1j * q_mvar)
    return np.abs(np.delete(left, feeder.slack)).max()


def test_a_state_that_a_flat_start_misses_is_reached_by_way_of_smaller_injections(feeder, monkeypatch):
    asked = far_from_flat(feeder)
    flow = AcFlow(feeder)
    state = flow.solve(*asked)
    assert state.converged
    assert left_over_mva(feeder, state, *asked) < 1e-6
    again = flow.solve(*asked)  # it depends on what is asked alone
    assert again.vm_pu.tobytes() == state.vm_pu.tobytes()
    monkeypatch.setattr(own_lines, "reached_share", lambda answered: 0.0)
    assert not AcFlow(feeder).solve(*asked).converged


def test_how_far_injections_go_is_told_where_there_is_no_state():
    """Of two buses at unity power factor the largest load P solves (2 r P - 1)^2 = 4 (r^2 + x^2) P^2."""
    r, x = 0.05, 0.1
    pair = Feeder(
        name="pair", bus_ids=("source", "sink"), line_ids=("line",), parent=[0], child=[1], slack=0, r_pu=[r], x_pu=[x],
        i_max_ka=[np.inf], v_min_pu=[0.9] * 2, v_max_pu=[1.1] * 2, p_mw=[0.0] * 2, q_mvar=[0.0] * 2, base_mva=10.0,
        base_kv=10.0, slack_vm_pu=1.0,
    )  # fmt: skip
    most_mw = 10.0 / (2.0 * (np.hypot(r, x) + r))
    state = AcFlow(pair).solve([0.0, -1.7 * most_mw], [0.0, 0.0])
    assert not state.converged
    assert 1.0 / 1.7 - from_less.LEAST_STEP < float(state.reached) <= 1.0 / 1.7


@pytest.fixture(scope="module")
def users():
    net = nets.create_cigre_network_mv(with_der=False)
    found = reduced(net, name="net", slack_bus=None)
    feeder = feeder_of_net(net, found, v_min_pu=0.5, v_max_pu=1.5)
    feeder = replace(feeder, net=users_net(found))
    return feeder, -feeder.p_mw, -feeder.q_mvar


def the_kind(start):
    return start.get("init", "unloaded")


@pytest.mark.parametrize("only", ["dc", "unloaded", "flat"])
def test_each_start_of_a_users_net_leads_to_its_state_alone(users, monkeypatch, only):
    feeder, p_mw, q_mvar = users
    usual, hindered = judge(feeder).solve(p_mw, q_mvar), users_solving._hindered

    def refused(net, tolerance, start, **other):
        return hindered(net, tolerance, start, **other) if the_kind(start) == only else users_solving._NO_STATE

    monkeypatch.setattr(users_solving, "_hindered", refused)
    state = judge(feeder).solve(p_mw, q_mvar)
    assert state.converged
    np.testing.assert_allclose(state.vm_pu, usual.vm_pu, rtol=0.0, atol=1e-9)


def test_a_users_net_is_reached_by_way_of_smaller_injections_too(users, monkeypatch):
    """Where every start fails at the whole, shares of it lead there; without a state it is told how far they go."""
    feeder, p_mw, q_mvar = users
    usual, hindered = judge(feeder).solve(p_mw, q_mvar), users_solving._hindered
    whole = float(p_mw.sum())

    def stubborn(net, tolerance, start, **other):
        near = the_kind(start) == "unloaded" and float(np.min(start["init_vm_pu"])) < usual.vm_pu.max() - 0.01
        at_whole = float(net.load.p_mw.sum()) > 0.9 * -whole
        return users_solving._NO_STATE if at_whole and not near else hindered(net, tolerance, start, **other)

    monkeypatch.setattr(users_solving, "_hindered", stubborn)
    state = judge(feeder).solve(p_mw, q_mvar)
    assert state.converged
    np.testing.assert_allclose(state.vm_pu, usual.vm_pu, rtol=0.0, atol=1e-9)
    monkeypatch.undo()
    beyond = judge(feeder).solve(40.0 * p_mw, 40.0 * q_mvar)
    assert not beyond.converged
    assert 0.0 < float(beyond.reached) < 1.0
