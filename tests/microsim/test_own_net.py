"""Simulated on the network that the roads were imported from: what is whose edge, what is counted, what refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosim.errors import InputError
from cosim.microsim.own_net import _told_apart_s, link_parts, read_own_net
from cosim.microsim.port import EngineSettings, open_engine, steady
from cosim.scenario.build import build_roads
from cosim.scenario.load import load
from cosim.traffic.calibration import LinkLaw
from cosim.validation.gate import GateLimits
from cosim.validation.jam import jams
from cosim.validation.metrics import estimate
from cosim.validation.micro_limits import MicroLimits
from cosim.validation.micro_verdict import judge
from cosim.workflows.import_roads import RoadSource, import_osm

OSM, TRIPS = Path("docs/networks/quarter.osm"), Path("docs/networks/quarter_trips.csv")
SCENARIO = """
schema: 1
periods: 1
period_min: 60
roads: roads
traffic: {demand: roads/trips.csv, theta_per_min: 2.0, paths: k=4}
ev: {share: 0.3, fast_charge_share: 0.3, recharge_share: 0.3, battery_kwh: 10}
stations:
  - {name: west, node: '-103.1', bus: 1, chargers: 20, charger_kw: 150, access_min: 1}
  - {name: mill, node: '113.0', bus: 1, chargers: 20, charger_kw: 150, access_min: 1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("quarter")
    import_osm(OSM, place / "roads", RoadSource(trips=(TRIPS,)))
    (place / "scenario.yaml").write_text(SCENARIO)
    return place


@pytest.fixture(scope="module")
def roads(folder):
    return build_roads(load(folder))


@pytest.fixture(scope="module")
def engine(roads):
    with open_engine(roads, EngineSettings()) as one:
        yield one


@pytest.fixture(scope="module")
def window(roads, engine):
    flow = roads.problem.load(roads.problem.empty_cost_min).path_flow_vph
    claim = steady(flow, warmup_s=600.0, measured_s=1200.0, period=1, p_set_mw=np.full(2, np.inf), seed=1)
    return flow, engine.window(claim)


def test_the_network_is_the_users_own(roads, engine):
    assert engine.variant == "own"
    assert engine.net.net_file == roads.own_net
    assert engine.nature.needs_law
    assert engine.link_ids == roads.streets.link_ids
    assert (engine.spur_s, engine.detour_s) == (0.0, 0.0)


def test_each_link_is_a_part_of_its_edge(roads):
    streets = roads.streets
    parts = link_parts(streets)
    for part, edge, name in zip(parts, streets.edge, streets.link_ids, strict=True):
        wanted = name.rpartition(":")[2] if ":" in name else "turn" if ">" in name else "whole"
        assert part == wanted, name
        assert edge.startswith(":") == (part == "turn")


def test_routes_pass_each_edge_once_and_begin_half_way(engine):
    for route in engine.routes:
        assert all(a != b for a, b in zip(route.edges, route.edges[1:], strict=False))
        half = engine.net.own.length_m[route.edges[0]] / 2.0
        assert float(route.depart_pos) == pytest.approx(half, abs=0.01)
        assert float(route.arrive_pos) == pytest.approx(engine.net.own.length_m[route.edges[-1]] / 2.0, abs=0.01)
        assert bool(route.lot_id) == (route.vehicle_type == "ev")
    lots = {lot.station: lot for lot in engine.net.lots}
    assert lots["west"].lane_id == "-103#1_0"


def test_links_count_the_vehicles_that_the_paths_send(roads, window):
    flow, state = window
    n = len(roads.streets.link_ids)
    said, measured = roads.paths.link_flow(flow)[:n], state.links.link_flow_vph
    assert state.quality.teleports == 0
    assert np.abs(measured - said).max() < 60.0  # of 1,250 veh/h, within 20 minutes
    assert measured.sum() == pytest.approx(said.sum(), rel=0.05)
    assert sum(len(one) for one in ([s for s in state.sessions if s.station == name] for name in ("west", "mill"))) > 5
    # what parks is no traffic: both halves of a station's edge agree but for who stays
    at = {name: k for k, name in enumerate(roads.streets.link_ids)}
    for edge in ("-103.1", "113.0"):
        first, second = (measured[at[f"{edge}:{half}"]] for half in ("first", "second"))
        assert abs(first - second) <= 3.0 * 12
        assert first == pytest.approx(said[at[f"{edge}:first"]], abs=60.0)


def test_times_of_links_add_up_to_those_of_routes(window):
    # time on links of all vehicles against that of all journeys; both are the vehicles under way, by Little's law
    _, state = window
    counted = state.links.link_time_n > 0
    on_links = float((state.links.link_time_n * state.links.link_time_min)[counted].sum())
    arrived = state.path_time_n > 0
    on_routes = float((state.path_time_n * state.path_time_min)[arrived].sum())
    assert on_links == pytest.approx(on_routes, rel=0.05)
    assert (state.links.occupancy < 0.2).all()


def test_what_waits_at_a_junction_is_told_of_the_turn(engine):
    own = engine.net.own
    link = next(k for k, part in enumerate(own.parts) if part == "second" and own.wait_s[list(own.turns[k])].sum() > 0)
    count, passed = np.ones(len(own.parts)), own.free_s.copy()
    turns = list(own.turns[link])
    whole_s = 2.0 * own.free_s[link]
    passed[link] = whole_s + own.wait_s[turns].mean()
    passed[turns] = 1.0
    time_s = _told_apart_s(own, count, passed)
    assert time_s[turns] == pytest.approx(1.0 + own.wait_s[turns])
    assert time_s[own.first[link]] + time_s[link] == pytest.approx(whole_s)
    passed[link] = 0.6 * whole_s  # faster than the limit: no room for a wait
    time_s = _told_apart_s(own, count, passed)
    total = time_s[own.first[link]] + time_s[link] + (time_s[turns] - 1.0).mean()
    assert total == pytest.approx(0.6 * whole_s)


def test_what_such_a_network_cannot_do_is_named(roads):
    with pytest.raises(InputError, match="middle of no edge"):
        read_own_net(roads.own_net, roads.streets, [replace(roads.stations[0], node="-103.1:end")])
    with pytest.raises(InputError, match="the lengths of one's own network"):
        open_engine(roads, EngineSettings(length_scale=0.25))
    with pytest.raises(InputError, match="builds its network from roads without turns"):
        open_engine(roads, EngineSettings(), mesoscopic=True)
    with pytest.raises(InputError, match="were not imported from a SUMO network"):
        open_engine(replace(roads, own_net=None), EngineSettings(variant="own"))
    bare = replace(roads.streets, edge=tuple("" if one.startswith(":") else one for one in roads.streets.edge))
    with pytest.raises(InputError, match="no internal edge"):
        read_own_net(roads.own_net, bare, [])
    odd = replace(roads.streets, edge=tuple(one.replace("101#0", "nowhere") for one in roads.streets.edge))
    with pytest.raises(InputError, match="'nowhere', which the network does not have for cars"):
        read_own_net(roads.own_net, odd, [])


def test_a_jam_takes_the_verdict_on_times_and_fails(roads):
    n = len(roads.streets.link_ids)
    occupancy = np.zeros(n)
    at = roads.streets.link_ids.index("101.1")
    occupancy[at] = 0.4
    flow = np.zeros(len(roads.network.link_ids))
    flow[at] = 0.5 * roads.network.capacity_vph[at]
    (jam,) = jams(roads.problem, flow, [occupancy, occupancy], 0.2)
    assert (jam.edge, jam.occupancy, jam.volume_capacity) == ("101#1", 0.4, 0.5)
    flow[at] = 1.2 * roads.network.capacity_vph[at]
    assert jams(roads.problem, flow, [occupancy], 0.2) == ()  # the model says so itself
    assert jams(roads.problem, flow, [np.zeros(0)], 0.2) == ()
    found = {
        name: estimate([value, value]) for name, value in (("time_mape", 0.01), ("closure", 0.01), ("geh_share", 1.0))
    }
    for number, words in ((1.0, ("not_comparable_jam", "failed")), (0.0, ("passed", "passed"))):
        told = found | {"jammed_edges": estimate([number, number])}
        verdict = {
            one.name: one.word for one in judge(told, None, limits=MicroLimits(), gates=GateLimits(), basis="matched")
        }
        assert (verdict["closure"], verdict["jammed_edges"]) == words
        assert verdict["geh_share"] == "passed"


def test_capacities_that_know_signals_stay(roads):
    law = LinkLaw(time_factor=1.1, least_lanes=0)
    assert law.applied(roads.streets).capacity_vph.tolist() == roads.streets.capacity_vph.tolist()
    assert law.applied(roads.streets).free_flow_min == pytest.approx(1.1 * roads.streets.free_flow_min)
