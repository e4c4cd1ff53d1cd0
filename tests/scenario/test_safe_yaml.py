import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.scenario.tree import find, leaves
from cosim.scenario.yaml_reader import MAX_BYTES, MAX_DEPTH, plain_scalar, read_yaml


def refused(text: str | bytes) -> str:
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(InputError) as caught:
        read_yaml(content, "s.yaml")
    return str(caught.value)


def test_every_value_knows_its_line_and_column():
    root = read_yaml(b"a: 1\nb:\n  - {c: x}\n  - 2.5\n", "s.yaml")
    places = {path: (node.mark.line, node.mark.column) for path, node in leaves(root)}
    assert places == {("a",): (1, 4), ("b", 0, "c"): (3, 9), ("b", 1): (4, 5)}
    key = find(root, ("b", 0, "c")).key_mark
    assert (key.line, key.column) == (3, 6)


# Truth: the YAML 1.2.2 specification, section 10.3 (core schema).
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-8", 1e-8), ("1.0e-8", 1e-8), (".5", 0.5), ("-3", -3), ("+3", 3), ("012", 12), ("1.", 1.0),
        ("no", "no"), ("off", "off"), ("Yes", "Yes"), ("true", True), ("FALSE", False), ("12:30", "12:30"),
        ("1_000", "1_000"), ("2024-01-01", "2024-01-01"), ("~", None), ("Null", None), ("", None), ("nul", "nul"),
        ("1/n", "1/n"), ("=", "="), ("0x1F", "0x1F"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(text, value):
    found = plain_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_quoted_scalars_are_text():
    assert read_yaml(b"a: '1'\nb: \"true\"\nc: ''\n", "s").plain() == {"a": "1", "b": "true", "c": ""}


def test_folded_and_literal_text():
    assert read_yaml(b"a: >-\n  one\n  two\nb: |\n  x\n  y\n", "s").plain() == {"a": "one two", "b": "x\ny\n"}


def test_comments_and_byte_order_mark_are_ignored():
    assert read_yaml("\ufeff# top\na: # here\n  # there\n  - 1 # last\n".encode(), "s").plain() == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: &x 1\n", "anchor"), ("a: *x\n", "anchor or alias"), ("a: !!int 1\n", "tag"), ("&x a: 1\n", "anchor"),
        ("- !!python/name:os.system x\n", "tag"), ("%YAML 1.1\n---\na: no\n", "directive"),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", "directive"), ("a: 1\n---\nb: 1\n", "second document"),
        ("{a: 1}: 2\n", "as a key"), ("\ta: 1\n", "tabs"), ("a: 1\na: 2\n", "twice"), ("a: \x00\n", "cannot be read"),
        (b"a: \xff\n", "0xFF"), ('a: "\\ud800"\n', "surrogate"), ("", "empty"), ("a: [1\n", "cannot be read"),
    ],
)  # fmt: skip
def test_what_a_scenario_does_not_need_is_refused(text, what):
    message = refused(text)
    assert what in message
    assert message.startswith("s.yaml:")


def test_all_repeated_keys_are_named_at_once():
    assert refused("a: 1\na: 2\nb: {c: 1, c: 2}\n").count("twice") == 2


def test_depth_and_size_are_capped():
    fine = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert read_yaml(fine.encode(), "s").value is not None
    assert "nesting deeper" in refused("[" * 20_000)
    assert "bytes" in refused(b"#" * (MAX_BYTES + 1))


@given(st.text(max_size=80) | st.binary(max_size=80))
def test_any_text_is_read_or_refused(text):
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    problems = []
    try:
        read_yaml(content, "s.yaml")
    except InputError as error:
        problems = list(error.problems)
    assert all(problem.file == "s.yaml" for problem in problems)


SCALARS = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False)
KEYS = st.text("abc", min_size=1, max_size=3)


@given(
    st.recursive(
        SCALARS | st.text("ab 1:#-,{}'", max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=10,
    )
)
def test_json_is_read_back_unchanged(value):
    text = json.dumps(value).replace("Infinity", ".inf")
    assert read_yaml(text.encode(), "s").plain() == value
