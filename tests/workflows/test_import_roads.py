"""An extract of OpenStreetMap and a SUMO network, from the file to an assignment."""

import csv
import math
from pathlib import Path

import pytest
from scipy.integrate import quad

from cosim import cli
from cosim.errors import InputError, UsageError
from cosim.traffic.formats.osm import utm_xy
from cosim.traffic.formats.sumo_net import read_sumo_net
from cosim.workflows.assign import assign
from cosim.workflows.import_roads import RoadSource, import_osm, import_sumo
from cosim.xml_input import read_xml
from tests.traffic.sumo_nets import crossing, write

OSM, TRIPS = Path("docs/networks/quarter.osm"), Path("docs/networks/quarter_trips.csv")


def main(arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    return end.value.code


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def quarter(tmp_path_factory):
    return import_osm(OSM, tmp_path_factory.mktemp("osm") / "quarter", RoadSource(trips=(TRIPS,)))


def test_an_extract_becomes_roads_with_its_signals_and_restrictions(quarter):
    links = {row["id"]: row for row in rows(quarter.folder / "links.csv")}
    assert (quarter.folder / "net.net.xml").is_file()
    # who comes south on Mill Lane may not turn right into South Street; signals stand at three junctions
    assert not any(name.endswith(">-102.3") for name in links)
    signalled = {
        row["edge"].split("_")[0] for row in links.values() if ">" in row["id"] and float(row["free_flow_min"]) > 0.15
    }
    assert len(signalled) == 3
    told = " ".join(quarter.remarks)
    assert "--geometry.remove true" in told
    assert "Ignoring restriction relation '202'" in told
    assert "within 50 m of no edge for cars: nodes 33" in told
    assert dict(quarter.stations) == {"osm_31": "-103.1", "osm_32": "113.0"}
    assert {row["edge"] for row in rows(quarter.folder / "left_out.csv")} >= {"-102#0"}
    assert not any(row["edge"].startswith("120") for row in links.values())  # a service road


def test_places_of_the_extract_are_those_that_proj_gives(quarter):
    # junctions of one node stand where netconvert, by PROJ, puts them
    net = read_sumo_net(quarter.folder / "net.net.xml")
    places = {one.attributes["id"]: one.attributes for one in read_xml(OSM, frozenset({"node"})) if one.tag == "node"}
    tags = frozenset({"junction"})
    junctions = {one.attributes["id"]: one.attributes for one in read_xml(net.path, tags) if one.tag == "junction"}
    shared = [name for name in places if name in junctions]
    assert len(shared) > 10
    for name in shared:
        x, y = utm_xy(float(places[name]["lon"]), float(places[name]["lat"]), 31)
        assert x + net.offset[0] == pytest.approx(float(junctions[name]["x"]), abs=0.01)
        assert y + net.offset[1] == pytest.approx(float(junctions[name]["y"]), abs=0.01)


@pytest.mark.parametrize("lat", [5.0, 22.5, 45.0, 67.5, 80.0])
def test_north_along_the_middle_of_a_zone_is_the_arc_of_the_meridian(lat):
    """The arc by quadrature: M(phi) = a (1 - e^2) / (1 - e^2 sin^2 phi)^1.5, times 0.9996 (WGS 84)."""
    a, f = 6378137.0, 1.0 / 298.257223563
    e2 = f * (2.0 - f)
    arc = quad(lambda phi: a * (1.0 - e2) / (1.0 - e2 * math.sin(phi) ** 2) ** 1.5, 0.0, math.radians(lat))[0]
    x, y = utm_xy(9.0, lat, 32)
    assert x == pytest.approx(500_000.0, abs=1e-6)
    assert y == pytest.approx(0.9996 * arc, abs=2e-4)


def test_service_roads_open_to_cars_where_asked(tmp_path):
    found = import_osm(OSM, tmp_path / "q", service_cars=True)
    assert any(link.edge == "120" for link in found.roads.links)


def test_the_folder_is_what_assign_takes(quarter):
    for routes in ("all", "k=4", "dag"):
        found = assign(quarter.folder, theta_per_min=0.5, routes=routes)
        assert found.result.converged
        assert found.problem.demand_vph.sum() == pytest.approx(1250.0)
    junctions = {row["junction"] for row in rows(quarter.folder / "nodes.csv")} - {""}
    assert len(junctions) == 18


def test_names_that_spreadsheets_would_run_stay_as_sumo_has_them(quarter):
    names = {row["id"] for row in rows(quarter.folder / "links.csv")}
    assert any(name.startswith("-101.0") for name in names)
    assert not any(name.startswith("'") for name in names)


def test_a_sumo_network_with_its_stations_and_trips(tmp_path, capsys):
    net = crossing(tmp_path)
    trips = write(tmp_path / "t.rou.xml", '<routes><flow id="f" begin="0" end="3600" number="300" from="WJ" to="JE"/>'
                  '<flow id="g" begin="0" end="3600" number="100" from="SJ" to="JE"/></routes>')  # fmt: skip
    fast = '<chargingStation id="fast" lane="JE_0" startPos="10" endPos="60"/>'
    lot = '<parkingArea id="lot" lane="bus_0" startPos="10" endPos="60"/>'
    more = write(tmp_path / "s.add.xml", f"<additional>{fast}{lot}</additional>")
    command = ["import", "sumo", str(net), "--trips", str(trips), "--with", str(more), "--station", "WJ", "--out",
               str(tmp_path / "roads")]  # fmt: skip
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "fast at JE" in told
    assert "1 stations on no edge open to passenger are left out: lot" in " ".join(told.split())
    assert "cosim assign" in told
    assert rows(tmp_path / "roads" / "stations.csv") == [{"name": "fast", "node": "JE"}, {"name": "WJ", "node": "WJ"}]
    assert main(["assign", str(tmp_path / "roads")]) == 0
    assert "400.0" in capsys.readouterr().out


def test_what_cannot_be_imported_is_named(tmp_path, capsys):
    with pytest.raises(InputError, match="begins with <osm>"):
        import_osm(write(tmp_path / "a.osm", "<gpx/>"), tmp_path / "a")
    with pytest.raises(InputError, match="makes no network of it"):
        import_osm(write(tmp_path / "b.osm", '<osm version="0.6"><node id="1" lat="0" lon="3"/></osm>'), tmp_path / "b")
    with pytest.raises(UsageError, match="is packed; unpack it"):
        import_osm(write(tmp_path / "c.osm.gz", ""), tmp_path / "c")
    with pytest.raises(UsageError, match="is not an empty folder"):
        import_sumo(tmp_path / "a.osm", tmp_path)
    assert main(["import", "sumo", "x.net.xml"]) == 2
    assert main(["import", "sumo", "x.net.xml", "--out", str(tmp_path / "d"), "--check"]) == 2
    assert main(["import", "pandapower", "x.json", "--trips", "t.xml", "--out", str(tmp_path / "d")]) == 2
    assert main(["import", "sumo", "x.net.xml", "--service-cars", "--out", str(tmp_path / "d")]) == 2
    assert main(["import", "sumo", str(tmp_path / "x.net.xml"), "--out", str(tmp_path / "d")]) == 3
    assert "there is no such file" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()
