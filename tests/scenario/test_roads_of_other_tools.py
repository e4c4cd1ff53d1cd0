"""One reader: roads and trips of TNTP, GMNS, OMX and CSV pose the same problem in a scenario."""

import h5py
import numpy as np
import pytest

from cosim.errors import InputError
from cosim.scenario.build import warnings_of
from cosim.scenario.case import build_case
from cosim.scenario.export import write_folder
from cosim.scenario.load import load

NODES = ("1", "2", "3", "4")
LINKS = ((1, 2, 4, 900), (1, 3, 6, 800), (2, 3, 1, 700), (3, 2, 1, 700), (2, 4, 6, 800), (3, 4, 4, 900))
TRIPS = {("1", "4"): 500.0, ("2", "4"): 100.0, ("3", "4"): 40.0}
SCENARIO = """\
schema: 1
roads: {roads}
traffic: {{theta_per_min: 0.3, demand: {demand}, paths: {paths}}}
ev: {{share: 0.3, fast_charge_share: 0.5, recharge_share: 0.5, battery_kwh: 40}}
stations:
  - {{name: S2, node: {two}, chargers: 12, charger_kw: 100, access_min: 2}}
  - {{name: S3, node: {three}, chargers: 12, charger_kw: 100, access_min: 2}}
periods: 2
"""


def as_csv(folder):
    (folder / "net").mkdir()
    (folder / "net" / "nodes.csv").write_text("id,x,y\n" + "".join(f"{n},0,0\n" for n in NODES))
    rows = "".join(f"{a}-{b},{a},{b},{t},{c},0.15,4\n" for a, b, t, c in LINKS)
    head = "id,from_node,to_node,free_flow_min,capacity_vph,alpha,beta\n"
    (folder / "net" / "links.csv").write_text(head + rows)
    trips = "".join(f"{o},{d},{q}\n" for (o, d), q in TRIPS.items())
    (folder / "trips.csv").write_text("origin,destination,trips_vph\n" + trips)
    return "net", "trips.csv"


def as_tntp(folder):
    head = "<NUMBER OF ZONES> 4\n<NUMBER OF NODES> 4\n<FIRST THRU NODE> 1\n<NUMBER OF LINKS> 6\n<END OF METADATA>\n"
    rows = "".join(f"{a} {b} {c} 1 {10 * t} 0.15 4 0 0 1 ;\n" for a, b, t, c in LINKS)
    (folder / "town_net.tntp").write_text(head + rows)
    trips = "".join(f"Origin {o}\n {d} : {q};\n" for (o, d), q in TRIPS.items())
    (folder / "town_trips.tntp").write_text("<NUMBER OF ZONES> 4\n<END OF METADATA>\n" + trips)
    return "{network: town_net.tntp, time_unit_min: 0.1}", "town_trips.tntp"


def as_gmns(folder):
    (folder / "net").mkdir()
    nodes = "".join(f"n{n},0,0,{n}\n" for n in NODES)
    (folder / "net" / "node.csv").write_text("node_id,x_coord,y_coord,zone_id\n" + nodes)
    head = "link_id,from_node_id,to_node_id,directed,capacity,lanes,vdf_fftt\n"
    rows = "".join(f"{a}-{b},n{a},n{b},1,{c},1,{t}\n" for a, b, t, c in LINKS)
    (folder / "net" / "link.csv").write_text(head + rows)
    cells = np.zeros((4, 4))
    for (o, d), q in TRIPS.items():
        cells[int(o) - 1, int(d) - 1] = 3 * q
    with h5py.File(folder / "trips.omx", "w") as file:
        file["data/car"], file["data/truck"] = cells, cells / 10
    return "net", "{file: trips.omx, matrix: car, period_h: 3}"


def written(folder, form, paths="all"):
    roads, demand = form(folder)
    two, three = ("n2", "n3") if form is as_gmns else ("2", "3")
    text = SCENARIO.format(roads=roads, demand=demand, paths=paths, two=two, three=three)
    (folder / "scenario.yaml").write_text(text)
    return folder


@pytest.fixture
def reference(tmp_path):
    (tmp_path / "reference").mkdir()
    return build_case(load(written(tmp_path / "reference", as_csv))).roads


@pytest.mark.parametrize("form", [as_tntp, as_gmns])
@pytest.mark.parametrize("paths", ["all", "k=50"])
def test_the_same_town_is_the_same_problem(tmp_path, reference, form, paths):
    (tmp_path / "own").mkdir()
    loaded = load(written(tmp_path / "own", form, paths))
    found = build_case(loaded).roads
    assert warnings_of(loaded, found) == ()
    assert found.network.link_ids == reference.network.link_ids
    for name in ("free_flow_min", "capacity_vph", "alpha", "beta"):
        assert getattr(found.network, name) == pytest.approx(getattr(reference.network, name), rel=1e-12)
    assert found.demand.trips_vph == pytest.approx(reference.demand.trips_vph, rel=1e-12)
    if paths == "all":
        assert found.paths.names == reference.paths.names
    else:  # who charges may also come back the way it went
        assert set(found.paths.names) >= set(reference.paths.names)
    assert found.response().period(0, None).demand_vph.sum() == pytest.approx(640.0)


@pytest.mark.parametrize("form", [as_tntp, as_gmns])
def test_the_folder_can_be_written_out_again(tmp_path, form):
    (tmp_path / "own").mkdir()
    loaded = load(written(tmp_path / "own", form))
    again = load(write_folder(loaded, tmp_path / "copy"))
    assert again.resolved == loaded.resolved
    assert {one.name for one in again.inputs} == {one.name for one in loaded.inputs}


def test_k_routes_are_the_cheapest(tmp_path, reference):
    few = build_case(load(written(tmp_path, as_csv, "k=2"))).roads
    assert few.paths.model == "k_shortest(2)"
    assert np.bincount(few.paths.commodity).max() == 2
    own = [one for one in few.paths.ids if one.startswith("other:")]  # who charges may come back the way it went
    assert own
    assert set(own) <= set(reference.paths.ids)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("paths: all", "paths: k=0", "traffic.paths.*'k=0' is unknown"),
        ("paths: all", "paths: dag", "traffic.paths.*'dag' is unknown; known: all, k=NUMBER"),
        ("matrix: car, ", "", "the file has 2: car, truck"),
        ("roads: net", "roads: {network: net, time_unit_min: 1}", "GMNS takes no time_unit_min"),
        ("node: n3", "node: n9", "which network 'net' lacks"),
        ("trips.omx", "trips.csv", "'trips.csv' is not there"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, before, after, message):
    written(tmp_path, as_gmns)
    text = (tmp_path / "scenario.yaml").read_text()
    assert before in text
    (tmp_path / "scenario.yaml").write_text(text.replace(before, after))
    with pytest.raises(InputError, match=message):
        load(tmp_path)


def test_what_the_reader_says_is_a_warning(tmp_path):
    written(tmp_path, as_gmns)
    text = (tmp_path / "scenario.yaml").read_text()
    (tmp_path / "scenario.yaml").write_text(text.replace(", period_h: 3", ""))
    loaded = load(tmp_path)
    said = [one.reason for one in warnings_of(loaded, build_case(loaded).roads)]
    assert said == ["the matrix tells no unit of time: its trips are taken for those of 1 h"]


def test_nobody_passes_through_a_closed_centroid(tmp_path):
    written(tmp_path, as_tntp)
    net = tmp_path / "town_net.tntp"
    net.write_text(net.read_text().replace("<FIRST THRU NODE> 1", "<FIRST THRU NODE> 4"))
    with pytest.raises(InputError, match="no path leads from '1' to '4'"):
        load(tmp_path)
