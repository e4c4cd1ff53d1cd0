"""What a study will take is told by two of its rows, before it begins."""

import re

import pytest

from cosim import cli
from cosim.studies.checking import taken
from cosim.studies.folder import StudyFolder
from cosim.studies.store import read_journals
from tests.studies.own_rows import OWN, planned


def test_two_rows_tell_what_all_take_and_leave_nothing_behind(own_rows, tmp_path):
    folder = planned(tmp_path, OWN % [0.11, 0.12, 0.13])
    told = taken(folder)
    assert re.fullmatch(
        r"a row takes \S+ s of CPU \(the first of a worker \S+\), \d+ MiB at most, and ended ok; "
        r"3 rows: about \S+ h of CPU, \S+ MiB of disk",
        told,
    ), told
    assert int(re.search(r"(\d+) MiB at most", told)[1]) < 400  # the worker's own, whatever this process holds
    assert sorted(map(float, own_rows.read_text().split())) == [0.11, 0.12]
    assert read_journals(folder.path) == {}
    assert not (folder.path / "claims").exists()


def test_the_command_tells_it(own_rows, tmp_path, capsys):
    (tmp_path / "two.yaml").write_text(OWN % [0.11, 0.12])
    with pytest.raises(SystemExit) as end:
        cli.main(["sweep", "plan", str(tmp_path / "two.yaml"), "--out", str(tmp_path / "two"), "--time"])
    assert end.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "a row takes" in told
    assert "carry it out by: cosim sweep run" in told
    assert len(StudyFolder(tmp_path / "two").plan.rows) == 2
