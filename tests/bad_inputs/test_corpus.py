"""The 96 numbered wrong inputs: each has its case, and ends as ``corpus.csv`` says, word for word.

``how`` is ``folder`` (a folder here, refused), ``warning`` and ``accepted`` (a folder here, taken), ``foreign`` (a case
of ``test_foreign_files``) or ``test`` (a test elsewhere, with words that it asserts).
"""

import csv
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HIGHEST = 96
with (HERE / "corpus.csv").open(encoding="utf-8", newline="") as stream:
    ROWS = list(csv.DictReader(stream))


def test_every_number_has_a_case():
    assert sorted({int(row["number"]) for row in ROWS}) == list(range(1, HIGHEST + 1))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['number']}-{row['what'].split(':')[0]}" for row in ROWS])
def test_the_case_ends_as_the_table_says(row):
    golden = {"folder": "expected.txt", "warning": "warnings.txt", "accepted": "warnings.txt"}
    if row["how"] in golden:
        told = (HERE / row["case"] / golden[row["how"]]).read_text(encoding="utf-8").splitlines()
        assert (row["message"] in told) if row["message"] else told == []
    elif row["how"] == "foreign":
        told = (HERE / "foreign" / f"{row['case']}.txt").read_text(encoding="utf-8").splitlines()
        assert told[0] == "exit 3"
        assert row["message"] in {line.removeprefix("error: ") for line in told}
    else:
        file, name = row["case"].split("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert row["how"] == "test"
        assert f"\ndef {name}(" in text
        assert row["message"] in text


def test_refusals_name_place_and_way_out():
    for row in ROWS:
        if row["how"] in {"folder", "warning", "foreign"}:
            assert re.match(r"[\w./-]+(:\d+:\d+)?: ", row["message"]), row
            assert "; " in row["message"], row
