import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.fifo import (
    ChargerBank,
    FifoState,
    advance,
    identity_error_kwh,
    leaves_not_before_s,
    quiet_steps,
)
from cosim.errors import InputError

BANK = ChargerBank(name="8", chargers=2, charger_kw=60.0, energy_kwh=20.0)


def simulate(bank, arrivals, caps, step_s=1.0, steps=100_000):
    """Run until all have left; arrivals by step, caps by step (the last one stays)."""
    state, sessions, powers = FifoState(), [], []
    for k in range(steps):
        done = advance(
            bank,
            state,
            arrivals=arrivals.get(k, ()),
            now_s=k * step_s,
            step_s=step_s,
            p_set_kw=caps[min(k, len(caps) - 1)],
        )
        state = done.state
        sessions += done.left
        powers.append(done.p_kw)
        if state.is_empty and k >= max(arrivals, default=0):
            break
    return state, sessions, powers


def test_one_vehicle_takes_energy_over_power():
    state, sessions, _ = simulate(BANK, {0: ["a"]}, [math.inf])
    assert sessions[0].leave_s == pytest.approx(20.0 / 60.0 * 3600.0, abs=1e-9)
    assert sessions[0].wait_s == 0.0
    assert state.delivered_kwh == pytest.approx(20.0, abs=1e-12)


def test_the_third_waits_for_the_first_charger():
    _, sessions, _ = simulate(BANK, {0: ["a"], 300: ["b"], 400: ["c"]}, [math.inf])
    waits = {one.vehicle: one.wait_s for one in sessions}
    assert waits == {"a": 0.0, "b": 0.0, "c": 800.0}


def test_those_of_one_step_are_served_in_order_of_their_ids():
    _, sessions, _ = simulate(BANK, {0: ["d", "b", "c", "a"]}, [math.inf])
    assert [one.vehicle for one in sessions] == ["a", "b", "c", "d"]


def test_a_cap_is_shared_equally():
    _, sessions, powers = simulate(BANK, {0: ["a", "b"]}, [80.0])
    assert powers[0] == pytest.approx(80.0, rel=1e-12)
    assert [one.leave_s for one in sessions] == pytest.approx([1800.0, 1800.0], abs=1e-6)


def test_a_cap_is_shared_by_those_who_charge_not_by_the_chargers():
    """Four chargers, one vehicle, 30 kW: it gets all of it, and 5 kWh take 10 minutes."""
    bank = ChargerBank(name="8", chargers=4, charger_kw=60.0, energy_kwh=5.0)
    _, sessions, powers = simulate(bank, {0: ["a"]}, [30.0])
    assert powers[0] == pytest.approx(30.0, rel=1e-12)
    assert sessions[0].unplug_s == pytest.approx(600.0, abs=1e-9)


@given(vehicles=st.integers(1, 9), chargers=st.integers(1, 9), cap_kw=st.floats(0.0, 700.0))
def test_no_power_under_the_cap_is_left_to_those_who_could_take_it(vehicles, chargers, cap_kw):
    bank = ChargerBank(name="8", chargers=chargers, charger_kw=60.0, energy_kwh=50.0)
    new = [f"v{n}" for n in range(vehicles)]
    done = advance(bank, FifoState(), arrivals=new, now_s=0.0, step_s=1.0, p_set_kw=cap_kw)
    assert done.p_kw == pytest.approx(min(cap_kw, 60.0 * min(vehicles, chargers)), rel=1e-9, abs=1e-9)


def test_cap_zero_stops_charging_and_holds_the_chargers():
    state, sessions, powers = simulate(BANK, {0: ["a", "b", "c"]}, [0.0], steps=600)
    assert not sessions
    assert max(powers) == 0.0
    assert (len(state.plugged), len(state.queue), state.delivered_kwh) == (2, 1, 0.0)


def test_a_cap_holds_from_the_step_in_which_it_is_given():
    _, _, powers = simulate(BANK, {0: ["a", "b"]}, [120.0, 120.0, 30.0, 30.0, 120.0], steps=6)
    assert powers == pytest.approx([120.0, 120.0, 30.0, 30.0, 120.0, 120.0], rel=1e-12)


def test_the_last_step_is_partial():
    bank = ChargerBank(name="8", chargers=1, charger_kw=60.0, energy_kwh=1.5)
    _, sessions, powers = simulate(bank, {0: ["a"]}, [math.inf], step_s=60.0)
    assert sessions[0].unplug_s == 90.0
    assert powers == [60.0, 30.0]


def test_a_dwelling_vehicle_holds_no_charger():
    bank = ChargerBank(name="8", chargers=1, charger_kw=60.0, energy_kwh=1.0, dwell_s=518.0)
    _, sessions, _ = simulate(bank, {0: ["a", "b"]}, [math.inf])
    times = [(one.plug_s, one.unplug_s, one.leave_s) for one in sessions]
    assert [one.vehicle for one in sessions] == ["a", "b"]
    assert times[0] == pytest.approx((0.0, 60.0, 578.0), abs=1e-9)
    assert times[1] == pytest.approx((60.0, 120.0, 638.0), abs=1e-9)


def test_queue_above_capacity_grows_as_the_fluid():
    """Arrivals of 130 veh/h at 30 chargers of 91 veh/h: once all are busy, the queue grows by 39 veh/h."""
    bank = ChargerBank(name="8", chargers=30, charger_kw=60.0, energy_kwh=60.0 * 30 / 91)
    state, queue = FifoState(), []
    for k in range(3 * 3600):
        new = [f"v{k}"] if math.floor(k * 130 / 3600) != math.floor((k - 1) * 130 / 3600) else ()
        state = advance(bank, state, arrivals=new, now_s=k, step_s=1.0, p_set_kw=math.inf).state
        queue.append(len(state.queue))
    assert queue[3 * 3600 - 1] - queue[3600] == pytest.approx(2 * (130 - 91), abs=2)


steps = st.lists(
    st.tuples(st.integers(0, 3), st.one_of(st.just(0.0), st.just(math.inf), st.floats(0.0, 500.0))),
    min_size=1,
    max_size=200,
)


@given(
    history=steps,
    chargers=st.integers(1, 5),
    charger_kw=st.floats(1.0, 400.0),
    energy_kwh=st.floats(0.1, 100.0),
    step_s=st.sampled_from([0.5, 1.0, 7.0, 60.0]),
    dwell_s=st.sampled_from([0.0, 30.0]),
)
def test_nothing_is_lost_whatever_happens(history, chargers, charger_kw, energy_kwh, step_s, dwell_s):
    bank = ChargerBank(name="8", chargers=chargers, charger_kw=charger_kw, energy_kwh=energy_kwh, dwell_s=dwell_s)
    state, left, energy = FifoState(), [], 0.0
    for k, (count, cap) in enumerate(history):
        new = [f"v{k:03d}_{n}" for n in range(count)]
        done = advance(bank, state, arrivals=new, now_s=k * step_s, step_s=step_s, p_set_kw=cap)
        state = done.state
        left += done.left
        energy += done.p_kw * step_s / 3600.0
        assert 0.0 <= done.p_kw <= min(cap, bank.installed_kw)
        assert len(state.plugged) <= chargers
        assert identity_error_kwh(bank, state) <= 1e-9
        assert state.arrivals == len(state.queue) + len(state.plugged) + state.sessions
        assert state.sessions == len(left) + len(state.dwelling)
    assert energy == pytest.approx(state.delivered_kwh, rel=1e-9, abs=1e-9)
    plugged_in_order = sorted(left + list(state.dwelling + state.plugged), key=lambda one: (one.plug_s, one.arrive_s))
    assert [one.vehicle for one in plugged_in_order] == sorted(one.vehicle for one in plugged_in_order)
    assert all(one.energy_kwh == energy_kwh and one.wait_s >= 0.0 for one in left)


def test_the_ledger_of_a_day_loses_nothing():
    """A day of one-second steps adds up more than a million amounts."""
    bank = ChargerBank(name="8", chargers=20, charger_kw=60.0, energy_kwh=19.7)
    state = FifoState()
    for k in range(86_400):
        new = [f"v{k}"] if k % 50 == 0 else ()
        state = advance(bank, state, arrivals=new, now_s=k, step_s=1.0, p_set_kw=777.0).state
    assert state.sessions > 900
    assert identity_error_kwh(bank, state) <= 1e-9


@pytest.mark.parametrize("cap", [-1.0, math.nan])
def test_a_cap_that_is_no_cap_is_refused(cap):
    with pytest.raises(InputError, match="station '8'"):
        advance(BANK, FifoState(), arrivals=(), now_s=0.0, step_s=1.0, p_set_kw=cap)


def test_a_vehicle_cannot_arrive_twice():
    state = advance(BANK, FifoState(), arrivals=["a"], now_s=0.0, step_s=1.0, p_set_kw=math.inf).state
    with pytest.raises(InputError, match="a arrived, but is there already"):
        advance(BANK, state, arrivals=["a"], now_s=1.0, step_s=1.0, p_set_kw=math.inf)


def test_every_wrong_setting_is_named():
    with pytest.raises(InputError, match=r"(?s)chargers.*charger_kw.*energy_kwh"):
        ChargerBank(name="8", chargers=0, charger_kw=0.0, energy_kwh=math.nan)


def test_what_happens_next_by_hand():
    """Two chargers, 60 kW, 1.5 kWh, ten seconds of dwelling, steps of a second: 90 s, then 10 s."""
    bank = ChargerBank(name="8", chargers=2, charger_kw=60.0, energy_kwh=1.5, dwell_s=10.0)
    steady = {"step_s": 1.0, "p_set_kw": math.inf}
    assert quiet_steps(bank, FifoState(), now_s=0.0, **steady) == math.inf
    assert leaves_not_before_s(bank, FifoState(), now_s=7.0, p_set_kw=math.inf) == 107.0
    state = advance(bank, FifoState(), arrivals=["a", "b", "c"], now_s=0.0, **steady).state
    assert quiet_steps(bank, state, now_s=1.0, **steady) == 88.0
    assert quiet_steps(bank, state, now_s=1.0, step_s=1.0, p_set_kw=0.0) == math.inf
    assert leaves_not_before_s(bank, state, now_s=1.0, p_set_kw=math.inf) == pytest.approx(100.0)
    assert leaves_not_before_s(bank, state, now_s=1.0, p_set_kw=60.0) == 101.0, "one who might still arrive"
    state = advance(bank, state, arrivals=[], now_s=1.0, step_s=88.0, p_set_kw=math.inf).state
    assert [len(part) for part in (state.queue, state.plugged, state.dwelling)] == [1, 2, 0]
    state = advance(bank, state, arrivals=[], now_s=89.0, **steady).state
    assert quiet_steps(bank, state, now_s=90.0, **steady) == 0.0, "the third is plugged in"
    state = advance(bank, state, arrivals=[], now_s=90.0, **steady).state
    assert quiet_steps(bank, state, now_s=91.0, **steady) == 8.0
    assert leaves_not_before_s(bank, state, now_s=91.0, p_set_kw=math.inf) == pytest.approx(100.0)


@given(
    history=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=30),
    chargers=st.integers(1, 4),
    cap_kw=st.one_of(st.just(math.inf), st.floats(0.0, 200.0)),
    energy_kwh=st.floats(0.01, 1.0),
    dwell_s=st.sampled_from([0.0, 2.5, 30.0]),
)
def test_quiet_steps_made_in_one_are_the_steps_one_by_one(history, chargers, cap_kw, energy_kwh, dwell_s):
    """Arrivals and the seconds to the next; nobody leaves earlier than was said before, whoever arrives."""
    bank = ChargerBank(name="8", chargers=chargers, charger_kw=60.0, energy_kwh=energy_kwh, dwell_s=dwell_s)
    fine, coarse, left = FifoState(), FifoState(), {"fine": [], "coarse": []}
    now_s, not_before_s = 0.0, 0.0
    for k, (count, seconds) in enumerate(history):
        new, until_s = [f"v{k:03d}_{n}" for n in range(count)], now_s + seconds
        for second in range(seconds):
            done = advance(
                bank, fine, arrivals=() if second else new, now_s=now_s + second, step_s=1.0, p_set_kw=cap_kw
            )
            fine = done.state
            left["fine"] += done.left
            assert all(one.leave_s >= not_before_s - 1e-6 for one in done.left)
        while now_s < until_s:
            quiet = 0.0 if new else quiet_steps(bank, coarse, now_s=now_s, step_s=1.0, p_set_kw=cap_kw)
            step_s = max(1.0, min(quiet, until_s - now_s))
            done = advance(bank, coarse, arrivals=new, now_s=now_s, step_s=step_s, p_set_kw=cap_kw)
            coarse, new, now_s = done.state, [], now_s + step_s
            left["coarse"] += done.left
        not_before_s = leaves_not_before_s(bank, coarse, now_s=now_s, p_set_kw=cap_kw)
    assert [one.vehicle for one in left["coarse"]] == [one.vehicle for one in left["fine"]]
    for one, other in zip(left["coarse"], left["fine"], strict=True):
        assert (one.arrive_s, one.plug_s) == (other.arrive_s, other.plug_s)
        assert (one.leave_s, one.energy_kwh) == pytest.approx((other.leave_s, other.energy_kwh), abs=1e-9)
    assert coarse.delivered_kwh == pytest.approx(fine.delivered_kwh, abs=1e-9)
    assert [len(part) for part in (coarse.queue, coarse.plugged, coarse.dwelling)] == [
        len(part) for part in (fine.queue, fine.plugged, fine.dwelling)
    ]
