"""The run folder: a period is there wholly or not at all, and what is read is what was written."""

import hashlib
import json
import math

import pandas as pd
import pytest

from cosim.errors import StorageError, UsageError
from cosim.results import files
from cosim.results import store as store_module
from cosim.results.store import RunResult, RunStore, load

TABLES = {
    "periods": {"cost": [12.5], "status": ["optimal"]},
    "buses": {"bus": ["1", "2"], "vm_pu": [1.03, math.nan]},
}
GATE = {"status": "optimal", "flags": [], "checks": []}


@pytest.fixture
def store(tmp_path):
    return RunStore.create(tmp_path / "run")


def test_a_run_folder_is_its_owners_alone(store):
    assert store.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_exists_is_never_overwritten(tmp_path, kind):
    target = tmp_path / "run"
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="exists; choose another with --out") as caught:
        RunStore.create(target)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("below", ["run", "deep/run"])
def test_a_parent_that_cannot_hold_a_folder_is_a_storage_error(tmp_path, below):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot be made") as caught:
        RunStore.create(tmp_path / "file" / below)
    assert caught.value.exit_code == 8


def test_a_committed_period_has_tables_gate_and_sums(store):
    store.commit(7, TABLES, GATE)
    folder = store.folder / "periods" / "0007"
    assert sorted(path.name for path in folder.iterdir()) == [
        "SHA256SUMS",
        "buses.parquet",
        "gate.json",
        "periods.parquet",
    ]
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert json.loads((folder / "gate.json").read_text()) == GATE
    frame = pd.read_parquet(folder / "buses.parquet")
    assert frame.columns.tolist() == ["period", "bus", "vm_pu"]
    assert frame["period"].tolist() == [7, 7]
    assert math.isnan(frame["vm_pu"][1])


@pytest.mark.parametrize("crash_at", ["write_bytes", "sync", "rename"])
def test_a_crash_in_the_middle_of_a_commit_leaves_no_period(store, monkeypatch, crash_at):
    store.commit(1, TABLES, GATE)

    class PowerCut(BaseException):
        pass

    def cut(*arguments, **named):
        raise PowerCut

    with monkeypatch.context() as patch:
        if crash_at == "sync":
            patch.setattr(files, "sync", cut)
        else:
            patch.setattr(store_module.Path, crash_at, cut)
        with pytest.raises(PowerCut):
            store.commit(2, TABLES, GATE)
    assert [path.name for path in store.committed()] == ["0001"]
    assert (store.folder / ".tmp-0002").exists()
    store.commit(2, TABLES, GATE)  # the leftover is in nobody's way
    assert [path.name for path in store.committed()] == ["0001", "0002"]
    assert not list(store.folder.glob(".tmp-*"))


def test_a_disk_that_is_full_is_a_storage_error_naming_the_period(store, monkeypatch):
    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.Path, "write_bytes", full)
    with pytest.raises(StorageError, match="period 3 cannot be written .*No space left"):
        store.commit(3, TABLES, GATE)
    assert store.committed() == []


def test_a_period_is_not_committed_twice(store):
    store.commit(1, TABLES, GATE)
    with pytest.raises(StorageError, match="period 1 cannot be written"):
        store.commit(1, TABLES, GATE)


def test_export_joins_the_periods_and_keeps_columns_that_come_and_go(store):
    store.commit(1, TABLES, GATE)
    store.commit(2, {"periods": {"cost": [13.0], "cost_shed": [1.0], "status": ["x"]}, "buses": TABLES["buses"]}, GATE)
    store.export_tables()
    periods = pd.read_parquet(store.folder / "tables" / "periods.parquet")
    assert periods["cost"].tolist() == [12.5, 13.0]
    assert periods["cost_shed"].isna().tolist() == [True, False]
    assert len(pd.read_parquet(store.folder / "tables" / "buses.parquet")) == 4
    before = (store.folder / "tables" / "periods.parquet").read_bytes()
    store.export_tables()
    assert (store.folder / "tables" / "periods.parquet").read_bytes() == before


def test_tables_that_cannot_be_exported_are_a_storage_error(store):
    store.commit(1, TABLES, GATE)
    (store.folder / "tables").write_text("in the way")
    with pytest.raises(StorageError, match="tables cannot be written"):
        store.export_tables()


@pytest.mark.parametrize(
    ("statuses", "died", "expected"),
    [(["optimal"] * 2, False, "complete"), (["optimal"], False, "incomplete"), (["optimal"] * 2, True, "incomplete")],
)
def test_only_a_full_day_whose_simulation_lived_is_complete(store, statuses, died, expected):
    store.write_json("manifest.json", {})
    store.finish(code=0, reasons=[], statuses=statuses, planned=2, died=died)
    result = load(store.folder)
    assert result.run["status"] == expected
    assert result.complete is (expected == "complete")
    assert result.tables == ()


def test_a_folder_that_is_no_run_says_so(tmp_path):
    with pytest.raises(StorageError, match=r"has no manifest.json: it is not a run folder"):
        load(tmp_path)
    with pytest.raises(StorageError, match=r"has no manifest.json"):
        load(tmp_path / "nowhere")


def test_a_damaged_manifest_says_so(store):
    (store.folder / "manifest.json").write_text("{")
    with pytest.raises(StorageError, match=r"manifest.json' cannot be read"):
        load(store.folder)


def test_a_missing_table_lists_those_that_are_there(finished):
    result = finished("sequential")
    with pytest.raises(KeyError, match=r"no table 'busses'; it has buses, devices, lines, links, paths, periods"):
        result["busses"]
    assert "busses" not in result
    assert "buses" in result


def test_every_period_of_a_real_run_verifies(finished):
    folders = RunStore(finished("sequential").folder).committed()
    assert [folder.name for folder in folders] == [f"{k:04d}" for k in range(1, 25)]
    for folder in folders:
        lines = (folder / "SHA256SUMS").read_text().splitlines()
        assert len(lines) == len(list(folder.iterdir())) - 1
        for line in lines:
            digest, name = line.split("  ")
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_exported_tables_are_the_periods_one_after_the_other(finished):
    result = finished("iterated")
    folders = RunStore(result.folder).committed()
    for name in result.tables:
        parts = [pd.read_parquet(folder / f"{name}.parquet") for folder in folders]
        pd.testing.assert_frame_equal(result[name], pd.concat(parts, ignore_index=True), check_exact=True)


def test_a_result_shows_itself(finished):
    result = finished("sequential")
    assert repr(result) == repr(RunResult(str(result.folder)))
    assert "exit_code=0" in repr(result)
    assert not [path for path in result.folder.rglob("*") if path.name.startswith(".")]
