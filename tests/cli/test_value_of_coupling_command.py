"""`cosim run --value-of-coupling`: three runs, one table, one exit code."""

import os
import re
import signal
import subprocess
import sys
import time

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


def test_an_interrupt_keeps_the_runs_so_far_and_starts_no_other(tmp_path):
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "cosim", "run", "nguyen_ieee33", "--value-of-coupling", "--out", str(folder)]
    process = subprocess.Popen(
        [*command, "--no-report"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 240
        while not (folder / "one_way" / "periods" / "0002").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert err.splitlines() == [
        "interrupted: the run ends after this period, at once by another signal",
        "interrupted; the committed periods stay in the run folder",
    ]
    assert load(folder / "none").complete
    stopped = load(folder / "one_way")
    assert (stopped.exit_code, stopped.complete) == (130, False)
    assert stopped.run["periods"]["committed"] >= 2
    assert not (folder / "equilibrium").exists()
