"""`cosim compare`: runs side by side on the screen, as CSV, JSON and a page."""

import csv
import json
import re
import shutil

import pytest

from cosim.results.store import load


@pytest.fixture
def pair(finished):
    return finished("sequential").folder, finished("iterated").folder


def test_it_prints_what_differs_and_one_column_a_run(cosim, pair):
    code, out, err = cosim("compare", *pair)
    assert (code, err) == (0, "")
    assert re.search(r"^ +coupling\.mode +sequential +iterated *$", out, flags=re.MULTILINE)
    assert re.search(r"^ +coupling\.ev_price\.kind +none +nodal *$", out, flags=re.MULTILINE)
    assert re.search(r"^ +Import +[\d.]+ +[\d.]+ +[+-][\d.]+ +[+-][\d.e-]+ % +MWh *$", out, flags=re.MULTILINE)
    assert re.search(r"^ +Charging not served +0 +0 +0 +MWh *$", out, flags=re.MULTILINE)
    assert "Margin above the lower voltage limit" in out


def test_a_tolerance_that_is_kept_is_0_and_one_that_is_not_is_10(cosim, pair):
    code, out, _ = cosim("compare", *pair, "--tolerance", "1")
    assert code == 0
    assert "exit 0: every measure is within the tolerance of 1" in out
    code, out, _ = cosim("compare", *pair, "--tolerance", "1e-6")
    assert code == 10
    assert re.search(r"^deviates Station 11: [\d.]+, [\d.]+ MWh$", out, flags=re.MULTILINE)
    assert "exit 10: beyond the tolerance of 1e-06" in out


def test_json_is_all_that_is_printed(cosim, pair):
    code, out, _ = cosim("compare", *pair, "--json")
    told = json.loads(out)
    assert code == 0
    assert [run["folder"] for run in told["runs"]] == [str(folder) for folder in pair]
    assert {"coupling.mode", "coupling.ev_price.kind"} <= {one["key"] for one in told["differences"]}
    assert {"paid", "import_mwh", "ev_not_served_mwh", "margin_low_pu", "wait_veh_h", "road_veh_h", "ev_payments"} <= {
        row["key"] for row in told["measures"]
    }


def test_files_are_written_and_never_overwritten(cosim, pair, tmp_path):
    table, page = tmp_path / "table.csv", tmp_path / "page.html"
    assert cosim("compare", *pair, "--out", table, "--html", page)[0] == 0
    with table.open(encoding="utf-8") as stream:
        header = next(csv.reader(stream))
    names = [folder.name for folder in pair]
    assert header == ["key", "label", "unit", *names, f"{names[1]}, difference", f"{names[1]}, percent"]
    text = page.read_text(encoding="utf-8")
    assert "Comparison of 2 runs" in text
    assert 'id="figure"' in text
    for option, path in (("--out", table), ("--html", page)):
        code, _, err = cosim("compare", *pair, option, path)
        assert (code, err) == (2, f"error: '{path}' exists; choose another with {option}\n")


def test_one_run_is_wrong_usage_and_a_folder_that_is_no_run_is_8(cosim, pair, tmp_path):
    code, _, err = cosim("compare", pair[0])
    assert (code, err) == (2, "error: 1 run given; a comparison needs at least two\n")
    code, _, err = cosim("compare", pair[0], tmp_path)
    assert code == 8
    assert "not a run folder" in err


def test_the_folder_of_a_value_of_coupling_stands_for_its_three_runs(cosim, pair, tmp_path):
    for name, source in (("none", pair[0]), ("one_way", pair[0]), ("equilibrium", pair[1])):
        shutil.copytree(source, tmp_path / "study" / name)
    code, out, _ = cosim("compare", tmp_path / "study", "--json")
    assert code == 0
    assert [run["name"] for run in json.loads(out)["runs"]] == ["none", "one_way", "equilibrium"]
    shutil.rmtree(tmp_path / "study" / "one_way")
    assert cosim("compare", tmp_path / "study")[0] == 8


def test_an_incomplete_run_is_compared_as_far_as_it_goes(cosim, small, tmp_path):
    part, whole = tmp_path / "part", tmp_path / "whole"
    strict = ["--set", "feeder.slack_vm_pu=1.0", "--set", "coupling.round_limit=1"]
    overloaded = ["--set", "ev.share=1.0", "--set", "feeder.v_min_pu=0.96"]
    assert cosim("run", small(), "--out", whole, "--no-report")[0] == 0
    assert cosim("run", small(), "--out", part, "--no-report", "--strict", *strict, *overloaded)[0] == 5
    code, out, err = cosim("compare", whole, part)
    assert (code, err) == (0, "")
    last = int(re.search(r"compared up to period (\d), which all runs committed: 'whole' 6 of 6 periods", out)[1])
    assert f"'part' {last} of 6 periods" in out
    told = json.loads(cosim("compare", whole, part, "--json")[1])
    costs = next(row["values"] for row in told["measures"] if row["key"] == "cost")
    periods = load(whole)["periods"]
    assert costs[0] == periods["cost"][periods["period"] <= last].sum()
    page = tmp_path / "page.html"
    assert cosim("compare", whole, part, "--html", page)[0] == 0
    assert f"Compared up to period {last}" in page.read_text(encoding="utf-8")
