"""The table of checks: whole, read by all, and one number wherever a limit is used."""

import json
from dataclasses import asdict, fields
from typing import get_args

import numpy as np
import pytest

import cosim
from cosim.errors import InputError
from cosim.quantities import checks
from cosim.quantities.checks import ABILITIES, CHECKS, SENSES, SETTABLE, GateLimits, Part, limit_of, limits_of
from cosim.quantities.status import EXIT_CODES
from cosim.reports import gates as reported
from cosim.scenario.load import load
from cosim.validation.gate import evaluate
from cosim.workflows.run import run
from cosim.workflows.verify import verify


@pytest.mark.parametrize("row", CHECKS.values(), ids=CHECKS)
def test_every_row_is_whole(row):
    assert row.meaning
    assert row.unit
    assert row.status in EXIT_CODES
    assert row.status != "optimal"
    assert row.sense in SENSES
    assert row.part in get_args(Part)
    assert row.does
    assert set(row.does) <= ABILITIES.keys()
    assert bool(row.relative_to) == bool(row.floor) == bool(row.floor_unit)
    assert limit_of(row, GateLimits()) == row.limit
    assert (row.sense == "word") == isinstance(row.limit, bool | str)


def test_the_limits_are_those_of_the_table_and_checks_that_share_one_agree():
    assert [item.name for item in fields(GateLimits)] == list(SETTABLE)
    for key, rows in SETTABLE.items():
        assert {row.limit for row in rows} == {getattr(GateLimits(), key)}
    assert not set(checks.RENAMED) & set(SETTABLE)
    assert set(checks.RENAMED.values()) <= set(SETTABLE)


@pytest.mark.parametrize(("sense", "good", "bad"), [("max", -5.0, 1.1), ("min", 5.0, 0.9), ("abs", -1.0, -1.1)])
def test_a_sense_is_what_it_says(sense, good, bad):
    row = checks.Check(name="x", unit="-", limit=1.0, sense=sense, status="failed", part="ac", meaning="x")
    assert row.passes(good, 1.0)
    for value in (bad, np.nan, np.inf, -np.inf):
        assert not row.passes(value, 1.0)


def test_a_manifest_of_any_version_gives_limits():
    assert limits_of({}) == GateLimits()
    assert limits_of({"slack_mw": 0.5, "gone": 1.0, "dv_pu": 0.25}) == GateLimits(unserved_mw=0.5, dv_pu=0.25)
    assert limits_of(asdict(GateLimits(dv_pu=0.1))) == GateLimits(dv_pu=0.1)


def test_a_former_name_is_read_with_a_warning(tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text("schema: 1\nextends: ieee33_pv_stress\ngates:\n  slack_mw: 1.0e-3\n")
    loaded = load(path)
    assert loaded.scenario.gates.unserved_mw == 1e-3
    assert [str(one) for one in loaded.warnings] == [
        "scenario.yaml:4:3: field 'gates.slack_mw': is called unserved_mw now; "
        "rename it to unserved_mw, or: cosim migrate"
    ]
    assert load("ieee33_pv_stress", ["gates.slack_mw=0.5"]).scenario.gates.unserved_mw == 0.5
    path.write_text("schema: 1\nextends: ieee33_pv_stress\ngates: {slack_mw: 1.0e-3, unserved_mw: 1.0e-3}\n")
    with pytest.raises(InputError, match="former name of unserved_mw"):
        load(path)


def test_limits_that_are_gone_are_left_out_with_a_warning(tmp_path):
    """A run folder of an earlier version holds every limit of that version."""
    path = tmp_path / "scenario.yaml"
    path.write_text(
        "schema: 1\nextends: ieee33_pv_stress\n"
        "gates: {cone_gap_rel: 1.0e-5, cone_gap_pu2: 1.0e-4, cone_gap_negative_pu2: 1.0e-9}\n"
    )
    loaded = load(path)
    assert loaded.scenario.gates.cone_gap_rel == 1e-5
    assert [str(one) for one in loaded.warnings] == [
        "scenario.yaml:3:31: field 'gates.cone_gap_pu2': is no limit any more, cone_gap_rel is; remove it",
        "scenario.yaml:3:53: field 'gates.cone_gap_negative_pu2': is no limit any more, cone_gap_rel is; remove it",
    ]
    assert "no limit any more" in str(load("ieee33_pv_stress", ["gates.cone_gap_pu2=1e-4"]).warnings)


def test_a_figure_that_no_row_knows_is_refused():
    with pytest.raises(KeyError, match="cone_gapp"):
        evaluate({"cone_gapp": 1.0})


def figures_of(folder):
    return {
        (int(path.parent.name), check["name"]): check
        for path in folder.glob("periods/*/gate.json")
        for check in json.loads(path.read_text())["checks"]
    }


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """2, 3 and 5 MW of photovoltaics; the first period is exact to 1e-7, and asked for far more than that."""
    out = tmp_path_factory.mktemp("strict") / "run"
    return run("ieee33_pv_stress", out=out, overrides=["gates.cone_gap_rel=1e-18"])


def test_a_stricter_limit_repairs_and_is_one_number_everywhere(strict, tmp_path):
    usual = run("ieee33_pv_stress", out=tmp_path / "usual", report=False)
    assert [bool(word) for word in usual["periods"]["restoration"]] == [False, True, True]
    assert all(strict["periods"]["restoration"])

    gate = figures_of(strict.folder)
    assert {gate[k, "cone_gap_rel"]["limit"] for k in (1, 2, 3)} == {1e-18}
    assert strict.manifest["gates"]["cone_gap_rel"] == 1e-18
    shown = {row.name: row.limit for row in reported.check_rows(strict.gates)}
    assert float(shown["cone_gap_rel"]) == 1e-18

    first = verify(strict.folder).ledger.entries[0]
    assert first.exactness == "not tight"
    assert verify(usual.folder).ledger.entries[0].exactness in ("proved", "tight")


def test_a_looser_limit_leaves_the_relaxation_unrepaired_and_the_other_checks_see_it(tmp_path):
    wide = ["gates.cone_gap_rel=1e9"]
    result = run("ieee33_pv_stress", out=tmp_path / "wide", overrides=wide, report=False)
    assert not any(result["periods"]["restoration"])
    assert result["periods"]["status"].tolist() == ["optimal", "relaxation_inexact", "relaxation_inexact"]
    assert cosim.load(result.folder).exit_code == 6
