"""What chargers serve of what they are asked for: a fluid queue, held against closed forms and our own FIFO."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.fifo import ChargerBank, FifoState, advance
from cosim.charging.overload import Chargers, chargers_of
from cosim.charging.stations import Station
from cosim.errors import InputError

loads = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=30)
powers = st.floats(0.05, 3.0)
lengths = st.sampled_from([0.25, 1.0, 2.0])


def one_station(power_mw, *, carries=True, period_h=1.0):
    return Chargers(power_mw=np.array([power_mw]), carries=np.array([carries]), period_h=period_h)


@given(load=loads, power=powers, hours=lengths, carries=st.booleans(), before=st.floats(0.0, 3.0))
def test_energy_is_neither_lost_nor_made_and_power_never_exceeded(load, power, hours, carries, before):
    found = one_station(power, carries=carries, period_h=hours).serve([load], [before])
    assert (found.p_mw <= power).all()
    assert (found.p_mw >= 0.0).all()
    waiting = np.concatenate([[before], found.backlog_mwh[0]])
    balance = hours * np.array(load) - hours * found.p_mw[0] - np.diff(waiting) - found.unserved_mwh[0]
    assert np.abs(balance).max() <= 1e-12 * (before + hours * sum(load) + 1.0)
    closed = found.closed()
    total = hours * closed.p_mw.sum() + closed.unserved_mwh.sum()
    assert total == pytest.approx(before + hours * sum(load), rel=1e-12, abs=1e-12)
    assert closed.backlog_mwh[0, -1] == 0.0


@given(load=loads, power=powers, hours=lengths)
def test_the_backlog_is_the_largest_sum_of_excess_over_the_last_periods(load, power, hours):
    # Lindley: B(t) = max(0, max_k sum_(i = k)^t (a_i - c) h)
    found = one_station(power, period_h=hours).serve([load])
    excess = (np.array(load) - power) * hours
    for t in range(len(load)):
        expected = max(0.0, *(math.fsum(excess[k : t + 1]) for k in range(t + 1)))
        assert found.backlog_mwh[0, t] == pytest.approx(expected, abs=1e-12)


@given(load=loads, power=powers)
def test_what_came_first_is_served_first(load, power):
    # The departure curve of a FIFO server is D(t) = min_k A(k) + c (t - k), a min-plus convolution.
    # Whoever comes last before t is served when D reaches A(t): at full power, a backlog over the power later.
    chargers = one_station(power)
    found = chargers.serve([[*load, *[0.0] * 200]])
    arrived = np.concatenate([[0.0], np.cumsum(load)])
    drawn = np.concatenate([[0.0], np.cumsum(found.p_mw[0])])
    for t in range(len(load) + 1):
        expected = min(arrived[k] + power * (t - k) for k in range(t + 1))
        assert drawn[t] == pytest.approx(expected, abs=1e-11)
    waits = chargers.wait_min(found.backlog_mwh)[0, : len(load)] / 60.0
    served_at = np.arange(1, len(load) + 1) + waits
    assert (np.diff(served_at) >= -1e-9).all()
    for t, wait in enumerate(waits, start=1):
        if t + int(wait) < len(drawn) - 1:
            assert drawn[t + int(wait)] == pytest.approx(drawn[t] + power * int(wait), abs=1e-9)
            assert drawn[t + int(wait)] <= arrived[t] + 1e-9 <= drawn[t + int(np.ceil(wait))] + 2e-9


@given(load=loads)
def test_a_load_within_the_power_is_served_to_the_last_bit(load):
    found = one_station(5.0).serve([load])
    assert found.p_mw.tolist() == [load]
    assert not found.backlog_mwh.any()
    assert not found.unserved_mwh.any()


@given(load=loads, power=powers, at=st.integers(1, 29))
def test_a_day_in_parts_is_the_day(load, power, at):
    chargers = one_station(power)
    whole = chargers.serve([load])
    first = chargers.serve([load[:at]])
    rest = chargers.serve([load[at:]], first.backlog_mwh[:, -1])
    assert np.concatenate([first.p_mw, rest.p_mw], axis=1).tolist() == whole.p_mw.tolist()
    assert np.concatenate([first.backlog_mwh, rest.backlog_mwh], axis=1).tolist() == whole.backlog_mwh.tolist()


def test_who_does_not_wait_leaves():
    found = one_station(0.6, carries=False).serve([[1.44, 0.2]])
    assert found.p_mw.tolist() == [[0.6, 0.2]]
    assert found.unserved_mwh == pytest.approx(np.array([[0.84, 0.0]]))
    assert not found.backlog_mwh.any()


@pytest.mark.parametrize(("load", "backlog"), [([[-0.1]], 0.0), ([[math.nan]], 0.0), ([[0.1]], [-1.0])])
def test_what_is_no_load_is_refused(load, backlog):
    with pytest.raises(InputError, match="must be >= 0 and finite"):
        one_station(1.0).serve(load, backlog)


def test_both_forms_of_a_station_are_one():
    by_chargers = Station.from_chargers(
        name="S", node="8", bus="16", chargers=4, charger_kw=150.0, access_min=10.0, energy_kwh=20.0
    )
    by_capacity = Station(name="S", node="8", bus="16", free_flow_min=18.0, capacity_vph=30.0)
    first, second = (chargers_of([one], energy_kwh=20.0, period_h=1.0) for one in (by_chargers, by_capacity))
    assert first.power_mw == pytest.approx([0.6], rel=1e-15)
    assert second.power_mw == pytest.approx([0.6], rel=1e-15)
    assert first.carries.all()
    assert second.carries.all()


@pytest.mark.parametrize("word", ["carried", ""])
def test_an_unknown_rule_for_the_excess_is_refused(word):
    with pytest.raises(InputError, match="overload"):
        Station(name="S", node="8", bus="16", free_flow_min=18.0, capacity_vph=30.0, overload=word)


def fifo_hours(arrivals_vph):
    """Return the energy of each hour at four chargers of 150 kW, MWh: every vehicle by itself, evenly spread."""
    bank = ChargerBank(name="S", chargers=4, charger_kw=150.0, energy_kwh=20.0)
    state, energies, before = FifoState(), [], 0.0
    for hour, count in enumerate(arrivals_vph):
        steps = {int(360 * n / count) for n in range(count)}
        for k in range(360):
            came = [f"{hour:02}-{k:03}"] if k in steps else []
            state = advance(
                bank, state, arrivals=came, now_s=3600.0 * hour + 10.0 * k, step_s=10.0, p_set_kw=math.inf
            ).state
        energies.append((state.delivered_kwh - before) / 1000.0)
        before = state.delivered_kwh
    return energies


@pytest.mark.parametrize("arrivals", [(72, 72, 12, 0), (60, 20, 40, 6), (90, 0, 0, 24)])
def test_single_vehicles_draw_the_same_energy_in_every_overloaded_hour(arrivals):
    """Four 150-kW chargers, 30 visits of 20 kWh an hour, asked for more."""
    found = one_station(0.6).serve([[0.02 * count for count in arrivals]])
    energies = fifo_hours(arrivals)
    full = found.p_mw[0] == 0.6
    assert full.any()
    assert np.array(energies)[full] == pytest.approx(found.p_mw[0][full], rel=0.03)
    assert max(energies) <= 0.6 + 1e-9
