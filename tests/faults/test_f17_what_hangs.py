"""F17: SUMO is stopped, a law loops for ever, a solver waits in C, somebody keeps Python's lock.

With ``COSIM_WATCHDOG_S=0`` both commands that wait in C were still there after eight seconds.
"""

import threading
import time

import pytest

from cosim import watchdog
from cosim.errors import HungError
from tests.faults.processes import ASSIGNMENT, AT, command

QUICK = """\
import ctypes, os, signal, time
from cosim import watchdog
watchdog.POLL_S, watchdog.GRACE_S, watchdog.FACTOR = 0.05, 0.3, 0.0
def allow(seconds):  # once the fault is there: until then the machine may be slow
    for dog in watchdog._watchdogs.values():
        dog.least_s = seconds
    time.sleep(0.3)
"""
WAITS_IN_C = "def hang():\n    watchdog.beat('solver xyz')\n    allow(0.5)\n    ctypes.{library}(None).pause()\n"
STOPS_SUMO = """\
from cosim.microsim.process import SumoProcess
stopped = []
def stop():
    stopped.append(1)
    os.kill(SumoProcess.newest, signal.SIGSTOP)
    allow(8.0)  # it has to start again within it, however busy the machine
def newest(self, time_s):
    SumoProcess.newest = self.pid
    return time_s == 240.0 and not stopped
at(SumoProcess, "step_to", newest, stop)
"""


@pytest.fixture
def quick(monkeypatch):
    """Let the watchdog look often and have no patience."""
    monkeypatch.setattr(watchdog, "POLL_S", 0.02)
    monkeypatch.setattr(watchdog, "GRACE_S", 0.2)
    monkeypatch.setenv(watchdog.VARIABLE, "0.3")


def loops(seconds=30.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def test_a_loop_ends_with_who_period_call_and_place(quick):
    def hang():
        with watchdog.watching(), watchdog.at_work("dispatch", 3):
            watchdog.beat("device 'x': cost()")
            loops()

    with pytest.raises(
        HungError, match=r"dispatch at period 3, in device 'x': cost\(\): hung, nothing .*loops"
    ) as caught:
        hang()
    assert caught.value.exit_code == 7
    assert f"{__file__}:" in caught.value.frames[0]


def test_without_a_watchdog_it_would_go_on(quick):
    began = time.monotonic()
    with watchdog.at_work("dispatch", 3):
        loops(0.8)
    assert time.monotonic() - began > 0.7


def test_what_moves_is_left_alone_however_long_it_takes(quick):
    with watchdog.watching(), watchdog.at_work("dispatch", 3):
        for _ in range(20):
            watchdog.beat()
            loops(0.05)


def test_a_thread_that_waits_for_others_is_left_alone_and_they_are_watched(quick):
    """The error is raised in the thread that hangs, and not in the one that gave it its work."""
    found = []

    def work(root):
        try:
            with watchdog.at_work("sumo", 2, root=root):
                loops()
        except HungError as error:
            found.append(error)

    with watchdog.watching(), watchdog.at_work("sumo", 2), watchdog.waiting() as asks:
        worker = threading.Thread(target=work, args=(asks.root,))
        worker.start()
        worker.join(10.0)
    assert "sumo at period 2: hung" in str(found[0])


def test_a_process_that_stood_still_itself_hangs_not(quick, monkeypatch):
    """As after Ctrl-Z and fg, or the sleep of a laptop: an hour passes between two looks."""
    real, jump = time.monotonic, []
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: real() + 3600.0 * len(jump))
    with watchdog.watching(), watchdog.at_work("dispatch", 1):
        time.sleep(0.1)
        jump.append(1)
        time.sleep(0.1)


def test_what_has_no_core_hangs_not(quick, monkeypatch):
    """Beside many busy processes: the kernel tells how long a thread was ready and not let run."""
    began = time.monotonic()
    monkeypatch.setattr(watchdog, "_waited_s", lambda task: time.monotonic() - began)
    with watchdog.watching(), watchdog.at_work("dispatch", 3):
        loops(0.8)
    monkeypatch.undo()
    assert watchdog._waited_s(threading.get_native_id()) >= 0.0
    assert watchdog._waited_s(0) == 0.0


def test_the_limit_is_ten_median_periods_where_these_are_long():
    dog = watchdog.Watchdog(60.0, 0)
    assert dog.limit_s == 60.0
    dog.periods_s = [1.0, 2.0, 50.0]
    assert dog.limit_s == 60.0
    dog.periods_s = [1.0, 20.0, 50.0]
    assert dog.limit_s == 200.0


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "inf"])
def test_a_limit_that_is_no_number_of_seconds_is_refused(monkeypatch, text):
    monkeypatch.setenv(watchdog.VARIABLE, text)
    with pytest.raises(watchdog.UsageError, match=f"COSIM_WATCHDOG_S is '{text}'"):
        watchdog.limit_s()
    monkeypatch.setenv(watchdog.VARIABLE, "0")
    assert watchdog.limit_s() == float("inf")


def test_a_solver_that_waits_in_c_ends_the_command_with_its_last_words(tmp_path):
    fault = QUICK + ASSIGNMENT + WAITS_IN_C.format(library="CDLL") + "in_period(2, hang)\n"
    with command(tmp_path, fault=fault) as driven:
        assert driven.wait() == 7, driven.said()
        (reason,) = driven.told["reasons"]
        assert reason.startswith("traffic at period 2, in solver xyz: hung, nothing moved for")
        assert "<string>:" in reason
        assert " hang, called by" in reason
        assert reason in driven.said()
        assert (driven.told["status"], driven.told["exit_code"]) == ("incomplete", 7)
        assert driven.told["periods"] == {"planned": 3, "committed": 1}
        assert driven.committed() == [1]
        assert driven.nobody_left()


def test_code_that_keeps_pythons_lock_is_ended_from_c(tmp_path):
    fault = QUICK + ASSIGNMENT + WAITS_IN_C.format(library="PyDLL") + "in_period(2, hang)\n"
    with command(tmp_path, fault=fault) as driven:
        assert driven.wait() == 1, driven.said()
        assert "Timeout" in driven.said()
        assert "in hang" in driven.said(), "the stack of every thread"
        assert driven.committed() == [1]


def test_a_stopped_sumo_is_replaced_and_the_run_ends_well(tmp_path):
    with command(tmp_path, mode="continuous", fault=QUICK + AT + STOPS_SUMO) as driven:
        assert driven.wait() == 0, driven.said()
        assert "did not answer for 8 s and was killed at simulated 180 s during simulationStep(240)" in driven.notes(1)
        assert driven.nobody_left()
