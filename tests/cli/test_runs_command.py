"""`cosim runs`: worst first, and every folder named whatever it holds."""

import json
import shutil
from pathlib import Path

import pytest

from cosim.results.lock import at_work
from cosim.results.manifest import FORMAT
from cosim.results.store import RunResult, RunStore
from cosim.results.verdict import Finding

GATE = {"status": "optimal", "flags": [], "checks": []}


@pytest.fixture
def runs(tmp_path):
    """A folder with a run of every state."""
    root = tmp_path / "runs"

    def finished(name, code, *, planned=1, died=False, created="2026-01-01T00:00:00+00:00"):
        store = RunStore.create(root / name)
        store.begin({"format": FORMAT, "scenario": name, "created": created, "periods": planned})
        store.commit(1, {"periods": {"status": ["optimal"]}}, GATE)
        reasons = [f"period 1: why {name}"] if code else []
        store.finish(code=code, reasons=reasons, statuses=["optimal"], planned=planned, died=died)
        return store.folder

    for name, code in (("good", 0), ("flagged", 10), ("curtailed", 5), ("inexact", 6), ("newer", 0)):
        finished(name, code, created=f"2026-01-0{2 if name == 'newer' else 1}T00:00:00+00:00")
    finished("died", 7, planned=3, died=True)
    finished("study/one_way", 0)
    RunResult(finished("validated", 0)).judge("validate", Finding(exit_code=10, periods=(1,), reasons=("times",)))
    (root / "latest").symlink_to("good")
    (root / "notes").mkdir()
    (root / "file.txt").write_text("x")
    shutil.copytree(root / "good", root / "killed")
    (root / "killed" / "run.json").unlink()
    shutil.copytree(root / "good", root / "cut")
    (root / "cut" / "run.json").write_text('{"exit_code": 0')
    shutil.copytree(root / "good", root / "emptied")
    shutil.rmtree(root / "emptied" / "periods")
    shutil.copytree(root / "good", root / "no_manifest")
    (root / "no_manifest" / "manifest.json").unlink()
    return root


ORDER = [
    "cut", "emptied", "no_manifest", "killed", "died", "inexact", "curtailed", "flagged", "validated", "newer", "good",
    "study/one_way", "notes",
]  # fmt: skip


def test_worst_first_as_json(cosim, runs):
    code, out, err = cosim("runs", runs, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)["runs"]
    assert [one["folder"] for one in found] == ORDER
    by_name = {one["folder"]: one for one in found}
    assert [by_name[name]["state"] for name in ("cut", "emptied", "no_manifest")] == ["damaged"] * 3
    assert (by_name["killed"]["state"], by_name["killed"]["verdict"]) == ("unfinished", None)
    assert by_name["killed"]["periods"] == {"planned": 1, "committed": 1}
    assert (by_name["died"]["state"], by_name["died"]["verdict"]["worst"]) == ("incomplete", 7)
    assert by_name["notes"]["state"] == "foreign"
    validated = by_name["validated"]["verdict"]
    assert [validated[key] for key in ("run", "verify", "validate", "worst")] == [0, None, 10, 10]
    assert by_name["validated"]["remark"] == "validation: times"


def test_the_table_tells_the_same(cosim, runs):
    code, out, _ = cosim("runs", runs)
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[-1] for line in lines[1 : len(ORDER) + 1]] == ORDER
    row = next(line for line in lines if line.endswith("validated") or line.rstrip().endswith("validated"))
    assert row.split()[:4] == ["10", "0", "–", "10"]
    assert "cut: damaged; " in out
    go_on = f"'cosim run {runs / 'killed'} --resume' goes on"
    assert f"killed: unfinished; it was killed ({go_on}): 1 of 1 periods are committed" in out
    with at_work(runs / "killed"):
        assert "killed: unfinished; it still runs: 1 of 1 periods are committed" in cosim("runs", runs)[1]
    assert "inexact: period 1: why inexact" in out


def test_one_run_and_none(cosim, runs, tmp_path, monkeypatch):
    assert "good" in cosim("runs", runs / "good")[1]
    monkeypatch.chdir(tmp_path)
    assert json.loads(cosim("runs", "--json")[1])["folder"] == "runs"
    shutil.rmtree(runs)
    assert cosim("runs") == (0, "no runs below 'runs'\n", "")
    assert cosim("runs", "--json")[0] == 0


def test_a_folder_below_that_nobody_may_read_is_damaged(cosim, runs, monkeypatch):
    closed = runs / "notes"
    for name in ("exists", "is_dir", "iterdir"):
        plain = getattr(Path, name)

        def guarded(path, *args, plain=plain, **named):
            if closed in path.parents or (path == closed and plain.__name__ == "iterdir"):
                raise PermissionError(13, "Permission denied")
            return plain(path, *args, **named)

        monkeypatch.setattr(Path, name, guarded)
    code, out, _ = cosim("runs", runs)
    assert code == 0
    assert "notes: damaged; cannot be read: Permission denied" in out


def test_a_folder_that_cannot_be_read_is_8(cosim, runs, tmp_path):
    code, _, err = cosim("runs", tmp_path / "nowhere")
    assert code == 8
    assert "is no folder" in err
    assert cosim("runs", runs / "file.txt")[0] == 8
