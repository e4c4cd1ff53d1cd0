"""Kill a run at random instants and let it go on, again and again: nothing committed is lost, and no number changes."""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cosim.results.committed import period_folders
from cosim.results.resumable import intact
from cosim.results.store import RunResult

SCENARIOS = (("nguyen_traffic_only", ()), ("nguyen_ieee33", ("dispatch.mode=single_period",)))
"""What is killed in turn."""


@dataclass
class Told:
    """What became of the runs."""

    kills: int = 0
    early: int = 0
    runs: int = 0
    lost: int = 0
    damaged: int = 0
    differing: int = 0

    def __str__(self):
        """Return a line."""
        return (
            f"{self.kills} kills, {self.early} of them before there was a run folder; {self.runs} runs ended, "
            f"{self.lost} periods lost, {self.damaged} damaged files, {self.differing} runs with other numbers"
        )


def kill(count, seed, scenarios=SCENARIOS):
    """Kill runs so often, each at an instant that is drawn within the time that the whole run takes."""
    for name in ("cosim.workflows.resume", "cvxpy", "mosaik", "pandapower", "pyarrow.parquet"):
        importlib.import_module(name)  # once, here, not in every child
    told, drawn, which = Told(), random.Random(seed), 0  # noqa: S311
    base = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        while told.kills < count:
            scenario, overrides = scenarios[which % len(scenarios)]
            began = time.monotonic()
            _child(partial(_run, scenario, overrides, base / "whole"), None)
            _one_run(told, count, drawn, scenario, overrides, base, 0.6 * (time.monotonic() - began))
            which += 1
            sys.stderr.write(f"{scenario}: {told}\n")
            shutil.rmtree(base / "whole")
            shutil.rmtree(base / "killed")
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return told


def _one_run(told, count, drawn, scenario, overrides, base, longest_s):
    """Start a run and kill it until it ends."""
    folder, ended = base / "killed", False
    while not ended:
        committed = len(period_folders(folder))
        begun = (folder / "manifest.json").exists()
        if not begun:
            told.early += folder.exists()
            shutil.rmtree(folder, ignore_errors=True)
        delay = drawn.uniform(0.0, longest_s) if told.kills < count else None
        ended = _child(partial(_go_on, folder) if begun else partial(_run, scenario, overrides, folder), delay)
        told.kills += not ended
        sound, damage = intact(folder)
        told.lost += max(committed - len(sound), 0)
        told.damaged += len(damage)
    told.runs += 1
    told.differing += not _same(RunResult(base / "whole"), RunResult(folder))


def _run(scenario, overrides, out):
    from cosim.workflows.run import run

    run(scenario, out=out, overrides=overrides, report=False)


def _go_on(folder):
    """Go on; behind less than what is committed is an error of its own."""
    from cosim.workflows.resume import resume

    committed, notices = len(period_folders(folder)), list[str]()
    resume(folder, report=False, notice=notices.append)
    if 0 < committed < int(json.loads((folder / "manifest.json").read_text())["periods"]):
        assert notices == [f"it goes on behind period {committed} of {notices[0].split()[-1]}"], notices


def _child(work, delay_s):
    """Let a child of this process work, and kill it after a time; return whether it ended before.

    Raises
    ------
    RuntimeError
        If it failed.
    """
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    if delay_s is not None:
        time.sleep(delay_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status) != 0:
        raise RuntimeError(f"the run failed with {os.WEXITSTATUS(status)}")
    return True


def _same(one, other):
    """Whether two runs have equal tables, to the byte, verdicts and digests."""
    files = [
        (result.folder / "tables" / f"{name}.parquet").read_bytes() for name in one.tables for result in (one, other)
    ]
    alike = all(first == second for first, second in zip(files[::2], files[1::2], strict=True))
    told = ("status", "exit_code", "reasons", "periods", "period_statuses", "verdict", "tables_digest")
    return alike and one.tables == other.tables and all(one.run[name] == other.run[name] for name in told)
