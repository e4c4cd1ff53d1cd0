"""What every engine of traffic answers, and the point queue against closed forms."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.microsim.port import ENGINES, Claim, Engine, EngineSettings, Stretch, natures, open_engine, steady
from cosim.scenario.build import build_roads
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths
from cosim.workflows.simulate import simulate

FREE_MIN, CAPACITY_VPH = 2.0, 1000.0


def queue(**changes):
    """Return point queues on two links in a row, the second of which is narrower."""
    network = RoadNetwork(
        node_ids=("a", "b", "c"), link_ids=("a-b", "b-c"), tail=np.array([0, 1]), head=np.array([1, 2]),
        free_flow_min=np.array([FREE_MIN, FREE_MIN]), capacity_vph=np.array([3600.0, CAPACITY_VPH]),
        node_xy=np.array([[0, 0], [1, 0], [2, 0]], dtype=float),
    )  # fmt: skip
    paths = all_simple_paths(network, [("a", "c")], {"other": False})
    roads = SimpleNamespace(network=network, streets=network, paths=paths, stations=(), energy_kwh=0.0)
    return open_engine(roads, EngineSettings(engine="point_queue", **changes))


def flow(engine, flow_vph, measured_h, *, seed=1, warmup_s=600.0):
    return engine.window(
        steady(
            np.array([flow_vph]), warmup_s=warmup_s, measured_s=3600.0 * measured_h, period=1, p_set_mw=np.zeros(0),
            seed=seed,
        )
    )  # fmt: skip


def test_an_empty_road_takes_its_open_time():
    found = flow(queue(), 20.0, 1.0)
    assert found.links.link_time_min == pytest.approx([FREE_MIN, FREE_MIN], rel=1e-3)
    assert found.path_time_min == pytest.approx([2.0 * FREE_MIN], rel=1e-3)
    half = flow(queue(length_scale=0.5), 20.0, 1.0)
    assert half.links.link_time_min == pytest.approx([0.5 * FREE_MIN] * 2, rel=2e-3)


def test_the_queue_is_that_of_random_arrivals_and_equal_services():
    """Pollaczek and Khinchine: wait = use / (2 (1 - use)) services; 200 hours, whose starts at random are uniform."""
    use = 0.8
    found = flow(queue(step_s=60.0), use * CAPACITY_VPH, 200.0)
    wait_min = found.links.link_time_min[1] - FREE_MIN
    assert wait_min == pytest.approx(use / (2.0 * (1.0 - use)) * 60.0 / CAPACITY_VPH, rel=0.1)


def test_a_bottleneck_lets_its_capacity_through_and_delays_grow_as_a_fluid_queue():
    runs = [flow(queue(), 1500.0, 1.0, warmup_s=0.0, seed=seed) for seed in range(20)]
    for one in runs:
        assert one.links.link_flow_vph[1] == pytest.approx(CAPACITY_VPH * 56.0 / 60.0, abs=10.0), "it fills in 4 min"
        assert one.late_vehicles > 0
    mean_h = 0.5 * (1500.0 / CAPACITY_VPH - 1.0) * CAPACITY_VPH / 1500.0 * (56.0 / 60.0)
    time_min = np.mean([one.links.link_time_min[1] for one in runs])
    assert time_min == pytest.approx(FREE_MIN + 60.0 * mean_h, rel=0.03)


@settings(max_examples=15, deadline=None)
@given(st.floats(1.0, 2500.0), st.integers(1, 10**6))
def test_vehicles_are_conserved_and_keep_their_distance(flow_vph, seed):
    engine = queue()
    run = engine.run(600.0, seed)
    day = engine.day(600.0, seed)
    whole = engine.window(
        Claim(
            stretches=tuple(Stretch(path_flow_vph=np.array([flow_vph]), duration_s=600.0, period=n) for n in (1, 2)),
            warmup_s=0.0, measured_s=1200.0, slice_s=600.0, seed=seed,
        )
    )  # fmt: skip
    assert run.quality().loaded == 0
    counted = []
    for period in (1, 2):
        day.begin(np.array([flow_vph]), period)
        day.advance(600.0 * period, np.zeros(0))
        counted.append(day.end(last=period == 2))
    assert [one.links.link_time_n.tolist() for one in counted] == [one.link_time_n.tolist() for one in whole.slices]
    assert sum(one.quality.loaded for one in counted) == whole.quality.loaded
    quality = whole.quality
    assert quality.loaded == quality.inserted == quality.arrived + quality.running
    assert whole.links.link_time_n[1] <= min(whole.links.link_time_n[0], math.floor(CAPACITY_VPH / 3.0) + 1)
    assert whole.links.link_time_n[1] == quality.arrived


@pytest.fixture(scope="module", params=sorted(ENGINES))
def engine(request):
    """Return each engine on the roads of Nguyen and Dupuis, at a quarter of their length."""
    roads = build_roads(load("nguyen_micro"))
    with open_engine(roads, EngineSettings(engine=request.param, length_scale=0.25)) as found:
        yield found


def test_every_engine_answers_a_claim_with_a_state_that_its_seed_decides(engine):
    roads = engine.roads
    flows = np.full(len(roads.paths), 4.0)
    claim = steady(flows, warmup_s=600.0, measured_s=600.0, period=1, p_set_mw=np.full(3, np.inf), seed=7)
    first, again, other = engine.windows([claim, claim, replace(claim, seed=8)], jobs=2)
    assert first.digest == again.digest != other.digest
    assert first.links.link_flow_vph.shape == (len(engine.link_ids),)
    assert first.path_time_n.shape == (len(roads.paths),)
    assert (first.links.begin_s, first.links.end_s) == (600.0, 1200.0)
    quality = first.quality
    assert quality.loaded == quality.inserted + quality.never_inserted
    assert quality.inserted == quality.arrived + quality.running
    assert first.sessions
    ledger = first.stations.ledger_kwh[:, -1].sum()
    assert ledger == pytest.approx(sum(one.energy_kwh for one in first.sessions), abs=1e-9)
    open_min = 0.25 * roads.streets.free_flow_min
    driven = first.links.link_time_n > 0
    ratio = first.links.link_time_min[driven] / open_min[driven]
    assert ((ratio > 0.9) & (ratio < 1.3)).all(), "nearly empty roads; SUMO's drivers differ in the speed they like"


def test_every_engine_keeps_a_cap_through_a_day(engine):
    flows = np.full(len(engine.roads.paths), 4.0)
    caps = np.array([0.0, 0.03, np.inf])
    day = engine.day(900.0, 1)
    try:
        day.begin(flows, 1)
        for minute in range(1, 16):
            energy, drawn = day.advance(60.0 * minute, caps)
            assert (drawn <= caps * 1000.0 / 60.0 + 1e-9).all()
        state = day.end(last=True)
    finally:
        day.close()
    assert energy[0] == 0.0 < energy[1] < energy[2]
    assert energy == pytest.approx(state.stations.ledger_kwh[:, -1])
    assert state.links.end_s == 900.0
    assert [one.plugged for one in day.counts()] == state.stations.plugged[:, -1].tolist()


def test_both_engines_drive_the_same_vehicles_and_answer_alike():
    """In the same claim only what happens on the roads differs: flows by chance, arrivals at stations by minutes."""
    roads = build_roads(load("nguyen_micro"))
    flows = np.full(len(roads.paths), 12.0)
    claim = steady(flows, warmup_s=1200.0, measured_s=1800.0, period=1, p_set_mw=np.zeros(0), seed=3)
    found = {}
    for kind in ("sumo", "point_queue"):
        with open_engine(roads, EngineSettings(engine=kind, length_scale=0.25)) as engine:
            found[kind] = engine.window(claim)
    sumo, fake = found["sumo"], found["point_queue"]
    assert sumo.quality.loaded == fake.quality.loaded
    assert fake.links.link_flow_vph == pytest.approx(sumo.links.link_flow_vph, rel=0.1, abs=20.0)
    assert len(fake.sessions) == pytest.approx(len(sumo.sessions), rel=0.1)


def test_an_unknown_engine_and_one_without_a_mesoscopic_form_are_refused():
    with pytest.raises(InputError, match="engine 'sumu' is unknown; known: point_queue, sumo"):
        open_engine(queue().roads, EngineSettings(engine="sumu"))
    with pytest.raises(InputError, match="engine 'point_queue' moves single vehicles only"):
        open_engine(queue().roads, EngineSettings(engine="point_queue"), mesoscopic=True)
    with pytest.raises(InputError, match=r"microsim\.engine.*engine 'sumu' is unknown"):
        load("nguyen_micro", ("microsim.engine=sumu",))
    with pytest.raises(InputError, match=r"microsim\.mode.*engine 'point_queue' moves single vehicles only"):
        load("nguyen_micro", ("microsim.engine=point_queue", "microsim.mode=meso"))


def test_each_nature_belongs_to_one_engine():
    assert sum(len(engine.natures) for engine in ENGINES.values()) == len(natures())
    assert all(issubclass(engine, Engine) for engine in ENGINES.values())


def test_a_day_of_a_scenario_is_driven_by_the_engine_that_it_names():
    case = build_case(
        load("nguyen_micro", ("periods=2", "traffic.demand_profile=[0.6, 0.8]", "microsim.periods=[1]",
                              "microsim.engine=point_queue", "microsim.mode=continuous"))
    )  # fmt: skip
    quality = simulate(case).tables["micro_quality"]
    sent = case.roads.demand_vph.sum(axis=1)
    assert quality["loaded"].tolist() == pytest.approx(sent, abs=40.0)
    assert quality["teleports"].tolist() == [0, 0]
