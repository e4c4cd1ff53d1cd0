"""Study files: what is read, and how each mistake is told, all at once and with its place."""

import pytest

from cosim.errors import InputError
from cosim.scenario.load import load
from cosim.studies.folder import StudyFolder, create
from cosim.studies.plan import planned
from cosim.studies.study_file import read_study

GOOD = """\
schema: 1
base: five_nodes
seed: 7
design: {kind: random, rows: 4}
vary:
  ev.share: {uniform: [0.1, 0.3]}
"""


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a study file and returns its path."""

    def write(text):
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return path

    return write


def test_a_whole_study_is_read(written):
    found = read_study(
        written(
            GOOD
            + "set: {tariff.kind: static}\ncompare: {as_is: {}, big: {devices.battery.capacity_mwh: 4}}\n"
            + "replicates: 3\nrun: verify\nkeep: {measures: [cost], tables: [stations], runs: flagged}\n"
            + "limits: {attempts: 2, row_timeout_s: 60, memory: 1.5GiB}\ncontrol: linear\ninvalid: keep\n"
        )
    )
    assert found.fixed == ('tariff.kind="static"',)
    assert found.alternatives == {"as_is": (), "big": ("devices.battery.capacity_mwh=4",)}
    assert (found.keep.measures, found.keep.tables, found.keep.runs) == (("cost",), ("stations",), "flagged")
    assert (found.limits.attempts, found.limits.row_timeout_s, found.limits.memory_bytes) == (2, 60.0, 3 << 29)
    assert (found.replicates, found.kind, found.control, found.keep_invalid) == (3, "verify", True, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("seed: 7\n", ""), "field 'seed': is missing"),
        (GOOD.replace("schema: 1", "schema: 2"), "study.yaml:1:9: field 'schema': '2' must be 1"),
        (GOOD.replace("rows: 4", "row: 4"), "field 'design.row': unknown key; did you mean 'rows'"),
        (GOOD.replace("{kind: random, rows: 4}", "{kind: random}"), "field 'design.rows': is missing"),
        (GOOD.replace("kind: random", "kind: sobol").replace("rows: 4", "rows: 100"), "give 64 or 128"),
        (GOOD.replace("rows: 4", "rows: 5, blocks: 2"), "no whole number of 2 blocks"),
        (GOOD.replace("kind: random, rows: 4", "kind: grid"), "a grid takes listed values"),
        (GOOD.replace("kind: random, rows: 4", "kind: list"), "only a list, is read from"),
        (GOOD.replace("kind: random, rows: 4", "kind: grid, rows: 4"), "means nothing to a grid"),
        (GOOD.replace("kind: random", "kind: latin"), "'latin' is unknown"),
        (GOOD + "keep: {runs: some}\n", "'some' is unknown"),
        (GOOD + "limits: {memory: lots}\n", "'lots' is no size; for example 1.5GiB"),
        (GOOD + "limits: {row_timeout_s: 0}\n", "must be seconds above 0"),
        (GOOD + "run: fly\n", "'fly' is unknown"),
        (GOOD + "vari: {}\n", "field 'vari': unknown key; did you mean 'vary'"),
        (GOOD + "compare: {}\n", "names no alternative"),
        (GOOD + "replicates: 0\n", "a whole number from 1 to 10,000"),
        ("- 1\n", "a study is a mapping"),
    ],
)
def test_a_mistake_is_told_with_its_place(written, text, told):
    with pytest.raises(InputError) as found:
        read_study(written(text))
    assert told in str(found.value)


def test_all_mistakes_are_told_at_once(written):
    with pytest.raises(InputError) as found:
        read_study(written(GOOD.replace("[0.1, 0.3]", "[0.3, 0.1]").replace("seed: 7", "seed: x") + "replicates: 0\n"))
    assert len(found.value.problems) == 3


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("ev.shar: {uniform: [0.1, 0.3]}", "ev.shar"),
        ("ev.share: {uniform: [0.5, 3.0]}", "row "),
        ("stations.S9.chargers: {values: [3]}", "S9"),
        ("title: {scale: {uniform: [0.5, 1.5]}}", "cannot be multiplied"),
        ("ev.battery_size: {scale: {uniform: [0.5, 1.5]}}", "has no value in the base"),
    ],
)
def test_a_factor_that_the_base_refuses_is_told_before_anything_runs(written, tmp_path, path, told):
    with pytest.raises(InputError) as found:
        create(written(GOOD.replace("ev.share: {uniform: [0.1, 0.3]}", path)), tmp_path / "out")
    assert told in str(found.value)
    assert not (tmp_path / "out").exists()


def test_rows_that_are_refused_may_be_results(written, tmp_path):
    text = GOOD.replace("[0.1, 0.3]", "[0.5, 3.0]") + "invalid: keep\n"
    assert len(create(written(text), tmp_path / "out").plan.rows) == 4


def test_a_scaled_factor_multiplies_what_the_base_says(written, tmp_path):
    text = GOOD.replace(
        "ev.share: {uniform: [0.1, 0.3]}",
        "ev.share: {scale: {values: [2]}}\n  feeder.load_profile: {scale: {values: [0.5]}}",
    )
    study = read_study(written(text))
    (row, *_) = planned(study, load("five_nodes")).rows
    assert row.assignments[0] == "ev.share=0.6"
    assert load("five_nodes", row.assignments).scenario.feeder.load_profile.scale == 0.5


def test_a_list_brings_its_columns_as_factors(written, tmp_path):
    (tmp_path / "points.csv").write_text("ev.share,tariff.kind\n0.1,static\n0.2,static\n")
    text = GOOD.split("design", maxsplit=1)[0] + "design: {kind: list, file: points.csv}\n"
    folder = create(written(text), tmp_path / "out")
    assert [row.assignments for row in folder.plan.rows] == [
        ("ev.share=0.1", 'tariff.kind="static"'), ("ev.share=0.2", 'tariff.kind="static"'),
    ]  # fmt: skip
    (tmp_path / "points.csv").unlink()
    assert len(StudyFolder(tmp_path / "out").plan.rows) == 2  # the folder stands alone


def test_alternatives_share_draws_and_seeds_and_replicates_have_their_own(written, tmp_path):
    text = GOOD + "compare: {as_is: {}, big: {devices.battery.capacity_mwh: 4}}\nreplicates: 2\n"
    rows = planned(read_study(written(text)), load("five_nodes")).rows
    assert len(rows) == 4 * 2 * 2
    by_alternative = {name: [(r.values, r.seed) for r in rows if r.alternative == name] for name in ("as_is", "big")}
    assert by_alternative["as_is"] == by_alternative["big"]
    assert len({row.seed for row in rows}) == 2
    assert len({row.hash for row in rows}) == len(rows)


def test_what_is_kept_of_a_row_is_not_in_its_hash(written, tmp_path):
    plain = planned(read_study(written(GOOD)), load("five_nodes"))
    kept = planned(read_study(written(GOOD + "keep: {tables: [buses]}\n")), load("five_nodes"))
    other = planned(read_study(written(GOOD + "run: verify\n")), load("five_nodes"))
    assert [r.hash for r in plain.rows] == [r.hash for r in kept.rows]
    assert not {r.hash for r in plain.rows} & {r.hash for r in other.rows}
