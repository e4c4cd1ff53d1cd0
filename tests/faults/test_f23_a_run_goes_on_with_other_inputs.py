"""F23: a run is to go on with another scenario or other versions: refused with what differs, and how to fork it."""

import shutil

import pytest

from cosim.errors import CheckpointError
from cosim.results.manifest import versions
from cosim.workflows import resume as resuming
from cosim.workflows.fork import fork
from cosim.workflows.resume import resume
from tests.faults.days import four_periods, stopped


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("f23")
    return stopped(four_periods(place / "scenario"), place / "run", 2)


def test_a_changed_input_is_named(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "run")
    loads = next(copy.glob("scenario/**/load.csv"))
    loads.write_text(loads.read_text().replace("0.5", "0.6", 1))
    with pytest.raises(CheckpointError, match="load.csv' has not the SHA-256") as error:
        resume(copy, report=False)
    assert error.value.exit_code == 9


def test_other_versions_are_listed(folder, monkeypatch):
    monkeypatch.setattr(resuming, "versions", lambda: versions() | {"numpy": "0.1"})
    with pytest.raises(CheckpointError, match=r"version numpy was \S+, is 0.1.*cosim run .* --fork 2"):
        resume(folder, report=False)


def test_a_fork_with_a_change_is_a_new_run_that_names_its_parent(folder, tmp_path):
    """Unguarded, half a day would be of one load and half of another, under one name."""
    before = sorted(path.name for path in folder.iterdir())
    found = fork(folder, 2, out=tmp_path / "fork", overrides=["feeder.load_profile=[0.8, 1.0, 0.5, 0.4]"], report=False)
    assert found.complete
    assert found.folder != folder
    assert "2" in str(found.manifest["parent"])
    assert sorted(path.name for path in folder.iterdir()) == before
