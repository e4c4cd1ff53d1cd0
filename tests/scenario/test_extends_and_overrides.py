from pathlib import Path

import pytest

from cosim.errors import InputError
from cosim.scenario.load import load
from cosim.scenario.tree import merge, override
from cosim.scenario.yaml_reader import read_yaml


def tree(text: str, level: int = 0):
    return read_yaml(text.encode(), "s.yaml", level)


def test_mappings_merge_lists_replace_and_null_removes():
    base = tree("a: {b: 1, c: 2}\nd: [1, 2]\ne: 3\nf: {g: 1}\n", 1)
    own = tree("a: {c: 5, h: 6}\nd: [9]\ne: null\nf: ~\n")
    assert merge(base, own).plain() == {"a": {"b": 1, "c": 5, "h": 6}, "d": [9]}


def test_a_mapping_over_a_list_changes_the_named_items():
    base = tree("d: [{name: x, v: 1, w: 2}, {name: '7', v: 1}]\n", 1)
    assert merge(base, tree("d: {x: {v: 5}, 7: null}\n")).plain() == {"d": [{"name": "x", "v": 5, "w": 2}]}
    with pytest.raises(InputError, match=r"s.yaml:1:5: field 'd.xx': .* did you mean 'x'\?"):
        merge(base, tree("d: {xx: {v: 5}}\n"))


def test_merging_an_empty_scenario_changes_nothing():
    base = tree("a: {b: [1, {c: 2}]}\nd: x\n", 1)
    assert merge(base, tree("{}")).plain() == base.plain()


@pytest.mark.parametrize(
    ("assignment", "result"),
    [
        ("a.b=5", {"a": {"b": 5}, "d": [{"name": "x", "v": 1}, {"name": "1", "v": 2}]}),
        (
            "a.new.deep=1e-3",
            {"a": {"b": 1, "new": {"deep": 1e-3}}, "d": [{"name": "x", "v": 1}, {"name": "1", "v": 2}]},
        ),
        ("d.x.v=no", {"a": {"b": 1}, "d": [{"name": "x", "v": "no"}, {"name": "1", "v": 2}]}),
        ("d.0.v=3", {"a": {"b": 1}, "d": [{"name": "x", "v": 3}, {"name": "1", "v": 2}]}),
        ("d.1.v=3", {"a": {"b": 1}, "d": [{"name": "x", "v": 1}, {"name": "1", "v": 3}]}),
        ("a=null", {"d": [{"name": "x", "v": 1}, {"name": "1", "v": 2}]}),
        ("d=[]", {"a": {"b": 1}, "d": []}),
        ("a={b: [1, 2]}", {"a": {"b": [1, 2]}, "d": [{"name": "x", "v": 1}, {"name": "1", "v": 2}]}),
        ("a.b='5'", {"a": {"b": "5"}, "d": [{"name": "x", "v": 1}, {"name": "1", "v": 2}]}),
        ("a.b=x=y", {"a": {"b": "x=y"}, "d": [{"name": "x", "v": 1}, {"name": "1", "v": 2}]}),
    ],
)
def test_overrides(assignment, result):
    assert override(tree("a: {b: 1}\nd: [{name: x, v: 1}, {name: '1', v: 2}]\n"), assignment).plain() == result


def test_a_name_wins_over_a_position():
    root = tree("d: [{name: '1', v: 1}, {name: '0', v: 2}]\n")
    assert override(root, "d.0.v=9").plain()["d"][1] == {"name": "0", "v": 9}


@pytest.mark.parametrize(
    "assignment", ["", "a", "=1", ".a=1", "a..b=1", "d.y.v=1", "d.9.v=1", "a.b.c=1", "a=[", "a=!!x 1"]
)
def test_wrong_overrides_are_refused(assignment):
    with pytest.raises(InputError, match="--set"):
        override(tree("a: {b: 1}\nd: [{name: x, v: 1}]\n"), assignment)


def test_overrides_equal_edits_of_the_file(tmp_path):
    edited = tmp_path / "scenario.yaml"
    edited.write_text("schema: 1\nextends: nguyen_ieee33\ndevices: {ess: {capacity_mwh: 2}}\nseed: 7\n")
    by_set = load("nguyen_ieee33", ["devices.ess.capacity_mwh=2", "seed=7"])
    by_file = load(tmp_path)
    assert by_set.scenario == by_file.scenario.model_copy(update={"extends": None, "sources": by_set.scenario.sources})


def test_own_files_come_before_those_of_the_extended_scenario(tmp_path):
    (tmp_path / "scenario.yaml").write_text("schema: 1\nextends: nguyen_ieee33\n")
    shipped = load(tmp_path).files.locate("profiles.csv")
    mine = tmp_path / "profiles.csv"
    mine.write_text(shipped.read_text())
    assert load(tmp_path).files.locate("profiles.csv") == mine


def test_two_levels_of_extends(tmp_path: Path):
    (tmp_path / "middle.yaml").write_text("schema: 1\nextends: nguyen_ieee33\nseed: 2\nperiod_min: 30\n")
    (tmp_path / "top.yaml").write_text("schema: 1\nextends: middle.yaml\nseed: 3\n")
    loaded = load(tmp_path / "top.yaml")
    assert (loaded.name, loaded.scenario.seed, loaded.scenario.period_min) == ("top", 3, 30)
    assert loaded.source("seed") == "this scenario (top.yaml)"
    assert loaded.source("period_min") == "this scenario (middle.yaml)"
    assert loaded.source("ev.share") == "assumed"


def test_a_changed_value_is_no_longer_covered_by_inherited_sources():
    loaded = load("nguyen_ieee33", ["devices.gt.p_max_mw=0.6", "traffic.theta_per_min=0.2"])
    assert loaded.source("devices.gt.p_max_mw") == "--set"
    assert loaded.scenario.sources["traffic.theta_per_min"] == "--set"
    assert loaded.source("devices.gt.ramp_mw_per_h") == "paper"


def test_a_chain_that_is_too_long_is_refused(tmp_path):
    for number in range(20):
        (tmp_path / f"s{number}.yaml").write_text(f"schema: 1\nextends: s{number + 1}.yaml\n")
    with pytest.raises(InputError, match="more than 8 levels"):
        load(tmp_path / "s0.yaml")


def test_an_own_general_source_beats_an_inherited_special_one(tmp_path):
    text = "schema: 1\nextends: nguyen_ieee33\ndevices: {gt: {p_max_mw: 0.7}}\nsources: {devices: my data sheet}\n"
    (tmp_path / "scenario.yaml").write_text(text)
    loaded = load(tmp_path)
    assert loaded.source("devices.gt.p_max_mw") == "my data sheet"
    assert loaded.source("devices.gt.ramp_mw_per_h") == "paper"
