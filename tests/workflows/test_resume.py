"""A run that was stopped goes on to the same bits; what cannot is refused, and says why."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import cache

import pytest

import cosim as api
from cosim.errors import CheckpointError, ComponentError, LockedError, StorageError, UsageError
from cosim.results.lock import at_work
from cosim.results.manifest import versions
from cosim.results.store import RunStore
from cosim.workflows import resume as resuming
from cosim.workflows.resume import resume
from cosim.workflows.run import run

PERIODWISE = ("dispatch.mode=single_period",)
FLAGGED = ("feeder.slack_vm_pu=1.0", *(f"devices.{name}.reactive=false" for name in ("ess", "pv", "wind")))


def stopping(*periods):
    """Return a progress that ends the run behind each of these periods, once."""
    left = list(periods)

    def show(told, judged):
        if told.period in left:
            left.remove(told.period)
            raise RuntimeError("the plug is pulled")

    return show


def stopped(scenario, out, period, overrides=(), **how):
    """Run a scenario up to a period; return the run folder."""
    with pytest.raises(ComponentError, match="the plug is pulled"):
        run(scenario, out=out, overrides=overrides, report=False, progress=stopping(period), **how)
    return out


def same(one, other):
    """Hold all that two runs tell of their day against each other."""
    assert one.tables == other.tables
    for name in one.tables:
        files = [(result.folder / "tables" / f"{name}.parquet").read_bytes() for result in (one, other)]
        assert files[0] == files[1], name
    told = ("status", "exit_code", "reasons", "periods", "period_statuses", "verdict", "tables_digest")
    assert {name: one.run[name] for name in told} == {name: other.run[name] for name in told}
    assert sorted(path.name for path in one.folder.iterdir()) == sorted(path.name for path in other.folder.iterdir())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return ``whole(scenario, *overrides)``: an undisturbed run, made once."""

    def get(scenario, *overrides):
        out = tmp_path_factory.mktemp("whole") / "run"
        return run(scenario, out=out, overrides=overrides, report=False)

    return cache(get)


@pytest.fixture(scope="module")
def stopped_late(tmp_path_factory):
    """Return a run of a quick day that was stopped behind period 22."""
    return stopped("nguyen_traffic_only", tmp_path_factory.mktemp("late") / "run", 22)


@pytest.fixture
def cut(stopped_late, tmp_path):
    """Return a copy of it."""
    return shutil.copytree(stopped_late, tmp_path / "run")


def test_a_day_that_is_stopped_four_times_ends_as_if_it_had_not_been(whole, tmp_path):
    """Behind periods 1, 2, 12 and 23 of 24; each time a world, roads and dispatch are built anew."""
    folder, told = stopped("nguyen_ieee33", tmp_path / "run", 1, PERIODWISE), []
    for point in (2, 12, 23):
        with pytest.raises(ComponentError, match="the plug is pulled"):
            resume(folder, report=False, progress=stopping(point), notice=told.append)
        assert sorted(path.name for path in (folder / "states").glob("[0-9]*")) == [f"{point - 1:04d}", f"{point:04d}"]
    result = resume(folder, report=False, notice=told.append)
    assert [one["after_period"] for one in result.run["resumed"]] == [1, 2, 12, 23]
    assert told == [f"it goes on behind period {point} of 24" for point in (1, 2, 12, 23)]
    same(result, whole("nguyen_ieee33", *PERIODWISE))
    assert not (folder / "states").exists()


def test_flagged_periods_are_told_as_ever_and_strict_goes_on_to_the_next(whole, tmp_path, small):
    undisturbed = whole(small(), *FLAGGED)
    assert undisturbed.exit_code == 5
    result = run(small(), out=tmp_path / "run", overrides=FLAGGED, report=False, strict=True)
    flagged = [period for period, status in enumerate(undisturbed["periods"]["status"], 1) if status != "optimal"]
    for period in flagged:
        assert (result.complete, result.run["periods"]["committed"]) == (period == 6, period)
        result = resume(tmp_path / "run", report=False, strict=True)
    same(resume(tmp_path / "run", report=False), undisturbed)


def test_a_killed_command_goes_on_and_writes_its_report(whole, small, tmp_path, cosim):
    folder = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "cosim",
        "run",
        str(small()),
        "--out",
        str(folder),
        "--set",
        "dispatch.mode=single_period",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not (folder / "periods" / "0002").exists():
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    code, out, err = cosim("run", folder, "--resume")
    assert (code, err) == (0, "")
    assert "notice: it goes on behind period" in out
    assert "6 of 6" in out
    page = folder / "report.html"
    assert page.stat().st_size > 10_000
    page.unlink()
    same(api.load(folder), whole(small(), "dispatch.mode=single_period"))


def test_a_run_that_has_ended_says_so(whole, cosim):
    ended = whole("nguyen_traffic_only").folder
    before = {path: path.stat().st_mtime_ns for path in ended.rglob("*")}
    code, out, err = cosim("run", ended, "--resume", "--no-report")
    assert (code, err) == (0, "")
    assert "notice: the run has ended: 24 of 24 periods, exit 0" in out
    assert {path: path.stat().st_mtime_ns for path in ended.rglob("*")} == before


def test_a_run_killed_between_its_last_period_and_its_end_is_ended(whole, tmp_path):
    told, folder = [], stopped("nguyen_traffic_only", tmp_path / "run", 24)
    (folder / "run.json").unlink()
    same(resume(folder, report=False, notice=told.append), whole("nguyen_traffic_only"))
    assert told == ["all 24 periods are committed: only its end is written"]


def test_a_run_killed_before_its_first_period_begins_again(whole, cut):
    for name in ("periods", "states"):
        shutil.rmtree(cut / name)
    (cut / "periods").mkdir()
    told = []
    same(resume(cut, report=False, notice=told.append), whole("nguyen_traffic_only"))
    assert told == ["it begins again with period 1"]


def flip(path, at=-20):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda run: flip(run / "states/0022/arrays.npz"), "the state of period 22 is damaged: .*SHA-256"),
        (lambda run: flip(run / "states/0022/state.json"), "the state of period 22 is damaged: .*SHA-256"),
        (lambda run: (run / "states/0022/SHA256SUMS").write_text("what"), "the state of period 22 is damaged"),
        (lambda run: shutil.rmtree(run / "states/0022"), "there is no state of period 22"),
        (
            lambda run: flip(run / "periods/0022/links.parquet"),
            "period 22 is damaged: .*links.parquet.* SHA-256",
        ),
        (lambda run: (run / "periods/0022/gate.json").unlink(), "period 22 is damaged: .*gate.json' is missing"),
        (lambda run: shutil.copytree(run / "states/0021", run / "states/0022", dirs_exist_ok=True), "another period"),
    ],
)
def test_a_damaged_last_period_is_computed_again_from_the_one_before(whole, cut, damage, reason):
    damage(cut)
    told = []
    result = resume(cut, report=False, notice=told.append)
    same(result, whole("nguyen_traffic_only"))
    assert told[1:] == ["it goes on behind period 21 of 24"]
    assert re.search(reason, told[0])
    assert result.run["resumed"][0]["notices"] == told[:1]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda run: shutil.rmtree(run / "states"), "there is no state of period 22; there is no state of period 21"),
        (lambda run: flip(run / "periods/0002/links.parquet"), "period 2 is damaged"),
        (lambda run: shutil.rmtree(run / "periods/0002"), "period 2 is missing"),
        (lambda run: flip(run / "manifest.json"), "manifest.json' has not the SHA-256"),
        (
            lambda run: flip(run / "scenario/scenario.yaml"),
            "scenario.yaml' has not the SHA-256.*run the changed scenario anew",
        ),
        (lambda run: flip(run / "scenario/nguyen/links.csv"), "links.csv' has not the SHA-256"),
    ],
)
def test_what_cannot_go_on_is_9_and_left_as_it_is(cut, cosim, damage, reason):
    damage(cut)
    before = sorted(path for path in cut.rglob("*"))
    code, _, err = cosim("run", cut, "--resume", "--no-report")
    assert code == 9
    assert re.search(reason, err)
    assert "scenario" in err
    assert sorted(path for path in cut.rglob("*")) == before


def test_other_versions_are_listed_and_refused(cut, monkeypatch):
    monkeypatch.setattr(resuming, "versions", lambda: versions() | {"numpy": "0.1", "scipy": "0.2"})
    monkeypatch.setattr(resuming, "git_state", lambda _: {"commit": "f" * 40, "dirty": False})
    with pytest.raises(
        CheckpointError, match=r"version numpy was \S+, is 0.1; version scipy was .*--fork 22"
    ) as caught:
        resume(cut, report=False)
    assert caught.value.exit_code == 9
    told = json.loads((cut / "manifest.json").read_text())
    assert told["git"] is None or "source tree was at commit" in str(caught.value)


def test_a_state_of_another_run_is_not_gone_on_from(cut, tmp_path):
    other = stopped("nguyen_traffic_only", tmp_path / "other", 22, ("seed=7",))
    for name in ("0021", "0022"):
        shutil.copytree(other / "states" / name, cut / "states" / name, dirs_exist_ok=True)
    with pytest.raises(CheckpointError, match="belongs to another run"):
        resume(cut, report=False)


def test_two_runs_cannot_be_at_work_in_one_folder(cut, tmp_path):
    with at_work(cut):
        with pytest.raises(LockedError, match="another process is at work") as caught:
            resume(cut, report=False)
        with pytest.raises(LockedError):
            RunStore.create(cut)
    assert caught.value.exit_code == 11
    with pytest.raises(UsageError, match="exists"):
        RunStore.create(cut)
    assert resume(cut, report=False).complete


def test_what_is_no_run_is_told(tmp_path, cosim):
    assert cosim("run", tmp_path / "none", "--resume")[0] == StorageError.exit_code
    (tmp_path / "empty").mkdir()
    code, _, err = cosim("run", tmp_path / "empty", "--resume")
    assert code == StorageError.exit_code
    assert "no manifest.json" in err


@pytest.mark.parametrize(
    "extra", [["--set", "a=1"], ["--seed", "2"], ["--out", "x"], ["--microsim", "off"], ["--fork", "2"]]
)
def test_a_run_that_goes_on_takes_no_other_inputs(cut, cosim, extra):
    code, _, err = cosim("run", cut, "--resume", *extra)
    assert code == 2
    assert extra[0] in err


def test_a_period_of_another_run_is_told_though_its_own_sums_fit(cut, tmp_path):
    """Copied from a run with other inputs, its files are as they were written: only the day's digest tells."""
    other = stopped("nguyen_traffic_only", tmp_path / "other", 2, overrides=("ev.share=0.3",))
    shutil.rmtree(cut / "periods/0002")
    shutil.copytree(other / "periods/0002", cut / "periods/0002")
    with pytest.raises(CheckpointError, match="periods 1 to 22 hold other numbers than were committed"):
        resume(cut, report=False)
