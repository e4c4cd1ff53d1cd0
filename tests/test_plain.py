"""What leaves cosim for people: nothing in it runs, or steers a terminal."""

import csv
import io

import pytest

from cosim.errors import InputError, printable
from cosim.plain import csv_text, inert
from cosim.results.table_file import write_table
from cosim.tables import read_table
from cosim.workflows.compare import compare

FORMULAS = ["=cmd()", "+1+cmd()", "-2+3+cmd()", "@SUM(1)", "\t=1", "=", "-"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_begins_like_a_formula_is_no_formula_in_csv(tmp_path, text):
    assert inert(text) == f"'{text}"
    path = write_table(tmp_path / "out.csv", {"name": [text, "bus 7"], "p_mw": [-0.5, 1.0]})
    with path.open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [["name", "p_mw"], [f"'{text}", "-0.5"], ["bus 7", "1.0"]]
    rows = list(csv.reader(io.StringIO(csv_text([["a", text]]))))
    assert rows == [["a", f"'{text}"]]


@pytest.mark.parametrize("cell", ["-0.5", "+1e-9", "-inf", "bus 7", "", "a=b", -0.5, 3, None, True])
def test_numbers_and_plain_texts_stay_what_they_are(cell):
    assert inert(cell) is cell


def test_a_run_folder_with_the_name_of_a_formula(finished, tmp_path):
    for name in ("=cmd()", "plain"):
        (tmp_path / name).symlink_to(finished("sequential" if name == "plain" else "iterated").folder)
    head = csv_text(compare([tmp_path / "=cmd()", tmp_path / "plain"]).table()).splitlines()[0]
    assert head.startswith(("key,label,unit,'=cmd(),plain,", "key,label,unit,finished-iterated,finished-sequential,"))


def test_a_control_character_in_a_table_is_refused_and_printed_escaped(tmp_path):
    path = tmp_path / "links.csv"
    path.write_text("id\na\x1b[31m\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds a control character; give a plain text") as caught:
        read_table(path, {"id": str})
    assert "\x1b" not in str(caught.value)


def test_what_the_command_line_says_steers_no_terminal(cosim, tmp_path):
    code, _, err = cosim("report", tmp_path / "a\x1b]0;b\x07")
    assert code == 8
    assert err.isprintable() or err.replace("\n", "").isprintable()
    assert "a\\x1b]0;b\\x07" in err
    assert printable("ä \u202e") == "ä \\u202e"
