"""A scenario reads nothing outside its folder, and nothing that is not a plain file."""

import hashlib
import os

import pytest

from cosim.errors import InputError, UsageError
from cosim.scenario import files as files_module
from cosim.scenario.export import write_folder
from cosim.scenario.files import ScenarioFiles
from cosim.scenario.load import load


@pytest.fixture
def folder(tmp_path):
    inner = tmp_path / "scenario"
    inner.mkdir()
    (inner / "a.csv").write_text("period,x\n1,2\n")
    (tmp_path / "secret.csv").write_text("period,x\n1,2\n")
    return inner


def refused(folder, name):
    with pytest.raises(InputError) as caught:
        ScenarioFiles(folders=(folder,)).locate(name)
    return str(caught.value)


def test_a_plain_file_is_read_once_and_recorded(folder):
    files = ScenarioFiles(folders=(folder,))
    assert files.series("a.csv") is files.series("a.csv")
    (used,) = files.used.values()
    assert (used.name, used.size) == ("a.csv", 13)
    assert used.sha256 == hashlib.sha256(b"period,x\n1,2\n").hexdigest()


@pytest.mark.parametrize("name", ["../secret.csv", "x/../../secret.csv", "..", "a/../a.csv"])
def test_a_path_that_leaves_the_folder_is_refused(folder, name):
    assert "leaves" in refused(folder, name)


def test_absolute_paths_are_refused(folder):
    assert "absolute" in refused(folder, str(folder / "a.csv"))
    assert "NUL" in refused(folder, "a\0.csv")


def test_a_symbolic_link_may_stay_inside_but_not_leave(folder):
    (folder / "inside.csv").symlink_to(folder / "a.csv")
    assert ScenarioFiles(folders=(folder,)).series("inside.csv") == {"x": [2.0]}
    (folder / "outside.csv").symlink_to(folder.parent / "secret.csv")
    assert "symbolic link" in refused(folder, "outside.csv")
    (folder / "etc").symlink_to("/etc")
    assert "symbolic link" in refused(folder, "etc/hostname")
    (folder / "nowhere.csv").symlink_to(folder / "none.csv")
    assert "not there" in refused(folder, "nowhere.csv")


def test_pipes_devices_and_folders_are_refused(folder):
    os.mkfifo(folder / "pipe.csv")
    assert "not a regular file" in refused(folder, "pipe.csv")
    (folder / "dir").mkdir()
    assert "not a regular file" in refused(folder, "dir")
    assert "not a regular file" in refused(folder, ".")


def test_a_pipe_in_a_network_folder_is_refused_without_waiting(folder):
    (folder / "net").mkdir()
    os.mkfifo(folder / "net" / "links.csv")
    with pytest.raises(InputError, match="not a regular file"):
        ScenarioFiles(folders=(folder,)).network("net", "sumo_nets")


def test_large_files_are_refused(folder, monkeypatch):
    with (folder / "big.csv").open("wb") as stream:
        stream.truncate(files_module.MAX_FILE_MB * (1 << 20) + 1)
    assert "at most 64" in refused(folder, "big.csv")


def test_a_scenario_in_a_folder_behind_a_link_is_fine(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (real / "scenario.yaml").write_text("schema: 1\nextends: nguyen_ieee33\n")
    (tmp_path / "link").symlink_to(real)
    assert load(tmp_path / "link").scenario.roads == "nguyen"


def test_a_folder_of_its_own_is_preferred_to_a_shipped_network(tmp_path):
    write_folder(load("nguyen_ieee33"), tmp_path / "own")
    loaded = load(tmp_path / "own")
    assert (tmp_path / "own" / "nguyen" / "links.csv").resolve() in loaded.files.used


def test_an_export_does_not_overwrite(tmp_path):
    (tmp_path / "keep.txt").write_text("x")
    with pytest.raises(UsageError, match="not an empty folder"):
        write_folder(load("nguyen_ieee33"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]
