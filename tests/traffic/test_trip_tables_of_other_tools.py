"""Trips in the Open Matrix format and in VISUM's O format: right, or refused by name."""

import h5py
import numpy as np
import pytest

from cosim.errors import InputError
from cosim.traffic.formats import read_trips

CELLS = np.array([[5.0, 30.0, 0.0], [12.0, 0.0, 7.0], [0.0, 2.0, 1.0]])
NODES = "node_id,x_coord,y_coord,zone_id\na,0,0,10\nb,1,0,20\nc,2,0,30\nd,3,0,\n"
LINKS = "link_id,from_node_id,to_node_id,directed,length,free_speed,capacity\n1,a,b,1,2,60,900\n2,b,c,1,2,60,900\n"


def omx(path, matrices, lookups=()):
    with h5py.File(path, "w") as file:
        file.attrs["OMX_VERSION"] = b"0.2"
        for name, cells in dict(matrices).items():
            file[f"data/{name}"] = cells
        for name, zones in dict(lookups).items():
            file[f"lookup/{name}"] = zones
    return path


def pairs(demand):
    return dict(zip(demand.od_pairs, demand.trips_vph[0, 0].tolist(), strict=True))


def test_cells_are_trips_between_zones_and_the_diagonal_is_told(tmp_path):
    found = read_trips(omx(tmp_path / "t.omx", {"car": CELLS}))
    assert pairs(found) == {("1", "2"): 30.0, ("2", "1"): 12.0, ("2", "3"): 7.0, ("3", "2"): 2.0}
    assert found.remarks == (
        "the matrix tells no unit of time: its trips are taken for those of 1 h",
        "6 trips within zones are left out",
    )


def test_the_lookup_names_the_zones_and_a_network_tells_their_nodes(tmp_path):
    (tmp_path / "node.csv").write_text(NODES)
    (tmp_path / "link.csv").write_text(LINKS)
    file = omx(tmp_path / "t.omx", {"car": CELLS, "truck": 2 * CELLS}, {"zone": [30, 10, 20]})
    found = read_trips(file, tmp_path, {"matrix": "truck", "period_h": 4.0})
    assert pairs(found) == {("c", "a"): 15.0, ("a", "c"): 6.0, ("a", "b"): 3.5, ("b", "a"): 1.0}
    other = omx(tmp_path / "o.omx", {"car": CELLS}, {"zone": [30, 10, 21]})
    with pytest.raises(InputError, match="zone '21' has no node"):
        read_trips(other, tmp_path)


@pytest.mark.parametrize(
    ("matrices", "lookups", "options", "message"),
    [
        ({"car": CELLS, "truck": CELLS}, {}, {}, "matrix.*the file has 2: car, truck.*name one: matrix car"),
        ({"car": CELLS}, {}, {"matrix": "cars"}, "there is no 'cars'.*car"),
        ({"car": CELLS}, {"a": [1, 2, 3], "b": [1, 2, 3]}, {}, "lookup.*the file has 2: a, b"),
        ({"car": CELLS}, {"a": [1, 2, 2]}, {}, "names zone '2' twice"),
        ({"car": CELLS}, {"a": [1, 2]}, {}, "the matrix 3 zones"),
        ({"car": CELLS[:2]}, {}, {}, "shape 2 x 3, must be square"),
        ({"car": CELLS - 1.0}, {}, {}, "trips from zone 1 to 3: -1 must be a number >= 0"),
        ({"car": np.where(CELLS == 7.0, np.nan, CELLS)}, {}, {}, "trips from zone 2 to 3: nan"),
        ({"car": np.array([[b"x"]])}, {}, {}, "holds no numbers"),
        ({}, {}, {}, "there is nothing in 'data'"),
        ({"car": CELLS}, {}, {"period_h": 0.0}, "period_h.*must be > 0"),
        ({"car": CELLS}, {}, {"toll_min": 1.0}, "OMX takes no toll_min"),
    ],
)
def test_what_is_unclear_is_refused_by_name(tmp_path, matrices, lookups, options, message):
    with pytest.raises(InputError, match=message):
        read_trips(omx(tmp_path / "t.omx", matrices, lookups), None, options)


def test_nothing_outside_the_file_is_read(tmp_path):
    omx(tmp_path / "secret.omx", {"car": CELLS})
    with h5py.File(tmp_path / "t.omx", "w") as file:
        file.create_group("data")["car"] = h5py.ExternalLink(str(tmp_path / "secret.omx"), "/data/car")
    with pytest.raises(InputError, match="'car' is no table of this file"):
        read_trips(tmp_path / "t.omx")
    (tmp_path / "text.omx").write_text("no HDF5")
    with pytest.raises(InputError, match="cannot be read as an Open Matrix file"):
        read_trips(tmp_path / "text.omx")


VISUM = "$OR;D2\n* From-Time To-Time\n{times}\n* Factor\n2.0\n* cells\n1 2 30\n2 1 12\n 1 1 4\n"


@pytest.mark.parametrize(("times", "hours"), [("7.00 8.00", 1.0), ("7.50 9.20", 1.5), ("0.00 24.00", 24.0)])
def test_visum_s_cells_times_the_factor_per_hour(tmp_path, times, hours):
    file = tmp_path / "trips.fma"
    file.write_text(VISUM.format(times=times))
    found = read_trips(file)
    assert pairs(found) == {("1", "2"): 60.0 / hours, ("2", "1"): 24.0 / hours}
    assert found.remarks == (f"{8 / hours:,.10g} trips within zones are left out",)


def test_visum_s_other_heads(tmp_path):
    file = tmp_path / "trips.mtx"
    file.write_text("$OMR\n4\n7.00 8.00\n1\n1 2 30\n")
    assert pairs(read_trips(file)) == {("1", "2"): 30.0}
    file.write_text("$ON\n0.5\n1 2 30\n")
    assert pairs(read_trips(file)) == {("1", "2"): 15.0}
    file.write_text("$O;D2;MORNING\n7.00 9.00\n1\n1 2 30\n")  # what stands behind the letters is no letter of it
    assert pairs(read_trips(file)) == {("1", "2"): 15.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (VISUM.format(times="7.5 8.00"), "trips.fma:3:1: .*'7.5 8.00' are no two times"),
        (VISUM.format(times="8.00 7.00"), "ends before it begins"),
        (VISUM.format(times="7.00 8.00") + "1 2 3\n", "trips.fma:10:1: .*1 -> 2 stands twice"),
        (VISUM.format(times="7.00 8.00") + "1 3\n", "the line has 2 fields"),
        (VISUM.format(times="7.00 8.00") + "1 3 -1\n", "trips '-1' must be a number >= 0"),
        ("$OR\n7.00 8.00\nx\n", "the factor 'x' must be a number > 0"),
        ("$OR\n", "the line of times is missing"),
        ("$O!R\n", "is not the head of the O format"),
    ],
)
def test_visum_s_mistakes_are_named_with_their_line(tmp_path, text, message):
    file = tmp_path / "trips.fma"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_trips(file)
