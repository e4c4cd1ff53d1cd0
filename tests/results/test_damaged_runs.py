"""A run folder whose files were changed, cut or lost after they were written: by every verb, with the file's name.

What a file is decides: of an export there are intact copies, of everything else there is none.
"""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from cosim.errors import StorageError
from cosim.results.store import RunResult, RunStore, load
from cosim.results.sums import Damaged, with_own_sum
from cosim.workflows.run import run
from cosim.workflows.verify import verify

VERBS = ("load", "report", "verify", "compare", "runs")
PERIODS = 4


def edited(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path):
    path.write_bytes(b"")


def lost(path):
    path.unlink()


def a_folder(path):
    path.unlink()
    path.mkdir()


DAMAGE = (edited, truncated, emptied, lost, a_folder)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A run of four hours that was verified."""
    base = tmp_path_factory.mktemp("sound")
    (base / "scenario.yaml").write_text(
        "schema: 1\ntitle: Four hours\nextends: nguyen_ieee33\nperiods: 4\n"
        "traffic: {demand_profile: [1.0, 0.7, 0.5, 0.3]}\nfeeder: {load_profile: [0.9, 1.0, 0.8, 0.6]}\n"
        "devices:\n  pv: {available_mw: [0.3, 0.1, 0.0, 0.0]}\n  wind: {available_mw: [0.2, 0.3, 0.3, 0.35]}\n"
    )
    result = run(base, out=base / "run", report=False)
    assert verify(result.folder).exit_code == 0
    return result.folder


@pytest.fixture
def copy(sound, tmp_path):
    return Path(shutil.copytree(sound, tmp_path / "runs" / "copy"))


@pytest.fixture
def told(cosim, copy, sound):
    """Return ``told(verb)``: exit code and what is said; the runs that are listed end with 0 and name the damage."""

    def ask(verb):
        if verb == "load":
            try:
                result = load(copy)
                for name in result.tables:
                    result[name]
            except StorageError as error:
                return error.exit_code, str(error)
            return 0, "\n".join(result.notices)
        if verb == "runs":
            code, out, _ = cosim("runs", copy.parent, "--json")
            assert code == 0
            found = json.loads(out)["runs"][0]
            return StorageError.exit_code if found["state"] == "damaged" else 0, found["remark"]
        words = {"report": ["report", copy], "verify": ["verify", copy], "compare": ["compare", sound, copy]}[verb]
        code, out, err = cosim(*words)
        assert "defect" not in err
        return code, out + err

    return ask


def test_the_sums_are_those_that_sha256sum_checks(sound):
    assert load(sound).manifest["format"] == 3
    for folder in (sound, sound / "tables", *(sound / "periods").iterdir()):
        done = subprocess.run(
            ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout
    listed = {line.split("  ")[1] for line in (sound / "SHA256SUMS").read_text().splitlines()}
    there = {path.relative_to(sound).as_posix() for path in (sound / "scenario").rglob("*") if path.is_file()}
    assert listed == {"manifest.json", "places.json", *there}
    content = json.loads((sound / "run.json").read_text())
    own = content.pop("sha256")
    assert hashlib.sha256((json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()).hexdigest() == own


@pytest.mark.parametrize(
    ("verb", "damage"), [*(("load", damage) for damage in DAMAGE), *((verb, edited) for verb in VERBS[1:])]
)
def test_an_export_is_made_again_of_the_periods_with_a_notice(copy, sound, told, damage, verb):
    damage(copy / "tables" / "buses.parquet")
    code, said = told(verb)
    assert code == 0
    assert "tables/buses.parquet'" in said
    assert "the intact copies in 'periods/' are read" in said
    pd.testing.assert_frame_equal(load(copy)["buses"], load(sound)["buses"], check_exact=True)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_an_export_without_an_intact_copy_is_refused_by_the_name_of_the_copy(copy, told, damage, verb):
    damage(copy / "tables" / "buses.parquet")
    damage(copy / "periods" / "0002" / "buses.parquet")
    code, said = told(verb)
    assert code == 8
    assert "periods/0002/buses.parquet'" in said
    assert "restore it from a copy, or run its scenario again" in said


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", ["buses.parquet", "gate.json", "SHA256SUMS"])
def test_a_copy_alone_is_found_by_verify(copy, told, damage, file):
    damage(copy / "periods" / "0003" / file)
    code, said = told("verify")
    assert code == 8
    assert "periods/0003/" in said
    assert file in said
    assert told("load")[0] == 0
    if file == "gate.json":
        assert told("report")[0] == 8


def test_a_period_of_another_run_is_found_by_verify(copy, told):
    """Its own sums fit; only the digest of the day tells."""
    shutil.rmtree(copy / "periods" / "0003")
    shutil.copytree(copy / "periods" / "0002", copy / "periods" / "0003")
    code, said = told("verify")
    assert code == 8
    assert "holds other numbers than were committed" in said


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", ["manifest.json", "run.json", "SHA256SUMS"])
def test_what_the_run_says_of_itself_is_refused_if_it_was_changed(copy, told, damage, verb, file):
    if (file, damage) == ("run.json", lost):
        return  # a run that was killed: see below
    if file == "SHA256SUMS" and damage in {edited, truncated} and verb != "verify":
        return  # nothing is read whose sum it was
    damage(copy / file)
    code, said = told(verb)
    assert code == 8
    assert file in said


def test_a_nicer_exit_code_is_no_run_of_ours(copy, told):
    content = json.loads((copy / "run.json").read_text())
    for changed in ({"exit_code": 1}, {"status": "incomplete"}, {"verdict": {}}, {"periods": {"planned": 3}}):
        (copy / "run.json").write_text(json.dumps(content | changed))
        code, said = told("report")
        assert code == 8
        assert "run.json' was changed after it was written; restore it; a run without it opens as far" in said
    (copy / "run.json").write_text(json.dumps(content))  # laid out in another way, it says the same
    assert told("load") == (0, "")


@pytest.mark.parametrize("file", ["scenario.yaml", "nguyen/links.csv"])
def test_verify_reads_the_scenario_only_as_it_was_written(copy, told, file):
    (path,) = (copy / "scenario").rglob(Path(file).name)
    edited(path)
    code, said = told("verify")
    assert code == 8
    assert f"{path}' has not the SHA-256 that SHA256SUMS says" in said


@pytest.mark.parametrize("damage", [edited, lost])
def test_what_verify_found_is_refused_until_it_is_found_again(copy, told, damage):
    damage(copy / "tables" / "ledger.parquet")
    code, said = told("report")
    assert code == 8
    assert "tables/ledger.parquet'" in said
    assert "'cosim verify' or 'cosim validate', whichever wrote it, writes it again" in said
    assert told("verify")[0] == 0
    assert told("report") == (0, f"{copy / 'report.html'}\n")


@pytest.mark.parametrize("verb", ["load", "verify", "runs"])
def test_sums_of_tables_that_are_lost_leave_the_periods(copy, told, verb):
    lost(copy / "tables" / "SHA256SUMS")
    code, said = told(verb)
    assert code == 0
    assert "tables/SHA256SUMS' is missing; the intact copies in 'periods/' are read" in said
    if verb == "verify":  # which writes tables, and all others with them
        assert load(copy).notices == ()


@pytest.mark.parametrize("verb", VERBS)
def test_a_period_that_is_lost_is_named(copy, told, verb):
    shutil.rmtree(copy / "periods" / "0002")
    code, said = told(verb)
    assert code == 8
    assert "periods/0002' is missing" in said
    shutil.rmtree(copy / "periods" / "0003")
    shutil.rmtree(copy / "periods" / "0004")
    code, said = told(verb)
    assert code == 8
    assert "run.json' counts 4 committed periods, 'periods/' holds 1" in said


def test_a_table_that_nobody_wrote_is_not_read(copy, sound):
    shutil.copy(copy / "tables" / "buses.parquet", copy / "tables" / "mine.parquet")
    assert load(copy).tables == load(sound).tables


# Runs that were broken off


@pytest.fixture
def killed(copy):
    """Return ``killed(k)``: the same run as if it had been killed after k periods, in the middle of a commit."""

    def make(periods):
        for name in ("run.json", "report.html"):
            (copy / name).unlink(missing_ok=True)
        shutil.rmtree(copy / "tables")
        for path in sorted((copy / "periods").iterdir())[periods:]:
            shutil.rmtree(path)
        (copy / f".tmp-{periods + 1:04d}").mkdir()
        (copy / f".tmp-{periods + 1:04d}" / "buses.parquet").write_bytes(b"PAR1")
        return copy

    return make


@pytest.mark.parametrize("periods", [1, 4])
def test_a_killed_run_opens_as_far_as_it_is_committed(killed, sound, told, periods, cosim):
    folder, whole = killed(periods), load(sound)
    result = load(folder)
    assert (result.complete, result.ended, result.exit_code) == (False, False, 137)
    assert result.progress == f"{periods} of {PERIODS} periods"
    assert result.progress in repr(result)
    assert set(result.tables) == set(whole.tables) - {"ledger", "ledger_run", "ac_prices", "audit"}
    for name in result.tables:
        kept = whole[name][whole[name]["period"] <= periods].reset_index(drop=True)
        pd.testing.assert_frame_equal(result[name].reset_index(drop=True), kept, check_exact=True)
    code, said = told("report")
    assert (code, said.splitlines()[-1]) == (0, f"unfinished {periods} of {PERIODS} periods")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert f"Incomplete: {periods} of {PERIODS} periods. Still running, or killed" in page
    listed = json.loads(cosim("runs", folder.parent, "--json")[1])["runs"][0]
    assert (listed["state"], listed["verdict"]) == ("unfinished", None)
    assert listed["periods"] == {"planned": PERIODS, "committed": periods}
    code, said = told("compare")
    assert code == 0
    assert f"compared up to period {periods}, which all runs committed: " in said
    assert f"{periods} of {PERIODS} periods" in said


def test_a_killed_run_is_verified_as_far_as_it_is_committed_and_goes_on_unfinished(killed, told, cosim):
    folder = killed(3)
    code, said = told("verify")
    assert code == 0
    assert f"unfinished 3 of {PERIODS} periods" in said
    assert "verdict  137: run 137, verification 0" in said
    result = load(folder)
    assert not result.ended
    assert result.verdict.verify.periods == (1, 2, 3)
    assert len(result["ledger"]) == 3
    assert told("report")[0] == 0
    assert json.loads(cosim("runs", folder.parent, "--json")[1])["runs"][0]["state"] == "unfinished"
    store = RunStore(folder)  # the run goes on and ends: nothing of what was found of its beginning is left
    store.finish(code=0, reasons=(), statuses=["optimal"] * 3, planned=PERIODS)
    result = load(folder)
    assert (result.ended, result.verdict.verify, result.progress) == (True, None, f"3 of {PERIODS} periods")
    assert "ledger" not in result
    assert not list(folder.glob(".tmp-*"))


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_that_was_killed_before_its_first_period(killed, told, verb):
    killed(0)
    code, said = told(verb)
    assert code == {"verify": 8, "compare": 3}.get(verb, 0)
    assert f"0 of {PERIODS} periods" in said or verb == "load"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_killed_run_has_no_other_copy(killed, told, damage, verb):
    damage(killed(3) / "periods" / "0002" / "lines.parquet")
    code, said = told(verb)
    assert code == 8
    assert "periods/0002/lines.parquet'" in said


def test_exports_that_a_killed_run_left_are_not_read(killed, sound):
    folder = killed(3)
    shutil.copytree(sound / "tables", folder / "tables")
    assert sorted(load(folder)["buses"]["period"].unique()) == [1, 2, 3]


def test_a_run_that_died_says_how_far_it_came(copy, told):
    shutil.rmtree(copy / "periods" / "0004")
    store = RunStore(copy)
    store.finish(code=7, reasons=["SUMO died"], statuses=["optimal"] * 3, planned=PERIODS, died=True)
    for verb in ("report", "verify", "compare"):
        code, said = told(verb)
        assert code == 0
        assert f"3 of {PERIODS} periods" in said
    assert load(copy).exit_code == 7
    assert told("runs") == (0, "SUMO died")


# Runs of earlier versions, which have fewer sums


def test_a_run_without_sums_opens_and_a_broken_table_of_it_is_made_again(copy):
    for path in (copy / "SHA256SUMS", copy / "tables" / "SHA256SUMS"):
        path.unlink()
    manifest, content = (json.loads((copy / name).read_text()) for name in ("manifest.json", "run.json"))
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))
    (copy / "run.json").write_text(json.dumps({key: value for key, value in content.items() if key != "sha256"}))
    frame = load(copy)["buses"]
    assert load(copy).notices == ()
    truncated(copy / "tables" / "buses.parquet")
    result = load(copy)
    pd.testing.assert_frame_equal(result["buses"], frame, check_exact=True)
    assert "is no Parquet file, or only a part of one" in result.notices[0]
    lost(copy / "tables" / "lines.parquet")
    assert len(load(copy)["lines"]) == 4 * 32
    assert verify(copy).exit_code == 0
    assert not (copy / "tables" / "SHA256SUMS").exists()


def test_more_periods_than_four_digits_stand_in_order(tmp_path):
    store = RunStore.create(tmp_path / "run")
    for number in (9999, 10000, 10001):
        store.commit(number, {"periods": {"cost": [float(number)]}}, {"status": "optimal"})
    assert [path.name for path in store.committed()] == ["9999", "10000", "10001"]


def test_a_sum_of_its_own_is_of_all_the_rest():
    content = with_own_sum({"a": [1.5, "x"], "b": {"c": None}})
    assert with_own_sum(content) == content
    assert with_own_sum(content | {"a": [1.5, "y"]}) != content | {"a": [1.5, "y"]}


def test_the_error_carries_what_and_the_way_out():
    error = Damaged("'x' is missing", "put it back")
    assert (error.what, str(error), error.exit_code) == ("'x' is missing", "'x' is missing; put it back", 8)


def test_a_manifest_deeper_than_any_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text("[" * 200_000)
    with pytest.raises(StorageError, match=r"manifest.json' cannot be read"):
        RunResult(tmp_path)
