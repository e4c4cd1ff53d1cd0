"""SUMO networks as roads: movements, times, signals and capacities by hand, and routes that SUMO itself can drive."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import sumolib

from cosim.errors import InputError
from cosim.traffic.cheapest import k_shortest
from cosim.traffic.formats.sumo_demand import SumoDemand, read_demand, read_districts
from cosim.traffic.formats.sumo_net import may_use, read_sumo_net
from cosim.traffic.formats.sumo_roads import roads_of
from cosim.traffic.formats.sumo_signals import Program, read_programs, write_programs
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths
from cosim.traffic.route_filter import passes_twice, sensible
from cosim.xml_input import read_xml
from tests.traffic.sumo_nets import crossing, random_net, run, write


def network_of(roads):
    nodes = {node.id: k for k, node in enumerate(roads.nodes)}
    return RoadNetwork(
        node_ids=tuple(nodes), link_ids=tuple(link.id for link in roads.links),
        tail=np.array([nodes[link.from_node] for link in roads.links]),
        head=np.array([nodes[link.to_node] for link in roads.links]),
        free_flow_min=np.array([link.free_flow_min for link in roads.links]),
        capacity_vph=np.array([link.capacity_vph for link in roads.links]),
        is_centroid=np.array([node.zone for node in roads.nodes]),
        junction=tuple(node.junction for node in roads.nodes),
    )  # fmt: skip


def edges_of(roads, links):
    """The edges of SUMO that a route passes."""
    own = [link.edge for link in roads.links]
    passed = [own[k] for k in links if own[k] and not own[k].startswith(":")]
    return [edge for edge, _ in itertools.groupby(passed)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return crossing(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def lights(tmp_path_factory):
    return crossing(tmp_path_factory.mktemp("lights"), "traffic_light")


def test_the_wait_at_red_is_half_its_square_over_the_cycle():
    program = Program(signal="J", kind="static", phases=((33.0, "Gr"), (3.0, "yr"), (24.0, "rG")))
    assert program.cycle_s == 60.0
    assert program.delay_s(0) == pytest.approx(27.0**2 / 120.0, abs=1e-12)
    assert program.delay_s(1) == pytest.approx(36.0**2 / 120.0, abs=1e-12)
    # two spells of red around the cycle, one across its end
    program = Program(signal="J", kind="static", phases=((10.0, "r"), (20.0, "G"), (5.0, "r"), (20.0, "g"), (5.0, "r")))
    assert program.delay_s(0) == pytest.approx((15.0**2 + 5.0**2) / 120.0, abs=1e-12)
    assert program.green_share(0) == pytest.approx((20.0 + 10.0) / 60.0)
    # by simulation: the mean wait of arrivals spread over the cycle
    at = np.arange(0.0, 60.0, 0.01)
    wait = np.where(
        at < 10.0, 10.0 - at, np.where((at >= 30.0) & (at < 35.0), 35.0 - at, np.where(at >= 55.0, 70.0 - at, 0.0))
    )
    assert program.delay_s(0) == pytest.approx(wait.mean(), abs=1e-2)


def test_who_may_use_a_lane():
    assert may_use({}, "passenger")
    assert may_use({"allow": "passenger bus"}, "passenger")
    assert not may_use({"allow": "bus"}, "passenger")
    assert not may_use({"disallow": "all"}, "passenger")
    assert may_use({"allow": "all"}, "rail")


def test_edges_and_movements_are_those_of_sumo(plain):
    net = read_sumo_net(plain)
    theirs = sumolib.net.readNet(str(plain))
    cars = {edge.getID() for edge in theirs.getEdges() if edge.allows("passenger")}
    assert set(net.edges) == cars == {"WJ", "JE", "SJ", "JS", "EJ", "JW"}
    assert net.closed == ("bus",)
    for name, edge in net.edges.items():
        own = theirs.getEdge(name)
        assert edge.time_s == pytest.approx(own.getLength() / own.getSpeed())
        assert len(edge.lanes) == own.getLaneNumber()
    turns = {(a, b.getID()) for a in cars for b in theirs.getEdge(a).getOutgoing() if b.getID() in cars}
    assert set(net.movements) | set(net.turnarounds) == turns
    assert all(pair[0] != pair[1][::-1] for pair in net.movements)


def test_times_of_turns_have_internal_lanes_and_giving_way(plain):
    net = read_sumo_net(plain)
    theirs = sumolib.net.readNet(str(plain), withInternal=True)
    straight, left = net.movements["WJ", "JE"], net.movements["SJ", "JW"]
    for way in (straight, left):
        (connection, *_) = theirs.getEdge(way.before).getConnections(theirs.getEdge(way.after))
        time_s, via = 0.0, connection.getViaLaneID()
        while via:
            lane = theirs.getLane(via)
            time_s += lane.getLength() / lane.getSpeed()
            via = next((one.getViaLaneID() for one in lane.getOutgoing() if one.getViaLaneID()), "")
        assert way.lanes[0].inner_s == pytest.approx(time_s)
    assert straight.lanes[0].delay_s == 0.0
    assert left.lanes[0].yields
    assert left.lanes[0].delay_s == 1.5


def test_capacities_of_lanes_of_green(lights):
    net = read_sumo_net(lights)
    (program,) = read_programs([(lights, read_xml(lights))]).values()
    roads = roads_of(net, None, step_s=0.5)
    links = {link.id: link for link in roads.links}
    way = net.movements["WJ", "JE"]
    index = next(
        int(one.attributes["linkIndex"])
        for one in read_xml(lights, frozenset({"connection"}))
        if (one.attributes.get("from"), one.attributes.get("to")) == ("WJ", "JE")
    )
    green = sum(t for t, state in program.phases if state[index] == "G") / program.cycle_s
    speed = np.interp(13.89 * 3.6, (30.0, 50.0, 70.0), (1600.0, 2000.0, 2240.0))
    assert links["WJ>JE"].capacity_vph == pytest.approx(len(way.lanes) * speed * green)
    red_s = program.cycle_s * (1.0 - green)
    assert links["WJ>JE"].free_flow_min * 60.0 == pytest.approx(way.lanes[0].inner_s + red_s**2 / (2 * program.cycle_s))
    # each lane counts once at the end of its edge
    most = {}
    for one in (one for pair, one in net.movements.items() if pair[0] == "WJ"):
        for lane in one.lanes:
            s = speed if one.direction == "s" else 1575.0
            most[lane.lane] = max(most.get(lane.lane, 0.0), s * lane.green)
    assert links["WJ:second"].capacity_vph == pytest.approx(sum(most.values()))
    assert links["WJ:first"].capacity_vph == pytest.approx(2 * speed)
    at_a_second = {link.id: link for link in roads_of(net, None, step_s=1.0).links}
    assert at_a_second["WJ>JE"].capacity_vph == pytest.approx(0.9 * links["WJ>JE"].capacity_vph)
    with pytest.raises(InputError, match=r"0.1, 0.5, 1 s"):
        roads_of(net, None, step_s=0.3)


def test_programs_of_an_additional_file_replace_those_of_the_network(lights, tmp_path):
    other = write(
        tmp_path / "tls.add.xml",
        '<additional><edgeData id="x" file="/etc/passwd"/><tlLogic id="J" type="static" programID="p" offset="0">'
        f'<phase duration="50" state="{"G" * 20}"/><phase duration="50" state="{"r" * 20}"/></tlLogic></additional>',
    )
    net = read_sumo_net(lights, additional=[other])
    assert {lane.green for way in net.movements.values() for lane in way.lanes} == {0.5}
    write_programs([other], tmp_path / "out.add.xml")
    text = (tmp_path / "out.add.xml").read_text()
    assert text.count("<phase") == 2
    assert "passwd" not in text  # nothing of a user's file reaches SUMO but the programs
    run("sumo", tmp_path, "-n", lights, "-a", "out.add.xml", "--end", "5", "--no-step-log")
    long = write(tmp_path / "long.add.xml", other.read_text().replace('"50"', '"400"'))
    assert "cycle above 300 s: J (800 s)" in " ".join(read_sumo_net(lights, additional=[long]).remarks)
    dark = write(tmp_path / "dark.add.xml", other.read_text().replace("G", "r"))
    found = read_sumo_net(lights, additional=[dark])
    assert not found.movements
    assert "no green in any phase" in " ".join(found.remarks)


def test_what_lies_between_an_origin_and_a_destination_is_kept(plain):
    net = read_sumo_net(plain)
    roads = roads_of(net, SumoDemand(trips_vph={("WJ", "JE"): 100.0}))
    assert {link.edge for link in roads.links if link.length_km} == {"WJ", "JE"}
    assert ("bus", "closed to passenger") in roads.left_out
    assert ("SJ", "between no origin and destination") in roads.left_out
    assert {link.id for link in roads.links} == {"WJ:first", "WJ:second", "JE:first", "JE:second", "WJ>JE"}


def test_a_pair_that_can_only_turn_back_is_named(plain):
    net = read_sumo_net(plain)
    assert ("WJ", "JW") in net.turnarounds
    roads = roads_of(net, SumoDemand(trips_vph={("WJ", "JW"): 10.0, ("WJ", "JE"): 10.0}))
    assert "WJ>JW" in {link.id for link in roads.links}
    assert any("can only turn back" in one and "WJ to JW" in one for one in roads.remarks)


def test_trips_without_a_way_or_an_edge_are_named(plain):
    net = replace(read_sumo_net(plain), turnarounds={})
    trips = {("WJ", "JE"): 60.0, ("JE", "WJ"): 20.0, ("bus", "JE"): 10.0, ("WJ", "WJ"): 5.0}
    roads = roads_of(net, SumoDemand(trips_vph=trips))
    told = " ".join(roads.remarks)
    assert roads.trips_vph == {("WJ", "JE"): 60.0}
    assert "25 % of the trips (1 pairs) have no way: JE to WJ" in told
    assert "10 veh/h with an end that is no edge open to passenger" in told
    assert "5 veh/h that begin and end on one edge" in told
    with pytest.raises(InputError, match="no trip of the demand has a way"):
        roads_of(net, SumoDemand(trips_vph={("JE", "WJ"): 20.0}))


def test_stations_stand_on_edges_that_trips_reach(plain):
    net = read_sumo_net(plain)
    demand = SumoDemand(trips_vph={("WJ", "JE"): 60.0})
    with pytest.raises(InputError, match="no station can be reached by any trip: 'SJ'"):
        roads_of(net, demand, stations=["SJ"])
    with pytest.raises(InputError, match=r"edge 'bus', which is no edge open to passenger"):
        roads_of(net, demand, stations=["bus"])
    with pytest.raises(InputError, match="which is 5 m long"):
        roads_of(
            replace(net, edges=net.edges | {"WJ": replace(net.edges["WJ"], length_m=5.0)}), demand, stations=["WJ"]
        )


def test_networks_that_are_none(tmp_path):
    lane = '<lane id="e_0" index="0" speed="5" length="5" allow="pedestrian"/>'
    path = write(tmp_path / "foot.net.xml", f'<net><edge id="e" from="a" to="b">{lane}</edge></net>')
    with pytest.raises(InputError, match="no edge is open to the class 'passenger'"):
        read_sumo_net(path)
    assert set(read_sumo_net(path, vclass="pedestrian").edges) == {"e"}
    with pytest.raises(InputError, match="begins with <net>"):
        read_sumo_net(write(tmp_path / "x.net.xml", "<routes/>"))
    lane = '<lane id="e_0" index="0" speed="0" length="5"/>'
    still = write(tmp_path / "y.net.xml", f'<net><edge id="e" from="a" to="b">{lane}</edge></net>')
    with pytest.raises(InputError, match="the speed of lane 'e_0' is 0"):
        read_sumo_net(still)


def test_districts_are_closed_to_through_traffic(plain, tmp_path):
    sinks = '<tazSink id="JE" weight="1"/><tazSink id="JS" weight="1"/>'
    text = f'<additional><taz id="a" edges="WJ"/><taz id="b">{sinks}</taz></additional>'
    taz = write(tmp_path / "taz.add.xml", text)
    row = '<tazRelation from="a" to="b" count="40"/>'
    text = f'<data><interval id="DEFAULT_VEHTYPE" begin="0" end="1800">{row}</interval></data>'
    od = write(tmp_path / "od.xml", text)
    demand = read_demand([od])
    assert demand.trips_vph == {("taz:a", "taz:b"): 80.0}
    roads = roads_of(read_sumo_net(plain), demand, districts=read_districts([taz]))
    network = network_of(roads)
    assert [node.id for node in roads.nodes if node.zone] == ["taz.a", "taz.b"]
    paths = all_simple_paths(network, [("taz.a", "taz.b")], {"all": False})
    assert sorted(edges_of(roads, paths.path_links(k)) for k in range(len(paths))) == [["WJ", "JE"], ["WJ", "JS"]]
    with pytest.raises(InputError, match="district 'a' of the demand is in no additional file"):
        roads_of(read_sumo_net(plain), demand)


def test_demand_counts_vehicles_of_the_class(tmp_path):
    text = """<routes>
    <vType id="car" vClass="passenger"/><vType id="lorry" vClass="truck"/>
    <route id="r" edges="A X B"/>
    <trip id="1" depart="0" from="A" to="B" type="car"/>
    <trip id="2" depart="0:10:30" from="A" to="B"/>
    <vehicle id="3" depart="1799.9" route="r"/>
    <vehicle id="4" depart="20"><route edges="A C"/></vehicle>
    <vehicle id="5" depart="20" type="lorry" route="r"/>
    <vehicle id="6" depart="triggered" route="r"/>
    <trip id="7" depart="20" from="A"/>
    <flow id="f" begin="0" end="900" vehsPerHour="120" from="C" to="B"/>
    <flow id="g" begin="0" end="1800" period="exp(0.01)" from="C" to="A"/>
    <flow id="h" begin="600" end="2400" number="30" from="B" to="A"/>
    <person id="p" depart="0"><walk from="A" to="B"/></person>
    </routes>"""
    path = write(tmp_path / "d.rou.xml", text)
    found = read_demand([path], begin_s=0.0, end_s=1800.0)
    assert found.trips_vph == pytest.approx(
        {("A", "B"): 6.0, ("A", "C"): 2.0, ("C", "B"): 60.0, ("C", "A"): 36.0, ("B", "A"): 40.0}
    )
    told = " ".join(found.remarks)
    assert "from 0 to 1800 s" in told
    assert "1 truck" in told
    assert "2 vehicles or flows without two edges" in told
    assert "1 persons" in told
    with pytest.raises(InputError, match="no vehicle of the class 'bus'"):
        read_demand([path], vclass="bus")
    with pytest.raises(InputError, match="must be a number > 0"):
        read_demand([write(tmp_path / "e.xml", '<routes><flow id="g" end="9" period="-1" from="C" to="A"/></routes>')])
    with pytest.raises(InputError, match="is no time"):
        read_demand([write(tmp_path / "f.xml", '<routes><trip id="g" depart="1:x:0" from="C" to="A"/></routes>')])
    table = write(tmp_path / "od.csv", "origin,destination,trips_vph\nA,B,12.5\nB,A,0\n")
    assert read_demand([table]).trips_vph == {("A", "B"): 12.5}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_route_leaves_the_connections_and_sumo_drives_them_all(tmp_path, seed):
    net_file = random_net(tmp_path, seed)
    net = read_sumo_net(net_file)
    theirs = sumolib.net.readNet(str(net_file))
    rng = np.random.default_rng(seed)
    edges = sorted(net.edges)
    trips = {tuple(rng.choice(edges, 2, replace=False)): 10.0 for _ in range(12)}
    roads = roads_of(net, SumoDemand(trips_vph=trips))
    network = network_of(roads)
    paths = k_shortest(network, list(roads.trips_vph), {"all": False}, 4)
    driven = []
    for k in range(len(paths)):
        passed = edges_of(roads, paths.path_links(k))
        for before, after in itertools.pairwise(passed):
            assert theirs.getEdge(after) in theirs.getEdge(before).getOutgoing()
        driven.append(passed)
        assert not passes_twice(network, paths.path_links(k)) or list(paths.commodity).count(paths.commodity[k]) == 1
    rows = "".join(
        f'<vehicle id="{k}" depart="{20 * k}"><route edges="{" ".join(own)}"/></vehicle>'
        for k, own in enumerate(driven)
    )
    write(tmp_path / "r.rou.xml", f"<routes>{rows}</routes>")
    run("sumo", tmp_path, "-n", net_file, "-r", "r.rou.xml", "--tripinfo-output", "t.xml", "--no-step-log")
    assert (tmp_path / "t.xml").read_text().count("<tripinfo ") == len(driven)


def test_routes_that_nobody_takes_are_dropped_but_never_the_last():
    # a square of junctions: A to B directly, round the block, and over A again
    network = RoadNetwork(
        node_ids=("a1", "a2", "b1", "b2", "c"), link_ids=("ab", "ba", "turn", "ac", "cb", "aa"),
        tail=np.array([0, 3, 1, 0, 4, 1]), head=np.array([2, 1, 3, 4, 2, 0]),
        free_flow_min=np.array([1.0, 1, 1, 2, 2, 1]),
        capacity_vph=100.0, junction=("A", "A", "B", "B", ""),
    )  # fmt: skip
    direct, round_, again = (0,), (3, 4), (2, 1, 5, 0)
    assert sensible(network, [direct, round_], network.free_flow_min) == [direct]  # 4 min against 1
    assert passes_twice(network, again)
    assert sensible(network, [again], network.free_flow_min) == [again]
    free = replace(network, junction=())
    assert sensible(free, [direct, round_, again], network.free_flow_min) == [direct, round_, again]
