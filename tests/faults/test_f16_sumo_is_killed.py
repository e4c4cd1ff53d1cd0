"""F16: kill -9 of SUMO in each phase of a day: seen, replaced once a period, every number as if nothing had been."""

import os
import signal
import time
from functools import cache

import numpy as np
import pytest

from cosim.errors import ComponentError, SumoError
from cosim.microsim import replay
from cosim.microsim.process import SumoProcess
from cosim.records.period import tables
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.world import run_world
from tests.faults.processes import roads


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Return ``case(mode)``: fifteen minutes on roads with SUMO."""
    path = roads(tmp_path_factory.mktemp("roads"))
    return cache(lambda mode: build_case(load(path, (f"microsim.mode={mode}",))))


@pytest.fixture(scope="module")
def undisturbed(case):
    return cache(lambda mode: simulated(case(mode)))


@pytest.fixture
def started(monkeypatch):
    """Collect every SUMO that is started."""
    found, enter = [], SumoProcess.__enter__
    monkeypatch.setattr(SumoProcess, "__enter__", lambda self: found.append(self) or enter(self))
    return found


def simulated(case):
    found = []
    run_world(case, lambda told, judged: found.append((tables(told), judged)))
    return found


def kills(monkeypatch, method, when, times=1):
    """Kill SUMO right before a call of its driver; return when that was."""
    whole, killed = getattr(SumoProcess, method), []

    def called(self, *given):
        if len(killed) < times and when(*given):
            os.kill(self.pid, signal.SIGKILL)
            killed.append(time.monotonic())
        return whole(self, *given)

    monkeypatch.setattr(SumoProcess, method, called)
    return killed


PHASES = {
    "it starts": ("_connect", lambda _port: True, 1),
    "vehicles are added": ("call", lambda name, *_: name.startswith("vehicle.add(p02"), 2),
    "it drives": ("step_to", lambda time_s: time_s >= 400.0, 2),
    "it ends": ("finish", lambda: True, 3),
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_day_goes_on_with_another_sumo_and_equal_numbers(case, undisturbed, started, monkeypatch, phase):
    method, when, period = PHASES[phase]
    whole = undisturbed("continuous")
    started.clear()
    kills(monkeypatch, method, when)
    found = simulated(case("continuous"))
    assert len(started) == 2
    for k, ((told, judged), (as_ever, before)) in enumerate(zip(found, whole, strict=True), start=1):
        np.testing.assert_equal(told, as_ever)
        assert (judged.status, judged.flags) == (before.status, before.flags)
        assert [note.startswith("retried: SUMO died of SIGKILL") for note in judged.notes] == [True] * (k == period)


def test_parallel_windows_go_on_with_another_sumo_and_equal_numbers(case, undisturbed, started, monkeypatch):
    whole = undisturbed("windows")
    started.clear()
    kills(monkeypatch, "step_to", lambda time_s: time_s >= 400.0)
    found = simulated(case("windows"))
    assert len(started) == 3
    np.testing.assert_equal([told for told, _ in found], [told for told, _ in whole])
    assert len(found[1][1].notes) == 1


def test_a_second_death_ends_the_run_within_two_seconds(case, started, monkeypatch):
    killed = kills(monkeypatch, "step_to", lambda time_s: time_s >= 400.0, times=2)
    with pytest.raises(SumoError, match=r"died of SIGKILL \(the second one in period 2\) at simulated 360 s") as caught:
        simulated(case("continuous"))
    assert time.monotonic() - killed[-1] < 2.0
    assert caught.value.exit_code == 7
    assert len(started) == 2
    assert all(one.child.poll() is not None for one in started)


def test_without_the_replay_the_other_sumo_would_begin_with_empty_roads(case, started, monkeypatch):
    kills(monkeypatch, "step_to", lambda time_s: time_s >= 400.0)
    monkeypatch.setattr(replay, "_repeat", lambda *_: None)
    with pytest.raises(ComponentError, match="period 1 of the simulation ends at 300 s, not 600 s"):
        simulated(case("continuous"))
