"""`cosim sweep`: what it refuses and with which words and codes."""

import pytest

STUDY = """\
schema: 1
base: five_nodes
seed: 7
design: {kind: random, rows: 2}
vary: {ev.share: {uniform: [0.1, 0.3]}}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    return path


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("run", "none.yaml"), 3, "cannot be read"),
        (("status", "."), 8, "is no folder of a study"),
        (("run", "study.yaml", "--shard", "3/2"), 2, "'3/2' is no share"),
        (("run", "study.yaml", "--retry", "ok"), 2, "'ok' is none of raised, died, timeout"),
        (("run", "study.yaml", "--cluster", "http://there"), 2, "is none of tcp://"),
        (("collect", "."), 8, "is no folder of a study"),
        (("script", "."), 8, "is no folder of a study"),
    ],
)
def test_what_cannot_be_done_is_told(study, cosim, arguments, code, told):
    ended, _, err = cosim("sweep", *arguments)
    assert (ended, told in err) == (code, True), err


def test_a_report_needs_rows_and_a_plan_is_told(study, cosim):
    code, out, _ = cosim("sweep", "plan", study)
    assert (code, "run of five_nodes: 2 rows" in out) == (0, True)
    code, _, err = cosim("sweep", "report", "studies/study")
    assert (code, "holds no collected rows" in err) == (8, True)
    code, out, _ = cosim("sweep", "status", "studies/study")
    assert (code, "0 of 2 rows ended" in out) == (0, True)


def test_a_plan_of_very_many_rows_is_asked_for(study, cosim):
    study.write_text(STUDY.replace("rows: 2", "rows: 2, blocks: 1").replace("seed: 7", "seed: 7\nreplicates: 10000"))
    study.write_text(study.read_text().replace("rows: 2", "rows: 20"))
    code, _, err = cosim("sweep", "plan", study)
    assert (code, "200,000 rows; say --yes" in err) == (2, True), err


def test_a_missing_package_of_a_cluster_is_told_with_its_extra(study, cosim, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    code, _, err = cosim("sweep", "run", study, "--cluster", "local")
    assert (code, "cosim-ptn[cluster]" in err) == (4, True), err


def test_a_changed_study_does_not_go_on_in_the_old_folder(study, cosim):
    assert cosim("sweep", "plan", study)[0] == 0
    study.write_text(STUDY.replace("rows: 2", "rows: 4"))
    code, _, err = cosim("sweep", "run", study)
    assert (code, "choose a new folder with --out" in err) == (2, True), err


def test_an_edited_folder_is_refused(study, cosim, tmp_path):
    assert cosim("sweep", "plan", study)[0] == 0
    own = tmp_path / "studies" / "study" / "study.yaml"
    own.write_text(STUDY.replace("seed: 7", "seed: 8"))
    code, _, err = cosim("sweep", "run", tmp_path / "studies" / "study")
    assert (code, "is not the one that was made" in err) == (8, True), err
