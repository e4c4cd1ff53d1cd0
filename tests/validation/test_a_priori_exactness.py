"""The sufficient condition of Gan, Li, Topcu and Low (2015): against brute force, and against what it promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.dispatch.controller import initial_states, make_window
from cosim.dispatch.devices.photovoltaic import PhotovoltaicSettings
from cosim.dispatch.devices.substation import SubstationSettings
from cosim.dispatch.injection_bounds import import_min_mw, injection_bounds
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.settings import DispatchSettings
from cosim.dispatch.solving import WindowSolver
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.grid.radial_flow import solve_radial
from cosim.grid.topology import order_lines
from cosim.validation.apriori import sufficient_condition


def random_feeder(generator, buses, *, slack_vm_pu=1.0, limits=(0.9, 1.1), ohm=0.01):
    parents = [int(generator.integers(0, k)) for k in range(1, buses)]
    tree = order_lines(buses, parents, list(range(1, buses)), 0)
    impedance = generator.uniform(0.2, 1.0, size=(2, buses - 1)) * ohm
    return Feeder(
        name="random", bus_ids=tuple(map(str, range(buses))), line_ids=tuple(f"l{k}" for k in range(buses - 1)),
        parent=tree.parent, child=tree.child, slack=0, r_pu=impedance[0], x_pu=impedance[1],
        i_max_ka=np.full(buses - 1, np.inf), v_min_pu=np.full(buses, limits[0]), v_max_pu=np.full(buses, limits[1]),
        p_mw=np.r_[0.0, generator.uniform(0.0, 0.5, buses - 1)],
        q_mvar=np.r_[0.0, generator.uniform(0.0, 0.2, buses - 1)],
        base_mva=10.0, base_kv=12.66, slack_vm_pu=slack_vm_pu,
    )  # fmt: skip


def brute_force_margin(feeder, p_mw, q_mvar):
    """C1 as it stands in the paper: every leaf, every s <= t, the product of all matrices between them."""
    n, m = feeder.n_buses, feeder.n_lines
    below = {k: {int(feeder.child[k])} for k in range(m)}
    for k in range(m - 1, -1, -1):
        for j in range(m):
            if feeder.parent[j] == feeder.child[k]:
                below[k] |= below[j]
    reverse = {
        k: np.maximum([sum(p_mw[i] for i in below[k]), sum(q_mvar[i] for i in below[k])], 0.0) / feeder.base_mva
        for k in range(m)
    }
    u = {k: np.array([feeder.r_pu[k], feeder.x_pu[k]]) for k in range(m)}
    a = {k: np.eye(2) - 2.0 / feeder.v_min_pu[feeder.child[k]] ** 2 * np.outer(u[k], reverse[k]) for k in range(m)}
    margin = np.inf
    for leaf in set(range(n)) - set(feeder.parent.tolist()):
        path, bus = [], leaf
        while bus != feeder.slack:
            line = int(feeder.line_of_bus[bus])
            path.insert(0, line)
            bus = int(feeder.parent[line])
        for t in range(len(path)):
            for s in range(t + 1):
                product = u[path[t]]
                for k in reversed(path[s:t]):
                    product = a[k] @ product
                margin = min(margin, (product / u[path[t]]).min())
    return margin


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), buses=st.integers(2, 12), size=st.floats(0.1, 40.0))
def test_c1_is_the_smallest_of_all_products(seed, buses, size):
    generator = np.random.default_rng(seed)
    feeder = random_feeder(generator, buses)
    p, q = generator.uniform(-1.0, 1.0, size=(2, buses)) * size
    found = sufficient_condition(feeder, p[:, None], q[:, None], import_price_per_mwh=[1.0])
    expected = brute_force_margin(feeder, p, q)
    assert found.c1_margin[0] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_without_reverse_flow_the_margin_is_one():
    feeder = random_feeder(np.random.default_rng(1), 8)
    found = sufficient_condition(feeder, -feeder.p_mw[:, None], -feeder.q_mvar[:, None], import_price_per_mwh=[1.0])
    assert found.c1_margin.tolist() == [1.0]
    assert found.proved.tolist() == [True]


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({}, {"import_price_per_mwh": [0.0]}),
        ({}, {"import_price_per_mwh": [1.0], "import_min_mw": 10.0}),
        ({"i_max_ka": np.full(7, 0.5)}, {"import_price_per_mwh": [1.0]}),
        ({"v_max_pu": np.full(8, 0.99)}, {"import_price_per_mwh": [1.0]}),
        ({"x_pu": np.zeros(7)}, {"import_price_per_mwh": [1.0]}),
    ],
    ids=["cost does not grow", "import limit", "current limit", "voltage limit", "no reactance"],
)
def test_what_the_theorem_does_not_cover_is_not_proved(change, options):
    from dataclasses import replace

    feeder = replace(random_feeder(np.random.default_rng(1), 8), **change)
    found = sufficient_condition(feeder, -feeder.p_mw[:, None], -feeder.q_mvar[:, None], **options)
    assert found.proved.tolist() == [False]


@pytest.mark.parametrize(("above", "proved"), [(-1e-6, True), (1e-6, False)])
def test_the_import_without_losses_must_reach_the_least_one_to_the_watt(above, proved):
    feeder = random_feeder(np.random.default_rng(1), 8)
    load = -feeder.p_mw[:, None]
    least = feeder.p_mw.sum() + above
    found = sufficient_condition(
        feeder, load, -feeder.q_mvar[:, None], import_price_per_mwh=[1.0], import_min_mw=least
    )  # fmt: skip
    assert found.c3_excess_mw == pytest.approx([above], rel=1e-6)
    assert found.proved.tolist() == [proved]


@pytest.mark.parametrize(("above", "proved"), [(-1e-9, True), (1e-9, False)])
def test_the_voltage_without_losses_must_stay_below_its_limit(above, proved):
    """Without load, it is the root's everywhere."""
    feeder = random_feeder(np.random.default_rng(1), 8, slack_vm_pu=1.02 + above, limits=(0.9, 1.02))
    nothing = np.zeros((8, 1))
    found = sufficient_condition(feeder, nothing, nothing, import_price_per_mwh=[1.0])
    assert found.c2_excess_pu == pytest.approx([above], rel=1e-5)
    assert found.proved.tolist() == [proved]


def test_an_unknown_bound_proves_nothing():
    feeder = random_feeder(np.random.default_rng(1), 8)
    p = -feeder.p_mw.copy()
    p[3] = np.inf
    found = sufficient_condition(feeder, p[:, None], -feeder.q_mvar[:, None], import_price_per_mwh=[1.0])
    assert found.proved.tolist() == [False]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_proved_is_tight(seed):
    """Random feeders with photovoltaics; wherever the condition holds, the relaxation must be tight."""
    generator = np.random.default_rng(seed)
    feeder = random_feeder(generator, 7, limits=(0.9, float(generator.uniform(1.0, 1.08))))
    power = float(generator.uniform(0.5, 12.0))
    case = DispatchCase(
        feeder=feeder, period_h=1.0,
        devices=(
            SubstationSettings(name="grid"),
            PhotovoltaicSettings(name="pv", bus="6", s_max_mva=power, available_mw=power, reactive=bool(seed % 2)),
        ),
        series={"pv": {"available_mw": np.full(1, power)}},
        base_p_mw=feeder.p_mw[:, None], base_q_mvar=feeder.q_mvar[:, None], tariff_per_mwh=np.array([400.0]),
        settings=DispatchSettings(mode="single_period"),
    )  # fmt: skip
    p, q = injection_bounds(case, np.zeros((0, 1)), [False])
    found = sufficient_condition(feeder, p, q, import_price_per_mwh=[500.0], import_min_mw=import_min_mw(case))
    plan = WindowSolver(case, 1).relaxed(make_window(case, 0, 1, np.zeros((0, 1))), initial_states(case))
    if found.proved[0] and plan.record.usable and not plan.record.elastic:
        assert np.abs(plan.cone.gap_pu2).max() < 1e-6
    assert (plan.p_gen_mw - plan.p_load_mw <= p + 1e-6).all()
    assert (plan.q_gen_mvar - plan.q_load_mvar <= q + 1e-6).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), buses=st.integers(2, 25))
def test_our_sweeps_agree_with_pandapower(seed, buses):
    generator = np.random.default_rng(seed)
    feeder = random_feeder(generator, buses, slack_vm_pu=float(generator.uniform(0.95, 1.05)))
    p, q = generator.uniform(-1.0, 1.0, size=(2, buses)) * 2.0 / buses
    own, reference = solve_radial(feeder, p[:, None], q[:, None]), AcFlow(feeder, tolerance_mva=1e-11).solve(p, q)
    assert own.vm_pu[:, 0] == pytest.approx(reference.vm_pu, abs=1e-10)
    assert own.loss_mw[0] == pytest.approx(reference.loss_mw, abs=1e-9)
    assert own.slack_mw[0] == pytest.approx(reference.slack_mw, abs=1e-9)


def test_a_load_beyond_collapse_has_no_state():
    feeder = random_feeder(np.random.default_rng(3), 5)
    own = solve_radial(feeder, np.full((5, 1), -5000.0), np.zeros((5, 1)))
    assert not own.converged[0]
    assert np.isnan(own.vm_pu).all()
