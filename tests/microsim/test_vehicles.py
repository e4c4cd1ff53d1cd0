"""Whole vehicles from path flows: exact sums, departures from the seed, routes over the right edges."""

from dataclasses import replace
from fractions import Fraction

import defusedxml.ElementTree as ET
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.microsim.model import MicroNet
from cosim.microsim.port import steady
from cosim.microsim.sections import plain_net
from cosim.microsim.vehicles import (
    claimed_vehicles,
    joined,
    largest_remainder,
    micro_demand,
    micro_routes,
    warmup_time_s,
    write_lots,
    write_routes,
)
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.paths import all_simple_paths

PAIRS = (("1", "2"), ("1", "3"), ("4", "2"), ("4", "3"))
STATIONS = [
    Station.from_chargers(name=node, node=node, bus=bus, chargers=20, charger_kw=60.0, access_min=10.0, energy_kwh=20.0)
    for node, bus in (("8", "16"), ("11", "20"), ("13", "32"))
]
ROADS = read_road_network("sumo_nets/nguyen").with_stations(STATIONS)
PATHS = all_simple_paths(ROADS, PAIRS, {"charging": True, "other": False})


def net_of(plain):
    return MicroNet(
        net_file="net.net.xml", variant=plain.variant, length_scale=1.0, link_ids=plain.link_ids,
        link_edges=tuple(plain.link_edges), lanes=np.array(plain.lanes), lots=tuple(plain.lots), sha256="",
    )  # fmt: skip


NET = net_of(plain_net(ROADS, STATIONS))
ROUTES = micro_routes(NET, PATHS)
FLOWS = np.random.default_rng(5).uniform(0.0, 60.0, len(PATHS))
HOUR = {"begin_s": 600.0, "duration_s": 3600.0, "period": 8}


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=40), st.integers(0, 10_000))
def test_counts_add_up_exactly_and_none_is_a_whole_vehicle_off(shares, total):
    shares = np.array(shares)
    if not shares.sum() > 0.0:
        shares[0] = 1.0
    counts = largest_remainder(shares, total)
    assert counts.sum() == total
    assert (counts >= 0).all()
    whole = sum(Fraction(share) for share in shares)
    for share, count in zip(shares, counts.tolist(), strict=True):
        assert abs(Fraction(share) / whole * total - count) < 1 + Fraction(1, 10**6)


@given(st.permutations([7.0, 5.0, 3.0, 0.0]), st.integers(0, 50))
def test_the_largest_remainders_get_what_is_left(shares, total):
    exact = {share: Fraction(share) / 15 * total for share in shares}
    left = total - sum(int(value) for value in exact.values())
    ranked = sorted({value - int(value) for value in exact.values()}, reverse=True)
    counts = dict(zip(shares, largest_remainder(np.array(shares), total).tolist(), strict=True))
    for share, count in counts.items():
        if exact[share] - int(exact[share]) > (ranked[left] if left < len(ranked) else -1):
            assert count >= int(exact[share])
    assert sum(counts.values()) == total


@pytest.mark.parametrize(("shares", "total"), [([-1.0, 2.0], 1), ([0.0], 1), ([np.nan], 3), ([np.inf], 3), ([1.0], -1)])
def test_shares_that_cannot_split_are_refused(shares, total):
    with pytest.raises(InputError, match="cannot be split"):
        largest_remainder(np.array(shares), total)


def test_each_commodity_gets_its_rounded_trips_and_each_path_its_share():
    demand = micro_demand(ROUTES, PATHS, FLOWS, seed=3, **HOUR)
    counts = np.bincount(demand.route, minlength=len(PATHS))
    for commodity in range(len(PATHS.commodities)):
        own = PATHS.paths_of(commodity)
        assert counts[own].sum() == round(FLOWS[own].sum())
    assert np.abs(counts - FLOWS).max() < 1.0 + 1e-9
    assert len(set(demand.vehicle_ids)) == len(demand)


def test_departures_are_sorted_hundredths_within_the_stretch_and_look_uniform():
    demand = micro_demand(ROUTES, PATHS, 20.0 * FLOWS, seed=3, **HOUR)
    assert (np.diff(demand.depart_s) >= 0.0).all()
    assert demand.depart_s.min() >= 600.0
    assert demand.depart_s.max() < 4200.0
    centi = demand.depart_s * 100.0
    assert np.abs(centi - np.round(centi)).max() < 1e-6
    share = (demand.depart_s - 600.0) / 3600.0
    n = len(share)
    distance = np.abs(np.sort(share) - (np.arange(n) + 0.5) / n).max()
    assert distance < 1.63 / np.sqrt(n)  # Kolmogorov-Smirnov, 1 %


def test_the_same_seed_gives_the_same_vehicles_and_another_seed_others():
    first, again, other = (micro_demand(ROUTES, PATHS, FLOWS, seed=seed, **HOUR) for seed in (3, 3, 4))
    assert first.vehicle_ids == again.vehicle_ids
    assert np.array_equal(first.depart_s, again.depart_s)
    assert not np.array_equal(first.depart_s, other.depart_s)


def test_the_flow_of_one_path_does_not_move_the_departures_of_another():
    changed = FLOWS.copy()
    changed[PATHS.paths_of(0)] *= 3.0
    one, two = (micro_demand(ROUTES, PATHS, flows, seed=3, **HOUR) for flows in (FLOWS, changed))
    for path in PATHS.paths_of(2):
        assert np.array_equal(one.depart_s[one.route == path], two.depart_s[two.route == path])


def test_a_charging_route_passes_the_spur_of_its_station_in_place_of_the_bypass():
    routes = micro_routes(NET, PATHS)
    lots = {lot.lot_id: lot for lot in NET.lots}
    assert len(routes) == len(PATHS)
    for path, route in enumerate(routes):
        assert route.path == path
        station = int(PATHS.station[path])
        if station < 0:
            assert (route.lot_id, route.vehicle_type) == ("", "gv")
            assert not any(edge.startswith("S") for edge in route.edges)
            continue
        lot = lots[route.lot_id]
        assert lot.station == PATHS.link_ids[station]
        assert lot.bypass_edge not in route.edges
        place = route.edges.index(lot.spur_edges[0])
        assert route.edges[place : place + 3] == lot.spur_edges
        assert route.vehicle_type == "ev"


def test_without_the_spur_a_charging_route_is_the_main_edges_of_its_links():
    own = dict(zip(NET.link_ids, NET.link_edges, strict=True))
    bypass = {lot.spur_edges: lot.bypass_edge for lot in NET.lots}
    for path, route in enumerate(micro_routes(NET, PATHS)):
        edges = " ".join(route.edges)
        for spur, edge in bypass.items():
            edges = edges.replace(" ".join(spur), edge)
        links = [link for link in PATHS.path_link_ids(path) if link in own]
        assert edges.split() == [edge for link in links for edge in own[link]]


def test_on_a_network_without_lots_nobody_stops():
    plain = net_of(plain_net(ROADS, STATIONS, variant="plain"))
    assert {route.lot_id for route in micro_routes(plain, PATHS)} == {""}


def test_a_network_built_for_other_roads_or_stations_is_refused():
    with pytest.raises(InputError, match="has no link '13-3'"):
        micro_routes(replace(NET, link_ids=(*NET.link_ids[:-1], "other")), PATHS)
    with pytest.raises(InputError, match="station '13' has no lot on link '13-3'"):
        micro_routes(replace(NET, lots=NET.lots[:-1]), PATHS)


def test_warm_up_and_measured_time_each_have_their_exact_vehicles():
    demand = claimed_vehicles(
        ROUTES, PATHS,
        steady(FLOWS, warmup_s=1800.0, measured_s=3600.0, period=8, p_set_mw=np.zeros(0), seed=1),
    )  # fmt: skip
    early = demand.depart_s < 1800.0
    assert {name[0] for name, warm in zip(demand.vehicle_ids, early, strict=True) if warm} == {"w"}
    assert {name[0] for name, warm in zip(demand.vehicle_ids, early, strict=True) if not warm} == {"p"}
    alone = micro_demand(ROUTES, PATHS, FLOWS, begin_s=1800.0, duration_s=3600.0, period=8, seed=1)
    assert np.array_equal(demand.depart_s[~early], alone.depart_s)
    assert early.sum() == sum(int(np.floor(FLOWS[PATHS.paths_of(w)].sum() / 2.0 + 0.5)) for w in range(8))


def test_stretches_that_do_not_fit_together_are_refused():
    first = micro_demand(ROUTES, PATHS, FLOWS, begin_s=0.0, duration_s=600.0, period=1, seed=1)
    gap = micro_demand(ROUTES, PATHS, FLOWS, begin_s=700.0, duration_s=600.0, period=2, seed=1)
    same = micro_demand(ROUTES, PATHS, FLOWS, begin_s=600.0, duration_s=600.0, period=1, seed=1)
    with pytest.raises(InputError, match="ends at 600 s, the next begins at 700"):
        joined([first, gap])
    with pytest.raises(InputError, match="equal vehicle ids"):
        joined([first, same])


@pytest.mark.parametrize("flow", [-1.0, np.nan, np.inf])
def test_flows_that_are_no_flows_are_refused(flow):
    with pytest.raises(InputError, match="flow of path 3"):
        micro_demand(ROUTES, PATHS, np.where(np.arange(len(PATHS)) == 3, flow, FLOWS), seed=1, **HOUR)


def test_the_warm_up_is_long_enough_for_the_longest_path():
    # 1-12-8-2 takes 9 + 14 + 9 min; the longest of the 25 paths 44; a charging one 30 more.
    roads = read_road_network("sumo_nets/nguyen")
    assert warmup_time_s(roads, all_simple_paths(roads, PAIRS, {"other": False})) == 62 * 60
    assert warmup_time_s(ROADS, PATHS) == pytest.approx(np.ceil(1.4 * (44 + 30)) * 60)
    assert warmup_time_s(ROADS, PATHS, length_scale=0.5, link_time_min=2.0 * ROADS.free_flow_min) == pytest.approx(
        np.ceil(1.4 * (44 + 60)) * 60
    )


def test_the_route_file_holds_every_vehicle_in_order_with_its_stop(tmp_path):
    demand = micro_demand(ROUTES, PATHS, FLOWS, seed=3, **HOUR)
    write_routes(demand, tmp_path / "r.xml")
    write_lots(NET, tmp_path / "a.xml")
    root = ET.parse(tmp_path / "r.xml").getroot()
    vehicles = root.findall("vehicle")
    assert [one.get("id") for one in vehicles] == list(demand.vehicle_ids)
    assert [float(one.get("depart")) for one in vehicles] == pytest.approx(demand.depart_s.tolist(), abs=1e-9)
    assert {one.get("id"): tuple(one.get("edges").split()) for one in root.findall("route")} == {
        one.route_id: one.edges for one in ROUTES
    }
    lots = {one.get("id") for one in ET.parse(tmp_path / "a.xml").getroot()}
    for one, position in zip(vehicles, demand.route.tolist(), strict=True):
        stops = [stop.get("parkingArea") for stop in one.findall("stop")]
        assert stops == [lot for lot in [demand.routes[position].lot_id] if lot]
        assert set(stops) <= lots
