from itertools import islice

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.traffic.cheapest import k_shortest, regenerate
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths
from cosim.traffic.user_equilibrium import beckmann, relative_gap, ue_limit


def roads(ends, times, n_nodes=None, centroids=()):
    nodes = n_nodes or 1 + max(max(pair) for pair in ends)
    return RoadNetwork(
        node_ids=tuple(map(str, range(nodes))),
        link_ids=tuple(f"{u}-{v}#{n}" for n, (u, v) in enumerate(ends)),
        tail=[u for u, _ in ends],
        head=[v for _, v in ends],
        free_flow_min=np.array(times, dtype=float),
        capacity_vph=np.full(len(ends), 100.0),
        is_centroid=[node in centroids for node in range(nodes)],
    )


def station(name, node):
    return Station(name=name, node=node, bus="1", free_flow_min=30.0, capacity_vph=60.0)


def random_roads(seed, n_nodes=6, n_links=16):
    """Random links over a ring, so that every pair is connected."""
    rng = np.random.default_rng(seed)
    ring = [(node, (node + 1) % n_nodes) for node in range(n_nodes)]
    others = [(u, v) for u in range(n_nodes) for v in range(n_nodes) if u != v and (u, v) not in ring]
    more = [others[pick] for pick in rng.choice(len(others), n_links - n_nodes, replace=False)]
    return roads(ring + more, rng.integers(1, 9, n_links))


def lengths(network, paths, number):
    return [network.free_flow_min[list(paths.path_links(path))].sum() for path in paths.paths_of(number)]


@given(seed=st.integers(0, 10**6), count=st.integers(1, 30))
@settings(max_examples=40)
def test_costs_are_those_of_networkx(seed, count):
    network = random_roads(seed)
    graph = nx.DiGraph()
    for link in range(len(network.link_ids)):
        graph.add_edge(network.tail[link], network.head[link], t=network.free_flow_min[link])
    pairs = [("0", "3"), ("4", "1")]
    paths = k_shortest(network, pairs, {"all": False}, count)
    for number, pair in enumerate(pairs):
        found = islice(nx.shortest_simple_paths(graph, int(pair[0]), int(pair[1]), weight="t"), count)
        expected = [nx.path_weight(graph, nodes, "t") for nodes in found]
        assert np.allclose(lengths(network, paths, number), expected)


def test_all_of_them_are_the_simple_paths(nguyen):
    network = nguyen.roads["default"]
    paths = k_shortest(network, nguyen.od_pairs, {"all": False}, 50)
    assert [paths.path_links(k) for k in range(len(paths))] == [nguyen.paths.path_links(k) for k in range(25)]
    assert paths.model == "k_shortest(50)"


@given(order=st.permutations(range(6)))
def test_ties_are_settled_by_link_positions(order):
    """Six equal ways of two links; the three with the smallest positions win, whatever scipy finds first."""
    ends = [pair for middle in order for pair in ((0, middle + 1), (middle + 1, 7))]
    paths = k_shortest(roads(ends, np.ones(12)), [("0", "7")], {"all": False}, 3)
    assert [paths.path_links(k) for k in range(3)] == [(0, 1), (2, 3), (4, 5)]


@pytest.mark.parametrize("unit", [1.0, 1e-4, 1.0 / 3600.0, 1e6])
def test_a_tie_for_the_last_place_is_told_in_any_unit(unit):
    """Ways of 0.1 + 0.2 and 0.3 - 0.0 are equal but for rounding; with all of them in the set nothing is left out."""
    ends = [(0, 1), (1, 4), (0, 2), (2, 4), (0, 3), (3, 4)]
    network = roads(ends, unit * np.array([0.1, 0.2, 0.3, 0.0, 0.4, 0.1]))
    cut = k_shortest(network, [("0", "4"), ("2", "4")], {"all": False}, 1)
    assert cut.path_links(0) == (0, 1)
    assert cut.remarks[0].startswith("1 of 2 choice sets of 1 leave out paths as cheap as their last one")
    for whole in (k_shortest(network, [("0", "4")], {"all": False}, count) for count in (2, 3)):
        assert whole.remarks == ()


def test_parallel_links_are_different_paths():
    network = roads([(0, 1), (0, 1), (0, 1), (1, 2), (1, 2)], [3, 1, 2, 1, 0])
    paths = k_shortest(network, [("0", "2")], {"all": False}, 5)
    assert [paths.path_links(k) for k in range(5)] == [(1, 4), (1, 3), (2, 4), (0, 4), (2, 3)]
    assert lengths(network, paths, 0) == [1, 2, 2, 3, 3]


def test_no_path_passes_a_centroid():
    ends = [(0, 1), (1, 2), (0, 3), (3, 2), (2, 1), (1, 3)]
    network = roads(ends, [1, 1, 5, 5, 1, 1], centroids=(0, 1, 2))
    for paths in (
        k_shortest(network, [("0", "2"), ("0", "1")], {"all": False}, 5),
        all_simple_paths(network, [("0", "2"), ("0", "1")], {"all": False}),
    ):
        assert sorted(paths.path_links(k) for k in paths.paths_of(0)) == [(2, 3)]
        assert sorted(paths.path_links(k) for k in paths.paths_of(1)) == [(0,)]


def layered_ways(network, origin, destination):
    """Every way past exactly one station, by networkx on a graph of (node, has charged)."""
    graph = nx.MultiDiGraph()
    for link in range(len(network.link_ids)):
        tail, head = int(network.tail[link]), int(network.head[link])
        if tail == destination:
            continue
        if network.is_station[link]:
            graph.add_edge((tail, 0), (tail, 1), key=link)
        else:
            graph.add_edge((tail, 0), (head, 0), key=link)
            graph.add_edge((tail, 1), (head, 1), key=link)
    found = nx.all_simple_edge_paths(graph, (origin, 0), (destination, 1))
    return sorted(tuple(key for _, _, key in edges) for edges in found)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_charging_paths_on_cyclic_roads_are_all_ways_past_one_station(seed):
    plain = random_roads(seed, n_nodes=5, n_links=9)
    network = plain.with_stations([station("A", "1"), station("B", "2"), station("C", "2")])
    paths = k_shortest(network, [("0", "3")], {"other": False, "charging": True}, 3000)
    ways = [paths.path_links(k) for k in paths.paths_of(1)]
    assert sorted(ways) == layered_ways(network, 0, 3)
    assert all(network.is_station[list(way)].sum() == 1 for way in ways)
    costs = [network.free_flow_min[list(way)].sum() for way in ways]
    assert costs == sorted(costs)


def test_a_detour_past_a_station_uses_a_road_twice_and_counts_twice():
    """0 -> 1 -> 2 with the station on a dead end 1 <-> 3; 0 <-> 1 lies before and after nothing else."""
    network = roads([(0, 1), (1, 0), (0, 2)], [1, 1, 4]).with_stations([station("S", "1")])
    paths = k_shortest(network, [("0", "2")], {"charging": True}, 5)
    assert [paths.path_link_ids(k) for k in range(len(paths))] == [("0-1#0", "S", "1-0#1", "0-2#2")]
    loop = roads([(0, 1), (1, 2), (2, 0), (1, 3)], [1, 1, 1, 1]).with_stations([station("S", "2")])
    twice = k_shortest(loop, [("0", "3")], {"charging": True}, 5)
    assert twice.path_link_ids(0) == ("0-1#0", "1-2#1", "S", "2-0#2", "0-1#0", "1-3#3")
    problem = SueProblem(network=loop, paths=twice, demand_vph=np.array([10.0]), theta_per_min=0.1)
    flow = solve(problem).link_flow_vph
    assert np.allclose(flow, [20.0, 10.0, 10.0, 10.0, 10.0])


def test_wrong_pairs_are_named():
    network = roads([(0, 1), (1, 2)], [1, 1])
    with pytest.raises(InputError, match=r"'2' -> '0' has no path"):
        k_shortest(network, [("2", "0"), ("0", "2")], {"all": False}, 2)
    with pytest.raises(InputError, match="names node '9'") as error:
        k_shortest(network, [("0", "9"), ("1", "1")], {"all": False}, 2)
    assert "'1' -> '1' leads to itself" in str(error.value)
    with pytest.raises(InputError, match="count: 0"):
        k_shortest(network, [("0", "2")], {"all": False}, 0)
    charging = k_shortest(network, [("0", "2")], {"charging": True}, 2)
    with pytest.raises(InputError, match="no path past a charging station"):
        SueProblem(network=network, paths=charging, demand_vph=np.array([1.0]), theta_per_min=0.1)


@pytest.mark.parametrize("theta", [0.5, 5.0])
def test_regeneration_finds_the_paths_that_congestion_makes_worth_while(nguyen, theta):
    network = nguyen.roads["congested"]
    few = k_shortest(network, nguyen.od_pairs, {"all": False}, 1)
    problem = SueProblem(network=network, paths=few, demand_vph=nguyen.peak_vph, theta_per_min=theta)
    found = regenerate(problem, 8)
    assert found.added[-1] == 0
    assert len(found.problem.paths) == 4 + sum(found.added) == 25
    assert found.result.converged
    full = solve(nguyen.plain("congested", theta))
    assert np.allclose(found.result.link_flow_vph, full.link_flow_vph, rtol=1e-6, atol=1e-5)
    assert found.problem.paths.model == "k_shortest(1) + 8 at congested cost"
    assert regenerate(problem, 8, rounds=1).added == found.added[:1]
    assert regenerate(problem, 8, rounds=9).added == found.added  # it ends where nothing is new


@pytest.mark.parametrize(("name", "known"), [("linear", 85028.07), ("default", 69825.10)])
def test_user_equilibrium_is_the_limit(nguyen, name, known):
    """Nguyen & Dupuis (1984): Beckmann's objective falls with theta to the known optimum."""
    network = nguyen.roads[name]
    few = k_shortest(network, nguyen.od_pairs, {"all": False}, 2)
    problem = SueProblem(network=network, paths=few, demand_vph=nguyen.peak_vph, theta_per_min=1.0)
    stages = list(ue_limit(problem, thetas=(1.0, 5.0, 20.0, 100.0)))
    values = [stage.beckmann for stage in stages]
    assert values == sorted(values, reverse=True)
    assert abs(values[-1] / known - 1.0) <= 4e-7
    gaps = [stage.relative_gap for stage in stages]
    assert gaps == sorted(gaps, reverse=True)
    assert 0.0 <= gaps[-1] <= 1e-4
    assert all(stage.result.converged for stage in stages)


def test_relative_gap_is_zero_on_shortest_paths_only():
    network = roads([(0, 1), (0, 1)], [1, 3])
    paths = k_shortest(network, [("0", "1")], {"all": False}, 2)
    problem = SueProblem(network=network, paths=paths, demand_vph=np.array([1.0]), theta_per_min=1.0)
    assert relative_gap(problem, np.array([1.0, 0.0])) == pytest.approx(0.0, abs=1e-12)
    expected = 1.0 - network.free_flow_min[0] / (3.0 * (1 + 0.15 * 0.01**4))
    assert relative_gap(problem, np.array([0.0, 1.0])) == pytest.approx(expected, rel=1e-9)
    assert beckmann(network, np.zeros(2)) == 0.0
