"""A folder to begin from means what its case means, explains itself, and runs."""

import json
import re

import pytest

import cosim
from cosim.cli import main
from cosim.errors import InputError, UsageError
from cosim.scenario import shipped
from cosim.scenario.keys import all_keys
from cosim.scenario.load import load
from cosim.workflows.check import check
from cosim.workflows.init import FIRST, init


@pytest.mark.parametrize("case", shipped.names(shipped.SCENARIOS))
def test_it_means_what_its_case_means_and_stands_alone(case, tmp_path):
    init(tmp_path / "mine", case)
    findings = check(tmp_path / "mine")
    assert (findings.mistakes, findings.warnings) == ((), ())
    theirs, mine = load(case), findings.loaded
    assert mine.resolved == theirs.resolved
    assert mine.files.folders == (tmp_path / "mine",)
    files = ({file.sha256 for file in one.inputs if file.name.endswith(".csv")} for one in (mine, theirs))
    assert next(files) == next(files)


@pytest.mark.parametrize("case", shipped.names(shipped.SCENARIOS))
def test_a_key_that_stands_as_a_comment_has_its_default(case, tmp_path):
    text = init(tmp_path / "mine", case).read_text(encoding="utf-8")
    known = {key.path[-1] for key in all_keys()}
    hidden = re.compile(r"^( *(?:  - )?)# (?=(\w+): )", re.MULTILINE)
    assert {name for _, name in hidden.findall(text)} & known
    shown = hidden.sub(lambda found: found[1] if found[2] in known else found[0], text)
    other_form = re.compile(r"^ *(free_flow_min|capacity_vph): null.*$", re.MULTILINE)  # of a station by its chargers
    (tmp_path / "mine" / "scenario.yaml").write_text(other_form.sub("", shown), encoding="utf-8")
    assert load(tmp_path / "mine").resolved == load(case).resolved


def test_every_key_that_is_given_is_explained_once(tmp_path):
    text = init(tmp_path / "mine").read_text(encoding="utf-8")
    for key in all_keys():
        if key.path in (("traffic", "theta_per_min"), ("devices", "*", "capacity_mwh"), ("feeder", "slack_vm_pu")):
            assert text.count(key.meaning) == 1


def test_the_first_one_runs_as_it_is(tmp_path):
    init(tmp_path / "mine")
    result = cosim.run(tmp_path / "mine", out=tmp_path / "run", report=False)
    assert (result.exit_code, result.run["reasons"]) == (0, [])


def test_editors_find_the_schema_beside_it(tmp_path):
    text = init(tmp_path / "mine").read_text(encoding="utf-8")
    name = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)[1]
    assert json.loads((tmp_path / "mine" / name).read_text(encoding="utf-8"))["title"] == "Scenario"


def test_a_case_of_ones_own_and_one_that_is_not_there(tmp_path):
    init(tmp_path / "mine")
    init(tmp_path / "second", str(tmp_path / "mine"))
    assert load(tmp_path / "second").resolved == load(FIRST).resolved
    with pytest.raises(UsageError, match="not an empty folder"):
        init(tmp_path / "mine")
    with pytest.raises(InputError, match="five_nodes"):
        init(tmp_path / "third", "five_node")
    assert not (tmp_path / "third").exists()


def test_the_command_says_what_comes_next(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["init", str(tmp_path / "mine"), "--from", FIRST])
    assert (ended.value.code or 0) == 0
    assert f"cosim run {tmp_path / 'mine'}" in capsys.readouterr().out
