"""A damaged scenario is loaded or refused with `InputError`; nothing else ever comes out."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosim.scenario.export import write_folder
from cosim.scenario.load import load
from cosim.scenario.tree import leaves
from cosim.workflows.check import check
from tests.fuzz.base import EXAMPLES

ODD = st.sampled_from([
    None, True, "", "x", "1", "0,2", -1, 0, 1, 1e9, 10**40, 1e-300, float("inf"), float("nan"), [], {}, [1], [[]],
    {"file": "profiles.csv", "column": "od"}, {"file": "../x", "column": "od"}, {"a": 1}, "profiles.csv", ".", "/etc",
])  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz") / "scenario"
    loaded = load(write_folder(load("nguyen_ieee33"), folder))
    return folder, loaded.resolved, [path for path, _ in leaves(loaded.tree)]


def mutated(document, path, action, value):
    """Return a copy with the node on ``path`` (or above it) replaced, removed, negated or moved to another key."""
    document = json.loads(json.dumps(document))
    parent = document
    for key in path[:-1]:
        if not isinstance(parent, dict | list) or (isinstance(parent, dict) and key not in parent):
            return document
        if isinstance(parent, list) and key >= len(parent):
            return document
        parent = parent[key]
    key = path[-1]
    try:
        old = parent[key]
        if action == "replace":
            parent[key] = value
        elif action == "remove":
            del parent[key]
        elif action == "scale" and isinstance(old, int | float):
            parent[key] = -1000 * old
        elif action == "rename" and isinstance(parent, dict):
            parent[f"{key}x"] = parent.pop(key)
        elif action == "double" and isinstance(parent, list):
            parent.append(old)
    except (KeyError, IndexError, TypeError):
        pass
    return document


@settings(max_examples=EXAMPLES or 60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutations_are_loaded_or_refused(plain, data):
    folder, document, paths = plain
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths))
        path = path[: data.draw(st.integers(1, len(path)))]
        action = data.draw(st.sampled_from(["replace", "remove", "scale", "rename", "double"]))
        document = mutated(document, path, action, data.draw(ODD))
    text = json.dumps(document).replace("NaN", ".nan").replace("-Infinity", "-.inf").replace("Infinity", ".inf")
    (folder / "scenario.yaml").write_text(text)
    findings = check(folder)
    assert (findings.loaded is None) == bool(findings.mistakes)
    assert all(problem.reason for problem in findings.mistakes)


@settings(max_examples=EXAMPLES or 40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_text_is_loaded_or_refused(plain, data):
    folder, document, _ = plain
    content = json.dumps(document, indent=1).encode()
    place = data.draw(st.integers(0, len(content) - 1))
    damage = data.draw(
        st.sampled_from([b"", b"\xff", b"\t", b"{", b"]", b"&a ", b"!x ", b'"', b"\n", b": ", b"-", b"#"])
    )
    length = data.draw(st.integers(0, 30))
    (folder / "scenario.yaml").write_bytes(content[:place] + damage + content[place + length :])
    findings = check(folder)
    assert (findings.loaded is None) == bool(findings.mistakes)


@settings(max_examples=EXAMPLES or 40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_tables_are_loaded_or_refused(plain, data):
    folder, document, _ = plain
    (folder / "scenario.yaml").write_text(json.dumps(document))
    names = [
        "profiles.csv",
        "nguyen/links.csv",
        "nguyen/nodes.csv",
        "ieee33/bus.csv",
        "ieee33/line.csv",
        "ieee33/load.csv",
    ]
    table = folder / data.draw(st.sampled_from(names))
    content = table.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    damage = data.draw(st.sampled_from([b"", b"\xff", b",", b"\n", b"-", b"nan", b"1e9", b'"', b"\x00", b"0"]))
    length = data.draw(st.integers(0, 30))
    try:
        table.write_bytes(content[:place] + damage + content[place + length :])
        findings = check(folder)
    finally:
        table.write_bytes(content)
    assert (findings.loaded is None) == bool(findings.mistakes)


@settings(max_examples=EXAMPLES or 60, deadline=None)
@given(st.text("abdevisntocr.=0123456789-[]{}'#&! ", max_size=24) | st.text(max_size=12))
def test_any_override_is_loaded_or_refused(assignment):
    findings = check("nguyen_ieee33", [assignment])
    assert (findings.loaded is None) == bool(findings.mistakes)
