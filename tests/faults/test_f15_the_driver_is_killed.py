"""F15: kill -9 of the driver, whatever it is at: nobody is left after five seconds, what was committed is whole."""

import os
import signal

import pytest

from tests.faults.processes import ASSIGNMENT, AT, Driven, command, roads

KILL = "import os, signal\ndef kill():\n    os.kill(os.getpid(), signal.SIGKILL)\n"
STARTS = "from cosim.microsim.process import SumoProcess\nat(SumoProcess, '_listens', lambda *_: True, kill)\n"
DRIVES = """\
from cosim.microsim.process import SumoProcess
at(SumoProcess, "step_to", lambda self, time_s: time_s >= 400, kill)
"""
COMMITS = """\
from pathlib import Path
at(Path, "rename", lambda self, to: str(self).endswith(".tmp-0002"), kill)
"""
"""The last moment before the second commit."""


@pytest.mark.parametrize(
    ("fault", "mode", "committed"),
    [
        (AT + KILL + STARTS, "continuous", []),
        (AT + KILL + DRIVES, "continuous", [1]),
        (AT + KILL + COMMITS, "off", [1]),
        (ASSIGNMENT + KILL + "in_period(3, kill)\n", "off", [1, 2]),
    ],
    ids=["SUMO starts", "SUMO drives", "commit", "assignment"],
)
def test_nobody_is_left_of_a_run_and_no_committed_period_is_lost(tmp_path, fault, mode, committed):
    with command(tmp_path, mode=mode, fault=fault) as driven:
        assert driven.wait() == -signal.SIGKILL, driven.said()
        assert driven.nobody_left()
        assert driven.committed() == committed
        assert not (driven.run / "run.json").exists()


@pytest.mark.parametrize(
    ("arguments", "program", "count"),
    [
        (("validate", "--seeds", "2", "--jobs", "2", "--out", "out"), "sumo", 2),
        (("calibrate", "--jobs", "2", "--out", "out"), "sumo", 2),
        (("sensitivity", "--jobs", "2", "--only", "traffic.*"), "python", 2),
    ],
    ids=["validate", "calibrate", "sensitivity"],
)
def test_nobody_is_left_of_a_study_that_works_side_by_side(tmp_path, arguments, program, count):
    """Killed are the driver and, of the first two, one SUMO with it.

    Without the prctl in `process.TRAMPOLINE` both SUMOs lived on; without `die_with` a process of a sensitivity
    finishes its study first.
    """
    name, *options = arguments
    with Driven(tmp_path, name, roads(tmp_path), *options) as driven:
        driven.until(lambda: len(driven.descendants(program)) >= count)
        if program == "sumo":
            os.kill(driven.descendants(program)[0], signal.SIGKILL)
        driven.process.kill()
        assert driven.wait() == -signal.SIGKILL
        assert driven.nobody_left()
