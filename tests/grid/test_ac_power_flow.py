"""AC power flow against a second method of our own, closed forms and published values."""

from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.grid.engines import pandapower as engine
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.grid.model import to_pandapower
from cosim.grid.state import GridState

SEEDS = st.integers(0, 2**32 - 1)


def sweep(feeder: Feeder, p_mw: np.ndarray, q_mvar: np.ndarray) -> np.ndarray:
    """Complex voltages by V = V0 - B conj(s / V), B = D' diag(r + jx) D (backward/forward sweep)."""
    way = feeder.path_incidence.toarray()
    impedance = way.T @ np.diag(feeder.r_pu + 1j * feeder.x_pu) @ way
    load = -(p_mw + 1j * q_mvar)[feeder.child] / feeder.base_mva
    below = np.full(feeder.n_lines, feeder.slack_vm_pu, dtype=complex)
    for _ in range(200):
        below = feeder.slack_vm_pu - impedance @ np.conj(load / below)
    voltage = np.full(feeder.n_buses, feeder.slack_vm_pu, dtype=complex)
    voltage[feeder.child] = below
    return voltage


def assert_agrees(feeder: Feeder, state: GridState, p_mw: np.ndarray, q_mvar: np.ndarray) -> None:
    voltage = sweep(feeder, p_mw, q_mvar)
    drop = voltage[feeder.parent] - voltage[feeder.child]
    current = drop / (feeder.r_pu + 1j * feeder.x_pu)
    np.testing.assert_allclose(state.vm_pu, np.abs(voltage), rtol=0, atol=1e-9)
    np.testing.assert_allclose(state.va_degree, np.rad2deg(np.angle(voltage)), rtol=0, atol=1e-7)
    np.testing.assert_allclose(state.i_ka, np.abs(current) * feeder.base_current_ka, rtol=0, atol=1e-8)
    loss = np.sum(drop * np.conj(current)) * feeder.base_mva
    assert state.loss_mw == pytest.approx(loss.real, abs=1e-7)
    assert state.loss_mvar == pytest.approx(loss.imag, abs=1e-7)
    sent = voltage[feeder.parent] * np.conj(current) * feeder.base_mva
    np.testing.assert_allclose(state.p_from_mw + 1j * state.q_from_mvar, sent, rtol=0, atol=1e-7)


def test_ieee33_base_case_has_the_published_state(ieee33: Feeder):
    """Baran and Wu 1989 with the impedances of the common test case: 202.677 kW, 0.913090 pu at node 18."""
    state = AcFlow(ieee33, tolerance_mva=1e-10).solve(-ieee33.p_mw, -ieee33.q_mvar)
    assert state.converged
    assert state.vm_pu.min() == pytest.approx(0.913090, abs=5e-7)
    assert ieee33.bus_ids[int(state.vm_pu.argmin())] == "18"
    assert state.loss_mw == pytest.approx(0.202677, abs=5e-7)
    assert state.loss_mvar == pytest.approx(0.135141, abs=5e-7)
    assert state.slack_mw == pytest.approx(3.9177, abs=5e-5)
    assert np.count_nonzero(state.vm_pu < 0.95) == 21


def test_ieee33_equals_the_net_that_pandapower_ships(ieee33: Feeder):
    theirs = pandapower.networks.case33bw()
    theirs.line = theirs.line[theirs.line.in_service]
    pp.runpp(theirs, init="flat", numba=False, tolerance_mva=1e-11)
    state = AcFlow(ieee33, tolerance_mva=1e-10).solve(-ieee33.p_mw, -ieee33.q_mvar)
    np.testing.assert_allclose(state.vm_pu, theirs.res_bus.vm_pu.to_numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(state.va_degree, theirs.res_bus.va_degree.to_numpy(), rtol=0, atol=1e-10)
    rows = [int(line_id) - 1 for line_id in ieee33.line_ids]
    np.testing.assert_allclose(state.i_ka, theirs.res_line.i_ka.to_numpy()[rows], rtol=0, atol=1e-12)


def test_sweep_agrees_on_ieee33_over_a_day(ieee33: Feeder):
    flow = AcFlow(ieee33, tolerance_mva=1e-10)
    for factor in np.linspace(-0.5, 1.5, 9):
        p, q = -factor * ieee33.p_mw, -factor * ieee33.q_mvar
        assert_agrees(ieee33, flow.solve(p, q), p, q)


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, n=st.integers(2, 30))
def test_sweep_agrees_on_random_trees(random_feeder: Callable[..., Feeder], seed, n):
    feeder = random_feeder(seed, n)
    state = AcFlow(feeder, tolerance_mva=1e-10).solve(-feeder.p_mw, -feeder.q_mvar)
    assert state.converged
    assert_agrees(feeder, state, -feeder.p_mw, -feeder.q_mvar)


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, n=st.integers(2, 20))
def test_power_is_conserved_and_squared_voltages_obey_the_branch_flow(random_feeder, seed, n):
    feeder = random_feeder(seed, n)
    state = AcFlow(feeder, tolerance_mva=1e-10).solve(-feeder.p_mw, -feeder.q_mvar)
    assert state.slack_mw == pytest.approx(feeder.p_mw.sum() + state.loss_mw, abs=1e-8)
    assert state.slack_mvar == pytest.approx(feeder.q_mvar.sum() + state.loss_mvar, abs=1e-8)
    p, q = state.p_from_mw / feeder.base_mva, state.q_from_mvar / feeder.base_mva
    v = state.vm_pu**2
    current_sq = (p**2 + q**2) / v[feeder.parent]
    np.testing.assert_allclose(np.sqrt(current_sq) * feeder.base_current_ka, state.i_ka, atol=1e-9)
    r, x = feeder.r_pu, feeder.x_pu
    expected = v[feeder.parent] - 2 * (r * p + x * q) + (r**2 + x**2) * current_sq
    np.testing.assert_allclose(v[feeder.child], expected, rtol=0, atol=1e-10)
    balance = p - r * current_sq - feeder.child_sum @ p
    np.testing.assert_allclose(balance * feeder.base_mva, feeder.p_mw[feeder.child], rtol=0, atol=1e-8)


def two_bus(p_mw: float, q_mvar: float) -> Feeder:
    return Feeder(
        name="pair", bus_ids=("source", "sink"), line_ids=("line",), parent=[0], child=[1], slack=0, r_pu=[0.05],
        x_pu=[0.1], i_max_ka=[np.inf], v_min_pu=[0.9] * 2, v_max_pu=[1.1] * 2, p_mw=[0.0, p_mw],
        q_mvar=[0.0, q_mvar], base_mva=10.0, base_kv=10.0, slack_vm_pu=1.0,
    )  # fmt: skip


@pytest.mark.parametrize(("p", "q"), [(5.0, 2.0), (-5.0, 1.0), (0.0, 0.0), (8.0, -3.0)])
def test_two_buses_have_the_closed_form(p, q):
    """U^4 + (2 (rP + xQ) - U0^2) U^2 + (r^2 + x^2)(P^2 + Q^2) = 0, upper root."""
    feeder = two_bus(p, q)
    b = 2 * (0.05 * p + 0.1 * q) / 10.0 - 1.0
    c = (0.05**2 + 0.1**2) * (p**2 + q**2) / 100.0
    squared = (-b + np.sqrt(b * b - 4 * c)) / 2
    state = AcFlow(feeder, tolerance_mva=1e-10).solve([0.0, -p], [0.0, -q])
    assert state.vm_pu[1] == pytest.approx(np.sqrt(squared), abs=1e-11)


def test_two_buses_collapse_at_the_nose_of_the_closed_form():
    """At unity power factor the largest load solves (2 r P - 1)^2 = 4 (r^2 + x^2) P^2."""
    z = np.hypot(0.05, 0.1)
    limit = 10.0 / (2 * (z + 0.05))
    flow = AcFlow(two_bus(0.0, 0.0))
    assert flow.solve([0.0, -0.999 * limit], [0.0, 0.0]).converged
    assert not flow.solve([0.0, -1.001 * limit], [0.0, 0.0]).converged


def test_no_load_gives_the_slack_voltage_everywhere(ieee33: Feeder):
    feeder = replace(ieee33, slack_vm_pu=1.03)
    state = AcFlow(feeder).solve(np.zeros(33), np.zeros(33))
    np.testing.assert_allclose(state.vm_pu, 1.03, rtol=0, atol=1e-12)
    assert state.loss_mw == pytest.approx(0.0, abs=1e-12)


def test_load_of_the_slack_bus_is_served_by_the_upstream_grid(ieee33: Feeder):
    flow, p = AcFlow(ieee33), -ieee33.p_mw
    before = flow.solve(p, -ieee33.q_mvar)
    p = p.copy()
    p[ieee33.slack] -= 0.7
    after = flow.solve(p, -ieee33.q_mvar)
    assert after.slack_mw - before.slack_mw == pytest.approx(0.7, abs=1e-10)
    assert after.injection_error_mw <= 1e-9
    np.testing.assert_allclose(after.vm_pu, before.vm_pu, rtol=0, atol=1e-12)


def test_a_flow_depends_on_its_injections_only_bit_for_bit(ieee33: Feeder):
    used = AcFlow(ieee33)
    factors = (0.3, 1.2, -0.5, 1.0)
    first = [used.solve(-k * ieee33.p_mw, -k * ieee33.q_mvar) for k in factors]
    for k, state in reversed(list(zip(factors, first, strict=True))):
        for flow in (used, AcFlow(ieee33)):
            again = flow.solve(-k * ieee33.p_mw, -k * ieee33.q_mvar)
            for name in ("vm_pu", "va_degree", "i_ka", "p_from_mw", "q_from_mvar", "loss_mw", "slack_mw"):
                np.testing.assert_array_equal(getattr(again, name), getattr(state, name))


def test_collapse_is_a_value_and_leaves_no_trace(ieee33: Feeder):
    flow = AcFlow(ieee33)
    before = flow.solve(-ieee33.p_mw, -ieee33.q_mvar)
    for factor in (10.0, 1e3, 1e9):
        state = flow.solve(-factor * ieee33.p_mw, -factor * ieee33.q_mvar)
        assert not state.converged
        assert np.isnan(state.vm_pu).all()
        assert np.isnan(state.i_ka).all()
        assert np.isnan([state.loss_mw, state.slack_mw, state.injection_error_mw, state.mismatch_mva]).all()
    after = flow.solve(-ieee33.p_mw, -ieee33.q_mvar)
    np.testing.assert_array_equal(after.vm_pu, before.vm_pu)
    np.testing.assert_array_equal(after.i_ka, before.i_ka)


@pytest.mark.parametrize("base_mva", [0.1, 1.0, 100.0])
def test_power_base_changes_nothing(ieee33: Feeder, base_mva):
    scale = base_mva / ieee33.base_mva
    other = replace(ieee33, base_mva=base_mva, r_pu=ieee33.r_pu * scale, x_pu=ieee33.x_pu * scale)
    a, b = (AcFlow(f, tolerance_mva=1e-9).solve(-f.p_mw, -f.q_mvar) for f in (ieee33, other))
    np.testing.assert_allclose(a.vm_pu, b.vm_pu, rtol=0, atol=1e-10)
    np.testing.assert_allclose(a.i_ka, b.i_ka, rtol=0, atol=1e-9)


@pytest.mark.parametrize("tolerance_mva", [1e-4, 1e-6, 1e-8, 1e-10])
@pytest.mark.parametrize("factor", [0.3, 0.7, 1.0, 2.0])
def test_the_tolerance_is_kept_in_mva(ieee33: Feeder, tolerance_mva, factor):
    """The option compares P and Q apart, so the complex mismatch stays below sqrt(2) times it."""
    state = AcFlow(ieee33, tolerance_mva=tolerance_mva).solve(-factor * ieee33.p_mw, -factor * ieee33.q_mvar)
    assert state.mismatch_mva <= np.sqrt(2.0) * tolerance_mva


def test_a_line_of_a_few_metres_does_not_stop_the_tightest_check(ieee33: Feeder):
    r, x = ieee33.r_pu.copy(), ieee33.x_pu.copy()
    r[3], x[3] = 1e-8, 1e-8
    feeder = replace(ieee33, r_pu=r, x_pu=x)
    state = AcFlow(feeder, tolerance_mva=1e-12).solve(-feeder.p_mw, -feeder.q_mvar)
    assert state.converged
    assert state.mismatch_mva <= 1e-6


@pytest.mark.parametrize("spoil", ["p_mw", "q_mvar"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_injection_that_is_not_finite_is_refused_with_its_bus(ieee33: Feeder, spoil, value):
    injection = {"p_mw": np.zeros(33), "q_mvar": np.zeros(33)}
    injection[spoil][13] = value
    with pytest.raises(InputError, match=f"{spoil} is not finite at bus 14 of feeder 'ieee33'"):
        AcFlow(ieee33).solve(**injection)


def test_injection_of_the_wrong_length_is_refused(ieee33: Feeder):
    with pytest.raises(InputError, match=r"p_mw has shape \(32,\); feeder 'ieee33' has 33 buses"):
        AcFlow(ieee33).solve(np.zeros(32), np.zeros(33))


def test_the_guard_sees_a_generator_that_was_not_asked_for(ieee33: Feeder):
    flow = AcFlow(ieee33)
    pp.create_sgen(flow._net, 17, p_mw=0.25)
    state = flow.solve(-ieee33.p_mw, -ieee33.q_mvar)
    assert state.injection_error_mw == pytest.approx(0.25, abs=1e-9)
    assert state.mismatch_mva == pytest.approx(0.25, abs=1e-6)


def test_the_guard_sees_line_charging(ieee33: Feeder):
    flow = AcFlow(ieee33)
    flow._net.line["c_nf_per_km"] = 100.0
    assert flow.solve(-ieee33.p_mw, -ieee33.q_mvar).mismatch_mva > 1e-3


def test_the_guard_sees_another_root_voltage_or_impedance(ieee33: Feeder):
    flow = AcFlow(ieee33)
    flow._net.line.loc[5, "r_ohm_per_km"] *= 1.01
    assert flow.solve(-ieee33.p_mw, -ieee33.q_mvar).mismatch_mva > 1e-3


def test_an_island_never_counts_as_converged(ieee33: Feeder):
    flow = AcFlow(ieee33)
    flow._net.line.loc[5, "in_service"] = False
    assert not flow.solve(-ieee33.p_mw, -ieee33.q_mvar).converged


def test_net_of_a_feeder_carries_ids_limits_and_nominal_load(ieee33: Feeder):
    feeder = replace(ieee33, i_max_ka=np.where(np.arange(32) == 0, 0.3, np.inf))
    net = to_pandapower(feeder)
    assert list(net.bus["name"]) == list(feeder.bus_ids)
    assert list(net.line["name"]) == list(feeder.line_ids)
    assert net.load.p_mw.sum() == pytest.approx(3.715)
    assert net.line.max_i_ka.tolist()[:2] == [0.3, 99999.0]
    pp.runpp(net, numba=False)
    assert net.res_line.p_from_mw.to_numpy()[feeder.root_lines].sum() == pytest.approx(3.9177, abs=5e-5)
    assert (net.res_line.p_from_mw > 0.0).all()


def test_state_is_read_only(ieee33: Feeder):
    state = AcFlow(ieee33).solve(-ieee33.p_mw, -ieee33.q_mvar)
    with pytest.raises(ValueError, match="read-only"):
        state.vm_pu[0] = 2.0


def test_flows_do_not_depend_on_those_before_them_to_the_bit(ieee33):
    """One net serves them all: what pandapower keeps of a flow, or of one without an answer, changes none after it."""
    rng = np.random.default_rng(3)
    cases = [(-ieee33.p_mw * rng.uniform(0.2, 1.3, 33), -ieee33.q_mvar * rng.uniform(-1.0, 1.3, 33)) for _ in range(4)]
    shared = AcFlow(ieee33, tolerance_mva=1e-10)
    told = [shared.solve(p, q) for p, q in cases]
    assert not shared.solve(1e3 * cases[0][0], cases[0][1]).converged
    for (p, q), first in zip(cases, told, strict=True):
        for again in (shared.solve(p, q), AcFlow(ieee33, tolerance_mva=1e-10).solve(p, q)):
            for item in fields(first):
                assert getattr(again, item.name).tobytes() == getattr(first, item.name).tobytes(), item.name


def test_a_day_of_flows_takes_one_net_and_one_translation_of_it(ieee33, monkeypatch):
    counts = Counter()

    def counted(module, name):
        original = getattr(module, name)

        def call(*given, **named):
            counts[name] += 1
            return original(*given, **named)

        monkeypatch.setattr(module, name, call)

    counted(engine, "to_pandapower")
    counted(pp.powerflow, "_pd2ppc")
    counted(pp.powerflow, "_extract_results")
    states = AcFlow(ieee33).solve(np.outer(-ieee33.p_mw, np.linspace(0.5, 1.0, 24)), np.zeros((33, 24)))
    assert states.converged.all()
    assert counts == {"to_pandapower": 1, "_pd2ppc": 1, "_extract_results": 1}
