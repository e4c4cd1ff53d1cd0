"""The feeder is a tree: its matrices sum and select what they claim, and nothing else passes."""

from collections.abc import Callable
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.grid.feeder import Feeder
from cosim.grid.own_power import RESTING_SHARE, own_power_mw
from cosim.grid.topology import order_lines

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(2, 40)
Build = Callable[..., Feeder]


@given(seed=SEEDS, n=SIZES)
def test_lines_come_breadth_first_and_point_away_from_the_slack(random_feeder: Build, seed, n):
    feeder = random_feeder(seed, n)
    graph = nx.Graph(zip(feeder.parent.tolist(), feeder.child.tolist(), strict=True))
    depth = nx.single_source_shortest_path_length(graph, feeder.slack)
    assert all(depth[c] == depth[p] + 1 for p, c in zip(feeder.parent, feeder.child, strict=True))
    assert sorted(depth[c] for c in feeder.child) == [depth[c] for c in feeder.child]
    assert sorted([*feeder.child.tolist(), feeder.slack]) == list(range(n))


@given(seed=SEEDS, n=SIZES)
def test_child_sum_matrix_adds_the_flows_that_leave_the_child(random_feeder: Build, seed, n):
    feeder = random_feeder(seed, n)
    flow = np.random.default_rng(seed).normal(size=n - 1)
    expected = [sum(flow[j] for j in range(n - 1) if feeder.parent[j] == feeder.child[k]) for k in range(n - 1)]
    np.testing.assert_allclose(feeder.child_sum @ flow, expected, atol=1e-14)


@given(seed=SEEDS, n=SIZES)
def test_flow_balance_solved_with_the_child_sum_matrix_delivers_all_load(random_feeder: Build, seed, n):
    """(I - C) P = load per line, so P on the root lines is the whole load below the slack."""
    feeder = random_feeder(seed, n)
    load = feeder.p_mw[feeder.child]
    flow = np.linalg.solve(np.eye(n - 1) - feeder.child_sum.toarray(), load)
    assert flow[feeder.root_lines].sum() == pytest.approx(load.sum(), abs=1e-12)


@given(seed=SEEDS, n=SIZES)
def test_path_incidence_is_the_inverse_of_identity_minus_child_sum(random_feeder: Build, seed, n):
    feeder = random_feeder(seed, n)
    product = (np.eye(n - 1) - feeder.child_sum.toarray()) @ feeder.path_incidence.toarray()
    np.testing.assert_array_equal(product, np.eye(n - 1))


@given(seed=SEEDS, n=SIZES)
def test_sending_and_receiving_select_the_ends(random_feeder: Build, seed, n):
    feeder = random_feeder(seed, n)
    value = np.arange(float(n))
    np.testing.assert_array_equal(feeder.sending @ value, feeder.parent)
    np.testing.assert_array_equal(feeder.receiving @ value, feeder.child)
    np.testing.assert_array_equal(feeder.line_of_bus[feeder.child], np.arange(n - 1))
    assert feeder.line_of_bus[feeder.slack] == -1
    assert sorted([*feeder.non_slack.tolist(), feeder.slack]) == list(range(n))


@given(seed=SEEDS, n=SIZES)
def test_row_order_and_direction_of_the_lines_do_not_matter(seed, n):
    rng = np.random.default_rng(seed)
    ends = [(int(rng.integers(0, k)), k) for k in range(1, n)]
    tree = order_lines(n, [a for a, _ in ends], [b for _, b in ends], 0)
    rows = rng.permutation(n - 1)
    turned = [ends[k] if rng.random() < 0.5 else ends[k][::-1] for k in rows]
    again = order_lines(n, [a for a, _ in turned], [b for _, b in turned], 0)
    np.testing.assert_array_equal(again.parent, tree.parent)
    np.testing.assert_array_equal(again.child, tree.child)
    np.testing.assert_array_equal(rows[again.order], tree.order)


@given(seed=SEEDS, n=st.integers(3, 30), extra=st.integers(1, 3))
def test_every_added_line_closes_a_real_loop(seed, n, extra):
    rng = np.random.default_rng(seed)
    ends = [(int(rng.integers(0, k)), k) for k in range(1, n)]
    ends += [tuple(int(b) for b in rng.choice(n, 2, replace=False)) for _ in range(extra)]
    rng.shuffle(ends)
    tree = order_lines(n, [int(a) for a, _ in ends], [int(b) for _, b in ends], 0)
    assert len(tree.loops) == extra  # cyclomatic number m - n + 1
    pairs = {frozenset((int(a), int(b))) for a, b in ends}
    for _, loop in tree.loops:
        assert all(frozenset(pair) in pairs for pair in zip(loop, loop[1:] + loop[:1], strict=True))


@given(seed=SEEDS, n=st.integers(2, 30))
def test_buses_cut_off_are_those_that_networkx_cannot_reach(seed, n):
    rng = np.random.default_rng(seed)
    ends = [(int(rng.integers(0, k)), k) for k in range(1, n) if rng.random() < 0.8]
    tree = order_lines(n, [a for a, _ in ends], [b for _, b in ends], 0)
    graph = nx.Graph(ends)
    graph.add_nodes_from(range(n))
    assert set(tree.unsupplied) == set(range(n)) - nx.node_connected_component(graph, 0)


def test_parallel_lines_and_self_loops_are_loops():
    assert order_lines(2, [0, 1], [1, 0], 0).loops == ((1, (1, 0)),)
    assert order_lines(2, [0, 1], [1, 1], 0).loops == ((1, (1,)),)


def test_bases_of_the_12_66_kv_feeder(ieee33: Feeder):
    assert ieee33.base_impedance_ohm == pytest.approx(16.0276, abs=5e-5)
    assert ieee33.base_current_ka == pytest.approx(10.0 / (3**0.5 * 12.66), rel=1e-15)


def test_arrays_are_read_only_copies(ieee33: Feeder):
    mine = np.zeros(33)
    feeder = replace(ieee33, p_mw=mine)
    mine[5] = 1.0
    assert feeder.p_mw[5] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        feeder.p_mw[5] = 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slack_vm_pu": 12.66}, "slack_vm_pu: 12.66 outside 0.8..1.2; is it in kV?"),
        ({"slack_vm_pu": float("nan")}, "slack_vm_pu must be finite"),
        ({"base_mva": 0.0}, "base_mva 0.0 and base_kv 12.66 must be > 0"),
        ({"r_pu": [-0.1, 0.1]}, "line 'a' needs r >= 0, x >= 0 and r + x > 0"),
        ({"r_pu": [0.0, 0.1], "x_pu": [0.0, 0.1]}, "line 'a' needs r >= 0, x >= 0 and r + x > 0"),
        ({"x_pu": [0.1, float("inf")]}, "x_pu must be finite"),
        ({"p_mw": [0.0, float("nan"), 0.0]}, "p_mw must be finite"),
        ({"i_max_ka": [1.0, 0.0]}, "line 'b' needs i_max_ka > 0"),
        ({"i_max_ka": [1.0, float("nan")]}, "line 'b' needs i_max_ka > 0"),
        ({"v_min_pu": [1.05, 0.9, 0.9], "v_max_pu": [0.95, 1.1, 1.1]}, "bus '1': v_min_pu 1.05 is not below"),
        ({"parent": [0, 0], "child": [1, 1]}, "line 'b' closes the loop 1-2; open one line"),
        ({"parent": [0, 1], "child": [1, 0]}, "no line connects the slack to bus 3"),
        ({"parent": [1, 0], "child": [2, 1]}, "not in breadth-first order"),
        ({"parent": [1, 1], "child": [0, 2]}, "not in breadth-first order"),
        ({"parent": [0, 7]}, "a bus position is outside 0..2"),
        ({"bus_ids": ("1", "1", "3")}, "a bus id stands twice"),
        ({"line_ids": ("a",)}, "3 buses and 1 lines"),
        ({"p_mw": [1.0]}, "p_mw has shape (1,), must be (3,)"),
    ],
)
def test_what_is_not_a_radial_feeder_is_refused_by_name(changes, message):
    values = {
        "name": "small", "bus_ids": ("1", "2", "3"), "line_ids": ("a", "b"), "parent": [0, 1], "child": [1, 2],
        "slack": 0, "r_pu": [0.1, 0.1], "x_pu": [0.1, 0.1], "i_max_ka": [1.0, 1.0], "v_min_pu": [0.9] * 3,
        "v_max_pu": [1.1] * 3, "p_mw": [0.0] * 3, "q_mvar": [0.0] * 3, "base_mva": 10.0, "base_kv": 12.66,
        "slack_vm_pu": 1.0,
    }  # fmt: skip
    Feeder(**values)
    with pytest.raises(InputError) as error:
        Feeder(**(values | changes))
    assert message in str(error.value)
    assert str(error.value).startswith("feeder 'small': ")


def test_all_mistakes_of_a_stage_are_named_at_once(ieee33: Feeder):
    with pytest.raises(InputError) as error:
        replace(ieee33, slack_vm_pu=3.0, r_pu=-ieee33.r_pu)
    assert str(error.value).count("needs r >= 0") == 32
    assert "slack_vm_pu: 3.0" in str(error.value)


def test_unknown_bus_is_named_with_the_known_ones(ieee33: Feeder):
    assert ieee33.bus_position("33") == 32
    with pytest.raises(InputError, match=r"feeder 'ieee33' has no bus '41'; its buses are 1, 2, \.\.\., 33"):
        ieee33.bus_position("41")


def test_a_feeder_that_rests_is_as_large_as_its_day_makes_it(random_feeder):
    """Without nominal load a period without any would be judged like one of 1 W: what is rounding there fails."""
    feeder = replace(random_feeder(1, 3), p_mw=np.zeros(3), q_mvar=np.zeros(3))
    load = np.array([[0.0, 0.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 3.0]])
    np.testing.assert_allclose(own_power_mw(feeder, load), [4.0 * RESTING_SHARE, 2.0, 4.0], rtol=1e-15)
