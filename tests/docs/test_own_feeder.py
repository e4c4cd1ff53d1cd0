"""The planner's path of `docs/your-own-feeder.md`, step by step as it stands there; needs the extra `simbench`."""

import sys

import pytest

from tests.docs.pages import DOCS, follow, steps

PAGE = "your-own-feeder.md"


@pytest.mark.timeout(1800)  # four days of 96 power flows, on a machine that has other work
def test_the_path_of_a_planner(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    spent = follow(PAGE)
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{seconds:7.1f} s  {what}" for seconds, what in spent) + "\n")


def test_the_page_has_its_notice_and_no_data_of_the_grid():
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    assert "Open Database Licence" in text
    assert "10.3390/en13123290" in text
    shipped = [
        path for folder in ("scenarios", "grid_models", "docs") for path in (DOCS.parent / folder).rglob("*.csv")
    ]
    for path in shipped:
        assert "LV1.101" not in path.read_text(encoding="utf-8"), path


def test_every_step_is_of_a_kind_that_is_run():
    assert {language for language, _, _ in steps(PAGE)} == {"console", "yaml", "python", "text"}
    assert all(file for language, file, _ in steps(PAGE) if language == "yaml")
