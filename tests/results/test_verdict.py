"""One verdict: the run's own code stays, newer findings replace older ones, the worst first, nothing half-written."""

import itertools
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import StorageError
from cosim.results.store import RunResult, RunStore
from cosim.results.verdict import Finding, Verdict, read_verdict, worst

GATE = {"status": "optimal", "flags": [], "checks": []}
CODES = st.sampled_from([0, 5, 6, 7, 10])
FINDINGS = st.none() | st.builds(
    Finding, exit_code=CODES, periods=st.lists(st.integers(1, 24), max_size=3).map(tuple),
    reasons=st.lists(st.text(max_size=5), max_size=2).map(tuple),
)  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Return ``run(code)``: a finished run of two periods."""

    def made(code=0):
        store = RunStore.create(tmp_path / f"run-{code}")
        store.write_json("manifest.json", {"format": 1, "scenario": "small", "periods": 2})
        for period in (1, 2):
            store.commit(period, {"periods": {"status": ["optimal"]}}, GATE)
        store.finish(code=code, reasons=[], statuses=["optimal"] * 2, planned=2)
        return RunResult(store.folder)

    return made


@pytest.mark.parametrize("codes", list(itertools.permutations([7, 6, 5, 10, 0], 3)))
def test_the_order_is_7_6_5_10_0(codes):
    assert worst(codes) == min(codes, key=[7, 6, 5, 10, 0].index)


@pytest.mark.parametrize("died", [1, 3, 4, 8, 130, 143])
def test_a_run_that_nothing_could_judge_is_worse_than_all(died):
    assert worst([7, died, 6]) == died


@given(run=CODES, verify=FINDINGS, validate=FINDINGS)
def test_what_is_written_is_what_is_read(run, verify, validate):
    verdict = Verdict(run=run, committed=2, verify=verify, validate=validate)
    text = json.dumps({"exit_code": run, "periods": {"committed": 2}, "verdict": verdict.as_dict()})
    assert read_verdict(json.loads(text)) == verdict
    assert verdict.as_dict()["worst"] == worst([run, *(one.exit_code for one in (verify, validate) if one)])


def test_a_fresh_run_has_its_own_code_alone(run):
    for code in (0, 10):
        stored = json.loads((run(code).folder / "run.json").read_text())
        assert stored["verdict"] == {"run": code, "verify": None, "validate": None, "worst": code, "found": {}}


def test_newer_findings_replace_older_ones_and_the_runs_code_stays(run):
    result = run(0)
    result.judge("validate", Finding(exit_code=10, periods=(1,), reasons=("period 1: times",)))
    result.judge("verify", Finding(exit_code=6, periods=(1, 2), reasons=("period 2: ac_violation",)))
    again = RunResult(result.folder)
    assert (again.exit_code, again.verdict.worst) == (0, 6)
    assert again.verdict.parts == ("run 0", "verification 6", "validation 10 (period 1 of 2)")
    assert again.verdict.reasons == ("verification: period 2: ac_violation", "validation: period 1: times")
    result.judge("verify", Finding(exit_code=0, periods=(1, 2)))
    result.judge("validate", Finding(exit_code=0, periods=(1, 2)))
    again = RunResult(result.folder)
    assert (again.verdict.worst, again.verdict.parts) == (0, ("run 0", "verification 0", "validation 0"))
    assert json.loads((result.folder / "run.json").read_text())["exit_code"] == 0


def test_the_old_verdict_stands_whole_where_the_new_one_cannot_be_written(run, monkeypatch):
    result = run(0)
    before = (result.folder / "run.json").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="run.json' cannot be written: No space left"):
        result.judge("verify", Finding(exit_code=6, periods=(1, 2)))
    assert (result.folder / "run.json").read_bytes() == before


def test_two_at_a_time_lose_nothing(run):
    folder = run(0).folder
    both = [("verify", 6), ("validate", 10)] * 10
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: RunResult(folder).judge(one[0], Finding(exit_code=one[1], periods=(1,))), both))
    found = RunResult(folder).verdict
    assert (found.verify.exit_code, found.validate.exit_code) == (6, 10)


def test_a_run_without_a_verdict_has_its_own_code(run):
    result = run(10)  # of the first format
    content = json.loads((result.folder / "run.json").read_text())
    del content["verdict"]
    (result.folder / "run.json").write_text(json.dumps(content))
    assert RunResult(result.folder).verdict == Verdict(run=10, committed=2)


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '{"exit_code": "x"}', '{"exit_code": 0, "periods": {"committed": 2}, "verdict": {"verify": 6}}'],
)
def test_a_damaged_run_json_is_a_storage_error(run, content):
    folder = run(0).folder
    (folder / "run.json").write_text(content)
    with pytest.raises(StorageError, match="damaged"):
        RunResult(folder)
