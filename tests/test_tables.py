from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.tables import read_series, read_table

COLUMNS = {"id": str, "lanes": int, "length_km": float, "open": bool}


@pytest.fixture
def write(tmp_path):
    def _write(content):
        path = tmp_path / "links.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def problems(read, *args):
    with pytest.raises(InputError) as caught:
        read(*args)
    return caught.value.problems


def test_types_order_and_positions(write):
    table = read_table(write('open,id,length_km,lanes\ntrue,a,1.5,2\n\nFalse,"b, c",-2e-1,+3\n'), COLUMNS)
    assert table.columns == {
        "open": [True, False],
        "id": ["a", "b, c"],
        "length_km": [1.5, -0.2],
        "lanes": [2, 3],
    }
    assert table.line_numbers == (2, 4)
    assert len(table) == 2
    found = table.problem(1, "lanes", "3 is too many", "close one")
    assert (found.line, found.column, found.field) == (4, 4, "lanes")


def test_byte_order_mark_and_crlf_are_no_part_of_the_text(write):
    table = read_table(write(b"\xef\xbb\xbfid\r\na\r\nb\r\n"), {"id": str})
    assert table.columns == {"id": ["a", "b"]}


def test_every_mistake_is_listed_with_its_place(write):
    found = problems(read_table, write("id,lanes,length_km,open\na,1.0,nan,yes\n,2,1e999,1\nc,3\n"), COLUMNS)
    assert [(p.line, p.column, p.field) for p in found] == [
        (2, 2, "lanes"),
        (2, 3, "length_km"),
        (2, 4, "open"),
        (3, 1, "id"),
        (3, 3, "length_km"),
        (4, 0, ""),
    ]


@pytest.mark.parametrize("text", ["NA", "nan", "inf", "1_000", "0x10", "1,5", "", "1 2", "½", "٣"])
def test_not_a_number(write, text):
    columns = {"id": str, "length_km": float}
    (found,) = problems(read_table, write(f'id,length_km\na,"{text}"\n'), columns)
    assert (found.line, found.column, found.field) == (2, 2, "length_km")


def test_lines_count_through_a_quoted_text_of_two_lines(write):
    table = read_table(write('id,lanes\n"a\nb",1\nc,2\n'), {"id": str, "lanes": int})
    assert table.line_numbers == (2, 4)


def test_header_mistakes_name_the_column_and_a_near_one(write):
    found = problems(read_table, write("id,lenght_km,lanes,lanes\n"), COLUMNS)
    text = "\n".join(map(str, found))
    assert "did you mean 'length_km'" in text
    assert "'lanes': the column stands twice" in text
    assert "column 'open' is missing" in text


def test_optional_columns_match_by_pattern_and_may_be_empty(write):
    table = read_table(write("id,capacity_x_vph\na,\nb,4\n"), {"id": str}, {"capacity_*_vph": float})
    assert table.columns["capacity_x_vph"] == [None, 4.0]
    assert "lanes" not in table.columns


def test_unreadable_files_are_input_errors(write, tmp_path):
    assert "cannot be read" in str(problems(read_table, tmp_path / "none.csv", COLUMNS)[0])
    assert "not UTF-8" in str(problems(read_table, write(b"id\n\xff\n"), {"id": str})[0])
    assert "empty" in str(problems(read_table, write(""), {"id": str})[0])
    assert "not CSV" in str(problems(read_table, write('id\n"a" b\n'), {"id": str})[0])


def test_repeated_keys_name_both_lines(write):
    table = read_table(write("id,open\na,1\nb,1\na,0\n"), {"id": str, "open": bool})
    assert table.duplicates("id", "open") == []
    (found,) = table.duplicates("id")
    assert found.line == 4
    assert "line 2" in found.reason


def test_series(write):
    path = write("period,pv,wind\n1,0.5,1\n2,0.25,0\n")
    assert read_series(path) == {"pv": [0.5, 0.25], "wind": [1.0, 0.0]}
    assert read_series(path, ["pv", "wind"], periods=2)["wind"] == [1.0, 0.0]
    assert "'wind'" in str(problems(read_series, path, ["pv"])[0])
    assert "must be 24" in str(problems(read_series, path, None, 24)[0])


@pytest.mark.parametrize("periods", ["2\n1", "1\n3", "0\n1", "1\n1"])
def test_periods_run_from_one_in_order(write, periods):
    rows = "".join(f"{number},1\n" for number in periods.split())
    assert problems(read_series, write("period,pv\n" + rows))[0].field == "period"


def test_series_without_periods_or_values(write):
    assert "0 periods" in str(problems(read_series, write("period,pv\n"))[0])
    assert problems(read_series, write("period,pv\n1,\n"))[0].field == "pv"


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_floats_survive_the_round_trip(tmp_path_factory, value):
    path = Path(tmp_path_factory.getbasetemp()) / "float.csv"
    path.write_text(f"x\n{value!r}\n")
    assert read_table(path, {"x": float}).columns["x"] == [value]
