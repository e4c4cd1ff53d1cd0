"""F33: the clock on the wall jumps, summer time begins, a leap day comes: the simulated day does not know."""

import ast
import time
from pathlib import Path

import numpy as np

import cosim
from cosim import watchdog
from cosim.records.period import tables
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.timeline import Timeline
from cosim.world import run_world
from tests.faults.processes import roads

WALL = {"time.time", "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.localtime"}
MAY = {
    "microsim/scratch.py",  # how old an abandoned folder is
    "results/manifest.py", "results/resumable.py", "studies/folder.py",  # when a run or study was made or gone on with
    "workflows/reproduce.py", "workflows/run.py", "workflows/value_of_coupling.py",  # names of folders
}  # fmt: skip
SUMMER_BEGINS_S, LEAP_DAY_S = 1774746000.0, 1835395200.0  # 2026-03-29 01:00 and 2028-02-29 00:00, UTC


def simulated(case):
    found = []
    with watchdog.watching():
        run_world(case, lambda told, judged: found.append(tables(told)))
    return found


def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch):
    """Hours forth and back at every look, over the beginning of summer time and a leap day."""
    case = build_case(load(roads(tmp_path), ("microsim.mode=windows", "microsim.seeds=1")))
    plain = simulated(case)
    looks = []

    def jumping():
        looks.append(1)
        return (SUMMER_BEGINS_S, LEAP_DAY_S)[len(looks) % 2] + 3600.0 * (-1) ** len(looks)

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        monkeypatch.setattr(time, "time", jumping)
        np.testing.assert_equal(simulated(case), plain)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert looks, "somebody looked"


def test_periods_are_whole_seconds_and_every_day_has_as_many():
    line = Timeline(periods=96 * 3, period_min=15)
    assert line.end_s == 3 * 86_400
    assert isinstance(line.end_s, int)
    assert [line.clock(k) for k in (0, 96, 192)] == ["00:00-00:15"] * 3
    assert [line.position(900 * k) for k in range(288)] == list(range(288))


def test_nobody_but_names_of_folders_and_manifests_reads_the_clock_on_the_wall():
    found = set()
    root = Path(cosim.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in WALL:
                found.add(path.relative_to(root).as_posix())
    assert found == MAY
