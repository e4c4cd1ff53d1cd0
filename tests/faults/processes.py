"""Real processes with a fault in them: a small run from the command line, and who is left of it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cosim

ROADS = """\
schema: 1
title: Three times five minutes on roads alone
extends: nguyen_micro
periods: 3
period_min: 5
traffic: {demand_profile: [0.3, 0.5, 0.4]}
microsim: {length_scale: 0.25, warmup_min: 5, seeds: 2, jobs: 2, periods: [2], coupling_s: 60}
gates: {not_inserted_share: 0.1}
"""
COMMAND_LINE = "\nfrom cosim import cli\ncli.command()\n"
AT = """\
def at(owner, name, when, act):
    whole = getattr(owner, name)
    def changed(*given, **named):
        if when(*given):
            act()
        return whole(*given, **named)
    setattr(owner, name, changed)
"""
"""Do something at a call: ``at(owner, name, when, act)``."""
ASSIGNMENT = (
    AT + "from cosim.simulators.traffic import Simulator as Traffic\n"
    "def in_period(number, act):\n    at(Traffic, 'advance', lambda self, time, *_: time == (number - 1) * 300, act)\n"
)
"""Do something in the assignment of a period: ``in_period(number, act)``."""


def roads(folder):
    """Write the scenario; return its path."""
    path = folder / "scenario.yaml"
    path.write_text(ROADS, encoding="utf-8")
    return path


class Driven:
    """A command of cosim in a process of its own, whose descendants are known by their ``TMPDIR``."""

    def __init__(self, folder, *arguments, fault="", output=None, **environment):
        self.folder, self.run = folder, folder / "run"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        path = os.pathsep.join([str(Path(cosim.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        self.environment = {
            **os.environ,
            "PYTHONPATH": path,
            "TMPDIR": str(self.scratch),
            "PYTHONFAULTHANDLER": "",
            **environment,
        }
        self.output = (folder / "output.txt").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", fault + COMMAND_LINE, *map(str, arguments)],
            stdout=self.output if output is None else output,
            stderr=subprocess.STDOUT,
            env=self.environment,
            cwd=folder,
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.output.close()
        for pid in self.descendants():
            os.kill(pid, signal.SIGKILL)

    def descendants(self, program=""):
        """Return the living processes that the command started, if any of a program."""
        mark, found = f"TMPDIR={self.scratch}".encode(), []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                mine = mark in (entry / "environ").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                name = (entry / "exe").readlink().name
            except OSError:  # it ended, or is not ours
                continue
            if mine and state != "Z" and int(entry.name) != self.process.pid and program in name:
                found.append(int(entry.name))
        return found

    def until(self, condition, limit_s=60.0):
        """Wait for a condition while the command lives; return how long it took, s."""
        began = time.monotonic()
        while not condition():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() - began < limit_s, self.said()
            time.sleep(0.01)
        return time.monotonic() - began

    def nobody_left(self, limit_s=5.0):
        """Tell whether all descendants end in time."""
        until = time.monotonic() + limit_s
        while self.descendants() and time.monotonic() < until:
            time.sleep(0.02)
        return not self.descendants()

    def wait(self, limit_s=60.0):
        """Return the exit code."""
        return self.process.wait(limit_s)

    def said(self):
        """Return what the command printed."""
        return (self.folder / "output.txt").read_text()

    @property
    def told(self):
        """What ``run.json`` says."""
        return json.loads((self.run / "run.json").read_text())

    def notes(self, period):
        """Return what the gate's record of a period notes besides its checks."""
        return " | ".join(json.loads((self.run / "periods" / f"{period:04d}" / "gate.json").read_text())["notes"])

    def committed(self):
        """Return the periods that are there, each checked against its digests."""
        found = []
        for period in sorted((self.run / "periods").iterdir()):
            for line in (period / "SHA256SUMS").read_text().splitlines():
                digest, name = line.split("  ")
                assert hashlib.sha256((period / name).read_bytes()).hexdigest() == digest
            found.append(int(period.name))
        return found


def command(folder, *options, mode="off", **how):
    """Return a run of the roads that was started."""
    arguments = ("run", roads(folder), "--out", folder / "run", "--no-report", "--microsim", mode, *options)
    return Driven(folder, *arguments, **how)
