"""F22: a committed period or its state is cut, empty, changed or gone: the one before it serves, told; else exit 9."""

import json
import shutil

import pytest

from cosim.errors import CheckpointError
from cosim.results import states
from cosim.results.states import read_state
from cosim.results.store import manifest_sha256
from cosim.workflows.resume import resume
from cosim.workflows.run import run
from tests.faults.days import four_periods, same, stopped


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the day whole, and a day that was stopped behind its third period."""
    folder = tmp_path_factory.mktemp("f22")
    scenario = four_periods(folder / "scenario")
    return run(scenario, out=folder / "whole", report=False), stopped(scenario, folder / "stopped", 3)


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def changed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = [cut_in_half, changed, lambda path: path.write_bytes(b""), lambda path: path.unlink()]
FILES = ["periods/0003/buses.parquet", "periods/0003/gate.json", "states/0003/arrays.npz", "states/0003/state.json"]


@pytest.mark.parametrize("damage", DAMAGES, ids=["cut", "changed", "empty", "gone"])
@pytest.mark.parametrize("file", FILES[::2])
def test_the_period_before_serves_with_a_notice(runs, tmp_path, file, damage):
    whole, folder = runs[0], shutil.copytree(runs[1], tmp_path / "run")
    damage(folder / file)
    told = []
    same(resume(folder, report=False, notice=told.append), whole)
    assert told[0].startswith(f"{'the state of ' if 'states' in file else ''}period 3 is damaged")
    assert told[1] == "it goes on behind period 2 of 4"


def test_where_none_serves_it_is_9(runs, tmp_path):
    folder = shutil.copytree(runs[1], tmp_path / "run")
    changed(folder / FILES[2])
    changed(folder / FILES[2].replace("0003", "0002"))
    with pytest.raises(CheckpointError, match="the state of period 3 is damaged: .*SHA-256") as error:
        resume(folder, report=False)
    assert error.value.exit_code == 9


def test_unguarded_a_changed_number_is_read_like_any_other(runs, tmp_path, monkeypatch):
    """Without the sums an edited state is one: JSON has no idea of what was written."""
    folder = shutil.copytree(runs[1], tmp_path / "run")
    path, of_run = (
        folder / "states/0003/state.json",
        manifest_sha256(json.loads((folder / "manifest.json").read_text())),
    )
    text = path.read_text()
    place = next(k for k, one in enumerate(text) if one in "12345678" and text[k - 1] == ".")
    path.write_text(text[:place] + chr(ord(text[place]) + 1) + text[place + 1 :])
    with pytest.raises(CheckpointError, match="SHA-256"):
        read_state(folder, 3, of_run=of_run)
    monkeypatch.setattr(states, "checked", lambda folder, name, _: (folder / name).read_bytes())
    assert read_state(folder, 3, of_run=of_run)
