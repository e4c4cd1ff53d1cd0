"""The plain loop over the simulators' functions gives the run's numbers, bit by bit, and goes on from any state."""

import io
import json
import pickle
from functools import cache

import numpy as np
import pytest

from cosim.coupling.day import Opening
from cosim.coupling.dispatch_day import open_day
from cosim.coupling.plain import from_plain, to_plain
from cosim.coupling.plain_loop import coupled, exchange
from cosim.errors import ComponentError
from cosim.records.period import PeriodRecord, tables
from cosim.results.parts import dispatch_period
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.simulators.traffic import road_period
from cosim.world import run_world

LOOP = ("coupling.mode=iterated", "coupling.ev_price=nodal")
CROWDED = ("ev.share=0.7", "ev.fast_charge_share=0.2")
LEAVE = tuple(f"stations.{name}.overload=unserved" for name in ("8", "11", "13"))
MODES = {
    "sequential": (),
    "noisy": ("dispatch.forecast=noisy",),
    "single_period": ("dispatch.mode=single_period",),
    "day_ahead": ("dispatch.mode=day_ahead",),
    "auto": (*LOOP, "coupling.markup=0.1"),
    "iterate": (*LOOP, "coupling.markup=0.1", "coupling.method=iterate"),
    "admm": (*LOOP, "coupling.method=admm"),
    "random_starts": (
        *LOOP,
        "coupling.random_starts=3",
        "dispatch.forecast=persistence",
        "dispatch.lookahead_periods=2",
    ),
    "day_ahead_iterated": (*LOOP, "dispatch.mode=day_ahead"),
    "tariff_iterated": ("coupling.mode=iterated", "coupling.ev_price=tariff"),
    "kernel": (*LOOP, "ev.charging_load=kernel", "ev.charge_later={cost_min: 60}", "coupling.random_starts=1"),
    "carried": (*LOOP, *CROWDED, "coupling.random_starts=2", "dispatch.mode=single_period"),
    "unserved": (*LOOP, *CROWDED, *LEAVE, "coupling.random_starts=1", "dispatch.mode=single_period"),
    "carried_sequential": (*CROWDED, "dispatch.mode=single_period"),
}


def sides_of(case):
    """Return both sides and where they stand before the day; nothing is kept from one call to the next."""
    roads, state = case.open_roads()
    grid = case.grid_side()
    return roads, grid, (state, open_day(grid))


def told(case, roads, stands, done):
    """Return what traffic and dispatch would send to the recorder."""
    return PeriodRecord(
        period=stands[0].position + 1,
        traffic=road_period(case, roads, stands[0], case.behaviour_rows()),
        dispatch=dispatch_period(case.dispatch, done.plan, done.column, stations=case.roads.stations),
    )


def plain_day(case):
    roads, grid, stands = sides_of(case)
    return [told(case, roads, stood, done) for stood, done in coupled(roads, grid, stands)]


@pytest.fixture(scope="module")
def plain(small_case):
    """Return ``plain(mode)``: the plain day of one of `MODES`, driven once for all that is held against it."""
    return cache(lambda mode: plain_day(small_case(*MODES[mode])))


def run_day(case):
    found = []
    run_world(case, lambda record, judged: found.append(record))
    return [PeriodRecord(period=one.period, traffic=one.traffic, dispatch=one.dispatch) for one in found]


def same(one, other):
    """Compare words, and numbers bit by bit; NaN is NaN."""
    numbers = isinstance(one, float) and isinstance(other, float)
    return one == other or (numbers and np.isnan(one) and np.isnan(other))


def compare(plain, run):
    """Hold every number of the plain day, those for the gate alone included, against the run's."""
    assert len(plain) == len(run)
    for mine, theirs in zip(plain, run, strict=True):
        named = tables(theirs)
        for name, columns in tables(mine).items():
            assert columns.keys() == named[name].keys()
            for column, values in columns.items():
                assert all(map(same, values, named[name][column])), (mine.period, name, column)
        judged = theirs.judged()
        assert {name for name, value in mine.judged().items() if not same(value, judged[name])} == set()


@pytest.mark.parametrize("mode", MODES)
def test_the_plain_loop_gives_the_runs_numbers(small_case, plain, mode):
    compare(plain(mode), run_day(small_case(*MODES[mode])))
    if mode in {"kernel", "carried", "random_starts"}:
        assert any(one.traffic.coupling.coupling_starts is not None for one in plain(mode))


def test_the_tables_of_the_iterated_day(finished):
    result = finished("iterated")
    case = build_case(load("nguyen_ieee33", LOOP))
    by_period = {name: dict(list(result[name].groupby("period"))) for name in ("stations", "devices", "links")}
    roads, grid, stands = sides_of(case)
    for k, (stood, done) in zip(range(1, 4), coupled(roads, grid, stands), strict=False):
        for name, columns in tables(told(case, roads, stood, done)).items():
            stored = by_period[name][k].to_dict("list") if name in by_period else {}
            for column in columns.keys() & stored.keys():
                assert all(map(same, columns[column], stored[column])), (name, column)
        assert result["periods"]["cost"][k - 1] == done.plan.total_cost[done.column]


def test_the_weak_wire_is_what_couples(small_case):
    """A sequential run's loads are those of the plain assignment at equal prices, bit by bit."""
    case = small_case()
    _, loads = case.response().day(None)
    sent = np.stack([one.traffic.stations.p_demand_mw for one in run_day(case)], axis=1)
    assert (sent == loads).all()
    assert sent.sum() == pytest.approx(0.02 * case.roads.demand_vph[:, :4].sum(), rel=1e-9)


def by_pickle(state):
    return pickle.loads(pickle.dumps(state))  # noqa: S301 - our own


def by_plain_data(state):
    """Through JSON and a NumPy file that takes no objects."""
    records, arrays = to_plain(state)
    file = io.BytesIO()
    np.savez(file, *arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        return from_plain(json.loads(json.dumps(records)), [stored[f"arr_{i}"] for i in range(len(arrays))])


@pytest.mark.parametrize("way", [by_pickle, by_plain_data])
@pytest.mark.parametrize("mode", ["auto", "admm", "day_ahead_iterated", "kernel", "carried", "noisy"])
def test_a_day_goes_on_from_any_state_to_the_same_numbers(small_case, plain, mode, way):
    """In the middle of loops and of random starts, with sides that are built anew and have solved nothing."""
    case = small_case(*MODES[mode])
    roads, grid, stands = sides_of(case)
    broken, done = [], None
    for k in range(case.timeline.periods):
        message, count = Opening(position=k), 0
        while message is not None:
            if count == 1 + 4 * (k % 2):
                roads, grid, _ = sides_of(case)
                stands, message = way((stands, message))
            stands, found = exchange(roads, grid, stands, message)
            done, message, count = found or done, None if found is None else found.answer, count + 1
        broken.append(told(case, roads, stands, done))
    compare(broken, plain(mode))


def test_a_state_holds_no_more_than_plain_data(small_case):
    _, _, stands = sides_of(small_case())
    with pytest.raises(ComponentError, match="a state holds a SimulationCase, which is no plain data"):
        to_plain((stands, small_case()))


def test_what_is_shared_is_stored_once(small_case):
    roads, grid, stands = sides_of(small_case(*MODES["auto"]))
    (state, _), _ = exchange(roads, grid, stands, Opening(position=0))
    records, _ = to_plain(state)
    assert [kind for kind, _ in records[:-1]].count("SueResult") == len(state.results)
    back = by_plain_data(state)
    assert back.last is back.results[0] is back.loop.query.detail[0]
