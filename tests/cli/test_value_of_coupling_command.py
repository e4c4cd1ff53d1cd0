"""`cosim run --value-of-coupling`: three runs, one table, one exit code."""

import re
import subprocess
import sys

from cosim.results.store import load


def run(cosim, *arguments):
    return cosim("run", *arguments, "--value-of-coupling", "--no-report")


def test_it_names_each_run_shows_progress_and_prints_one_table(cosim, small, tmp_path):
    code, out, err = run(cosim, small(), "--out", tmp_path / "out", "--set", "dispatch.mode=day_ahead")
    assert (code, err) == (0, "")
    for number, name in enumerate(("none", "one_way", "equilibrium"), start=1):
        assert f"run {number} of 3, {name}: {tmp_path / 'out' / name}" in out
    assert len(re.findall(r"^period +\d/6 ", out, flags=re.MULTILINE)) == 18
    assert re.search(r"^ +none +one_way +equilibrium *$", out, flags=re.MULTILINE)
    assert re.search(r"^ +Waits at stations +– +[\d.]+ +[\d.]+ +veh h *$", out, flags=re.MULTILINE)
    assert "coupling hardly matters here" in out
    assert "exit 0: none 0, one_way 0, equilibrium 0" in out
    assert f"results  {tmp_path / 'out'}" in out


def test_silent_progress_and_a_page_with_the_report(cosim, small, tmp_path):
    arguments = (small(), "--out", tmp_path / "out", "--set", "dispatch.mode=day_ahead", "--progress", "off")
    code, out, _ = cosim("run", *arguments, "--value-of-coupling")
    assert code == 0
    assert not re.search(r"^(run \d|period)", out, flags=re.MULTILINE)
    assert (tmp_path / "out" / "comparison.html").stat().st_size > 10_000
    assert (tmp_path / "out" / "equilibrium" / "report.html").exists()


def test_strict_tells_why_there_is_no_table(cosim, small, tmp_path):
    sets = ("--set", "feeder.v_min_pu=1.045")
    code, out, _ = run(cosim, small(), "--out", tmp_path / "out", "--strict", *sets)
    assert code == 6
    assert re.search(r"^flagged none: period 1: failed", out, flags=re.MULTILINE)
    assert "no comparison: a run is incomplete" in out
    assert "exit 6: none 6" in out


def test_wrong_input_is_told_as_by_a_plain_run(cosim, small, tmp_path):
    (tmp_path / "there").mkdir()
    code, _, err = run(cosim, small(), "--out", tmp_path / "there")
    assert (code, err) == (2, f"error: run folder '{tmp_path / 'there'}' exists; choose another with --out\n")
    code, _, err = run(cosim, "nguyen_traffic_only", "--out", tmp_path / "out")
    assert code == 3
    assert "has no grid" in err
    code, _, err = run(cosim, small(), "--out", tmp_path / "out", "--set", "ev.shaer=1")
    assert code == 3
    assert "share" in err
    assert not (tmp_path / "out").exists()


INTERRUPT = """
import os, signal, sys
from cosim import cli
from cosim.results.store import RunStore
commit = RunStore.commit
def interrupted(self, period, *given):
    if (self.folder.name, period) == ("one_way", 2):
        os.kill(os.getpid(), signal.SIGINT)
    commit(self, period, *given)
RunStore.commit = interrupted
cli.command()
"""
"""Ctrl-C while the second run commits its second period."""


def test_an_interrupt_keeps_the_runs_so_far_and_starts_no_other(small, tmp_path):
    folder = tmp_path / "out"
    command = ["run", str(small()), "--value-of-coupling", "--out", str(folder), "--no-report"]
    done = subprocess.run([sys.executable, "-c", INTERRUPT, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines() == [
        "interrupted: the run ends after this period, at once by another signal",
        "interrupted; the committed periods stay in the run folder",
    ]
    assert load(folder / "none").complete
    stopped = load(folder / "one_way")
    assert (stopped.exit_code, stopped.complete) == (130, False)
    assert stopped.run["periods"]["committed"] == 2
    assert not (folder / "equilibrium").exists()
