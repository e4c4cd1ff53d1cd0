"""SUMO networks as netconvert made them: checked by sumolib, equal to the shipped ones, broken ones refused."""

import contextlib
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.cli import main
from cosim.errors import InputError
from cosim.microsim.checks import check_net, cross_check
from cosim.microsim.metering import FREE_MPS, OWN_DELAY, LinkMeter, Meters
from cosim.microsim.model import MicroStation
from cosim.microsim.network import BUILD, FILES, LOTS, MAP, NET, build_net, check_foreign_net, read_net
from cosim.microsim.vehicles import micro_demand, micro_routes
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths
from cosim.workflows.build_net import build
from cosim.xml_input import read_xml

SHIPPED = Path("sumo_nets/nguyen")
STATIONS = [
    Station.from_chargers(name=node, node=node, bus=bus, chargers=20, charger_kw=60.0, access_min=10.0, energy_kwh=20.0)
    for node, bus in (("8", "16"), ("11", "20"), ("13", "32"))
]
ROADS = read_road_network(SHIPPED)
PAIRS = (("1", "2"), ("1", "3"), ("4", "2"), ("4", "3"))
PATHS = all_simple_paths(ROADS.with_stations(STATIONS), PAIRS, {"charging": True, "other": False})


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return build_net(ROADS, STATIONS, tmp_path_factory.mktemp("net"))


@pytest.fixture
def copied(net, tmp_path):
    """Return a folder with a copy of the network."""
    return Path(shutil.copytree(net.net_file.parent, tmp_path / "copy"))


@pytest.fixture(scope="module")
def demand(net):
    return micro_demand(
        micro_routes(net, PATHS), PATHS, np.full(len(PATHS), 9.0), begin_s=0.0, duration_s=3600.0, period=1, seed=1
    )


@pytest.fixture(scope="module")
def micro_stations(net):
    return tuple(
        MicroStation(
            name=one.name, lots=tuple(lot.lot_id for lot in net.lots_of(one.name)), chargers=20, charger_kw=60.0,
            energy_kwh=20.0,
        )
        for one in STATIONS
    )  # fmt: skip


def named(folder, name, old, new):
    """Replace text in a file of a network, and the SHA-256 with it where the file is the network."""
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("variant", ["merge", "signals"])
def test_the_shipped_networks_are_what_build_net_makes_of_the_shipped_roads(variant, tmp_path):
    found = build("nguyen_ieee33", variant=variant, out=tmp_path / "net")
    assert found.built
    same_sumo = f",{version('eclipse-sumo')}," in (SHIPPED / variant / BUILD).read_text()
    for path in sorted((SHIPPED / variant).iterdir()):
        if same_sumo or path.name not in (NET, BUILD):  # another SUMO draws junctions in its own way
            assert path.read_bytes() == (tmp_path / "net" / path.name).read_bytes(), path.name
    check_net(read_net(SHIPPED / variant), ROADS, STATIONS)


def test_two_builds_are_equal_and_tell_no_dates_and_no_paths(net, tmp_path):
    again = build_net(ROADS, STATIONS, tmp_path / "other place")
    assert again.sha256 == net.sha256
    for name in FILES:
        path = tmp_path / "other place" / name
        if path.exists():
            assert "<!--" not in path.read_text()
            assert str(tmp_path) not in path.read_text()


@pytest.mark.parametrize("variant", ["merge", "metered", "signals", "plain"])
@pytest.mark.parametrize("scale", [0.25, 1.0])
def test_every_variant_passes_the_checks_at_every_scale(variant, scale, tmp_path):
    built = build_net(ROADS, STATIONS, tmp_path, length_scale=scale, variant=variant)
    check_net(built, ROADS.with_stations(STATIONS), STATIONS)
    assert len(built.lots) == (0 if variant == "plain" else 4)
    assert (read_net(tmp_path).variant, read_net(tmp_path).length_scale) == (variant, scale)


@pytest.mark.parametrize("variant", ["merge", "metered", "signals", "plain"])
def test_links_beside_each_other_are_edges_of_their_own_with_a_lot_each(variant, tmp_path):
    """With a way back to them, which is no turn into any of them."""
    double = RoadNetwork(
        node_ids=("O", "M", "D"),
        link_ids=("old", "new", "east", "west", "home", "back"),
        tail=[0, 0, 1, 1, 2, 1],
        head=[1, 1, 2, 2, 1, 0],
        free_flow_min=[4.0, 5.0, 4.0, 4.0, 4.0, 4.0],
        capacity_vph=[1800.0, 1800.0, 1800.0, 3600.0, 1800.0, 300.0],
    )
    station = replace(STATIONS[0], node="M")
    built = build_net(double, [station], tmp_path, variant=variant)
    check_net(built, double.with_stations([station]), [station])
    edges = [edge for own in built.link_edges for edge in own]
    assert len(edges) == len(set(edges))
    assert [lot.link_id for lot in built.lots] == ([] if variant == "plain" else ["east", "west", "back"])


@given(data=st.data())
@settings(max_examples=6)
def test_any_road_network_becomes_one_that_passes_the_checks(data, tmp_path_factory):
    n = data.draw(st.integers(3, 8), label="nodes")
    ends = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] != pair[1])
    pairs = data.draw(st.lists(ends, min_size=3, max_size=20), label="links")  # some beside each other
    capacity = [data.draw(st.sampled_from([300.0, 3600.0, 5000.0, 9000.0])) for _ in pairs]
    seed = data.draw(st.integers(0, 9))
    network = RoadNetwork(
        node_ids=tuple(f"n{i}" for i in range(n)),
        link_ids=tuple(f"{a}-{b}.{k}" for k, (a, b) in enumerate(pairs)),
        tail=np.array([a for a, _ in pairs]),
        head=np.array([b for _, b in pairs]),
        free_flow_min=np.random.default_rng(seed).uniform(1.5, 6.0, len(pairs)),
        capacity_vph=np.array(capacity),
        node_xy=np.random.default_rng(seed).uniform(0.0, 1.0, (n, 2)) * data.draw(st.sampled_from([0.0, 1.0, 1e5])),
    )
    stations = [Station(name="S", node=f"n{pairs[0][0]}", bus="1", free_flow_min=30.0, capacity_vph=60.0)]
    for variant in ("merge", "signals"):
        folder = tmp_path_factory.mktemp("any")
        check_net(build_net(network, stations, folder, variant=variant), network, stations)


def test_a_network_of_other_roads_is_refused_link_by_link(net):
    slower = replace(ROADS, free_flow_min=ROADS.free_flow_min + np.where(np.arange(19) == 4, 1.0, 0.0))
    with pytest.raises(InputError, match="link '5-6' takes 2.999 min at the speed limit, must take 4.000"):
        check_net(net, slower, STATIONS)
    turned = replace(ROADS, tail=ROADS.head, head=ROADS.tail)
    with pytest.raises(InputError, match="leads from N1 to N5, must lead from N5 to N1"):
        check_net(net, turned, STATIONS)
    renamed = replace(ROADS, link_ids=("first", *ROADS.link_ids[1:]))
    with pytest.raises(InputError) as caught:
        check_net(net, renamed, STATIONS)
    assert {problem.reason for problem in caught.value.problems} == {
        "link 'first' of the road network has no edges", "link '1-5' is not in the road network",
    }  # fmt: skip


def test_a_network_without_a_station_of_the_scenario_is_refused(net):
    more = [*STATIONS, Station(name="12", node="12", bus="2", free_flow_min=30.0, capacity_vph=60.0)]
    with pytest.raises(InputError) as caught:
        check_net(net, ROADS, more)
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match="belongs to station '13', which is not known"):
        check_net(net, ROADS, STATIONS[:2])


def test_a_lot_that_does_not_lie_on_its_spur_is_refused(net):
    lot = net.lots[0]
    for change, words in (
        ({"end_m": 500.0}, "its lane is 400 m long"),
        ({"lane_id": "L8-2z_0"}, "which its spur does not have"),
        ({"bypass_edge": "L8-2q"}, "is no edge of link"),
        ({"spur_edges": lot.spur_edges[1:]}, "no lane of edge 'L8-2a' leads to 'S8-2p'"),
    ):
        with pytest.raises(InputError, match=words):
            check_net(replace(net, lots=(replace(lot, **change), *net.lots[1:])), ROADS, STATIONS)


def test_what_is_sound_passes_the_cross_check(net, demand, micro_stations):
    cross_check(net, demand, micro_stations)


def test_unknown_edges_lots_and_stations_are_found_before_sumo_starts(net, demand, micro_stations):
    charging = next(route for route in demand.routes if route.lot_id)
    others = tuple(route for route in demand.routes if route is not charging)
    for change, words in (
        ({"edges": ("nope", *charging.edges)}, "edge 'nope' is not in the network"),
        ({"edges": charging.edges[:1] + charging.edges[2:]}, "no lane of edge"),
        ({"edges": ()}, "it has no edges"),
        ({"lot_id": "lot_8_9"}, "stops at lot 'lot_8_9', which is not in the network; did you mean 'lot_8_8-2'"),
        ({"lot_id": "lot_13_13-3"}, "does not pass lot"),
    ):
        routes = (replace(charging, **change), *others)
        order = [charging, *others]
        places = np.array([order.index(route) for route in demand.routes])
        with pytest.raises(InputError, match=words):
            cross_check(net, replace(demand, routes=routes, route=places[demand.route]), micro_stations)


def test_stations_that_do_not_own_their_lots_and_lots_that_nobody_serves_are_found(net, demand, micro_stations):
    with pytest.raises(InputError, match="whose station is not simulated"):
        cross_check(net, demand, micro_stations[:2])
    with pytest.raises(InputError, match="has lot 'lot_x'"):
        cross_check(net, demand, (replace(micro_stations[0], lots=("lot_x",)), *micro_stations[1:]))
    with pytest.raises(InputError, match="station '8' stands 2 times"):
        cross_check(net, demand, (*micro_stations, micro_stations[0]))


def test_vehicles_that_sumo_would_drop_without_a_word_are_found(net, demand, micro_stations):
    late = demand.depart_s.copy()
    late[[3, -1]] = late[[-1, 3]]
    twice = (demand.vehicle_ids[1], *demand.vehicle_ids[1:])
    for change, words in (
        ({"depart_s": late}, "sort by departure"),
        ({"vehicle_ids": twice}, "stands 2 times"),
        ({"depart_s": np.where(np.arange(len(demand)) == 5, np.nan, demand.depart_s)}, "departs at nan s"),
        ({"duration_s": 60.0}, "must be >= 0 and < 60 s"),
        ({"route": np.full(len(demand), 99)}, "has route 99"),
    ):
        with pytest.raises(InputError, match=words):
            cross_check(net, replace(demand, **change), micro_stations)


def test_demand_that_no_lane_can_take_is_found(net, micro_stations):
    flows = np.where(PATHS.station >= 0, 0.0, 1000.0)
    crowd = micro_demand(micro_routes(net, PATHS), PATHS, flows, begin_s=0.0, duration_s=3600.0, period=1, seed=1)
    with pytest.raises(InputError, match=r"veh/h depart on edge 'L1-5', its lanes take 3900"):
        cross_check(net, crowd, micro_stations)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: text[: len(text) // 2], r"net\.net\.xml:\d+:1: the file ends too early"),
        (lambda text: "PK\x03\x04" + text, r"not XML \(it starts with 'PK'\); unpack"),
        (lambda text: "plain words", "not XML"),
        (lambda text: "<!DOCTYPE net>\n" + text.split("\n", 1)[1], "DOCTYPE"),
        (lambda text: '<!DOCTYPE n [<!ENTITY a "b">]>\n' + text.split("\n", 1)[1], "DOCTYPE"),
        (
            lambda text: text.replace('version="1.20"', 'version="1.99"'),
            "version 1.99 is newer than the installed SUMO",
        ),
        (lambda text: "<routes/>", "holds <routes>, a network of SUMO begins with <net>"),
        (lambda text: "<a>" * 60 + "</a>" * 60, "nested deeper than 50"),
    ],
)
def test_a_file_that_is_no_network_is_refused_with_its_line(edit, words, copied):
    path = copied / NET
    path.write_text(edit(path.read_text()))
    with pytest.raises(InputError, match=words):
        read_net(copied)


def test_an_edited_network_is_refused(copied):
    named(copied, NET, 'speed="16.67"', 'speed="26.67"')
    with pytest.raises(InputError, match=r"build\.csv:2:\d+: field 'sha256'"):
        read_net(copied)


def test_a_map_to_an_unknown_edge_is_refused(copied):
    named(copied, MAP, "L5-6m", "e9_9")
    with pytest.raises(InputError, match=r"map\.csv: field 'edge': link '5-6' maps to unknown edge 'e9_9'"):
        check_net(read_net(copied), ROADS, STATIONS)


@pytest.mark.parametrize("name", [NET, MAP, LOTS, BUILD])
def test_a_missing_file_is_named(name, copied):
    (copied / name).unlink()
    with pytest.raises(InputError, match=name):
        read_net(copied)


def test_a_configuration_of_sumo_is_not_accepted(tmp_path):
    (tmp_path / "x.sumocfg").write_text("<configuration/>")
    with pytest.raises(InputError, match="not accepted"):
        check_foreign_net(tmp_path / "x.sumocfg")


@given(place=st.integers(0, 88_000), byte=st.integers(0, 255))
@settings(max_examples=6)
def test_a_flipped_byte_is_read_or_refused_and_never_anything_else(place, byte, tmp_path_factory):
    content = bytearray((SHIPPED / "merge" / NET).read_bytes())
    content[place % len(content)] = byte
    path = tmp_path_factory.mktemp("flip") / "net.xml"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        assert read_xml(path)


def exit_code(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(["build-net", *map(str, arguments)])
    return caught.value.code


def test_the_command_builds_and_checks_and_answers_with_exit_codes(tmp_path, capsys):
    target = tmp_path / "net"
    assert exit_code("nguyen_ieee33", "--scale", 0.25, "--out", target) == 0
    assert "lot_11_11-3 (station 11)" in capsys.readouterr().out
    assert exit_code("nguyen_ieee33", "--check", target) == 0
    assert exit_code("nguyen_ieee33", "--scale", 0.25, "--variant", "merge", "--check", target) == 0
    capsys.readouterr()
    assert exit_code("nguyen_ieee33", "--scale", 1, "--variant", "metered", "--check", target) == 3
    told = capsys.readouterr().err
    assert "--scale 1, but the network has 0.25" in told
    assert "--variant metered, but the network is merge" in told
    assert exit_code("nguyen", "--check", target) == 3
    assert exit_code("nguyen", "--scale", 0.01, "--out", target) == 3
    (target / "diary.txt").write_text("")
    assert exit_code("nguyen", "--out", target) == 2
    assert "diary.txt" in capsys.readouterr().err


def test_a_metered_network_is_the_merge_network_with_the_laws_of_its_links(net, tmp_path):
    metered = build_net(ROADS, STATIONS, tmp_path, variant="metered")
    assert metered.sha256 == net.sha256
    for link, meter in enumerate(metered.meters):
        assert meter.link_id == ROADS.link_ids[link]
        law = ROADS.free_flow_min[link] * (1.0 + 0.15 * (meter.flow_vph / ROADS.capacity_vph[link]) ** 4)
        assert meter.time_min == pytest.approx(law, rel=1e-7)
        assert meter.length_m == pytest.approx(1000.0 * ROADS.free_flow_min[link], abs=1e-6)


def test_a_meter_follows_the_flow_and_stays_within_its_speeds():
    flow = np.array([0.0, 100.0, 300.0])
    meter = LinkMeter(
        link_id="a", edges=("La",), lanes=2, length_m=6000.0, flow_vph=flow, time_min=np.array([6.0, 7.0, 60.0])
    )
    assert meter.speed_mps(100.0) == pytest.approx(OWN_DELAY * 6000.0 / 420.0)
    assert meter.speed_mps(1e9) == pytest.approx(OWN_DELAY * 6000.0 / 3600.0)
    assert meter.speed_mps(0.0) <= FREE_MPS
    speeds = []

    class Domain:
        @staticmethod
        def getLastIntervalVehicleNumber(_name):
            return 1

        @staticmethod
        def setMaxSpeed(_edge, speed):
            speeds.append(speed)

    class Connection:
        inductionloop = edge = Domain

    meters = Meters([meter])
    assert [tag for tag, _ in meters.elements()] == ["inductionLoop"] * 2
    for _ in range(200):
        meters.update(Connection, lambda _name, function, *arguments: function(*arguments))
    assert meters.flow_vph == pytest.approx([120.0])
    assert speeds[-1] == pytest.approx(meter.speed_mps(120.0))


@pytest.mark.parametrize("flow", [[1.0, 2.0], [0.0, 0.0], [0.0]])
def test_a_meter_without_a_law_is_refused(flow):
    with pytest.raises(InputError, match="the law of link 'a'"):
        LinkMeter(
            link_id="a", edges=("La",), lanes=2, length_m=1.0, flow_vph=np.array(flow), time_min=np.ones(len(flow))
        )
