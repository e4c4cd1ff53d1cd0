"""SUMO stops once a minute and where a vehicle leaves a station; the queues are those of a stop every second."""

import math

import numpy as np
import pytest

from cosim.errors import ComponentError
from cosim.microsim.continuous import ContinuousDay
from cosim.microsim.model import MicroStation
from cosim.microsim.process import SumoProcess
from cosim.microsim.stations import StationQueues
from cosim.microsim.windows import run_window

CAPS_MW = (math.inf, 0.09, 0.0, 0.03, math.inf, 0.05, math.inf)


@pytest.fixture
def stops(monkeypatch):
    """Collect the times at which SUMO stops."""
    found, step_to = [], SumoProcess.step_to
    monkeypatch.setattr(SumoProcess, "step_to", lambda self, time_s: found.append(time_s) or step_to(self, time_s))
    return found


def every_second(monkeypatch):
    monkeypatch.setattr(StationQueues, "quiet_until", lambda self, limit: self.steps)


def day(given, step_s=1.0):
    """Return links, sessions, rows of the station and counters of a quarter of an hour under changing caps."""
    with ContinuousDay(
        given.net, given.demand.routes, given.stations, step_s=step_s, seed=3, period_s=900.0
    ) as running:
        running.add(given.demand)
        for k in range(15):
            running.set_caps(np.array([CAPS_MW[k % len(CAPS_MW)]]))
            running.advance(60.0 * (k + 1))
        sessions = (*running.ended_sessions(), *running.open_sessions())
        return running.period(), sessions, running.stations(), running.finish()


@pytest.mark.parametrize("step_s", [1.0, 0.5])
@pytest.mark.parametrize("dwell_s", [0.0, 77.3])
def test_sessions_are_those_of_a_stop_every_second(window, monkeypatch, stops, step_s, dwell_s):
    station = MicroStation(name="8", lots=("lot",), chargers=2, charger_kw=60.0, energy_kwh=1.0, dwell_s=dwell_s)
    given = window(stations=(station,))
    links, sessions, series, outputs = day(given, step_s)
    seldom = len(stops)
    left = sum(one.reason == "charged" for one in sessions)
    assert left > 5
    assert seldom <= 20 + left, "a few where somebody might have left"
    every_second(monkeypatch)
    stops.clear()
    same_links, others, same_series, same_outputs = day(given, step_s)
    assert len(stops) == 900 / step_s
    assert (links.link_time_min == same_links.link_time_min).all()
    assert (outputs.trips, outputs.quality) == (same_outputs.trips, same_outputs.quality)
    assert [(one.vehicle_id, one.reason, one.arrive_s) for one in sessions] == [
        (one.vehicle_id, one.reason, one.arrive_s) for one in others
    ]
    for name, allowed in (("plug_s", 0.0), ("energy_kwh", 1e-9), ("leave_s", 1e-6)):
        one, other = (np.array([getattr(row, name) for row in rows]) for rows in (sessions, others))
        np.testing.assert_allclose(one, other, rtol=0.0, atol=allowed)
    for name in ("p_mw", "plugged", "queue", "arrivals", "sessions", "wait_mean_min", "ledger_kwh"):
        np.testing.assert_allclose(getattr(series, name), getattr(same_series, name), rtol=0.0, atol=1e-9)


def test_a_window_stops_where_somebody_leaves(window, stops):
    result = run_window(window())
    left = {math.ceil(one.leave_s) - 1 for one in result.sessions if one.reason == "charged"}
    assert left <= {0.0, *stops}
    assert len(stops) <= 20 + len(left)


def test_without_these_stops_the_error_is_seen(window, monkeypatch):
    monkeypatch.setattr(StationQueues, "quiet_until", lambda self, limit: limit)
    with pytest.raises(ComponentError, match=r"vehicle 'e\d+' was done before \d+ s, when SUMO was not asked"):
        run_window(window())


def test_vehicles_that_park_where_or_when_they_cannot_are_an_error(window):
    queues = StationQueues(window().stations, np.array([np.inf]))
    queues.expect({"a": "lot"})
    queues.advance(7)
    with pytest.raises(ComponentError, match="vehicle 'b' parked at 8 s, but is not to charge anywhere"):
        queues.park("b", 8.0)
    with pytest.raises(ComponentError, match="vehicle 'a' parked at 6 s, before the 7 s of its queue"):
        queues.park("a", 6.0)
    queues.park("a", 7.0)
    assert queues.quiet_until(60) == 60
    assert queues.quiet_until(600) == 126, "2 kWh at 60 kW from 7 s on: leaves in the step that ends at 127 s"
    assert queues.advance(127) == ["a"]
