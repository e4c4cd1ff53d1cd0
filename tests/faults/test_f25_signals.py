"""F25: one signal ends a run after the period in progress, a second one at once; a container's stop loses no commit."""

import os
import pty
import signal
import time

import pytest

from cosim.results.store import load
from cosim.workflows.runs import list_runs
from tests.faults.processes import ASSIGNMENT, AT, Driven, command, roads

SEND = "import os, signal\ndef send():\n    os.kill(os.getpid(), signal.{name})\n"
LOOPS = """\
import time
from pathlib import Path
def hang():
    Path("hangs").touch()
    while True:
        time.sleep(0.01)
"""
WAITS_IN_C = """\
import ctypes
from pathlib import Path
def hang():
    Path("hangs").touch()
    mutex, library = ctypes.create_string_buffer(64), ctypes.CDLL(None)
    for _ in range(2):  # the second time waits for ever, and no signal wakes it
        library.pthread_mutex_lock(mutex)
"""
WORDS = {"SIGTERM": (143, "terminated"), "SIGINT": (130, "interrupted"), "SIGHUP": (129, "hung up")}


@pytest.mark.parametrize("name", WORDS)
def test_one_signal_ends_the_run_after_its_period(tmp_path, name):
    with command(tmp_path, fault=ASSIGNMENT + SEND.format(name=name) + "in_period(2, send)\n") as driven:
        code, word = WORDS[name]
        assert driven.wait() == code, driven.said()
        assert driven.committed() == [1, 2]
        assert (driven.told["exit_code"], driven.told["status"], driven.told["reasons"]) == (code, "incomplete", [word])
        assert f"{word}: the run ends after this period, at once by another signal\n" in driven.said()
        assert driven.said().splitlines()[-1] == f"{word}; the committed periods stay in the run folder"
        assert "Traceback" not in driven.said()
        assert sorted(load(driven.run)["periods"]["period"]) == [1, 2]


@pytest.mark.parametrize("hang", [LOOPS, WAITS_IN_C], ids=["Python", "C"])
def test_a_second_signal_ends_it_whatever_hangs(tmp_path, hang):
    """Without the thread of `supervision.install` the one in C stayed for ever."""
    with command(tmp_path, fault=ASSIGNMENT + hang + "in_period(2, hang)\n") as driven:
        driven.until((tmp_path / "hangs").exists)
        time.sleep(0.2)
        os.kill(driven.process.pid, signal.SIGTERM)
        time.sleep(0.5)
        assert driven.process.poll() is None, "the first one waits for the period"
        os.kill(driven.process.pid, signal.SIGTERM)
        assert driven.wait(10.0) == 143, driven.said()
        assert driven.committed() == [1]
        assert driven.told["periods"] == {"planned": 3, "committed": 1}
        assert driven.told["reasons"][-1].startswith("terminated")
        assert list(load(driven.run)["periods"]["period"]) == [1]
        assert driven.nobody_left()


def test_a_container_that_stops_loses_no_commit(tmp_path):
    with command(tmp_path, fault=ASSIGNMENT + WAITS_IN_C + "in_period(3, hang)\n") as driven:
        driven.until((tmp_path / "hangs").exists)
        os.kill(driven.process.pid, signal.SIGTERM)
        time.sleep(0.5)
        driven.process.kill()
        assert driven.wait() == -signal.SIGKILL
        assert driven.committed() == [1, 2]
        (listed,) = list_runs(driven.run)
        assert (listed.state, listed.committed, listed.planned) == ("unfinished", 2, 3)


def test_a_signal_while_the_tables_are_written_loses_none(tmp_path):
    store = "from cosim.results.store import RunStore\nat(RunStore, 'export_tables', lambda *_: True, send)\n"
    with command(tmp_path, fault=AT + SEND.format(name="SIGINT") + store) as driven:
        assert driven.wait() == 130, driven.said()
        assert (driven.told["status"], driven.told["exit_code"]) == ("complete", 0)
        assert sorted(load(driven.run)["periods"]["period"]) == [1, 2, 3]


def test_a_terminal_that_is_gone_ends_the_run_in_order(tmp_path):
    """What is printed afterwards goes nowhere; it would be an error otherwise."""
    terminal, ours = pty.openpty()
    pause = "in_period(2, lambda: (Path('pauses').touch(), time.sleep(2)))\n"
    with command(tmp_path, fault=ASSIGNMENT + LOOPS + pause, output=ours) as driven:
        os.close(ours)
        driven.until((tmp_path / "pauses").exists)
        os.close(terminal)
        os.kill(driven.process.pid, signal.SIGHUP)
        assert driven.wait() == 129
        assert driven.committed() == [1, 2]
        assert driven.told["reasons"] == ["hung up"]


def test_a_study_in_several_processes_ends_with_all_of_them(tmp_path):
    with Driven(tmp_path, "sensitivity", roads(tmp_path), "--jobs", "2", "--only", "traffic.*") as driven:
        driven.until(lambda: len(driven.descendants("python")) >= 3)  # one of them keeps multiprocessing's books
        os.kill(driven.process.pid, signal.SIGTERM)
        assert driven.wait(20.0) == 143, driven.said()
        assert driven.said().startswith("terminated")
        assert driven.nobody_left()


def test_nohup_is_respected(tmp_path):
    ignored = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    fault = ignored + ASSIGNMENT + SEND.format(name="SIGHUP") + "in_period(2, send)\n"
    with command(tmp_path, fault=fault) as driven:
        assert driven.wait() == 0, driven.said()
