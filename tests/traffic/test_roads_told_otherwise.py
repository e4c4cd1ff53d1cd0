"""What a frozen DAG must not depend on: the numbers of nodes, the order of links, the unit of time, left and right."""

import os
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cosim.charging.stations import Station
from cosim.traffic.dag import frozen_dag
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.formats import read_network, read_trips, usual_trips
from cosim.traffic.network import PER_LINK, RoadNetwork

CLASSES = {"other": False, "charging": True}
MINUTES = ("free_flow_min", "fixed_min", "slope_min_per_vph")
FOLDER = os.environ.get("COSIM_TNTP_DIR", "")
PUBLISHED = sorted(Path(FOLDER).glob("*_net.tntp")) if FOLDER else []
SHIPPED = sorted((Path(__file__).parents[2] / "sumo_nets").iterdir())
THETA = 0.5


def told_otherwise(network, nodes=None, links=None, unit=1.0):
    """The same roads, with nodes and links in another order and times in another unit."""
    nodes = np.arange(len(network.node_ids)) if nodes is None else np.asarray(nodes)
    links = np.arange(len(network.link_ids)) if links is None else np.asarray(links)
    place = np.argsort(nodes)
    values = {name: getattr(network, name)[links] * (unit if name in MINUTES else 1.0) for name in PER_LINK}
    return RoadNetwork(
        node_ids=tuple(network.node_ids[n] for n in nodes),
        link_ids=tuple(network.link_ids[a] for a in links),
        tail=place[network.tail[links]],
        head=place[network.head[links]],
        law=tuple(network.law[a] for a in links),
        is_station=network.is_station[links],
        is_centroid=network.is_centroid[nodes],
        node_xy=network.node_xy[nodes],
        **values,
    )


def ways_to_tell(network, seed):
    """Other ways to tell a network: (network, unit of time), one change at a time, then all together."""
    rng = np.random.default_rng(seed)
    nodes, links = (rng.permutation(n) for n in (len(network.node_ids), len(network.link_ids)))
    backwards = np.arange(len(network.node_ids))[::-1]
    yield told_otherwise(network, nodes=nodes), 1.0
    yield told_otherwise(network, nodes=backwards), 1.0
    yield told_otherwise(network, links=links), 1.0
    yield told_otherwise(network, unit=1.0 / 60.0), 1.0 / 60.0
    yield told_otherwise(network, nodes=nodes, links=links, unit=0.6), 0.6


def arc_sets(dag):
    """The links of each class and destination; a link that stands on both layers stands twice."""
    size = dag.n_states
    ends = (dag.tail, dag.head)
    _, part = connected_components(coo_array((np.ones(len(dag)), ends), shape=(size, size)), directed=False)
    begins = [(int(part[state]), one) for state, one in zip(dag.origin, dag.commodities, strict=True) if state >= 0]
    whose = {number: (one.user_class, one.destination) for number, one in begins}
    found = defaultdict(list)
    for number, link in zip(part[dag.tail].tolist(), dag.link.tolist(), strict=True):
        found[whose[number]].append(dag.link_ids[link])
    return {key: sorted(links) for key, links in found.items()}


def by_id(network, flow):
    order = sorted(range(len(network.link_ids)), key=network.link_ids.__getitem__)
    return flow[order]


def assert_told_the_same(network, pairs, classes, demand, seed, tolerance=None):
    """The arcs are identical, one loading agrees, and so do equilibria if a tolerance is given."""
    dag = frozen_dag(network, pairs, classes)
    problem = SueProblem(network=network, paths=dag, demand_vph=demand, theta_per_min=THETA)
    arcs, loaded = arc_sets(dag), by_id(network, problem.load(problem.empty_cost_min).link_flow_vph)
    solved = tolerance and solve(problem, tolerance=tolerance)
    for other, unit in ways_to_tell(network, seed):
        otherwise = frozen_dag(other, pairs, classes)
        assert arc_sets(otherwise) == arcs
        told = SueProblem(network=other, paths=otherwise, demand_vph=demand, theta_per_min=THETA / unit)
        flow = by_id(other, told.load(told.empty_cost_min).link_flow_vph)
        assert np.abs(flow - loaded).max() <= 1e-12 * loaded.max()
        if solved:
            result = solve(told, tolerance=tolerance)
            assert solved.converged
            assert result.converged
            apart = by_id(other, result.link_flow_vph) - by_id(network, solved.link_flow_vph)
            assert np.abs(apart).sum() <= 10.0 * tolerance * solved.link_flow_vph.sum()


def station(node):
    return Station(name=f"S{node}", node=node, bus="1", free_flow_min=30.0, capacity_vph=60.0)


@pytest.mark.parametrize("roads", SHIPPED, ids=lambda folder: folder.name)
@pytest.mark.parametrize("tolerance", [1e-6, 1e-10])
def test_shipped_roads(roads, tolerance):
    network = read_network(roads).with_stations([station("8"), station("11"), station("13")])
    pairs = [(o, d) for o in ("1", "4") for d in ("2", "3")]
    demand = np.array([400.0, 800.0, 600.0, 200.0, 10.0, 20.0, 15.0, 5.0])
    assert_told_the_same(network, pairs, CLASSES, demand, seed=1, tolerance=tolerance)


@pytest.mark.tntp
@pytest.mark.skipif(not PUBLISHED, reason="COSIM_TNTP_DIR names no folder with TNTP networks")
@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.stem)
def test_published_roads(file):
    network, trips = read_network(file), read_trips(usual_trips(file), file)
    demand = trips.demand_vph[0]
    assert_told_the_same(network, trips.od_pairs, {"all": False}, demand, seed=2, tolerance=1e-6)


@cache
def diamond(cross_min=0.5, unit=1.0):
    ends = [(0, 1), (0, 2), (1, 3), (2, 3), (1, 2), (2, 1)]
    return RoadNetwork(
        node_ids=("1", "2", "3", "4"),
        link_ids=tuple(f"{u + 1}-{v + 1}" for u, v in ends),
        tail=[u for u, _ in ends],
        head=[v for _, v in ends],
        free_flow_min=unit * np.array([1.0, 1.0, 1.0, 1.0, cross_min, cross_min]),
        capacity_vph=9999.0,
    )


@pytest.mark.parametrize("cross_min", [0.0, 1e-15, 1e-10, 0.5])
@pytest.mark.parametrize("unit", [1.0, 60.0, 1.0 / 60.0, 0.1])
def test_a_symmetric_diamond_splits_in_halves(cross_min, unit):
    """Its two middle nodes are equally far by equally many links: the links between them lead nowhere."""
    network = diamond(cross_min, unit)
    dag = frozen_dag(network, [("1", "4")], {"all": False})
    result = solve(
        SueProblem(network=network, paths=dag, demand_vph=np.array([1000.0]), theta_per_min=0.5 / unit), tolerance=1e-12
    )
    assert result.link_flow_vph == pytest.approx([500.0, 500.0, 500.0, 500.0, 0.0, 0.0], rel=1e-12)
    assert_told_the_same(network, [("1", "4")], {"all": False}, np.array([1000.0]), seed=3, tolerance=1e-8)


def line_with(ends, times, n_nodes):
    return RoadNetwork(
        node_ids=tuple("abcdefgh"[:n_nodes]),
        link_ids=tuple(f"{'abcdefgh'[u]}{'abcdefgh'[v]}{k}" for k, (u, v) in enumerate(ends)),
        tail=[u for u, _ in ends],
        head=[v for _, v in ends],
        free_flow_min=times,
        capacity_vph=100.0,
    )


def test_across_links_without_time_the_number_of_links_decides():
    """From a two free links lead to the goal, or one; both ways stay, the link back from b to a does not."""
    ends = [(0, 1), (1, 2), (0, 2), (1, 0)]
    dag = frozen_dag(line_with(ends, [0.0, 0.0, 0.0, 0.0], 3), [("a", "c"), ("b", "c")], {"all": False})
    assert arc_sets(dag) == {("all", "c"): ["ac2", "bc1"]}
    longer = frozen_dag(line_with([*ends[:2], ends[3]], [0.0, 5.0, 0.0], 3), [("a", "c"), ("b", "c")], {"all": False})
    assert arc_sets(longer) == {("all", "c"): ["ab0", "bc1"]}


def test_a_dear_link_between_equally_far_nodes_is_no_way_closer():
    """b is as far as a and has fewer links ahead, but the link from a to b takes time."""
    ends = [(0, 3), (3, 2), (1, 2), (0, 1)]
    dag = frozen_dag(line_with(ends, [1.0, 1.0, 2.0, 3.0], 4), [("a", "c")], {"all": False})
    assert arc_sets(dag) == {("all", "c"): ["ad0", "dc1"]}


def test_a_chain_of_almost_equal_nodes_keeps_every_way():
    """Each step is within 1e-9 of the distance, all together are not; nobody is cut off, and no cycle arises."""
    steps = 7
    towards = [(k + 1, k) for k in range(steps)]
    back = [(v, u) for u, v in towards]
    network = line_with(towards + back, [1.0, *[7e-10] * (steps - 1)] * 2, steps + 1)
    pairs = [(node, "a") for node in network.node_ids[1:]]
    dag = frozen_dag(network, pairs, {"all": False})
    assert arc_sets(dag) == {("all", "a"): sorted(network.link_ids[:steps])}


# Not a multiple of the tolerance: a difference that is just as large as it belongs to neither side.
TIMES = st.sampled_from([0.0, 1e-13, 2.9137e-10, 7.3331e-9, 0.1, 0.2, 0.3, 1.0, 1.0 + 2.1173e-10, 2.0, 3.0])


@st.composite
def ties(draw):
    """Cyclic roads full of ties, with parallel links, and the same roads in a mirror, joined at both ends.

    Nodes 0 and 1 lie on the mirror; node n of one side is n + size - 2 on the other.
    """
    size = draw(st.integers(3, 6))
    ring = [(n, (n + 1) % size) for n in range(size)]
    node = st.integers(0, size - 1)
    more = draw(st.lists(st.tuples(node, node).filter(lambda pair: pair[0] != pair[1]), max_size=8))
    side = [(u, v, draw(TIMES)) for u, v in ring + more]
    cross = [(n, draw(TIMES)) for n in range(2, size) if draw(st.booleans())]

    def seen(n):
        return n if n < 2 else n + size - 2

    links = [(u, v, time) for u, v, time in side] + [(seen(u), seen(v), time) for u, v, time in side]
    links += [(n, seen(n), time) for n, time in cross] + [(seen(n), n, time) for n, time in cross]
    image = [len(side) + a for a in range(len(side))] + list(range(len(side)))
    image += [2 * len(side) + len(cross) + a for a in range(len(cross))] + [
        2 * len(side) + a for a in range(len(cross))
    ]
    network = RoadNetwork(
        node_ids=tuple(str(n) for n in range(2 * size - 2)),
        link_ids=tuple(f"L{a}" for a in range(len(links))),
        tail=[u for u, _, _ in links],
        head=[v for _, v, _ in links],
        free_flow_min=[time for _, _, time in links],
        capacity_vph=500.0,
    )
    return network, image


@given(drawn=ties(), seed=st.integers(0, 10**6), charging=st.booleans())
@settings(max_examples=60)
def test_roads_full_of_ties(drawn, seed, charging):
    network, _ = drawn
    pairs = [(node, "1") for node in network.node_ids if node != "1"] + [("1", "0")]
    classes, demand = {"other": False}, np.full(len(pairs), 50.0)
    if charging:
        network = network.with_stations([station("0"), station("2")])
        classes, demand = CLASSES, np.full(2 * len(pairs), 20.0)
    assert_told_the_same(network, pairs, classes, demand, seed)


@given(drawn=ties())
@settings(max_examples=60)
def test_in_a_mirror_flows_are_mirrored(drawn):
    network, image = drawn
    dag = frozen_dag(network, [("0", "1")], {"all": False})
    problem = SueProblem(network=network, paths=dag, demand_vph=np.array([1000.0]), theta_per_min=0.7)
    flow = problem.load(problem.empty_cost_min).link_flow_vph
    assert np.abs(flow - flow[image]).max() <= 1e-12 * 1000.0


@given(drawn=ties())
@settings(max_examples=60)
def test_every_node_keeps_its_cheapest_way(drawn):
    """At a huge theta the expected cost is the least over all roads (Bellman-Ford), not only over those of the DAG."""
    network, _ = drawn
    size = len(network.node_ids)
    least = np.where(np.arange(size) == 1, 0.0, np.inf)
    for _ in range(size):
        np.minimum.at(least, network.tail, network.free_flow_min + least[network.head])
    pairs = [(node, "1") for node in network.node_ids if node != "1"]
    dag = frozen_dag(network, pairs, {"all": False})
    loaded = dag.load(np.ones(len(pairs)), 1e12, network.free_flow_min)
    assert loaded.expected_min_cost_min == pytest.approx(np.delete(least, 1), rel=1e-8, abs=1e-9)
    arriving = loaded.link_flow_vph @ (network.head == 1)
    assert arriving == pytest.approx(len(pairs), rel=1e-12)
