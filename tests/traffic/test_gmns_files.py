import numpy as np
import pytest

from cosim.errors import InputError
from cosim.traffic.formats import read_network, read_trips, usual_trips
from cosim.traffic.formats.gmns import read_gmns_network, read_gmns_trips

NODES = "node_id,name,x_coord,y_coord,node_type,zone_id\nA,,0,0,centroid,1\nB,,1,0,,\nC,mid,2,0,,3\n"
LINKS = """\
link_id,from_node_id,to_node_id,directed,length,free_speed,capacity,lanes,facility_type,vdf_fftt,vdf_alpha
ab,A,B,true,2,60,1000,2,arterial,,
bc,B,C,False,3,30,900,,local,,0.5
ca,C,A,1,3,30,900,1,local,7.5,
"""
DEMAND = "o_zone_id,d_zone_id,volume\n1,3,100\n3,1,0\n1,1,5\n"


@pytest.fixture
def folder(tmp_path):
    def written(nodes=NODES, links=LINKS, demand=DEMAND, **others):
        for name, text in ({"node": nodes, "link": links, "demand": demand} | others).items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        return tmp_path

    return written


def test_tables_become_a_network(folder):
    network = read_network(folder())
    assert network.node_ids == ("A", "B", "C")
    assert network.link_ids == ("ab", "bc", "ca", "bc:reverse")
    assert network.tail.tolist() == [0, 1, 2, 2]
    assert network.head.tolist() == [1, 2, 0, 1]
    assert np.allclose(network.free_flow_min, [2, 6, 7.5, 6])
    assert network.capacity_vph.tolist() == [2000, 900, 900, 900]
    assert network.alpha.tolist() == [0.15, 0.5, 0.15, 0.5]
    assert set(network.beta) == {4.0}
    assert network.is_centroid.tolist() == [True, False, False]
    assert network.node_xy[2].tolist() == [2, 0]


@pytest.mark.parametrize(
    ("length", "speed", "factor"),
    [("miles", "mph", 1.0), ("km", "kph", 1.0), ("miles", "km/h", 1.609344), ("m", "kph", 1e-3), ("", "", 1.0)],
)
def test_units_of_length_and_speed(folder, length, speed, factor):
    network = read_gmns_network(folder(config=f"dataset_name,long_length,speed\nx,{length},{speed}\n"))
    assert np.allclose(network.free_flow_min[:3], [2 * factor, 6 * factor, 7.5])


def test_zones_are_nodes(folder):
    path = folder()
    assert usual_trips(path) == path / "demand.csv"
    demand = read_trips(usual_trips(path), path)
    assert demand.od_pairs == (("A", "C"),)
    assert demand.trips_vph.tolist() == [[[100.0]]]
    plain = folder(nodes="node_id,x_coord,y_coord\nA,0,0\nB,1,0\nC,2,0\n", demand="o_zone_id,d_zone_id,volume\nA,B,1\n")
    assert read_gmns_trips(plain / "demand.csv").od_pairs == (("A", "B"),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ab,A,B", "ab,A,Bee", r"link\.csv:2:3: field 'to_node_id': node 'Bee' does not stand in node\.csv"),
        ("ab,A,B", "ab,A,A", r":2:3: .*from 'A' to itself"),
        ("bc,B,C", "ab,B,C", r":3:1: field 'link_id': 'ab' stands already in line 2"),
        (",2,60,1000", ",2,60,", r":2:7: field 'capacity': the capacity is missing"),
        (",2,60,1000", ",2,,1000", r":2:5: field 'length': there is neither vdf_fftt nor both"),
        (",2,60,1000", ",2,0,1000", r":2:6: field 'free_speed': 0 must be > 0"),
        (",2,60,1000", ",2,60,-3", r":2:7: field 'capacity': capacity_vph -6 must be > 0"),
        (",0.5", ",-0.5", r":3:11: field 'vdf_alpha': alpha -0.5 must be >= 0"),
        ("true", "maybe", r":2:4: field 'directed': 'maybe' is neither true nor false"),
        ("directed", "directedness", r"link\.csv:1:0: .*column 'directed' is missing"),
    ],
)
def test_mistakes_in_links_are_named(folder, old, new, message):
    assert LINKS.count(old) >= 1
    with pytest.raises(InputError, match=message):
        read_gmns_network(folder(links=LINKS.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("demand", "message"),
    [
        ("1,4,5", r"demand\.csv:2:2: field 'd_zone_id': zone '4' has no node"),
        ("1,3,-5", r":2:3: field 'volume': -5 must be >= 0"),
        ("1,3,5\n1,3,6", r":3:1: .*stands already in line 2"),
    ],
)
def test_mistakes_in_demand_are_named(folder, demand, message):
    with pytest.raises(InputError, match=message):
        read_trips(folder(demand=f"o_zone_id,d_zone_id,volume\n{demand}\n") / "demand.csv")


def test_a_zone_with_two_nodes_is_refused(folder):
    path = folder(nodes=NODES.replace("B,,1,0,,", "B,,1,0,,3"))
    with pytest.raises(InputError, match="zone '3' has several nodes"):
        read_trips(path / "demand.csv")


def test_an_unknown_unit_is_refused(folder):
    with pytest.raises(InputError, match=r"config\.csv:2:1: field 'long_length': unit 'furlong' is unknown"):
        read_gmns_network(folder(config="long_length,speed\nfurlong,mph\n"))
