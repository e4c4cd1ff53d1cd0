"""The Nguyen-Dupuis network with its demand, profile and the three stations of the default case."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cosim.charging.demand import split_by_class
from cosim.charging.stations import Station
from cosim.traffic.equilibrium import SueProblem
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.paths import all_simple_paths

FOLDER = Path(__file__).parents[2] / "sumo_nets" / "nguyen"
OD_PAIRS = (("1", "2"), ("1", "3"), ("4", "2"), ("4", "3"))
PEAK_VPH = np.array([400.0, 800.0, 600.0, 200.0])
PROFILE = np.array(
    [0.30, 0.22, 0.18, 0.16, 0.18, 0.30, 0.58, 0.90, 1, 0.85, 0.74, 0.72]
    + [0.74, 0.72, 0.74, 0.80, 0.92, 1, 0.95, 0.78, 0.62, 0.52, 0.44, 0.36]
)
# Nguyen & Dupuis (1984), Table II: minutes per vehicle per hour.
LINEAR_SLOPE = np.array(
    [0.0125, 0.01, 0.01, 0.005, 0.0075, 0.0075, 0.0125, 0.005, 0.0125, 0.0125]
    + [0.0125, 0.005, 0.005, 0.0025, 0.005, 0.01, 0.0025, 0.01, 0.01]
)


def default_stations():
    return [
        Station(name=f"S{node}", node=node, bus=bus, free_flow_min=30.0, capacity_vph=60.0)
        for node, bus in (("8", "16"), ("11", "20"), ("13", "32"))
    ]


def linear(network):
    """The network with ``c = t0 + slope v``."""
    alpha = LINEAR_SLOPE * network.capacity_vph / network.free_flow_min
    return replace(network, beta=np.ones(19), alpha=alpha)


@pytest.fixture(scope="session")
def nguyen():
    roads = {
        "default": read_road_network(FOLDER),
        "congested": read_road_network(FOLDER, "capacity_congested_vph"),
    }
    roads["linear"] = linear(roads["default"])
    roads["roomier"] = replace(roads["congested"], capacity_vph=2.5 * roads["congested"].capacity_vph)
    paths = all_simple_paths(roads["default"], OD_PAIRS, {"all": False})
    with_stations = {name: network.with_stations(default_stations()) for name, network in roads.items()}
    classes = {"other": False, "charging": True}
    mixed_paths = all_simple_paths(with_stations["default"], OD_PAIRS, classes)
    charging, other = split_by_class(PROFILE[:, np.newaxis] * PEAK_VPH, 0.2, 0.12)

    def plain(roads_name="default", theta=0.1, scale=1.0):
        return SueProblem(network=roads[roads_name], paths=paths, demand_vph=scale * PEAK_VPH, theta_per_min=theta)

    def mixed(roads_name="default", theta=0.1, scale=1.0, charging_vph=None):
        """Two classes and three stations at the peak; optionally with this total charging demand."""
        share = 48.0 / 2000.0 if charging_vph is None else charging_vph / 2000.0
        demand = np.hstack([scale * PEAK_VPH * (1 - 48.0 / 2000.0), PEAK_VPH * share])
        return SueProblem(network=with_stations[roads_name], paths=mixed_paths, demand_vph=demand, theta_per_min=theta)

    return SimpleNamespace(
        folder=FOLDER,
        od_pairs=OD_PAIRS,
        peak_vph=PEAK_VPH,
        roads=roads,
        paths=paths,
        with_stations=with_stations,
        mixed_paths=mixed_paths,
        stations=default_stations(),
        day_vph=np.hstack([other, charging]),
        plain_day_vph=PROFILE[:, np.newaxis] * PEAK_VPH,
        plain=plain,
        mixed=mixed,
    )
