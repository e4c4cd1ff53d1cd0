"""Published test networks; the data are not ours to ship, see CONTRIBUTING.md.

They stand in the folder that COSIM_TNTP_DIR names (github.com/bstabler/TransportationNetworks).
"""

import os
from pathlib import Path

import numpy as np
import pytest

from cosim.traffic.cheapest import k_shortest
from cosim.traffic.dag import frozen_dag
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.formats.tntp import read_tntp_network, read_tntp_trips
from cosim.traffic.user_equilibrium import beckmann, ue_limit

FOLDER = os.environ.get("COSIM_TNTP_DIR", "")
pytestmark = [
    pytest.mark.tntp,
    pytest.mark.skipif(not FOLDER, reason="COSIM_TNTP_DIR names no folder with TNTP networks"),
]
SIOUX_FALLS_BECKMANN = 42.31335287e5  # best known user equilibrium
CHICAGO_BECKMANN = 17313018.7387477


def published_flows(name):
    lines = (Path(FOLDER) / f"{name}_flow.tntp").read_text().splitlines()[1:]
    return np.array([line.split() for line in lines if line.strip()], dtype=float)[:, 2]


@pytest.fixture(scope="module")
def sioux_falls():
    network = read_tntp_network(Path(FOLDER) / "SiouxFalls_net.tntp")
    return network, read_tntp_trips(Path(FOLDER) / "SiouxFalls_trips.tntp")


@pytest.fixture(scope="module")
def chicago():
    network = read_tntp_network(Path(FOLDER) / "ChicagoSketch_net.tntp", toll_min=0.02, length_min=0.04)
    demand = read_tntp_trips(Path(FOLDER) / "ChicagoSketch_trips.tntp")
    return network, demand, frozen_dag(network, demand.od_pairs, {"all": False})


def test_published_flows_have_the_published_objective(sioux_falls, chicago):
    """Reader, units, tolls and the integral of the law, against numbers that others computed."""
    assert beckmann(sioux_falls[0], published_flows("SiouxFalls")) == pytest.approx(SIOUX_FALLS_BECKMANN, rel=1e-9)
    assert beckmann(chicago[0], published_flows("ChicagoSketch")) == pytest.approx(CHICAGO_BECKMANN, rel=1e-6)


def test_sizes(sioux_falls, chicago):
    assert (len(sioux_falls[0].link_ids), len(sioux_falls[1].od_pairs)) == (76, 528)
    network, demand, dag = chicago
    assert (len(network.link_ids), len(demand.od_pairs)) == (2950, 93135)
    assert len({one.destination for one in dag.commodities}) == 386


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("theta", [0.1, 0.5, 1.0, 2.0, 5.0])
def test_sioux_falls_with_ten_paths(sioux_falls, theta, scale):
    network, demand = sioux_falls
    paths = k_shortest(network, demand.od_pairs, {"all": False}, 10)
    demand_vph = scale * demand.demand_vph[0]
    result = solve(SueProblem(network=network, paths=paths, demand_vph=demand_vph, theta_per_min=theta))
    assert result.converged
    assert result.method == "newton"
    assert result.iterations <= 65


@pytest.mark.parametrize(("theta", "loads"), [(0.1, 60), (0.5, 110), (1.0, 150), (5.0, 500)])
def test_sioux_falls_on_links(sioux_falls, theta, loads):
    network, demand = sioux_falls
    dag = frozen_dag(network, demand.od_pairs, {"all": False})
    problem = SueProblem(network=network, paths=dag, demand_vph=demand.demand_vph[0], theta_per_min=theta)
    result = solve(problem)
    assert result.converged
    assert result.loads <= loads


def test_user_equilibrium_of_sioux_falls(sioux_falls):
    network, demand = sioux_falls
    few = k_shortest(network, demand.od_pairs, {"all": False}, 4)
    problem = SueProblem(network=network, paths=few, demand_vph=demand.demand_vph[0], theta_per_min=1.0)
    *_, last = ue_limit(problem)
    assert last.result.converged
    assert -1e-9 <= last.beckmann / SIOUX_FALLS_BECKMANN - 1 <= 1e-6
    largest = np.abs(last.result.link_flow_vph - published_flows("SiouxFalls")).max()
    assert largest <= 0.01 * published_flows("SiouxFalls").max()


@pytest.mark.parametrize(("theta", "scale", "loads"), [(0.1, 1, 150), (1.0, 1, 150), (5.0, 1, 150), (1.0, 2, 600)])
def test_chicago_sketch(chicago, theta, scale, loads):
    network, demand, dag = chicago
    problem = SueProblem(network=network, paths=dag, demand_vph=scale * demand.demand_vph[0], theta_per_min=theta)
    result = solve(problem)
    assert result.converged
    assert result.method == "mirror_bb"
    assert result.loads <= loads
    assert 0 <= result.gap <= 1e-9 * (result.link_time_min @ result.link_flow_vph)
