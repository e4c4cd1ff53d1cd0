"""F20: a run folder that is read-only, below a file, or goes away: told before anything is computed, or with 8."""

import os
import subprocess
import sys
import time

import pytest

from cosim.errors import StorageError
from cosim.results.store import RunStore
from cosim.workflows import run as run_module
from cosim.workflows.run import run
from tests.faults.test_f19_the_disk_is_full import GATE, TABLES, manifest

READ_ONLY = """
import subprocess, sys
from cosim.cli import main
subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", sys.argv[1]], check=True)
main(["run", "nguyen_ieee33", "--out", sys.argv[1] + "/run"])
"""


@pytest.fixture
def never(monkeypatch):
    """Fail where a scenario is read or anything computed."""

    def nothing(*_, **__):
        raise AssertionError("it went on")

    monkeypatch.setattr(run_module, "load", nothing)
    monkeypatch.setattr(run_module, "run_world", nothing)


def test_a_read_only_disk_is_told_at_once(never, monkeypatch, tmp_path):
    found = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*found[:8], found.f_flag | os.ST_RDONLY, 255)))
    start = time.monotonic()
    with pytest.raises(StorageError, match="is read-only; choose another with --out") as error:
        run("nguyen_ieee33", out=tmp_path / "run")
    assert error.value.exit_code == 8
    assert time.monotonic() - start < 1.0


def test_a_folder_without_the_right_to_write_is_told_at_once(never, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "access", lambda place, mode: False)  # of root, who may everything, as of anybody
    with pytest.raises(StorageError, match="is read-only"):
        run("nguyen_ieee33", out=tmp_path / "run")


def test_a_real_read_only_disk_ends_a_command_with_8(tmp_path):
    allowed = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    if not allowed:
        pytest.skip("no mount namespaces here; the same is asked above")
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", READ_ONLY, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 8, done.stderr
    assert "is read-only; choose another with --out" in done.stdout + done.stderr


def test_a_folder_below_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot be made") as error:
        run("ieee33_grid_only", out=tmp_path / "file" / "run")
    assert error.value.exit_code == 8


def test_a_folder_that_goes_away_is_told(tmp_path):
    store = RunStore.create(tmp_path / "run")
    store.begin(manifest())
    store.folder.rename(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="period 1 cannot be written"):
        store.commit(1, TABLES, GATE)
    with pytest.raises(StorageError, match="went away"):
        store.finish(code=0, reasons=[], statuses=[], planned=4)
