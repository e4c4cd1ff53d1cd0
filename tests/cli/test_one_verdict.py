"""What verification and validation find is in run.json, report, compare and `cosim runs`; nothing stays green."""

import json
import re
import shutil

import pytest

from cosim.results.store import RunStore


def shown(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    badge = page.split('<span class="badge ')[1].split("</span>")[0]
    return badge.split('">')[0], badge.split('">')[1], page


@pytest.fixture(scope="module")
def green(tmp_path_factory):
    """A run with exit code 0 and a green report."""
    from cosim.workflows.run import run

    folder = tmp_path_factory.mktemp("green") / "run"
    result = run("ieee33_grid_only", out=folder, overrides=["dispatch.mode=single_period"])
    assert result.exit_code == 0
    assert shown(folder)[:2] == ("good", "Every gate passed")
    return folder


@pytest.fixture
def copy(green, tmp_path):
    shutil.copytree(green, tmp_path / "run")
    return tmp_path / "run"


def verdict(folder):
    content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (content["exit_code"], content["status"]) == (0, "complete")
    return content["verdict"]


def test_a_failed_verification_is_told_everywhere_until_a_newer_one_passes(cosim, copy, green):
    from cosim.results.store import RunResult

    result = RunResult(copy)
    right = (copy / "tables" / "periods.parquet").read_bytes()
    periods = result["periods"]
    periods["cost"] += 50.0
    result.add_table("periods", {str(key): periods[key].tolist() for key in periods.columns})
    code, out, _ = cosim("verify", copy)
    assert code == 6
    assert "verdict  6: run 0, verification 6" in out
    found = verdict(copy)
    assert [found[key] for key in ("run", "verify", "validate", "worst")] == [0, 6, None, 6]
    assert any("audit of cost does not close" in reason for reason in found["found"]["verify"]["reasons"])
    tone, words, page = shown(copy)
    assert (tone, words) == ("bad", "Verification found flaws")
    assert "exit codes: run 0, verification 6" in page
    assert "Verification: the audit of cost does not close" in page
    assert json.loads(cosim("runs", copy.parent, "--json")[1])["runs"][0]["verdict"]["worst"] == 6
    compared = cosim("compare", green, copy)[1].splitlines()
    first = next(number for number, line in enumerate(compared) if line.strip() == "Verdict") + 1
    assert compared[first].split() == ["Worst", "exit", "code", "0", "6"]
    assert json.loads(cosim("compare", green, copy, "--json")[1])["runs"][1]["verdict"]["verify"] == 6

    (copy / "tables" / "periods.parquet").write_bytes(right)
    assert cosim("verify", copy)[0] == 0
    found = verdict(copy)
    assert [found[key] for key in ("run", "verify", "validate", "worst")] == [0, 0, None, 0]
    assert shown(copy)[:2] == ("good", "Every gate passed")


QUIET = ["periods=2", "microsim.periods=[1]", "traffic.demand_profile=[0.3, 0.25]", "microsim.warmup_min=40"]


def test_a_failed_validation_of_one_period_names_it_and_a_newer_one_replaces_it(cosim, tmp_path):
    """A limit that no simulation keeps stands in the scenario; then the same hour without it."""
    folder = tmp_path / "run"
    sets = [word for one in (*QUIET, "microsim.thresholds.curve_mape=0") for word in ("--set", one)]
    assert cosim("run", "nguyen_micro", *sets, "--out", folder, "--progress", "off")[0] == 0
    assert shown(folder)[0] == "good"
    code, out, _ = cosim("validate", folder, "--periods", 1, "--seeds", 1, "--progress", "off")
    assert code == 10
    assert "verdict  10: run 0, validation 10 (period 1 of 2)" in out
    found = verdict(folder)
    assert [found[key] for key in ("run", "verify", "validate", "worst")] == [0, None, 10, 10]
    assert found["found"]["validate"]["periods"] == [1]
    tone, words, page = shown(folder)
    assert (tone, words) == ("warn", "Validation failed")
    assert "exit codes: run 0, validation 10 (period 1 of 2)" in page
    assert "Exit code of the validation" in cosim("compare", folder, copied(folder, tmp_path))[1]

    scenario = folder / "scenario" / "scenario.yaml"
    text = scenario.read_text(encoding="utf-8")
    text, count = re.subn(r"curve_mape: [0-9.]+", "curve_mape: 0.5", text)
    assert count == 1
    scenario.write_text(text, encoding="utf-8")
    code, _, err = cosim("validate", folder, "--periods", 2, "--seeds", 1, "--progress", "off")
    assert code == 8
    assert f"'{scenario}' has not the SHA-256 that SHA256SUMS says" in err
    RunStore(folder).begin(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
    assert cosim("validate", folder, "--periods", 2, "--seeds", 1, "--progress", "off")[0] == 0
    found = verdict(folder)
    assert [found[key] for key in ("run", "validate", "worst")] == [0, 0, 0]
    assert found["found"]["validate"] == {"periods": [2], "reasons": []}
    assert shown(folder)[0] == "good"
    assert "validation 0 (period 2 of 2)" in shown(folder)[2]


def copied(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "other")
    return tmp_path / "other"
