"""Lane arithmetic and cutting of links, by hand and on random networks; no SUMO."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.microsim.lanes import body_lanes, dropped_lane, merge_lanes, spread_lanes
from cosim.microsim.sections import METRES_PER_MINUTE, plain_net
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.network import RoadNetwork

lanes_into = st.lists(st.integers(1, 6), min_size=1, max_size=5)


def star(k, lanes=2, out_capacity=3600.0, **changes):
    """Return k links into one node and one link out of it."""
    given = {
        "node_ids": ("c", "z", *(f"a{i}" for i in range(k))),
        "link_ids": ("out", *(f"in{i}" for i in range(k))),
        "tail": np.array([0, *range(2, k + 2)]),
        "head": np.array([1, *([0] * k)]),
        "free_flow_min": np.full(k + 1, 3.0),
        "capacity_vph": np.array([out_capacity, *([1800.0 * lanes] * k)]),
        "node_xy": np.array([[0, 0], [1, 0], *([-1, i] for i in range(k))], dtype=float),
    }
    return RoadNetwork(**given | changes)


def station(node="c", name="S"):
    return Station(name=name, node=node, bus="1", free_flow_min=30.0, capacity_vph=60.0)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("lanes", [2, 3])
def test_lane_j_of_link_q_of_k_goes_to_lane_jk_plus_q_and_drops_to_lane_j(k, lanes):
    targets = merge_lanes([lanes] * k)
    for q in range(k):
        for j in range(lanes):
            assert targets[q][j] == j * k + q
            assert dropped_lane(targets[q][j], k * lanes, lanes) == j


@given(lanes_into)
def test_every_lane_of_a_merge_section_is_entered_exactly_once(counts):
    targets = [lane for own in merge_lanes(counts) for lane in own]
    assert sorted(targets) == list(range(sum(counts)))


@given(lanes_into, st.integers(1, 30))
def test_on_a_road_with_room_every_lane_is_entered_exactly_once_and_no_lane_before_ends(counts, more):
    lanes = sum(counts) + more - 1
    pairs = [(link, *pair) for link, own in enumerate(spread_lanes(counts, lanes)) for pair in own]
    assert sorted(target for _, _, target in pairs) == list(range(lanes))
    assert {(link, lane) for link, lane, _ in pairs} == {
        (link, lane) for link, n in enumerate(counts) for lane in range(n)
    }


@given(st.integers(1, 12), st.integers(1, 12))
def test_a_lane_drop_keeps_the_order_and_shares_the_lanes_evenly(before, after):
    dropped = [dropped_lane(lane, before, after) for lane in range(before)]
    assert dropped == sorted(dropped)
    assert set(dropped) <= set(range(after))
    if before >= after:
        counts = Counter(dropped)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_lanes_follow_the_capacity_and_are_never_fewer_than_two():
    assert [body_lanes(c) for c in (1.0, 1800.0, 3600.0, 3600.1, 9000.0)] == [2, 2, 2, 3, 5]


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_a_link_with_k_links_before_it_gets_a_merge_section_of_k_times_its_lanes(k):
    net = plain_net(star(k), [])
    edges = {edge.edge_id: edge for edge in net.edges}
    assert edges["Lout"].lanes == 2
    if k == 1:
        assert net.link_edges[0] == ("Lout",)
        assert edges["Lout"].length_m == 3000.0
    else:
        assert net.link_edges[0] == ("Loutm", "Lout")
        assert (edges["Loutm"].lanes, edges["Loutm"].length_m, edges["Lout"].length_m) == (2 * k, 300.0, 2700.0)


def test_unequal_lanes_merge_by_rank_and_drop_evenly():
    net = plain_net(star(2, capacity_vph=np.array([3600.0, 3600.0, 5400.0])), [])
    into = [(c.from_edge, c.from_lane, c.to_lane) for c in net.connections if c.to_edge == "Loutm"]
    assert sorted(into) == [("Lin0", 0, 0), ("Lin0", 1, 2), ("Lin1", 0, 1), ("Lin1", 1, 3), ("Lin1", 2, 4)]
    drop = {c.from_lane: c.to_lane for c in net.connections if c.from_edge == "Loutm"}
    assert drop == {0: 0, 1: 0, 2: 0, 3: 1, 4: 1}


@given(scale=st.floats(0.3, 3.0), minutes=st.floats(5.0, 60.0), k=st.integers(1, 4), charging=st.booleans())
def test_the_edges_of_a_link_are_as_long_as_its_time_wherever_it_is_cut(scale, minutes, k, charging):
    network = star(k, free_flow_min=np.full(k + 1, minutes))
    net = plain_net(network, [station()] if charging else [], length_scale=scale)
    length = {edge.edge_id: edge.length_m for edge in net.edges}
    for edges in net.link_edges:
        assert sum(length[edge] for edge in edges) == pytest.approx(METRES_PER_MINUTE * minutes * scale, rel=1e-12)


def test_a_station_gets_a_spur_on_every_link_that_leaves_its_node_and_82_s_are_lost_there():
    stations = [station("8", "8"), station("11", "11"), station("13", "13")]
    net = plain_net(read_road_network("sumo_nets/nguyen"), stations)
    assert [(lot.station, lot.link_id) for lot in net.lots] == [
        ("8", "8-2"), ("11", "11-2"), ("11", "11-3"), ("13", "13-3"),
    ]  # fmt: skip
    edges = {edge.edge_id: edge for edge in net.edges}
    for lot in net.lots:
        spur = sum(edges[name].length_m / edges[name].speed_mps for name in lot.spur_edges)
        bypass = edges[lot.bypass_edge].length_m / edges[lot.bypass_edge].speed_mps
        assert spur - bypass == pytest.approx(81.6, abs=0.1)


def test_a_station_cuts_a_body_of_known_length_as_the_recipe_says():
    net = plain_net(star(1, free_flow_min=np.array([3.0, 3.0])), [station()])
    assert {edge.edge_id: (edge.lanes, edge.length_m) for edge in net.edges if edge.edge_id.startswith("Lout")} == {
        "Louta": (2, 1150.0), "Loutt": (2, 400.0), "Loutb": (3, 300.0), "Loutz": (2, 1150.0),
    }  # fmt: skip
    pairs = {(c.from_edge, c.from_lane, c.to_edge, c.to_lane) for c in net.connections}
    assert {("Soutp", 0, "Souto", 0), ("Souto", 0, "Loutb", 0), ("Loutt", 0, "Loutb", 1), ("Loutt", 1, "Loutb", 2),
            ("Loutb", 0, "Loutz", 0), ("Loutb", 1, "Loutz", 0), ("Loutb", 2, "Loutz", 1)} <= pairs  # fmt: skip


def test_no_way_turns_back_and_none_passes_a_centroid():
    two_way = RoadNetwork(
        node_ids=("a", "b", "c"), link_ids=("ab", "ba", "bc", "cb"), tail=np.array([0, 1, 1, 2]),
        head=np.array([1, 0, 2, 1]), free_flow_min=np.full(4, 3.0), capacity_vph=np.full(4, 3600.0),
        node_xy=np.array([[0, 0], [1, 0], [2, 0]], dtype=float),
    )  # fmt: skip
    turns = {(c.from_edge, c.to_edge) for c in plain_net(two_way, []).connections}
    assert turns == {("Lab", "Lbc"), ("Lcb", "Lba")}
    closed = RoadNetwork(
        node_ids=two_way.node_ids, link_ids=two_way.link_ids, tail=two_way.tail, head=two_way.head,
        free_flow_min=two_way.free_flow_min, capacity_vph=two_way.capacity_vph, node_xy=two_way.node_xy,
        is_centroid=np.array([False, True, False]),
    )  # fmt: skip
    assert plain_net(closed, []).connections == []


def test_all_links_that_are_too_short_are_named_at_once_with_what_would_help():
    with pytest.raises(InputError) as caught:
        plain_net(star(2), [station()], length_scale=0.1)
    (problem,) = caught.value.problems
    assert "'out' is 300 m long" in problem.reason
    assert "merge section 300 m, lot of station 'S' 800 m" in problem.reason
    assert "3.67 times" in problem.remedy
    with pytest.raises(InputError) as caught:
        plain_net(star(3), [], length_scale=0.01)
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("network", "stations", "words"),
    [
        (star(1), [station("z")], "no link leaves"),
        (star(1), [station("nowhere")], "does not have"),
        (star(1), [station(), station(name="T")], "stand at one node"),
        (star(1, link_ids=("out way", "in0")), [], "cannot stand in a SUMO network"),
        (star(2, link_ids=("1", "1m", "2")), [], "two links make the edge 'L1m'"),
    ],
)
def test_what_cannot_be_built_is_named(network, stations, words):
    with pytest.raises(InputError, match=words):
        plain_net(network, stations)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_scale_is_refused(scale):
    with pytest.raises(InputError, match="length_scale"):
        plain_net(star(1), [], length_scale=scale)
