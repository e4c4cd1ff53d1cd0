"""F19: no room on the disk, at any write: what is committed stays, the run says so with exit 8, and no half is a whole.

On a real small disk (tmpfs in a mount namespace of its own), and with the error injected at each flush in turn.
"""

import errno
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import cosim
from cosim.errors import StorageError
from cosim.results import reserve
from cosim.results.manifest import manifest as written
from cosim.results.store import RunStore, load
from cosim.workflows import room
from cosim.workflows.run import run
from cosim.workflows.runs import list_runs

ROWS = 400
TABLES = {"periods": {"cost": [1.0]}, "buses": {"bus": [str(i) for i in range(ROWS)], "vm_pu": [1.0] * ROWS}}
GATE = {"status": "optimal", "flags": [], "checks": []}

DISK = """
import os, subprocess, sys
place = {place!r}
subprocess.run(["mount", "-t", "tmpfs", "-o", "size={kib}k", "tmpfs", place], check=True)
def fill(left_kib):
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize
    with open(place + "/ballast", "wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, max(free - 1024 * left_kib, 1))
"""


def on_a_small_disk(tmp_path, kib, body):
    """Run Python in a mount namespace of its own with a disk of some KiB at ``place``."""
    place = tmp_path / "disk"
    place.mkdir()
    code = DISK.format(place=str(place), kib=kib) + body
    allowed = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    if not allowed:
        pytest.skip("no mount namespaces here; the same faults are injected below")
    here = Path(__file__).parents[2]
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(here)}, cwd=here,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


EVERY_WRITE = """
import shutil
from pathlib import Path
from cosim.errors import StorageError
from cosim.results.store import RunStore, load
from tests.faults.test_f19_the_disk_is_full import GATE, TABLES, end, manifest
outcomes = []
for left in range(0, 120, 4):
    folder = Path(place) / "run"
    store = RunStore.create(folder)
    store.begin(manifest())
    for period in (1, 2):
        store.commit(period, TABLES, GATE)
    fill(left)
    done = 2
    try:
        store.commit(3, TABLES, GATE)
        done = 3
        store.commit(4, TABLES, GATE)
        done = 4
        store.finish(code=0, reasons=[], statuses=["optimal"] * 4, planned=4)
        outcomes.append("whole")
    except StorageError as error:
        assert error.exit_code == 8
        assert "No space left" in str(error), error
        end(store, error, done)
        outcomes.append(done)
    found = load(folder)
    assert len(found.committed) == done, (left, done, found.committed)
    found.check()
    assert found.exit_code == (0 if outcomes[-1] == "whole" else 8)
    shutil.rmtree(folder)
    (Path(place) / "ballast").unlink()
print(*sorted({str(one) for one in outcomes}))
"""


def manifest():
    return written(command=["cosim"], content={"periods": 4, "scenario": "x", "kinds": {}, "resolved": {}})


def end(store, error, done):
    """Do what a run does that dies of it."""
    with suppress(StorageError):
        store.finish(code=8, reasons=[str(error)], statuses=["optimal"] * done, planned=4, died=True)


def test_a_disk_that_fills_at_any_write_leaves_what_is_committed_and_the_end_of_the_run(tmp_path):
    outcomes = on_a_small_disk(tmp_path, 1024, EVERY_WRITE)
    assert {"2", "3", "4"} <= set(outcomes.split())


WHOLE_RUN = """
import sys
from pathlib import Path
from cosim.results.store import load
from cosim.workflows import room
from cosim.workflows.run import run
from cosim.errors import StorageError
try:
    run({scenario!r}, out=Path(place) / "refused")
except StorageError as error:
    assert "MB free; this run takes about" in str(error), error
    assert not (Path(place) / "refused").exists()
room.TIMES = 0
def shown(told, judged):
    if told.period == 2:
        fill(8)
try:
    run({scenario!r}, out=Path(place) / "run", report=False, progress=shown)
except StorageError as error:
    assert error.exit_code == 8
    assert "period 3 cannot be written" in str(error), error
else:
    raise SystemExit("it ended well on a full disk")
found = load(Path(place) / "run")
found.check()
assert (found.exit_code, found.complete, found.progress) == (8, False, "2 of 6 periods")
assert "No space left on device" in " ".join(found.run["reasons"]), found.run
assert len(found["buses"]) == 2 * 33
assert not list((Path(place) / "run").glob(".tmp-*"))
"""


def test_a_run_whose_disk_fills_in_the_middle_ends_with_8_and_opens(small, tmp_path):
    path = small("dispatch: {mode: single_period}\n")
    on_a_small_disk(tmp_path, 4096, WHOLE_RUN.format(scenario=str(path)))


def test_too_little_room_is_refused_before_anything_is_computed(tmp_path, monkeypatch, small):
    monkeypatch.setattr(os, "statvfs", lambda place: os.statvfs_result((4096, 4096, 10, 9, 500, 10, 10, 10, 0, 255)))
    with pytest.raises(StorageError, match="2.0 MB free; this run takes about 5.5 MB, and 3 times that must be free"):
        run(small(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_estimate_is_of_the_size_of_a_run(small, small_case, tmp_path):
    result = run(small("dispatch: {mode: day_ahead}\n"), out=tmp_path / "run")
    taken = sum(path.stat().st_blocks * 512 for path in result.folder.rglob("*"))
    assert taken / 2 < room.estimated_bytes(small_case()) < 2 * taken


# --- injected


def full_at(monkeypatch, number):
    """Let the flush of that number and all after it find the disk full."""
    real, count = os.fsync, [0]

    def fsync(descriptor):
        count[0] += 1
        if count[0] >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return count


def go_on(store):
    store.commit(2, TABLES, GATE)
    store.commit(3, TABLES, GATE)
    store.finish(code=0, reasons=[], statuses=["optimal"] * 3, planned=4)


@pytest.mark.parametrize("number", range(1, 14))
def test_at_each_flush_the_last_commit_is_kept(tmp_path, monkeypatch, number):
    store = RunStore.create(tmp_path / "run")
    store.begin(manifest())
    store.commit(1, TABLES, GATE)
    with monkeypatch.context() as full:
        full_at(full, number)
        with pytest.raises(StorageError, match="No space left") as caught:
            go_on(store)
    assert caught.value.exit_code == 8
    there = len(store.committed())
    end(store, caught.value, there)
    found = load(store.folder)
    found.check()
    assert found.exit_code == 8
    assert found.run["periods"] == {"planned": 4, "committed": there}
    assert not list(store.folder.glob(".tmp-*"))
    assert not (store.folder / reserve.RESERVED).exists()


def test_the_end_of_a_run_fits_into_the_room_that_was_taken(tmp_path, monkeypatch):
    """However many reasons there are; the room is of blocks that are there, not a hole in a file."""
    store = RunStore.create(tmp_path / "run")
    store.begin(manifest())
    assert (store.folder / reserve.RESERVED).stat().st_blocks * 512 >= reserve.SIZE
    monkeypatch.setattr(reserve.files, "replace", no_room)
    reasons = [f"period {k}: not_converged (a rather long diagnosis of what went wrong in it)" for k in range(5000)]
    store.finish(code=6, reasons=reasons, statuses=[], planned=4, died=True, export=False)
    monkeypatch.undo()
    content = json.loads((store.folder / "run.json").read_text())
    assert content["reasons"][0] == reasons[0]
    assert content["reasons"][-1] == "more reasons: the disk was full"
    assert load(store.folder).exit_code == 6


def no_room(path, content):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise StorageError(f"'{path}' cannot be written: {error.strerror}") from error


def test_an_end_that_is_lost_is_told_by_the_next_command(tmp_path, monkeypatch):
    store = RunStore.create(tmp_path / "run")
    store.begin(manifest())
    store.commit(1, TABLES, GATE)
    monkeypatch.setattr(reserve.files, "replace", no_room)
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.EIO, "input/output error")))
    with pytest.raises(StorageError, match="No space left"):
        store.finish(code=0, reasons=[], statuses=["optimal"], planned=4, died=True, export=False)
    monkeypatch.undo()
    found = cosim.load(store.folder)
    told = "run.json is lost: the disk was full when the run ended; 1 of 4 periods are committed"
    assert found.run["reasons"] == [told]
    assert (found.exit_code, found.complete) == (8, False)
    assert [(one.state, one.verdict.worst) for one in list_runs(tmp_path)] == [("incomplete", 8)]


def test_without_the_reserve_there_would_be_no_end(tmp_path, monkeypatch):
    store = RunStore.create(tmp_path / "run")
    store.begin(manifest())
    (store.folder / reserve.RESERVED).unlink()
    monkeypatch.setattr(reserve.files, "replace", no_room)
    with pytest.raises(StorageError):
        store.finish(code=0, reasons=[], statuses=[], planned=4, died=True, export=False)
    monkeypatch.undo()
    assert not (store.folder / "run.json").exists()
    assert load(store.folder).exit_code == 137
