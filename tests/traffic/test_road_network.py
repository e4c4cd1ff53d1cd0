from dataclasses import replace

import numpy as np
import pytest

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.traffic.demand import OdDemand
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.network import RoadNetwork
from cosim.traffic.performance import link_cost


def test_stations_become_links_at_the_end(nguyen):
    network = nguyen.with_stations["default"]
    assert network.link_ids[-3:] == network.station_ids == ("S8", "S11", "S13")
    assert network.is_station.sum() == 3
    assert [network.node_ids[node] for node in network.tail[-3:]] == ["8", "11", "13"]
    assert network.law[-3:] == ("davidson",) * 3
    assert np.allclose(link_cost(network, np.full(22, 30.0))[-3:], 30.0 * 1.1, rtol=1e-14)


def test_station_price_replaces_the_one_before(nguyen):
    flow = np.full(22, 20.0)
    base = nguyen.with_stations["default"]
    priced = base.with_fixed_min([9.0, 9.0, 9.0]).with_fixed_min([1.0, 2.0, -3.0], 0.5)
    added = link_cost(priced, flow) - link_cost(base, flow)
    assert np.allclose(added, [0.0] * 19 + [11.0, 12.0, 7.0], rtol=0, atol=1e-12)


def test_the_network_at_the_same_constants_is_made_once(nguyen):
    base = nguyen.with_stations["default"]
    first, signed = base.with_fixed_min([0.0, 9.0, 9.0], 0.5), base.with_fixed_min([-0.0, 9.0, 9.0], 0.5)
    assert base.with_fixed_min(np.array([0.0, 9.0, 9.0]), [0.5, 0.5, 0.5]) is first
    assert signed is not first  # -0.0 is another number, to the bit
    assert np.signbit(signed.fixed_min[-3])


def test_unknown_node_and_taken_name_are_both_reported(nguyen):
    stations = [
        Station(name="1-5", node="8", bus="1", free_flow_min=30.0, capacity_vph=60.0),
        Station(name="S2", node="99", bus="1", free_flow_min=30.0, capacity_vph=60.0),
    ]
    with pytest.raises(InputError) as caught:
        nguyen.roads["default"].with_stations(stations)
    text = str(caught.value)
    assert "'1-5' has the id of a link" in text
    assert "'S2' is at node '99', which the road network does not have" in text


def test_arrays_are_read_only_copies():
    times = np.array([1.0])
    network = RoadNetwork(
        node_ids=("a", "b"), link_ids=("ab",), tail=[0], head=[1], free_flow_min=times, capacity_vph=[9.0]
    )
    times[0] = 5.0
    assert network.free_flow_min[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        network.free_flow_min[0] = 2.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"link_ids": ("x", "x")}, "link 'x' stands twice"),
        ({"node_ids": ("a", "a")}, "node 'a' stands twice"),
        ({"tail": [0, 7]}, "7 is no node position"),
        ({"head": [1, 1]}, "ends where it begins"),
        ({"law": ("bpr", "brp")}, "'brp' is unknown"),
        ({"law": ("bpr",)}, "1 laws for 2 links"),
        ({"capacity_vph": [1.0, 2.0, 3.0]}, "capacity_vph"),
    ],
)
def test_inconsistent_networks_are_refused(change, words):
    values = {"node_ids": ("a", "b"), "link_ids": ("ab", "ba"), "tail": [0, 1], "head": [1, 0]}
    values |= {"free_flow_min": [1.0, 1.0], "capacity_vph": [9.0, 9.0]}
    with pytest.raises(InputError, match=words):
        RoadNetwork(**values | change)


def test_replace_rebuilds_the_laws(nguyen):
    network = nguyen.roads["default"]
    doubled = replace(network, free_flow_min=2 * network.free_flow_min)
    flow = np.full(19, 100.0)
    assert np.allclose(link_cost(doubled, flow), 2 * link_cost(network, flow), rtol=1e-14)


# --- demand -----------------------------------------------------------------------------------


def demand(**change):
    values = {"origins": ("1", "4"), "destinations": ("2", "2"), "classes": ("ev",)}
    return OdDemand(**values | {"trips_vph": np.ones((3, 1, 2))} | change)


def test_commodities_run_class_by_class():
    trips = np.arange(8.0).reshape(1, 2, 4)
    pairs = {"origins": ("1", "1", "4", "4"), "destinations": ("2", "3", "2", "3")}
    table = demand(**pairs, classes=("other", "ev"), trips_vph=trips)
    assert table.demand_vph.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]]
    assert table.od_pairs[1] == ("1", "3")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"origins": ("1", "1")}, "stands twice"),
        ({"origins": ("1", "2")}, "leads to itself"),
        ({"classes": ("ev", "ev"), "trips_vph": np.ones((3, 2, 2))}, "class 'ev' stands twice"),
        ({"trips_vph": np.ones((1, 2))}, "shape"),
        ({"trips_vph": np.ones((3, 2, 2))}, "shape"),
        ({"trips_vph": np.full((1, 1, 2), np.nan)}, "period 1, class 'ev', '1' -> '2': nan"),
        ({"trips_vph": np.full((1, 1, 2), -1.0)}, "must be >= 0"),
        ({"trips_vph": np.full((1, 1, 2), np.inf)}, "inf must be >= 0 and finite"),
        ({"destinations": ("2",)}, "2 origins for 1 destinations"),
    ],
)
def test_wrong_demand_is_named(change, words):
    with pytest.raises(InputError, match=words):
        demand(**change)


# --- files ------------------------------------------------------------------------------------


def test_nguyen_dupuis_as_published(nguyen):
    """Yin, Madanat & Lu (2009), Table 3: sums over the 19 links; 13 nodes."""
    network = nguyen.roads["default"]
    assert (len(network.node_ids), len(network.link_ids)) == (13, 19)
    assert network.free_flow_min.sum() == 164.0
    assert network.capacity_vph.sum() == 8950.0
    assert nguyen.roads["congested"].capacity_vph.sum() == 5900.0
    assert network.node_xy[network.node_ids.index("13")].tolist() == [2.0, 0.0]


@pytest.fixture
def write_network(tmp_path):
    def _write(links, nodes="id,x,y\na,0,0\nb,1,0\n"):
        header = "id,from_node,to_node,free_flow_min,capacity_vph,alpha,beta\n"
        (tmp_path / "nodes.csv").write_text(nodes)
        (tmp_path / "links.csv").write_text(header + links)
        return tmp_path

    return _write


def test_small_network(write_network):
    network = read_road_network(write_network("ab,a,b,1,100,0.15,4\nba,b,a,1,100,0.15,4\n"))
    assert network.tail.tolist() == [0, 1]
    assert network.head.tolist() == [1, 0]


def test_edges_of_a_simulated_network_are_read_and_may_be_missing(write_network):
    folder = write_network("")
    header = "id,from_node,to_node,free_flow_min,capacity_vph,alpha,beta,edge\n"
    (folder / "links.csv").write_text(header + "ab,a,b,1,100,0.15,4,-103.1\nba,b,a,1,100,0.15,4,\n")
    assert read_road_network(folder).edge == ("-103.1", "")


def test_all_mistakes_of_the_files_have_a_line(write_network):
    folder = write_network("ab,a,c,1,100,0.15,4\nab,b,b,1,-5,0.15,0.5\n")
    with pytest.raises(InputError) as caught:
        read_road_network(folder)
    found = sorted((p.line, p.column, p.field) for p in caught.value.problems)
    assert found == [
        (2, 3, "to_node"),
        (3, 1, "id"),
        (3, 3, "to_node"),
        (3, 5, "capacity_vph"),
        (3, 7, "beta"),
    ]


def test_unknown_capacity_column_is_named(nguyen):
    with pytest.raises(InputError, match="did you mean 'capacity_congested_vph'"):
        read_road_network(nguyen.folder, "capacity_congestd_vph")


def test_empty_tables_are_refused(write_network):
    with pytest.raises(InputError, match="no rows"):
        read_road_network(write_network("", "id,x,y\na,0,0\n"))
