import math
from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import InputError
from cosim.microsim.model import RunOptions
from cosim.microsim.pool import side_by_side
from cosim.microsim.windows import run_window


@pytest.fixture(scope="module")
def result(window):
    return run_window(window(options=RunOptions(slice_s=300.0)))


def test_flow_is_what_was_sent(result):
    """300 vehicles pass in 900 s and 20 charge: 1200 veh/h pass, and what the chargers let through."""
    left = sum(one.leave_s < 880.0 for one in result.sessions) - sum(one.leave_s < 220.0 for one in result.sessions)
    assert result.links.link_flow_vph[0] == pytest.approx(1200.0 + 6.0 * left, abs=30.0)
    assert 1.0 <= result.links.link_time_min[0] / 1.7 <= 1.15


def test_slices_join_to_the_window(result):
    assert [(one.begin_s, one.end_s) for one in result.slices] == [(0.0, 300.0), (300.0, 600.0), (600.0, 900.0)]
    joined = sum(one.link_time_n for one in result.slices[1:])
    assert joined == result.links.link_time_n
    assert result.links.link_flow_vph == pytest.approx(joined * 6.0)


def test_every_vehicle_is_accounted_for(result):
    quality = result.quality
    assert quality.loaded == 320
    assert quality.loaded == quality.inserted + quality.never_inserted
    assert quality.inserted == quality.arrived + quality.running
    assert (quality.teleports, quality.collisions) == (0, 0)
    reached = sum(300.0 <= one.arrive_s < 900.0 for one in result.sessions)
    assert [result.path_time_n[0], reached] == pytest.approx([200, 13], abs=1), (
        "300 pass, 20 charge; 600 s of 900 s count"
    )
    assert quality.parked == sum(math.isnan(one.leave_s) for one in result.sessions)


def test_sessions_ledger_and_power_are_one_energy(result):
    series = result.stations
    last = series.ledger_kwh[0, -1]
    assert last == pytest.approx(sum(one.energy_kwh for one in result.sessions), abs=1e-9)
    assert last == pytest.approx((series.p_mw[0] * 1000.0 / 60.0).sum(), rel=1e-9)
    inside = series.arrivals[0].cumsum() - series.sessions[0].cumsum()
    assert (inside == series.plugged[0] + series.queue[0]).all()


def test_waits_are_those_of_a_first_come_first_served_queue(result):
    """Lindley's recursion for two servers, on the arrivals that SUMO produced."""
    free = [0.0, 0.0]
    for one in result.sessions:
        if math.isnan(one.plug_s):
            continue
        free.sort()
        start = max(one.arrive_s, math.ceil(free[0]))
        assert one.plug_s == start
        assert one.wait_s == start - one.arrive_s
        free[0] = start + 2.0 / 60.0 * 3600.0


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(window, result):
    again = run_window(window(options=RunOptions(slice_s=300.0)))
    assert again.digest == result.digest
    assert (again.links.link_time_min == result.links.link_time_min).all()
    other = run_window(window(options=RunOptions(slice_s=300.0), seed=2))
    assert other.digest != result.digest


def test_windows_side_by_side_are_the_windows_one_by_one(window, result):
    given = [window(options=RunOptions(slice_s=300.0), seed=seed) for seed in (1, 2)]
    both = side_by_side(run_window, given, jobs=2)
    assert both[0].digest == result.digest
    assert both[1].seed == 2


def test_a_cap_is_kept_in_every_interval(window):
    capped = run_window(window(p_set_mw=np.array([0.03])))
    assert capped.stations.p_mw.max() == pytest.approx(0.03, rel=1e-9)
    assert (capped.stations.p_mw <= 0.03).all()
    stopped = run_window(window(p_set_mw=np.array([0.0])))
    assert stopped.stations.ledger_kwh.max() == 0.0
    assert len(stopped.sessions) > len([one for one in stopped.sessions if one.reason == "plugged"]) == 2


def test_half_a_second_steps_measure_the_same_flow(window, result):
    fine = run_window(window(step_s=0.5))
    assert fine.links.link_flow_vph == pytest.approx(result.links.link_flow_vph, rel=0.05)


def test_times_that_the_step_does_not_meet_are_refused(window):
    with pytest.raises(InputError, match=r"warmup_s.*multiple of the step"):
        run_window(window(warmup_s=10.5))
    with pytest.raises(InputError, match=r"warmup_s.*whole minutes"):
        run_window(window(warmup_s=90.0))
    with pytest.raises(InputError, match=r"step_s.*0\.96 s must go into 60 s"):
        run_window(window(warmup_s=240.0, measured_s=480.0, step_s=0.96))


def test_a_lot_that_the_network_lacks_is_found_before_sumo_starts(window):
    given = window()
    station = replace(given.stations[0], lots=("nowhere",))
    with pytest.raises(InputError, match="station '8' has lot 'nowhere'"):
        run_window(window(stations=(station,)))
    with pytest.raises(InputError, match="vehicles stop at lot 'lot'"):
        run_window(window(stations=(replace(station, lots=()),)))
