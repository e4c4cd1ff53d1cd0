import numpy as np
import pytest

from cosim.errors import InputError
from cosim.traffic.formats import read_network, read_trips, usual_trips
from cosim.traffic.formats.tntp import read_tntp_network, read_tntp_trips
from cosim.traffic.performance import link_cost

HEAD = "<NUMBER OF ZONES> 2\t\n<NUMBER OF NODES> 4\n<FIRST THRU NODE> 3\n<NUMBER OF LINKS> 4\n"
HEAD += "<ORIGINAL HEADER>~ tail head\n<END OF METADATA>\n\n~ \tinit_node\tterm_node ... ;\n"
ROWS = """\
\t1\t3\t100\t2.5\t0\t0.15\t4\t0\t10\t1\t;
\t3\t4\t200.5\t1\t6\t0.3\t2\t0\t0\t1\t;  ~ a comment
 3 4 50 1 8 0 0.5 0 0 1 ;
 4 2 50 1 2 0.5 0 0 0 1;
"""
TRIPS = """\
<NUMBER OF ZONES> 2
<TOTAL OD FLOW> 12.5
<END OF METADATA>

~ a comment

Origin \t1
    1 :      7.0;     2 :    12.5;
Origin 2
    1 :      0.0;
"""


@pytest.fixture
def write(tmp_path):
    def written(text, name="small_net.tntp"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_a_network_is_read_as_it_stands(write):
    network = read_tntp_network(write(HEAD + ROWS), toll_min=0.02, length_min=0.04)
    assert network.node_ids == ("1", "2", "3", "4")
    assert network.link_ids == ("1-3", "3-4", "3-4#2", "4-2")
    assert network.tail.tolist() == [0, 2, 2, 3]
    assert network.head.tolist() == [2, 3, 3, 1]
    assert network.is_centroid.tolist() == [True, True, False, False]
    assert np.allclose(network.fixed_min, [0.3, 0.04, 0.04, 0.04])
    flow = np.array([50.0, 401.0, 10.0, 500.0])
    assert np.allclose(link_cost(network, flow) - network.fixed_min, [0.0, 6 * (1 + 0.3 * 4), 8.0, 2 * 1.5])
    assert read_tntp_network(write(HEAD + ROWS), time_unit_min=0.6).free_flow_min[1] == pytest.approx(3.6)


def test_trips_within_zones_and_zeros_are_left_out(write):
    demand = read_tntp_trips(write(TRIPS))
    assert demand.od_pairs == (("1", "2"),)
    assert demand.trips_vph.tolist() == [[[12.5]]]


def test_the_format_is_told_by_what_is_there(write):
    path = write(HEAD + ROWS)
    write(TRIPS, "small_trips.tntp")
    assert read_network(path).link_ids == read_network(path.parent).link_ids
    assert usual_trips(path) == usual_trips(path.parent) == path.parent / "small_trips.tntp"
    assert read_trips(usual_trips(path)).od_pairs == (("1", "2"),)
    write(HEAD + ROWS, "other_net.tntp")
    with pytest.raises(InputError, match="is no road network; give a folder"):
        read_network(path.parent)
    with pytest.raises(InputError, match=r"nowhere: is not there"):
        read_network(path.parent / "nowhere")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\t0.15\t4", "\tmany\t4", r"small_net\.tntp:9:6: field 'b': 'many' is not a finite number"),
        ("200.5", "nan", r":10:3: field 'capacity': 'nan' is not a finite number"),
        ("200.5", "0", r":10:3: field 'capacity': 0 must be > 0"),
        ("\t0.3\t2", "\t0.3\t0.5", r":10:7: field 'power': 0.5 must be >= 1"),
        ("\t0.3\t2", "\t-0.3\t2", r":10:6: field 'b': -0.3 must be >= 0"),
        (" 4 2 50 1 2", " 4 2 50 1", r":12:1: the row has 9 fields, must have 10"),
        (" 4 2 50", " 4 5 50", r":12:2: field 'term_node': '5' is no node 1-4"),
        (" 4 2 50", " 4 \u00b2 50", r":12:2: field 'term_node': '\u00b2' is not a finite number"),
        (" 4 2 50", " 2 2 50", r":12:2: field 'term_node': the link leads from 2 to itself"),
        ("LINKS> 4", "LINKS> 5", r":4:1: <NUMBER OF LINKS> says 5, the file has 4"),
        ("NODES> 4", "NODES> four", r":2:1: <NUMBER OF NODES> 'four' is not a whole number"),
        ("NODES> 4", "NODES> \u2463", r":2:1: <NUMBER OF NODES> '\u2463' is not a whole number"),
        ("<END OF METADATA>", "", r"there is no <END OF METADATA>"),
    ],
)
def test_mistakes_in_a_network_are_named_by_line(write, old, new, message):
    text = HEAD + ROWS
    assert text.count(old) >= 1
    with pytest.raises(InputError, match=message):
        read_tntp_network(write(text.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("12.5;", "-1;", r":8:1: trips to 2: '-1' must be a number >= 0"),
        ("12.5;", "nan;", r":8:1: trips to 2: 'nan' must be a number >= 0"),
        ("2 :    12.5;", "2   12.5;", r":8:1: '2   12.5' is no zone 1-2"),
        ("2 :    12.5;", "3 :    12.5;", r":8:1: '3' is no zone 1-2"),
        ("2 :    12.5;", "1 :    12.5;", r":8:1: the pair 1 -> 1 stands twice"),
        ("Origin 2", "Origin 7", r":9:1: 'Origin 7' names no zone 1-2"),
        ("Origin 2", "Origin \u00b2", r":9:1: 'Origin \u00b2' names no zone 1-2"),
        ("Origin \t1", "", r":8:1: trips stand before the first 'Origin'"),
        ("<NUMBER OF ZONES> 2", "", r"no <NUMBER OF ZONES>"),
    ],
)
def test_mistakes_in_trips_are_named_by_line(write, old, new, message):
    assert TRIPS.count(old) == 1
    with pytest.raises(InputError, match=message):
        read_tntp_trips(write(TRIPS.replace(old, new)))


def test_all_mistakes_come_at_once(write):
    text = HEAD + ROWS.replace("\t0.15\t4", "\tx\ty").replace(" 4 2 50", " 9 2 50")
    with pytest.raises(InputError) as error:
        read_tntp_network(write(text))
    assert str(error.value).count("small_net.tntp:") == 3


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.tntp: cannot be read"):
        read_tntp_trips(tmp_path / "none.tntp")
