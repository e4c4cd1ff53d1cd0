import os
import signal
import time
from pathlib import Path

import pytest

from cosim import supervision
from cosim.errors import ComponentError, StorageError, SumoError
from cosim.microsim import measurements, simulation, windows
from cosim.microsim.model import RunOptions
from cosim.microsim.pool import side_by_side
from cosim.microsim.process import SumoProcess
from cosim.microsim.windows import run_window

ONCE = RunOptions(tries=1)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def listening(pid):
    targets = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {target[8:-1] for target in targets if target.startswith("socket:")}
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row for row in rows if row[3] == "0A" and row[9] in inodes]


@pytest.fixture
def started(monkeypatch):
    """Collect every SUMO that is started."""
    found = []
    enter = SumoProcess.__enter__

    def entered(process):
        enter(process)
        found.append(process)
        return process

    monkeypatch.setattr(SumoProcess, "__enter__", entered)
    return found


def at_minute(minute, act, started):
    """Return a callback that acts on the newest SUMO in a simulated minute."""
    calls = []

    def stop():
        calls.append(time.monotonic())
        if len(calls) == minute:
            act(started[-1].pid)

    return stop, calls


def test_a_killed_sumo_is_seen_at_once_with_command_time_code_and_call(window, started):
    stop, calls = at_minute(5, lambda pid: os.kill(pid, signal.SIGKILL), started)
    with pytest.raises(SumoError, match="died of SIGKILL at simulated 300 s during") as caught:
        run_window(window(options=ONCE), stop=stop)
    assert time.monotonic() - calls[-1] < 2.0
    error = caught.value
    assert (error.return_code, error.sim_time_s, error.exit_code) == (-9, 300.0, 7)
    assert "--remote-port" in error.command
    assert not alive(started[0].pid)


def test_a_stopped_sumo_is_ended_by_the_watchdog(window, started):
    stop, calls = at_minute(5, lambda pid: os.kill(pid, signal.SIGSTOP), started)
    with pytest.raises(SumoError, match=r"did not answer for \d s and was killed at simulated 300 s"):
        run_window(window(options=RunOptions(tries=1, hang_limit_s=1.0)), stop=stop)
    assert time.monotonic() - calls[-1] < 4.0
    assert not alive(started[0].pid)


def test_one_death_is_repaired_by_a_second_run_with_the_same_numbers(window, started):
    undisturbed = run_window(window())
    killed = []

    def act(pid):
        killed.append(pid)
        os.kill(pid, signal.SIGKILL)

    stop, _ = at_minute(5, act, started)
    assert run_window(window(), stop=stop).digest == undisturbed.digest
    assert len(killed) == 1
    assert len(started) == 3


def test_sumo_that_cannot_start_says_why(window, tmp_path, started):
    broken = tmp_path / "net.xml"
    broken.write_text(window().net.net_file.read_text()[:2000])
    began = time.monotonic()
    process = SumoProcess(["-n", str(broken)], tmp_path)
    with pytest.raises(SumoError, match=r"ended.*before its first step.*return code 1.*net\.xml"):
        process.__enter__()
    assert time.monotonic() - began < 5.0
    assert not alive(process.pid)


def test_a_refused_command_is_named_and_ends_sumo(road, tmp_path):
    with SumoProcess(["-n", str(road.net_file)], tmp_path) as process:
        vehicle = process.connection.vehicle
        with pytest.raises(SumoError, match="refused a command.*'ghost' is not known"):
            process.call("vehicle.resume(ghost)", vehicle.resume, "ghost")
        assert not alive(process.pid)
        with pytest.raises(SumoError, match="was asked after it had ended"):
            process.step_to(1.0)


def test_no_port_is_open_once_connected(road, tmp_path):
    with SumoProcess(["-n", str(road.net_file)], tmp_path) as process:
        assert not listening(process.pid)


def test_a_disk_that_fills_is_named_although_sumo_ends_well(window):
    """SUMO may write 4 kB a file: like a full disk, it truncates what it writes and returns 0."""
    with pytest.raises(StorageError, match=r"SUMO's output 'trips\.xml' .*nothing of this run is used.*MiB are free"):
        run_window(window(options=RunOptions(file_limit_bytes=4096)))


def test_a_disk_without_room_is_refused_before_sumo_starts(window, monkeypatch, started):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(simulation.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match="a run of 320 vehicles needs"):
        run_window(window())
    assert not started


def test_counts_that_differ_from_what_sumo_told_are_refused(window, monkeypatch):
    """A truncated file that happens to be whole XML has too few vehicles."""
    read = measurements.read_trips
    monkeypatch.setattr(measurements, "read_trips", lambda path: dict(list(read(path).items())[:-1]))
    with pytest.raises(StorageError, match=r"has \d+ vehicles"):
        run_window(window())


def test_queue_and_lot_that_differ_are_an_error(window, monkeypatch):
    inside = windows.StationQueues.inside
    monkeypatch.setattr(windows.StationQueues, "inside", lambda self: {"lot": {"ghost"}} if self.rows else inside(self))
    with pytest.raises(ComponentError, match="lot 'lot' at 60 s: SUMO and the station's queue differ on"):
        run_window(window())


def test_a_failed_window_ends_the_others(window, started):
    slow = window(measured_s=6000.0)
    broken = window(options=RunOptions(file_limit_bytes=4096))
    with pytest.raises(StorageError):
        side_by_side(run_window, [slow, broken, slow], jobs=2)
    assert not any(alive(process.pid) for process in started)


def test_a_signal_ends_all_windows_and_leaves_nobody(window, started, monkeypatch):
    """Also a SUMO that does not answer: nobody waits for it."""
    enter = SumoProcess.__enter__

    def entered(process):
        found = enter(process)
        if len(started) == 2:
            os.kill(started[0].pid, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGUSR1)
        return found

    def raised(*_):
        raise supervision.Stopped(signal.SIGINT)

    monkeypatch.setattr(SumoProcess, "__enter__", entered)
    before = signal.signal(signal.SIGUSR1, raised)
    try:
        with pytest.raises(supervision.Stopped):
            side_by_side(run_window, [window(measured_s=6000.0, seed=seed) for seed in (1, 2, 3)], jobs=2)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(started) == 2
    assert not any(alive(process.pid) for process in started)
