import numpy as np
import pytest

from cosim.charging.stations import Station
from cosim.traffic.arrival import minutes_to_station
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths


@pytest.mark.parametrize("scale", [0.1, 1.0 / 3.0, 7.7])
def test_a_station_at_the_origin_is_reached_at_once(scale):
    """Exactly: other paths' times must not leave rounding behind, which load in time refuses if it is negative."""
    stations = [
        Station(name=f"at {node}", node=node, bus="1", free_flow_min=30.0, capacity_vph=60.0) for node in ("S", "M")
    ]
    network = RoadNetwork(
        node_ids=("S", "M", "B", "T"), link_ids=("SM", "MT", "SB", "BT", "ST"),
        tail=[0, 1, 0, 2, 0], head=[1, 3, 2, 3, 3],
        free_flow_min=[0.3, 0.7, 0.1, 1.1, 0.9], capacity_vph=[900.0] * 5,
    ).with_stations(stations)  # fmt: skip
    paths = all_simple_paths(network, [("S", "T"), ("M", "T")], {"charging": True, "other": False})
    time = scale * np.arange(1.0, len(network.link_ids) + 1.0)
    found = minutes_to_station(paths, time)
    for k, minutes in enumerate(found):
        row = list(paths.path_links(k))
        station = paths.station[k]
        if station < 0:
            assert np.isnan(minutes)
        else:
            assert minutes == sum(time[a] for a in row[: row.index(station)])
