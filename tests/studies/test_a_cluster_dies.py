"""A study on a cluster of Dask goes on through the death of a worker and of its driver: one table, each row once."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pandas as pd
import psutil
import pytest

from cosim.studies.folder import StudyFolder
from cosim.studies.numerics import environment
from cosim.studies.running import run_study
from cosim.studies.store import read_journals
from tests.studies.own_rows import OWN, SHARES, planned

GOOD = [share for share in SHARES if round(share * 100) % 10 != 5][:16]
BIND = "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"


def started(stack, *words):
    """Start a part of a cluster as its own process; it ends with the test."""
    command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
    process = subprocess.Popen(command, env=os.environ | environment(), stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def wait_until(found, what):
    for _ in range(600):
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within a minute: {what}")


@pytest.fixture
def cluster(tmp_path, own_rows, monkeypatch):
    """A scheduler and two workers on loopback, as somebody would start them; its file, and the workers."""
    monkeypatch.setenv("SLOW", "0.3")
    file = tmp_path / "scheduler.json"
    with ExitStack() as stack:
        scheduler = started(stack, "dask_scheduler", *BIND, "--port", "0", "--scheduler-file", str(file))
        wait_until(file.exists, "the scheduler's file")
        options = (*BIND, "--nthreads", "1", "--no-nanny", "--scheduler-file", str(file))
        workers = [started(stack, "dask_worker", *options, "--local-directory", str(tmp_path)) for _ in range(2)]
        yield file, scheduler, workers


def test_one_table_through_the_death_of_a_worker_and_of_the_driver(cluster, own_rows, tmp_path):
    file, scheduler, workers = cluster
    planned(tmp_path, OWN % GOOD)
    folder = tmp_path / "study"
    command = [sys.executable, "-m", "cosim", "sweep", "run", "study", "--cluster", str(file), "--progress", "off"]
    driver = subprocess.Popen(command, cwd=tmp_path)
    wait_until(lambda: len(read_journals(folder)) >= 3, "three rows")
    workers[0].kill()
    ended = len(read_journals(folder))
    wait_until(lambda: len(read_journals(folder)) >= ended + 3, "three more rows by the worker that is left")
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert len(read_journals(folder)) < len(GOOD)
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    begun = pd.Series(own_rows.read_text().split(), dtype=float).value_counts()
    assert sorted(begun.index) == GOOD
    assert begun.sum() <= len(GOOD) + 2  # one in flight at each death, and no other
    alone = planned(tmp_path, OWN % GOOD, "alone")
    assert run_study(alone, jobs=1).collected.sha256 == StudyFolder(folder).facts["rows_sha256"]
    for process in (scheduler, workers[1]):
        listening = psutil.Process(process.pid).net_connections("inet")
        assert {one.laddr.ip for one in listening if one.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
