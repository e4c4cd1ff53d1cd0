"""Every folder here is one phenomenon: files laid over ``_base``, and the exact messages in ``expected.txt``.

What is accepted has ``warnings.txt`` in its place: the exact warnings, or none. ``corpus.csv`` numbers the
phenomena that must have a case.

After a change of wording, ``UPDATE_BAD_INPUTS=1 pytest tests/bad_inputs`` rewrites the expected messages;
read the diff.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from cosim.workflows.check import check

HERE = Path(__file__).parent
CASES = sorted(path.name for path in HERE.iterdir() if (path / "expected.txt").exists())
ACCEPTED = sorted(path.name for path in HERE.iterdir() if (path / "warnings.txt").exists())
PLACE = re.compile(r"^([\w./-]+:\d+:\d+|[\w./-]+\.csv|--set [\w.]+): ")


def laid_out(case: str, folder: Path) -> tuple[Path, list[str]]:
    target = folder / case
    shutil.copytree(HERE / "_base", target)
    shutil.copytree(HERE / case, target, dirs_exist_ok=True)
    overrides = target / "overrides.txt"
    return target / "scenario.yaml", overrides.read_text().splitlines() if overrides.exists() else []


def test_the_corpus_is_large_and_its_base_is_sound(tmp_path):
    assert len(CASES) >= 140
    shutil.copytree(HERE / "_base", tmp_path / "base")
    findings = check(tmp_path / "base")
    assert findings.mistakes == ()
    assert findings.loaded is not None


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_answered_with_these_messages(case, tmp_path):
    scenario, overrides = laid_out(case, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    messages = [str(problem) for problem in check(scenario, overrides).mistakes]
    golden = HERE / case / "expected.txt"
    if os.environ.get("UPDATE_BAD_INPUTS"):
        golden.write_text("".join(f"{message}\n" for message in messages))
    assert messages == golden.read_text().splitlines()
    assert sorted(tmp_path.rglob("*")) == before, "a check writes nothing"


@pytest.mark.parametrize("case", ACCEPTED)
def test_odd_input_is_accepted_with_these_warnings(case, tmp_path):
    found = check(*laid_out(case, tmp_path))
    assert found.mistakes == ()
    warnings = [str(problem) for problem in found.warnings]
    golden = HERE / case / "warnings.txt"
    if os.environ.get("UPDATE_BAD_INPUTS"):
        golden.write_text("".join(f"{warning}\n" for warning in warnings))
    assert warnings == golden.read_text().splitlines()


@pytest.mark.parametrize("case", CASES)
def test_messages_name_place_and_reason_but_no_foreign_path(case):
    lines = (HERE / case / "expected.txt").read_text().splitlines()
    assert lines
    for line in lines:
        assert PLACE.match(line), line
        assert "; " in line, f"no way out: {line}"
        assert "Traceback" not in line
        assert "pydantic" not in line
        assert str(HERE) not in line
