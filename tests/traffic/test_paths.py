from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import Commodity, all_simple_paths, node_sequence, path_set

FREE_FLOW_MIN = {
    ("1", "2"): [29, 32, 33, 35, 38, 39, 41, 44],
    ("1", "3"): [32, 36, 37, 38, 40, 43],
    ("4", "2"): [31, 35, 37, 40, 43],
    ("4", "3"): [32, 34, 36, 38, 39, 42],
}


def grid(nodes, ends):
    return RoadNetwork(
        node_ids=tuple(nodes),
        link_ids=tuple(f"{u}{v}#{n}" for n, (u, v) in enumerate(ends)),
        tail=[nodes.index(u) for u, _ in ends],
        head=[nodes.index(v) for _, v in ends],
        free_flow_min=np.ones(len(ends)),
        capacity_vph=np.full(len(ends), 100.0),
    )


def station(name, node):
    return Station(name=name, node=node, bus="1", free_flow_min=30.0, capacity_vph=60.0)


def test_nguyen_dupuis_has_its_25_paths(nguyen):
    network, paths = nguyen.roads["default"], nguyen.paths
    times = paths.incidence.T @ network.free_flow_min
    for number, commodity in enumerate(paths.commodities):
        own = times[paths.paths_of(number)]
        assert own.tolist() == FREE_FLOW_MIN[commodity.origin, commodity.destination]
    assert np.linalg.matrix_rank(paths.incidence) == 10
    assert node_sequence(network, paths.path_links(0)) == ("1", "5", "6", "7", "8", "2")


def test_charging_paths_are_the_same_25_past_one_station_each(nguyen):
    network, paths = nguyen.with_stations["default"], nguyen.mixed_paths
    charging = [k for k in range(len(paths)) if paths.commodities[paths.commodity[k]].needs_station]
    other = [k for k in range(len(paths)) if k not in charging]
    assert len(charging) == len(other) == 25
    assert np.all(paths.incidence[-3:, charging].sum(axis=0) == 1)
    assert np.all(paths.incidence[-3:, other] == 0)
    roads_used = {tuple(link for link in paths.path_links(k) if link < 19) for k in charging}
    assert roads_used == {paths.path_links(k) for k in other}
    assert all(network.is_station[paths.station[k]] for k in charging)
    assert np.all(paths.station[other] == -1)


def test_8_11_13_is_the_only_triple_that_meets_each_path_once(nguyen):
    """Station nodes other than origins and destinations, each of the 25 paths past exactly one."""
    network = nguyen.roads["default"]
    sequences = [set(node_sequence(network, nguyen.paths.path_links(k))) for k in range(25)]
    inner = sorted(set(network.node_ids) - {"1", "2", "3", "4"})
    triples = {
        frozenset((a, b, c))
        for a, b, c in permutations(inner, 3)
        if all(len(nodes & {a, b, c}) == 1 for nodes in sequences)
    }
    assert triples == {frozenset(("8", "11", "13"))}


def test_station_link_stands_where_its_node_is_left(nguyen):
    network, paths = nguyen.with_stations["default"], nguyen.mixed_paths
    for path in np.flatnonzero(paths.station >= 0):
        links = paths.path_links(path)
        position = links.index(paths.station[path])
        assert network.head[links[position - 1]] == network.tail[links[position]]
        assert network.tail[links[position + 1]] == network.tail[links[position]]


def test_stations_at_the_origin_count_and_at_the_destination_do_not():
    network = grid("abc", ["ab", "bc"]).with_stations(
        [station("A", "a"), station("B", "b"), station("B2", "b"), station("C", "c")]
    )
    paths = all_simple_paths(network, [("a", "c")], {"ev": True})
    assert {network.link_ids[link] for link in paths.station} == {"A", "B", "B2"}


@given(n=st.integers(2, 6))
def test_count_in_a_complete_graph(n):
    """Simple paths between two nodes of a complete graph: sum over k of (n-2)! / (n-2-k)!."""
    nodes = "abcdef"[:n]
    network = grid(nodes, ["".join(pair) for pair in permutations(nodes, 2)])
    expected, product = 0, 1
    for k in range(n - 1):
        expected += product
        product *= n - 2 - k
    assert len(all_simple_paths(network, [(nodes[0], nodes[1])], {"all": False})) == expected


def test_parallel_links_are_different_paths():
    assert len(all_simple_paths(grid("ab", ["ab", "ab"]), [("a", "b")], {"all": False})) == 2


def test_bad_pairs_are_all_named():
    network = grid("abc", ["ab", "bc"])
    with pytest.raises(InputError) as caught:
        all_simple_paths(network, [("a", "c"), ("c", "a"), ("a", "z"), ("b", "b")], {"all": False})
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    assert "'c' -> 'a' has no path" in text
    assert "node 'z'" in text
    assert "'b' -> 'b' leads to itself" in text


def test_too_many_paths_name_the_pair(nguyen):
    with pytest.raises(InputError, match="'1' -> '2' has more than 7 simple paths"):
        all_simple_paths(nguyen.roads["default"], [("1", "2")], {"all": False}, limit=7)
    assert len(all_simple_paths(nguyen.roads["default"], [("1", "2")], {"all": False}, limit=8)) == 8


def test_wrong_paths_are_refused():
    network = grid("abc", ["ab", "bc", "ac"]).with_stations([station("B", "b")])
    plain = Commodity(user_class="all", origin="a", destination="c")
    charging = replace(plain, needs_station=True)
    for commodity, rows, words in (
        (plain, [(0, 1), (0, 1)], "stands 2 times"),
        (plain, [(1, 0)], "does not join"),
        (plain, [()], "does not join"),
        (plain, [(0, 3, 1)], "meets 1 stations, must meet 0"),
        (charging, [(2,)], "meets 0 stations, must meet 1"),
    ):
        with pytest.raises(InputError, match=words):
            path_set(network, [commodity], [rows], "own")


def test_order_does_not_depend_on_the_order_of_edges(nguyen):
    again = all_simple_paths(nguyen.roads["default"], nguyen.od_pairs, {"all": False})
    assert np.array_equal(again.links, nguyen.paths.links)
