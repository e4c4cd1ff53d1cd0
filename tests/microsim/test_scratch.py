import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cosim.microsim import scratch
from cosim.microsim.scratch import PREFIX, Scratch


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def aged(folder):
    long_ago = time.time() - 10.0 * scratch.YOUNG_S
    os.utime(folder, (long_ago, long_ago))


def folders(place):
    return sorted(place.glob(f"{PREFIX}*"))


def test_what_a_killed_process_left_is_removed_by_the_next(place):
    code = "import sys; from cosim.microsim.scratch import Scratch; s = Scratch(); print(s.name, flush=True); input()"
    environment = os.environ | {"TMPDIR": str(place), "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    left = Path(child.stdout.readline().strip())
    (left / "file.xml").write_text("<a/>")
    aged(left)
    with Scratch():
        assert left in folders(place), "its process lives"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with Scratch() as name:
        assert folders(place) == [Path(name)]
    assert folders(place) == []


def test_a_young_folder_and_others_things_are_left(place):
    young, foreign, link = place / f"{PREFIX}young", place / "other", place / f"{PREFIX}link"
    young.mkdir()
    foreign.mkdir()
    link.symlink_to(foreign)
    aged(foreign)
    os.utime(link, (1.0, 1.0), follow_symlinks=False)
    with Scratch():
        assert young.exists()
    assert foreign.exists()
    assert link.is_symlink()


def test_a_folder_is_removed_once(place):
    one = Scratch()
    one.cleanup()
    one.cleanup()
    assert folders(place) == []
