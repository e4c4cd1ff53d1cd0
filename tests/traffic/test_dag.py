from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.traffic.dag import acyclic_dag, frozen_dag
from cosim.traffic.equilibrium import SueProblem, duality_gap, fisk_objective, residual, solve, solve_day
from cosim.traffic.methods import METHODS
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import path_set

CLASSES = {"other": False, "charging": True}
LOADING = ["mirror_bb", "sra"]


def ring_roads(seed, n_nodes=7, n_links=20, integer=True):
    rng = np.random.default_rng(seed)
    ring = [(node, (node + 1) % n_nodes) for node in range(n_nodes)]
    others = [(u, v) for u in range(n_nodes) for v in range(n_nodes) if u != v and (u, v) not in ring]
    ends = ring + [others[pick] for pick in rng.choice(len(others), n_links - n_nodes, replace=False)]
    times = rng.integers(0, 5, n_links) if integer else rng.uniform(1, 5, n_links)
    return RoadNetwork(
        node_ids=tuple(map(str, range(n_nodes))),
        link_ids=tuple(f"{u}-{v}" for u, v in ends),
        tail=[u for u, _ in ends],
        head=[v for _, v in ends],
        free_flow_min=np.asarray(times, dtype=float),
        capacity_vph=rng.uniform(50, 200, n_links),
    )


def stations(*nodes):
    return [Station(name=f"S{n}", node=n, bus="1", free_flow_min=30.0, capacity_vph=60.0) for n in nodes]


def unrolled(dag, network):
    """The same choice sets as an explicit path set, by depth-first search over the arcs."""
    leaving = {}
    for tail, head, link in zip(dag.tail, dag.head, dag.link, strict=True):
        leaving.setdefault(int(tail), []).append((int(head), int(link)))

    def ways(state):
        if state not in leaving:
            return [()]
        return [(link, *rest) for head, link in leaving[state] for rest in ways(head)]

    rows = [ways(int(state)) if state >= 0 else [] for state in dag.origin]
    return path_set(network, dag.commodities, rows, "unrolled")


@pytest.mark.parametrize("theta", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("name", ["default", "congested"])
def test_acyclic_dag_is_the_25_path_model(nguyen, name, theta):
    problem = nguyen.mixed(name, theta)
    dag = acyclic_dag(problem.network, nguyen.od_pairs, CLASSES)
    linked = replace(problem, paths=dag)
    rng = np.random.default_rng(1)
    for _ in range(5):
        cost = rng.uniform(1, 50, 22)
        one, two = problem.load(cost), linked.load(cost)
        assert np.allclose(one.link_flow_vph, two.link_flow_vph, rtol=1e-9, atol=1e-12)
        assert np.allclose(one.expected_min_cost_min, two.expected_min_cost_min, rtol=1e-12)
    assert dag.model == "acyclic_dag"


@pytest.mark.parametrize("theta", [0.1, 0.5, 1.0])
def test_equilibrium_on_the_acyclic_dag_is_that_of_the_paths(nguyen, theta):
    problem = nguyen.mixed("default", theta)
    linked = replace(problem, paths=acyclic_dag(problem.network, nguyen.od_pairs, CLASSES))
    reference = solve(problem, tolerance=1e-12)
    found = solve(linked, tolerance=1e-11)
    assert found.method == "mirror_bb"
    assert found.converged
    largest = reference.link_flow_vph.max()
    assert np.abs(found.link_flow_vph - reference.link_flow_vph).max() <= 1e-9 * largest
    assert found.path_model == "acyclic_dag"
    assert fisk_objective(linked, found.path_flow_vph) == pytest.approx(
        fisk_objective(problem, reference.path_flow_vph), rel=1e-12
    )


def test_msa_takes_the_same_steps_on_paths_and_on_the_dag(nguyen):
    """Uniform start, averages and residuals agree step by step; so do warm starts on rescaled flows."""
    problem = nguyen.mixed()
    linked = replace(problem, paths=acyclic_dag(problem.network, nguyen.od_pairs, CLASSES))
    one, two = (solve(p, "msa", 1e-12, limit=20) for p in (problem, linked))
    assert np.allclose([r.residual for r in one.history], [r.residual for r in two.history], rtol=1e-9)
    assert np.allclose(one.link_flow_vph, two.link_flow_vph, rtol=1e-9)
    again = solve(replace(linked, demand_vph=1.3 * linked.demand_vph), "msa", 1e-12, limit=1, start=two)
    assert again.link_flow_vph[-3:].sum() == pytest.approx(1.3 * 48.0, rel=1e-9)
    nothing = solve(replace(linked, demand_vph=0 * linked.demand_vph), "msa", 1e-3)
    from_nothing = solve(linked, "msa", 1e-12, limit=1, start=nothing)
    assert np.allclose(from_nothing.link_flow_vph, solve(linked, "msa", 1e-12, limit=1).link_flow_vph)


@given(seed=st.integers(0, 10**6), integer=st.booleans(), theta=st.sampled_from([0.05, 1.0]))
@settings(max_examples=25)
def test_frozen_dag_loads_like_its_paths_listed_one_by_one(seed, integer, theta):
    """On cyclic roads, with zero times and ties, with a class that must charge at one of three stations."""
    network = ring_roads(seed, integer=integer).with_stations(stations("1", "2", "5"))
    pairs = [("0", "3"), ("4", "3"), ("6", "2"), ("3", "0")]
    dag = frozen_dag(network, pairs, CLASSES)
    paths = unrolled(dag, network)  # refuses any path with no or two stations, or a wrong end
    rng = np.random.default_rng(seed)
    demand, cost = rng.uniform(0, 100, 8), rng.uniform(0, 9, len(network.link_ids))
    one, two = paths.load(demand, theta, cost), dag.load(demand, theta, cost)
    assert np.allclose(one.link_flow_vph, two.link_flow_vph, rtol=1e-10, atol=1e-10)
    assert np.allclose(one.expected_min_cost_min, two.expected_min_cost_min, rtol=1e-10)
    other_cost = cost + rng.uniform(0, 2, len(cost))
    spread = dag.divergence(demand, two.path_flow_vph, theta, other_cost)
    assert spread == pytest.approx(paths.divergence(demand, one.path_flow_vph, theta, other_cost), rel=1e-8)
    assert dag.entropy(demand, two.path_flow_vph) == pytest.approx(paths.entropy(demand, one.path_flow_vph), rel=1e-9)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_flow_is_conserved_at_every_node(seed):
    network = ring_roads(seed, integer=False).with_stations(stations("1", "4"))
    pairs = [("0", "3"), ("4", "3"), ("6", "2"), ("3", "0")]
    demand = np.random.default_rng(seed).uniform(0, 100, 8)
    dag = frozen_dag(network, pairs, CLASSES)
    problem = SueProblem(network=network, paths=dag, demand_vph=demand, theta_per_min=0.3)
    result = solve(problem)
    assert result.converged
    balance = np.bincount(network.head, result.link_flow_vph, 7) - np.bincount(network.tail, result.link_flow_vph, 7)
    for (origin, destination), flow in zip(pairs * 2, demand, strict=True):
        balance[int(destination)] -= flow
        balance[int(origin)] += flow
    assert np.abs(balance).max() <= 1e-9 * demand.sum()
    assert result.link_flow_vph[-2:].sum() == pytest.approx(demand[4:].sum(), rel=1e-9)
    assert np.allclose(dag.link_flow(result.path_flow_vph), result.link_flow_vph, rtol=1e-12)


def test_every_link_of_the_dag_leads_closer(nguyen):
    """Dial's rule on the free-flow costs of Nguyen-Dupuis: node 13 lies 4 + 11 + ... min from node 3, and so on."""
    network = nguyen.roads["default"]
    dag = frozen_dag(network, nguyen.od_pairs, {"all": False})
    import networkx as nx

    graph = nx.DiGraph()
    for link in range(19):
        graph.add_edge(int(network.head[link]), int(network.tail[link]), t=network.free_flow_min[link])
    for destination in ("2", "3"):
        away = nx.single_source_dijkstra_path_length(graph, network.node_ids.index(destination), weight="t")
        own = {link for link in range(19) if away.get(network.head[link], np.inf) < away.get(network.tail[link], -1)}
        numbers = [n for n, one in enumerate(dag.commodities) if one.destination == destination]
        demand = np.zeros(4)
        demand[numbers] = 1.0
        used = dag.load(demand, 1e-6, np.zeros(19)).link_flow_vph > 0
        assert set(np.flatnonzero(used)) <= own
        reached = {int(network.node_ids.index(o)) for o in ("1", "4")}
        while True:
            more = reached | {int(network.head[link]) for link in own if network.tail[link] in reached}
            if more == reached:
                break
            reached = more
        assert set(np.flatnonzero(used)) == {link for link in own if int(network.tail[link]) in reached}


@pytest.mark.parametrize("method", [*LOADING, "msa"])
def test_gap_bounds_the_distance_to_the_optimum(nguyen, method):
    problem = nguyen.mixed("congested", 0.5)
    linked = replace(problem, paths=acyclic_dag(problem.network, nguyen.od_pairs, CLASSES))
    best = fisk_objective(linked, solve(linked, tolerance=1e-11).path_flow_vph)
    rough = solve(linked, method, 1e-2)
    excess = fisk_objective(linked, rough.path_flow_vph) - best
    assert -1e-9 * abs(best) <= excess <= rough.gap
    assert rough.gap == duality_gap(linked, rough.path_flow_vph)
    assert rough.residual == residual(linked, rough.path_flow_vph) <= 1e-2


def test_a_day_on_the_dag_warm_is_the_day_cold(nguyen):
    problem = nguyen.mixed()
    linked = replace(problem, paths=acyclic_dag(problem.network, nguyen.od_pairs, CLASSES))
    warm = solve_day(linked, nguyen.day_vph, tolerance=1e-9)
    cold = solve_day(linked, nguyen.day_vph, tolerance=1e-9, warm=False)
    for one, two in zip(warm, cold, strict=True):
        assert one.converged
        assert np.allclose(one.link_flow_vph, two.link_flow_vph, rtol=1e-6)
    assert sum(one.loads for one in warm) < sum(one.loads for one in cold)


def test_centroids_are_closed_to_through_traffic():
    """The way over node 1 is shorter, but 1 is a centroid; it stays open as an origin and a destination."""
    ends = [(0, 1), (1, 2), (0, 3), (3, 2), (3, 1)]
    network = RoadNetwork(
        node_ids=("0", "1", "2", "3"),
        link_ids=tuple(f"{u}-{v}" for u, v in ends),
        tail=[u for u, _ in ends],
        head=[v for _, v in ends],
        free_flow_min=[1.0, 1.0, 5.0, 5.0, 1.0],
        capacity_vph=100.0,
        is_centroid=[True, True, True, False],
    )
    pairs = [("0", "2"), ("1", "2"), ("0", "1")]
    dag = frozen_dag(network, pairs, {"all": False})
    flow = [dag.load(row, 0.1, network.free_flow_min).link_flow_vph for row in np.eye(3)]
    assert flow[0].tolist() == [0, 0, 1, 1, 0]
    assert flow[1].tolist() == [0, 1, 0, 0, 0]
    assert flow[2][1] == flow[2][3] == 0
    assert flow[2][0] > flow[2][2] == flow[2][4] >= 0


def test_cycles_and_missing_ways_are_named():
    cyclic = ring_roads(3)
    with pytest.raises(InputError, match="without a cycle; nodes 0, 1, 2"):
        acyclic_dag(cyclic, [("0", "3")], {"all": False})
    line = RoadNetwork(
        node_ids=("a", "b", "c"), link_ids=("ab", "bc"), tail=[0, 1], head=[1, 2], free_flow_min=1.0, capacity_vph=9.0
    )
    for build in (acyclic_dag, frozen_dag):
        with pytest.raises(InputError, match="'c' -> 'a' has no path"):
            build(line, [("c", "a"), ("a", "c")], {"all": False})
        with pytest.raises(InputError, match="names node 'z'"):
            build(line, [("a", "z")], {"all": False})
        charging = build(line, [("a", "c")], {"charging": True})
        nothing = SueProblem(network=line, paths=charging, demand_vph=np.zeros(1), theta_per_min=0.1)
        assert solve(nothing).residual == 0.0
        with pytest.raises(InputError, match="no path past a charging station"):
            replace(nothing, demand_vph=np.ones(1))


def test_no_charging_at_the_destination():
    line = RoadNetwork(
        node_ids=("a", "b", "c"), link_ids=("ab", "bc"), tail=[0, 1], head=[1, 2], free_flow_min=1.0, capacity_vph=9.0
    ).with_stations(stations("a", "b", "c"))
    dag = frozen_dag(line, [("a", "c")], {"charging": True})
    flow = dag.load(np.array([4.0]), 1e-9, np.ones(5)).link_flow_vph
    assert np.allclose(flow, [4, 4, 2, 2, 0])


def test_newton_and_sensitivities_need_listed_paths(nguyen):
    from cosim.traffic.sensitivity import sensitivity

    problem = nguyen.plain()
    linked = replace(problem, paths=frozen_dag(problem.network, nguyen.od_pairs, {"all": False}))
    with pytest.raises(InputError, match="'newton' needs the covariance.*'frozen_dag'"):
        solve(linked, "newton")
    with pytest.raises(InputError, match="'frozen_dag', which lists no paths"):
        sensitivity(linked, solve(linked))


def test_extreme_costs_stay_finite(nguyen):
    problem = nguyen.plain(theta=50.0)
    dag = acyclic_dag(problem.network, nguyen.od_pairs, {"all": False})
    loaded = dag.load(problem.demand_vph, 50.0, np.linspace(0, 1e5, 19))
    assert np.all(np.isfinite(loaded.link_flow_vph))
    assert loaded.link_flow_vph[[0, 1]].sum() >= 0
    reference = problem.load(np.linspace(0, 1e5, 19))
    assert np.allclose(loaded.link_flow_vph, reference.link_flow_vph, rtol=1e-9, atol=1e-9)


def test_all_methods_are_found_by_their_kind():
    assert {"newton", "msa", "sra", "mirror_bb"} <= set(METHODS)
    assert all(method.kind == kind for kind, method in METHODS.items())
