import math

import numpy as np
import pytest

from cosim.errors import ComponentError, InputError
from cosim.microsim.continuous import ContinuousDay
from cosim.microsim.model import RunOptions
from cosim.microsim.windows import run_window


@pytest.fixture
def day(window):
    """Return ``day()``: a simulation in periods of 300 s, without vehicles yet."""
    given = window()
    return lambda: ContinuousDay(given.net, given.demand.routes, given.stations, step_s=1.0, seed=1, period_s=300.0)


def test_a_day_measures_what_a_window_with_the_same_vehicles_does(window, day):
    whole = run_window(window(options=RunOptions(slice_s=300.0)))
    given = window()
    slices = []
    with day() as running:
        running.add(given.demand)
        for k in range(15):
            running.advance(60.0 * (k + 1))
            if k % 5 == 4:
                slices.append(running.period())
        series = running.stations()
        outputs = running.finish()
    assert [one.link_time_n.tolist() for one in slices] == [one.link_time_n.tolist() for one in whole.slices]
    assert np.array([one.link_time_min for one in slices]) == pytest.approx(
        np.array([one.link_time_min for one in whole.slices]), rel=0.02
    )
    assert outputs.quality.inserted == whole.quality.inserted
    assert series.ledger_kwh[0, -1] == pytest.approx(whole.stations.ledger_kwh[0, -1], rel=0.1)


def test_a_setpoint_holds_from_the_next_step_and_energy_is_conserved(window, day):
    caps = [math.inf, 0.0, 0.03, math.inf, 0.09]
    drawn = [0.0]
    with day() as running:
        running.add(window().demand)
        running.advance(300.0)
        drawn = [float(running.energy_kwh()[0])]
        for cap in caps:
            running.set_caps(np.array([cap]))
            running.advance(running.now_s + 60.0)
            drawn.append(float(running.energy_kwh()[0]))
        series = running.stations()
    power_mw = np.diff(drawn) * 60.0 / 1000.0
    assert power_mw == pytest.approx(series.p_mw[0, 5:], rel=1e-9, abs=1e-12)
    assert power_mw[1] == 0.0
    assert power_mw[2] == pytest.approx(0.03, rel=1e-9)
    assert (power_mw <= np.minimum(caps, 0.12) + 1e-12).all()


def test_counters_and_sessions_of_a_running_day(window, day):
    with day() as running:
        running.add(window().demand)
        running.advance(600.0)
        first = running.ended_sessions()
        running.advance(900.0)
        second = running.ended_sessions()
        there, energy_kwh = running.open_sessions(), running.energy_kwh()
        told = running.quality()
        wrote = running.finish().quality
    assert told == wrote
    assert len(first) > 0
    assert there
    assert {one.reason for one in there} <= {"queued", "plugged", "dwelling"}
    every = (*first, *second, *there)
    assert len({one.vehicle_id for one in every}) == len(every)
    assert sum(one.energy_kwh for one in every) == pytest.approx(float(energy_kwh.sum()), abs=1e-9)
    assert not {one.vehicle_id for one in first} & {one.vehicle_id for one in second}


def test_a_long_day_keeps_nothing_that_was_told(window, day):
    """Rows, visits and what is expected of a vehicle: a day of any length takes the memory of its queues."""
    with day() as running:
        queues = running.simulation.queues
        running.add(window().demand)
        running.advance(600.0)
        first, visits = running.stations(), running.ended_sessions()
        assert visits
        assert not queues.rows
        assert not queues.finished
        assert len(queues.lot_of) == 20 - len(visits)
        running.advance(900.0)
        second = running.stations()
        assert (first.end_s.tolist(), second.end_s.tolist()) == (
            [60.0 * k for k in range(1, 11)],
            [60.0 * k for k in range(11, 16)],
        )
        drawn_kwh = 1000.0 / 60.0 * np.hstack([first.p_mw, second.p_mw]).sum()
        assert drawn_kwh == pytest.approx(second.ledger_kwh[0, -1], rel=1e-9)
        assert second.ledger_kwh[0, -1] == running.energy_kwh()[0]
        waits = [
            one.wait_s for one in (*visits, *running.ended_sessions(), *running.open_sessions()) if one.wait_s >= 0
        ]
        (now,) = running.counts()
        assert now.wait_min == pytest.approx(np.mean(waits) / 60.0), "also of those that were told"


def test_vehicles_that_come_too_late_and_periods_that_do_not_end_are_refused(window, day):
    with day() as running:
        running.advance(60.0)
        with pytest.raises(InputError, match="vehicles from 0 s on come too late, it is 60 s"):
            running.add(window().demand)
        with pytest.raises(ComponentError, match="ends at 300 s, not 60 s"):
            running.period()
