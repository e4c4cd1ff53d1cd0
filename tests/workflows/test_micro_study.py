"""What a window measured, read at full length of the links and with the stations behind the roads."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cosim.microsim.chargers import DETOUR_S
from cosim.microsim.port import LinkSlice, MicroState, RunQuality, Session, StationSeries
from cosim.records.traffic import PathRows, TrafficPeriod
from cosim.results.stored import path_flows
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.traffic.equilibrium import solve
from cosim.validation.micro import expected_flow, sue_claim
from cosim.workflows import validate
from cosim.workflows.micro_study import MicroStudy, WindowSettings, open_study, seen, told_of
from tests.by_hand import by_hand

WARM_S, HOUR_S = 1200.0, 3600.0


@pytest.fixture(scope="module")
def study():
    case = build_case(load("nguyen_micro"))
    stations = tuple(SimpleNamespace(name=one.name) for one in case.roads.stations)
    engine = SimpleNamespace(length_scale=0.25, stations=stations, detour_s=DETOUR_S)
    return MicroStudy(case=case, roads=case.roads, engine=engine, settings=WindowSettings(warmup_s=WARM_S))


def session(name, station, arrive_s, wait_s, leave_s):
    plug_s = arrive_s + wait_s
    return Session(
        vehicle_id=name, station=station, lot_id="x", arrive_s=arrive_s, wait_s=wait_s, plug_s=plug_s,
        energy_kwh=20.0, leave_s=leave_s, reason="charged",
    )  # fmt: skip


def window(study, sessions=()):
    roads, paths = len(study.roads.streets.link_ids), len(study.roads.paths)
    names = tuple(one.name for one in study.engine.stations)
    end = np.arange(60.0, WARM_S + HOUR_S + 1.0, 60.0)
    ledger = np.array([[20.0 * sum(one.station == name and one.leave_s <= at for one in sessions) for at in end]
                       for name in names])  # fmt: skip
    nothing = np.zeros((len(names), len(end)))
    series = StationSeries(
        names=names, end_s=end, p_mw=nothing, plugged=nothing, queue=nothing, arrivals=nothing, sessions=nothing,
        wait_mean_min=nothing, wait_p50_min=nothing, wait_p95_min=nothing, ledger_kwh=ledger,
    )  # fmt: skip
    links = LinkSlice(
        begin_s=WARM_S, end_s=WARM_S + HOUR_S, link_flow_vph=np.full(roads, 400.0),
        link_time_min=0.25 * study.roads.streets.free_flow_min, link_time_n=np.full(roads, 400.0),
    )  # fmt: skip
    return MicroState(
        links=links, path_time_min=np.full(paths, 8.0), path_time_n=np.full(paths, 30), stations=series,
        sessions=tuple(sessions), late_vehicles=6, seed=5,
        quality=RunQuality(loaded=900, inserted=899, arrived=700, running=199, never_inserted=1, teleports=2,
                           collisions=3, emergency_stops=4, parked=0),
    )  # fmt: skip


def test_times_are_told_at_full_length(study):
    found = seen(study, window(study))
    roads = len(study.roads.streets.link_ids)
    assert found.link_time_min[:roads] == pytest.approx(study.roads.streets.free_flow_min)
    free = study.roads.paths.station < 0
    assert found.path_time_min[free] == pytest.approx(32.0)
    assert np.isnan(found.path_time_min[~free]).all(), "the spur does not scale, so paths that charge are not compared"


def test_stations_are_measured_in_the_window_only(study):
    inside = [
        session("a", "8", 1000.0, 0.0, 2200.0),  # arrived in the warm-up
        session("b", "8", 2000.0, 60.0, 3300.0),
        session("c", "8", 2500.0, 120.0, 4000.0),
        session("d", "8", 4700.0, math.nan, math.nan),  # still there
    ]
    found = seen(study, window(study, inside))
    at = len(study.roads.streets.link_ids)
    assert found.link_flow_vph[at] == 3.0
    assert found.station_growth_vph[0] == 0.0, "three came, three left"
    assert found.station_wait_min[0] == pytest.approx(1.5)
    stay_s = np.mean([1200.0, 1300.0, 1500.0]) + DETOUR_S
    assert found.link_time_min[at] == pytest.approx(stay_s / 60.0)
    assert found.station_energy_kwh[0] == pytest.approx(60.0)
    assert found.link_flow_vph[at + 1] == 0.0
    assert np.isnan(found.link_time_min[at + 1])


def test_a_station_that_nobody_could_leave_is_not_taken_for_an_empty_one(study):
    """Under a cap of 0 the charge never ends: told is how long those inside have been there, not access and service."""
    inside = [session(name, "8", arrive_s, 0.0, math.nan) for name, arrive_s in (("a", 0.0), ("b", 2400.0))]
    found = seen(study, window(study, inside))
    at = len(study.roads.streets.link_ids)
    stay_s = (4800.0 + 2400.0) / 2.0 + DETOUR_S
    assert found.link_time_min[at] == pytest.approx(stay_s / 60.0)
    assert found.link_vehicles[at] == 0.0, "which says that nobody left"
    assert found.station_growth_vph[0] == 1.0


def test_a_metered_net_fills_at_the_times_of_its_law():
    """Its speeds follow the flow, so the longest path takes far longer than on open roads."""
    case = build_case(load("nguyen_ieee33"))
    roads = case.roads
    flow = 1.8 * roads.network.capacity_vph
    minutes = {}
    for variant in ("merge", "metered"):
        with open_study(case, WindowSettings(variant=variant)) as study:
            minutes[variant] = study.warmup_s(np.where(roads.network.is_station, 0.0, flow)) / 60.0
            assert study.unused_factor == (1.0 if variant == "metered" else 1.057)
    through = roads.paths.station < 0
    open_min = roads.paths.route_cost(roads.network.free_flow_min)[through].max()
    service_min = (minutes["merge"] - math.ceil(1.4 * open_min)) / 1.4
    bpr = 1.0 + 0.15 * 1.8**4
    assert minutes["metered"] == pytest.approx(1.4 * (bpr * open_min + service_min), abs=2.0)


def test_links_behind_a_station_are_expected_to_carry_what_leaves_it(study):
    """Half of station 8's arrivals stay there: each path over it carries half behind it, and all before it."""
    problem = study.problem(3)
    claim = sue_claim(problem, solve(problem).path_flow_vph)
    at = int(problem.network.station_positions[0])
    flow = np.array(claim.link_flow_vph)
    growth = np.zeros(len(study.engine.stations))
    growth[0] = 0.5 * flow[at]
    run = replace(seen(study, window(study)), link_flow_vph=flow, station_growth_vph=growth)
    lost = np.zeros(len(flow))
    for k, path_vph in enumerate(claim.path_flow_vph.tolist()):
        links = list(problem.path_set.path_links(k))
        if at in links:
            lost[links[links.index(at) + 1 :]] += 0.5 * path_vph
    assert lost.sum() > 0.0
    assert expected_flow(problem, claim, run) == pytest.approx(flow - lost)


def test_the_energy_that_a_capped_station_is_held_against_is_its_cap(study):
    problem = study.problem(3)
    claim = sue_claim(problem, solve(problem).path_flow_vph)
    arrivals = claim.link_flow_vph[problem.network.station_positions]
    free_kwh = arrivals * study.roads.energy_kwh
    cap_mw = np.array([free_kwh[0] / 2000.0, math.inf, 0.0])
    planned = validate._planned(study, problem, claim, cap_mw).station_energy_kwh
    assert planned == pytest.approx([free_kwh[0] / 2.0, free_kwh[1], 0.0])


def test_counters_come_through(study):
    found = seen(study, window(study))
    assert (found.vehicles, found.teleported, found.collisions, found.emergency_stops) == (900, 2, 3, 4)
    assert (found.never_inserted, found.unfinished) == (1, 6)


def test_path_flows_of_another_network_are_refused():
    from cosim.errors import StorageError

    rows = by_hand(PathRows, class_=("other",) * 2, path=("1-5", "1-6"), flow_vph=np.array([3.0, 4.0]))
    roads = by_hand(TrafficPeriod, period=1, paths=rows)
    assert path_flows(roads, [("other", "1-6"), ("other", "1-5")]).tolist() == [4.0, 3.0]
    with pytest.raises(StorageError, match="not those of its scenario"):
        path_flows(roads, [("other", "1-7"), ("other", "1-5")])


def test_a_period_that_a_run_does_not_have_is_refused(finished, small_case):
    from cosim.errors import StorageError

    with pytest.raises(StorageError, match="no period 25"):
        told_of(small_case(), finished("sequential"), 25)
