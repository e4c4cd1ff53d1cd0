"""`cosim grade`: the cases, a template, the verdict with its exit code."""

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest

from cosim.workflows.benchmark_pack import case_names, folder, known_values

PAGE = Path(__file__).parents[2] / "docs" / "benchmark-pack.md"


@pytest.fixture
def spoiled(tmp_path):
    shutil.copytree(folder() / "announced_tariff" / "best", tmp_path / "answer")
    claim = tmp_path / "answer" / "solution.json"
    claim.write_text(claim.read_text().replace('"cost": 2', '"cost": 1'))
    return tmp_path / "answer"


def test_the_commands_of_the_page_run_in_their_order(cosim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    for line in block.splitlines():
        code, out, err = cosim(*line.removeprefix("$ cosim ").split())
        assert (code, err) == (0, "")
    assert "fill in solution.json" in out
    assert cosim("check", "mine/announced_tariff")[0] == 0
    assert cosim("grade", "mine")[0] == 3


def test_the_list_names_every_case_with_value_and_bound(cosim):
    code, out, _ = cosim("grade", "--list")
    assert code == 0
    for name in case_names():
        (line,) = [line for line in out.splitlines() if line.startswith(f"{name} ")]
        known = known_values()[name]
        assert f"{known.best_known:,.4f}" in line
        assert f"{known.lower_bound:,.4f}" in line


def test_the_verdict_is_the_exit_code(cosim, spoiled):
    code, out, _ = cosim("grade", folder() / "announced_tariff" / "best")
    assert code == 0
    assert "exit 0: every check passed" in out
    code, out, _ = cosim("grade", spoiled)
    assert code == 6
    assert "exit 6: refused: money" in out
    assert "FAILED" in next(line for line in out.splitlines() if line.lstrip().startswith("money"))
    (spoiled / "links.csv").unlink()
    code, out, err = cosim("grade", spoiled)
    assert (code, out) == (3, "")
    assert "links.csv" in err


def test_the_grade_as_a_document(cosim, spoiled):
    schema = json.loads(cosim("schema", "--summary", "grade")[1])
    code, out, err = cosim("grade", spoiled, "--json")
    document = json.loads(out)
    jsonschema.validate(document, schema)
    assert (code, document["exit_code"], document["found"]["valid"]) == (6, 6, False)
    assert [one["name"] for one in document["found"]["checks"] if not one["passed"]] == ["money"]
    assert "refused: money" in err
    code, out, _ = cosim("grade", spoiled.parent / "nowhere", "--json")
    document = json.loads(out)
    jsonschema.validate(document, schema)
    assert (code, document["found"], document["error"]["kind"]) == (3, None, "InputError")


@pytest.mark.parametrize("arguments", [(), ("--list", "x"), ("x", "--out", "y"), ("--list", "--write-template", "x")])
def test_one_thing_at_a_time(cosim, arguments):
    assert cosim("grade", *arguments)[0] == 2


def test_an_unknown_case_names_its_like(cosim):
    code, _, err = cosim("grade", "--write-template", "two_station_nodal")
    assert code == 3
    assert "did you mean 'two_stations_nodal'?" in err
