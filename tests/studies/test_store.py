"""Journals and claims: what a torn line, a second telling and a death leave behind."""

import pytest

from cosim.studies.store import (
    Journal,
    Outcome,
    attempts,
    claim,
    forget,
    line_of,
    read_journals,
    release,
    take_back,
)


def outcome(name, status="ok", **values):
    return Outcome(hash=name, status=status, exit_code=0, values=values or {"cost": 0.1 + 0.2})


def test_a_row_comes_back_with_every_bit(tmp_path):
    journal = Journal(tmp_path)
    journal.write(outcome("a", cost=0.1 + 0.2, none=None, tiny=5e-324))
    journal.close()
    assert read_journals(tmp_path)["a"].values == {"cost": 0.1 + 0.2, "none": None, "tiny": 5e-324}


@pytest.mark.parametrize("left", [1, 9, 40, -1])
def test_a_torn_last_line_is_as_if_it_had_not_begun(tmp_path, left):
    (tmp_path / "journal").mkdir()
    whole, torn = line_of(outcome("a")), line_of(outcome("b"))[:left]
    (tmp_path / "journal" / "x.jsonl").write_bytes(whole + torn)
    assert list(read_journals(tmp_path)) == ["a"]


def test_a_line_that_was_edited_is_not_believed(tmp_path):
    (tmp_path / "journal").mkdir()
    edited = line_of(outcome("a", cost=100.0)).replace(b"100.0", b"900.0")
    (tmp_path / "journal" / "x.jsonl").write_bytes(edited + line_of(outcome("b")))
    assert list(read_journals(tmp_path)) == ["b"]


def test_of_two_tellings_the_first_counts(tmp_path):
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "1.jsonl").write_bytes(line_of(outcome("a", cost=1.0)))
    (tmp_path / "journal" / "2.jsonl").write_bytes(line_of(outcome("a", cost=2.0)))
    assert read_journals(tmp_path)["a"].values == {"cost": 1.0}


def test_what_is_forgotten_is_run_again_and_the_rest_stays(tmp_path):
    (tmp_path / "journal").mkdir()
    lines = [line_of(outcome("a")), line_of(outcome("b", "died")), line_of(outcome("c", "raised"))]
    (tmp_path / "journal" / "1.jsonl").write_bytes(b"".join(lines))
    assert forget(tmp_path, ("died",)) == 1
    assert sorted(read_journals(tmp_path)) == ["a", "c"]


def test_claims_count_the_attempts_that_died(tmp_path):
    assert [claim(tmp_path, "a"), claim(tmp_path, "a"), claim(tmp_path, "b")] == [1, 2, 1]
    take_back(tmp_path, "a", 2)  # an orderly stop
    assert attempts(tmp_path, "a") == 1
    release(tmp_path, "a")
    assert (attempts(tmp_path, "a"), attempts(tmp_path, "b")) == (0, 1)
