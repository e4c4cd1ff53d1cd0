"""F32: a scenario that would run code, read or write elsewhere, or eat memory and time: refused, nothing is touched."""

import os
import time

import pytest

from cosim.errors import InputError
from cosim.scenario.load import load

HEAD = "schema: 1\nextends: ieee33_grid_only\n"
TEXTS = {
    "a tag that runs code": HEAD + "title: !!python/object/apply:os.system ['touch HIT']\n",
    "a tag of its own": HEAD + "title: !include /etc/passwd\n",
    "an anchor": HEAD + "title: &a x\ndescription: *a\n",
    "a merge key": HEAD + "<<: {title: x}\n",
    "a bomb": HEAD + "a: [" * 50 + "]" * 50 + "\n",
    "a directive": "%YAML 1.1\n---\n" + HEAD,
    "a path out": HEAD + "grid: ../../etc\n",
    "an absolute path": HEAD + "grid: /etc\n",
    "a file out": HEAD + "feeder: {load_profile: {file: ../../../etc/passwd, column: x}}\n",
    "a formula": HEAD + "devices: {gt: {name: '=cmd()'}}\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_it_is_refused_and_leaves_no_trace(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "scenario.yaml").write_text(text)
    before = sorted(tmp_path.rglob("*"))
    start = time.monotonic()
    with pytest.raises(InputError) as refused:
        load(tmp_path / "s")
    assert refused.value.exit_code == 3
    assert time.monotonic() - start < 10.0
    assert sorted(tmp_path.rglob("*")) == before
    assert "root:" not in str(refused.value)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_file_of_the_folder_is_not_opened(tmp_path, kind):
    """Unguarded, reading a pipe waits for ever."""
    profile = tmp_path / "p.csv"
    if kind == "link":
        profile.symlink_to("/etc/passwd")
    else:
        os.mkfifo(profile)
    (tmp_path / "scenario.yaml").write_text(HEAD + "feeder: {load_profile: {file: p.csv, column: x}}\n")
    with pytest.raises(InputError, match=r"p\.csv"):
        load(tmp_path)


def test_unguarded_a_loader_of_python_objects_would_take_it():
    """What the guard is for: ruamel's own loaders accept the tag (the round-trip one drops it without a word)."""
    from ruamel.yaml import YAML

    found = YAML(typ="rt").load(TEXTS["a tag that runs code"])
    assert found["title"] == ["touch HIT"]
