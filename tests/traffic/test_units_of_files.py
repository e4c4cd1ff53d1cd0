"""Units, lanes, tolls and totals that network files tell: used, or said, or refused; never passed over."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.cli import main
from cosim.errors import InputError
from cosim.traffic.formats import read_network, read_trips, short_name, usual_trips
from cosim.traffic.formats.gmns import read_gmns_network, read_gmns_trips
from cosim.traffic.formats.tntp import read_tntp_network, read_tntp_trips
from cosim.workflows.assign import assign, read_problem, solve_problem

TNTP = {
    "meta": "<NUMBER OF ZONES> 2\n<NUMBER OF NODES> 2\n<FIRST THRU NODE> 1\n<NUMBER OF LINKS> 2\n",
    "original": "",
    "end": "<END OF METADATA>\n",
    "names": "~ init term capacity length fft b power speed toll type ;\n",
    "rows": "1 2 1000 1 2.0 0.15 4 0 0 1 ;\n2 1 1000 1 2.0 0.15 4 0 0 1 ;\n",
}
LANES = {
    "original": "<ORIGINAL HEADER>~ from to capacity (per lane) length fftt alpha beta ff speed critical speed lanes\n",
    "names": "~ init_node term_node capacity length free_flow_time b power speed critical_speed lanes ;\n",
    "rows": "1 2 900 1 2.0 1 2 55 42.9 2 ;\n2 1 900 1 2.0 1 2 55 42.9 2 ;\n",
}
TRIPS = "<NUMBER OF ZONES> 2\n<TOTAL OD FLOW> 1000\n<END OF METADATA>\nOrigin 1\n1 : 0; 2 : 1000.0;\n"


@pytest.fixture
def tntp(tmp_path):
    def written(name="two_net.tntp", **parts):
        path = tmp_path / name
        path.write_text("".join((TNTP | parts).values()), encoding="utf-8")
        return path

    return written


def travel_time_min(place, trips=None, **options):
    """Return the longest travel time of a used link at equilibrium."""
    problem = read_problem(place, trips, theta_per_min=0.5, options=options)
    result = solve_problem(problem).result
    assert result.status == "converged"
    return float(result.link_time_min[result.link_flow_vph > 0].max())


def test_capacities_per_lane_are_multiplied_by_the_lanes(tntp, tmp_path):
    """1,800 trips on 2 lanes of 900: 2 (1 + 1²) = 4 min; one lane would give 10."""
    path = tntp(**LANES)
    (tmp_path / "two_trips.tntp").write_text(TRIPS.replace("1000", "1800"), encoding="utf-8")
    assert travel_time_min(path) == pytest.approx(4.0, rel=1e-12)
    assert any("per lane" in remark for remark in read_network(path).remarks)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"original": LANES["original"]}, "capacities are per lane, but there is no column 'lanes'"),
        (LANES | {"rows": LANES["rows"].replace("42.9 2", "42.9 0")}, r":8:10: field 'lanes': lanes 0 must be > 0"),
        ({"original": "<ORIGINAL HEADER>~ capacity (veh/day)\n"}, r"capacity \(veh/day\); capacities must be per hour"),
        ({"original": "<ORIGINAL HEADER>~ free flow time (ticks)\n"}, r"\(ticks\), which is no unit known here"),
        ({"names": "~ from to capacity length fft ftime b power type ;\n"}, "two columns mean free_flow_time"),
        ({"names": "~ init term capacity fft b power ;\n"}, "the row has 10 fields, must have 6"),
        (LANES | {"names": LANES["names"].replace("capacity", "flow_limit")}, "the header names no column capacity"),
    ],
)
def test_a_header_that_cannot_be_followed_is_refused(tntp, parts, message):
    with pytest.raises(InputError, match=message):
        read_tntp_network(tntp(**parts))


def test_a_critical_speed_is_no_toll(tntp):
    assert not read_tntp_network(tntp(**LANES)).fixed_min.any()
    with pytest.raises(InputError, match="the file has no column 'toll'; leave out --toll-min"):
        read_tntp_network(tntp(**LANES), toll_min=1.0)


def test_columns_are_those_of_the_header_in_any_order(tntp):
    names = "~\tTail\tHead\ttoll (cents)\tFree Flow Time (min)\tCapacity (veh/h)\tB\tPower\tgrade\t;\n"
    network = read_tntp_network(tntp(names=names, rows="1 2 3 2.0 700 0.2 3 9\n2 1 3 2.0 700 0.2 3 9\n"), toll_min=0.5)
    assert network.capacity_vph.tolist() == [700.0, 700.0]
    assert (network.alpha[0], network.beta[0], network.fixed_min[0]) == (0.2, 3.0, 1.5)
    assert network.remarks == ("columns that are not used: grade",)


@pytest.mark.parametrize("gap", [" ", "  ", "\t", " \t "])
def test_names_of_several_words_are_known_whatever_parts_them(tntp, gap):
    words = (
        "Init node",
        "Term node",
        "Toll",
        "Free Flow Time",
        "Capacity",
        "B",
        "Power",
        "Critical speed",
        "Speed limit",
    )
    network = read_tntp_network(
        tntp(names=f"~ {gap.join(words)} ;\n", rows="1 2 3 2 700 0.2 3 9 9\n2 1 3 2 700 0.2 3 9 9\n")
    )
    assert (network.capacity_vph[0], network.free_flow_min[0], network.beta[0]) == (700.0, 2.0, 3.0)


def test_a_column_behind_the_standard_ones_is_said(tntp):
    rows = "1 2 1000 1 2.0 0.15 4 0 0 1 7 ;\n2 1 1000 1 2.0 0.15 4 0 0 1 7 ;\n"
    network = read_tntp_network(tntp(names=TNTP["names"].replace("type", "type area"), rows=rows))
    assert network.remarks == ("columns that are not used: area",)


@pytest.mark.parametrize("comment", ["~ drawn in 1974 ;\n", "", "~ init_node term_node ... ;\n"])
def test_a_comment_that_names_no_other_order_leaves_the_standard_one(tntp, comment):
    assert read_tntp_network(tntp(names=comment)).free_flow_min.tolist() == [2.0, 2.0]


def test_a_header_that_stops_early_means_the_standard_columns(tntp):
    names = "~ init_node term_node capacity length free_flow_time b power speed toll ;\n"
    assert read_tntp_network(tntp(names=names)).free_flow_min.tolist() == [2.0, 2.0]


@pytest.mark.parametrize(("unit", "minutes"), [("min", 1.0), ("h", 60.0), ("hours", 60.0), ("sec", 1.0 / 60.0)])
def test_the_header_tells_the_unit_of_time(tntp, unit, minutes):
    path = tntp(original=f"<ORIGINAL HEADER>~\tCapacity (veh/h)\tLength (ft)\tFree Flow Time ({unit})\tB\n")
    assert read_tntp_network(path).free_flow_min[0] == pytest.approx(2.0 * minutes, rel=1e-15)
    own = read_tntp_network(path, time_unit_min=0.6)
    assert own.free_flow_min[0] == pytest.approx(1.2, rel=1e-15)
    assert "0.6 min as asked for" in own.remarks[0]


@pytest.mark.parametrize(("length", "told"), [("16", "4,000 .*, as hours 67"), ("1.2", "300 .*, as hours 5")])
def test_hours_that_would_be_minutes_are_said(tntp, length, told):
    """16 km in 0.24 are 67 km/h in hours, and 4,000 in minutes; 1.2 km are walking pace, or beyond any road."""
    path = tntp(rows=f"1 2 1000 {length} 0.24 0.15 4 0 0 1 ;\n2 1 1000 {length} 0.24 0.15 4 0 0 1 ;\n")
    (remark,) = read_tntp_network(path).remarks
    assert re.search(told, remark)
    assert not read_tntp_network(path, time_unit_min=60.0).remarks
    assert not read_tntp_network(tntp()).remarks


def test_tolls_and_unknown_keys_are_said(tntp):
    path = tntp(meta=TNTP["meta"] + "<SCENARIO> Build\n", rows="1 2 9 1 2 0.15 4 0 7 1 ;\n2 1 9 1 2 0.15 4 0 0 1 ;\n")
    assert [remark.split(":")[-1].strip() for remark in read_tntp_network(path).remarks] == [
        "<SCENARIO> is not looked at",
        "1 links have a toll, which is not used; --toll-min gives the minutes per unit of toll",
    ]
    assert len(read_tntp_network(path, toll_min=1.0).remarks) == 1


def test_without_a_first_through_node_every_node_lets_trips_pass(tntp, tmp_path):
    """1,000 trips on a capacity of 1,000: 2 (1 + 0.15) min."""
    path = tntp(meta=TNTP["meta"].replace("<FIRST THRU NODE> 1\n", ""))
    (tmp_path / "two_trips.tntp").write_text(TRIPS, encoding="utf-8")
    assert not read_tntp_network(path).is_centroid.any()
    assert travel_time_min(path) == pytest.approx(2.3, rel=1e-12)


def test_a_total_that_the_table_does_not_have_is_a_warning(tntp, tmp_path, capsys):
    trips = tmp_path / "two_trips.tntp"
    trips.write_text(TRIPS.replace("FLOW> 1000", "FLOW> 5000"), encoding="utf-8")
    path = tntp()
    assert read_tntp_trips(trips).remarks == ("the table sums to 1,000 trips, <TOTAL OD FLOW> says 5,000",)
    with pytest.raises(SystemExit) as stop:
        main(["assign", str(path)])
    assert stop.value.code in (0, None)
    assert "warning the table sums to 1,000 trips, <TOTAL OD FLOW> says 5,000" in capsys.readouterr().out
    trips.write_text(TRIPS.replace("1 : 0;", "1 : 0.4;"), encoding="utf-8")
    assert read_tntp_trips(trips, path).remarks == ("0.4 trips within zones are left out",)


def test_trips_of_another_number_of_zones_are_said(tntp, tmp_path):
    trips = tmp_path / "two_trips.tntp"
    trips.write_text(TRIPS.replace("ZONES> 2", "ZONES> 3"), encoding="utf-8")
    assert "the trips are of 3 zones, the network has 2" in read_trips(trips, tntp()).remarks[0]
    off = read_tntp_network(tntp(meta=TNTP["meta"].replace("NODE> 1", "NODE> 2")))
    assert off.remarks == ("<FIRST THRU NODE> 2 makes 1 centroids, <NUMBER OF ZONES> says 2",)


@pytest.mark.parametrize("name", ["Two_Net.tntp", "TWO_NET.TNTP", "two_network_2016_01.tntp"])
def test_a_network_is_known_by_its_name_in_any_case(tntp, tmp_path, name):
    path = tntp(name)
    trips = tmp_path / ("Two_TRIPS.tntp" if "2016" not in name else "two_trips_2016_01.tntp")
    trips.write_text(TRIPS, encoding="utf-8")
    assert read_network(path.parent).link_ids == ("1-2", "2-1")
    assert usual_trips(path) == usual_trips(path.parent) == trips
    assert short_name(path).lower().startswith("two")


def test_a_name_that_does_not_tell_where_the_trips_stand_is_refused(tntp):
    with pytest.raises(InputError, match="name the trip table, too"):
        usual_trips(tntp("roads.tntp"))


NODES = "node_id,zone_id,x_coord,y_coord\n1,1,0,0\n2,,0.005,0\n3,2,0.01,0\n"
LINKS = "link_id,from_node_id,to_node_id,directed,length,lanes,free_speed,capacity\n"
ROWS = "1,1,2,1,500,2,50,900\n2,2,3,1,500,2,50,900\n"
DEMAND = "o_zone_id,d_zone_id,volume\n1,2,900\n"


@pytest.fixture
def gmns(tmp_path):
    def written(link=LINKS + ROWS, node=NODES, demand=DEMAND, **others):
        folder = tmp_path / "roads"
        folder.mkdir(exist_ok=True)
        for name, text in ({"node": node, "link": link, "demand": demand} | others).items():
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        return folder

    return written


def test_metres_without_a_config_are_seen_by_the_coordinates(gmns):
    """500 m at 50 km/h: 0.6 min; read as km they would take 600."""
    network = read_gmns_network(gmns())
    assert network.free_flow_min == pytest.approx([0.6, 0.6], rel=1e-12)
    assert "length is read in m and free_speed in km/h" in network.remarks[0]


@settings(max_examples=40, deadline=None)
@given(
    unit=st.sampled_from(
        [("km", 1.0, 1.0), ("miles", 1.609344, 1.609344), ("m", 1e-3, 1.0), ("ft", 0.3048e-3, 1.609344)]
    ),
    seed=st.integers(0, 10**6),
    latitude=st.floats(-60.0, 60.0),
    detour=st.floats(1.0, 1.4),
)
def test_every_usual_pair_of_units_gives_the_same_times(tmp_path_factory, unit, seed, latitude, detour):
    """A street of 30 nodes written in km and km/h, miles and mph, m and km/h, ft and mph."""
    _, km, kmh = unit
    draw = np.random.default_rng(seed)
    step = draw.uniform(0.1, 1.5, 29)  # km along the meridian
    lat = latitude + np.append(0.0, np.cumsum(step)) / 111.195
    speed = draw.uniform(30.0, 100.0, 29)
    folder = tmp_path_factory.mktemp("street")
    nodes = [f"{k},{30.0:.8f},{value:.10f}" for k, value in enumerate(lat)]
    links = [
        f"{k},{k},{k + 1},1,{detour * step[k] / km:.10f},{speed[k] / kmh:.10f},900" for k in range(29)
    ]  # fmt: skip
    (folder / "node.csv").write_text("node_id,x_coord,y_coord\n" + "\n".join(nodes))
    head = "link_id,from_node_id,to_node_id,directed,length,free_speed,capacity\n"
    (folder / "link.csv").write_text(head + "\n".join(links))
    assert read_gmns_network(folder).free_flow_min == pytest.approx(60.0 * detour * step / speed, rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "nodes", "others", "message"),
    [
        (ROWS, NODES.replace("0.005", "322754").replace("0.01", "323254"), {}, "half of the links take 10 h or more"),
        (ROWS, NODES, {"config": "long_length,speed\nmile,mph\n"}, "in the units of config.csv half of the links take"),
        (ROWS.replace("500", "0.5"), NODES, {"config": "long_length,speed\nft,mph\n"}, "h or less at free speed"),
    ],
)
def test_units_in_which_no_road_is_driven_are_refused(gmns, rows, nodes, others, message):
    with pytest.raises(InputError, match=message):
        read_gmns_network(gmns(LINKS + rows, nodes, **others))


VDF = (
    "link_id,from_node_id,to_node_id,directed,length,lanes,free_speed,capacity,VDF_fftt1,VDF_cap1,VDF_alpha1,VDF_beta1"
)


def test_columns_of_a_demand_period_are_the_law(gmns):
    """2 (1 + (900 / 900)²) = 4 min on each link; capacity, length and speed of the row would give 1.006."""
    folder = gmns(VDF + ",VDF_mu1,VDF_alpha2\n1,1,2,1,1,1,60,2000,2,900,1,2,5,9\n2,2,3,1,1,1,60,2000,2,900,1,2,5,9\n")
    assert travel_time_min(folder) == pytest.approx(4.0, rel=1e-12)
    assert read_gmns_network(folder).remarks == ("columns that are not used: vdf_mu, VDF_alpha2",)


@pytest.mark.parametrize(
    ("head", "cell", "message"),
    [
        (",VDF_preload1", "200", r"link\.csv:2:13: field 'vdf_preload': 200 must be 0: its effect is not modelled"),
        (",VDF_PHF1", "0.9", "field 'vdf_phf': 0.9 must be 1"),
        (",vdf_alpha", "0.9", "columns VDF_alpha1, vdf_alpha mean the same"),
    ],
)
def test_columns_that_change_flows_are_refused(gmns, head, cell, message):
    with pytest.raises(InputError, match=message):
        read_gmns_network(gmns(VDF + head + f"\n1,1,2,1,1,1,60,2000,2,900,1,2,{cell}\n"))


def test_times_that_do_not_fit_length_and_speed_are_said(gmns):
    hours = VDF + "\n1,1,2,1,1,1,60,2000,0.0167,900,1,2\n2,2,3,1,1,1,60,2000,0.0167,900,1,2\n"
    (remark,) = read_gmns_network(gmns(hours)).remarks
    assert remark == "vdf_fftt is 0.0167 times length / free_speed in the median; is it in minutes?"
    (remark,) = read_gmns_network(gmns(LINKS + ROWS.replace("500,2,50", "1,2,900"))).remarks
    assert remark == "free_speed is 900 in the median; is that mph or km/h?"


def test_the_centroid_of_several_nodes_is_the_zone(gmns):
    nodes = "node_id,zone_id,node_type,x_coord,y_coord\n1,1,centroid,0,0\n2,1,,0.005,0\n3,2,,0.01,0\n"
    assert read_gmns_trips(gmns(node=nodes) / "demand.csv").od_pairs == (("1", "3"),)
    with pytest.raises(InputError, match="zone '1' has several nodes"):
        read_gmns_trips(gmns(node=nodes.replace("2,1,,", "2,1,centroid,")) / "demand.csv")


def test_capacities_are_of_lanes_unless_the_command_says_links(gmns):
    folder = gmns(LINKS + ROWS.replace("900", "3600"))
    lanes = read_gmns_network(folder)
    assert lanes.capacity_vph.tolist() == [7200.0, 7200.0]
    assert "give --capacity-per link" in lanes.remarks[-1]
    links = read_gmns_network(folder, capacity_per="link")
    assert links.capacity_vph.tolist() == [3600.0, 3600.0]
    assert not any("capacity" in remark for remark in links.remarks)
    with pytest.raises(InputError, match="field 'lanes': 1.5 is not a whole number >= 1"):
        read_gmns_network(gmns(LINKS + ROWS.replace(",2,50", ",1.5,50")))


TOLL = LINKS.replace("capacity", "capacity,toll") + (
    "1,1,3,1,10,1,60,1000,5\n2,3,2,1,1,1,60,1000,0\n3,1,4,1,10,1,60,1000,0\n4,4,2,1,1,1,60,1000,0\n"
)
DIAMOND = "node_id,zone_id,x_coord,y_coord\n1,1,0,0\n2,2,0.01,0\n3,,0.005,0\n4,,0.005,0.01\n"


def test_tolls_are_said_or_used(gmns):
    """With routes alike but for a toll of 5 min, ln(f1 / f2) = -theta (c1 - c2) at equilibrium."""
    folder = gmns(TOLL, DIAMOND, DEMAND.replace("900", "1500"))
    free = assign(folder, theta_per_min=0.5)
    assert free.result.link_flow_vph.tolist() == pytest.approx([750.0] * 4, rel=1e-9)
    assert any("1 links have a toll, which is not used" in remark for remark in free.remarks)
    tolled = assign(folder, theta_per_min=0.5, options={"toll_min": 1.0})
    flow, time = tolled.result.link_flow_vph, tolled.result.link_time_min
    costs = time[0] + time[1] - time[2] - time[3]
    assert np.log(flow[0] / flow[2]) == pytest.approx(-0.5 * costs, abs=1e-6)
    assert flow[0] < 500.0
    assert not any("toll" in remark for remark in tolled.remarks)


@pytest.mark.parametrize("separator", [",", ";", " ", "|", "/", ", "])
def test_allowed_uses_are_split_by_any_separator(gmns, separator):
    open_, closed = separator.join(("walk", "AUTO")), separator.join(("WALK", "bike"))
    rows = f'1,1,2,1,500,2,50,900,"{open_}"\n2,2,3,1,500,2,50,900,\n3,1,3,1,900,1,12,0,"{closed}"\n'
    network = read_gmns_network(gmns(LINKS.replace("capacity", "capacity,allowed_uses") + rows))
    assert network.link_ids == ("1", "2")
    assert "1 links are closed to cars by allowed_uses and left out" in network.remarks


def test_uses_that_are_not_known_are_refused_unless_a_group_tells_them(gmns):
    link = LINKS.replace("capacity", "capacity,allowed_uses") + "1,1,2,1,500,2,50,900,hovercraft\n"
    with pytest.raises(InputError, match="it is not known whether 'hovercraft' are cars"):
        read_gmns_network(gmns(link))
    known = gmns(link, use_group="use_group,uses\nhovercraft,auto;bus\n")
    assert read_gmns_network(known).link_ids == ("1",)


def test_ids_that_a_tool_wrote_as_decimal_numbers_are_the_same_ids(gmns):
    folder = gmns(
        LINKS + "1.0,1,2.0,1,500,2.0,50,900\n2.0,2,3,1,500,2,50,900\n",
        NODES.replace("1,1,0", "1.0,1.0,0").replace("3,2,", "3,2.0,"),
    )
    assert read_gmns_network(folder).link_ids == ("1", "2")
    assert read_gmns_trips(folder / "demand.csv").od_pairs == (("1", "3"),)
    with pytest.raises(InputError, match="'1' stands already in line 2"):
        read_gmns_network(gmns(node=NODES + "1.0,,0,0\n"))


def test_links_of_a_converter_without_the_column_directed(gmns):
    link = (LINKS + ROWS).replace("directed", "dir_flag")
    network = read_gmns_network(gmns(link))
    assert network.link_ids == ("1", "2")
    assert any("taken for one direction" in remark for remark in network.remarks)
    assert read_gmns_network(gmns(link.replace("1,1,2,1", "1,1,2,"))).link_ids == ("1", "2")
    with pytest.raises(InputError, match="field 'directed': the value is empty"):
        read_gmns_network(gmns((LINKS + ROWS).replace("1,1,2,1", "1,1,2,")))
    with pytest.raises(InputError, match="field 'dir_flag': 0 does not tell the direction"):
        read_gmns_network(gmns(link.replace("1,1,2,1", "1,1,2,0")))


def test_tables_that_are_not_read_are_said(gmns):
    folder = gmns(movement="mvmt_id\n1\n")
    assert "movement.csv is not read: every turn is allowed" in read_gmns_network(folder).remarks


def test_an_option_of_another_format_is_refused(gmns):
    with pytest.raises(InputError, match="a network in the format GMNS takes no length_min"):
        read_network(gmns(), {"length_min": 1.0})
