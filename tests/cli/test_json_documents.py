"""`--json`: one document on the output stream, whatever happens, and as the published schema says."""

import json
import os
import shutil
import signal
import subprocess
import sys

import jsonschema
import pytest

from cosim.errors import EXITS, ComponentError, HungError
from cosim.supervision import Stopped
from cosim.workflows.documents import DOCUMENTS

RUN = ("run", "five_nodes", "--no-report", "--progress", "plain")


@pytest.fixture(scope="module")
def schemas():
    from cosim.scenario.json_schema import document_schema_text

    found = {name: json.loads(document_schema_text(kind)) for name, kind in DOCUMENTS.items()}
    for schema in found.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    return found


@pytest.fixture
def told(cosim, schemas):
    """Return ``told(*arguments)``: exit code, document, error stream of a command; the document fits its schema."""

    def ran(*arguments):
        code, out, err = cosim(*arguments, "--json")
        document = json.loads(out)  # one document and nothing else
        jsonschema.validate(document, schemas[arguments[0]])
        assert document["exit_code"] == code
        assert document["meaning"] == EXITS[code]
        assert (document["found"] is None) == (document["error"] is not None)
        return code, document, err

    return ran


@pytest.fixture(scope="module")
def green(tmp_path_factory):
    from cosim.workflows.run import run

    folder = tmp_path_factory.mktemp("json") / "run"
    run("five_nodes", out=folder, report=False)
    return folder


@pytest.fixture
def copy(green, tmp_path):
    shutil.copytree(green, tmp_path / "run")
    return tmp_path / "run"


def test_a_run_that_passes_every_gate(told, tmp_path):
    code, document, err = told(*RUN, "--out", tmp_path / "run")
    found = document["found"]
    assert (code, found["complete"], found["flagged"], found["worst"]) == (0, True, [], 0)
    assert {row["key"] for row in found["margins"]} >= {"margin_low_pu", "margin_high_pu"}
    assert found["folder"] == str(tmp_path / "run")
    assert found["report"] is None
    assert "period   6/6" in err  # what is for people goes there


@pytest.mark.parametrize(
    ("change", "code", "status", "check"),
    [
        ("stations.S1.chargers=6", 10, "station_overloaded", "station_excess_mw"),
        ("feeder.v_min_pu=1.015", 5, "optimal_with_ev_curtailment", "ev_curtailed_mw"),
    ],
)
def test_flagged_periods_name_check_value_and_limit(told, tmp_path, change, code, status, check):
    found, document, _ = told(*RUN, "--set", change, "--out", tmp_path / "run")
    assert found == code
    flagged = document["found"]["flagged"]
    assert flagged[0]["status"] == status
    broken = [one for one in flagged[0]["checks"] if one["name"] == check]
    assert broken[0]["value"] > broken[0]["limit"]
    assert len(document["found"]["reasons"]) == len(flagged)


def test_a_verification_and_one_that_fails(told, copy):
    code, document, _ = told("verify", copy, "--stress", "3")
    found = document["found"]
    assert (code, found["whole"]["audit_closes"], len(found["ledger"]), len(found["stress"])) == (0, True, 6, 3)
    assert found["whole"]["lower_bound"] <= found["whole"]["ac_cost"] + 1e-6
    assert found["ledger"][0]["c2_box_pu"] is not None
    assert found["run"]["verdict"]["verify"]["exit_code"] == 0

    from cosim.results.store import RunResult

    periods = RunResult(copy)["periods"]
    periods["cost"] += 50.0
    RunResult(copy).add_table("periods", {str(key): periods[key].tolist() for key in periods.columns})
    code, document, _ = told("verify", copy)
    assert code == 6
    assert not all(item["closes"] for item in document["found"]["audit"])


def test_a_validation(told, tmp_path):
    quiet = ["periods=2", "microsim.periods=[1]", "traffic.demand_profile=[0.3, 0.25]", "microsim.warmup_min=40"]
    sets = [word for one in (*quiet, "microsim.engine=point_queue") for word in ("--set", one)]
    code, document, _ = told("validate", "nguyen_micro", *sets, "--seeds", "2", "--out", tmp_path / "run")
    (period,) = document["found"]["periods"]
    assert (code, period["period"], period["seeds"], period["holds"]) == (0, 1, 2, True)
    assert {one["word"] for one in period["statistics"]} <= {
        "passed",
        "shown",
        "not_telling",
        "not_comparable_capacity",
    }


@pytest.mark.parametrize("options", [(), ("--limit", "ue", "--theta-end", "2", "--gap", "0.5")])
def test_an_assignment(told, options, tmp_path):
    from cosim.scenario import shipped

    roads = tmp_path / "roads"
    shutil.copytree(shipped.folder(shipped.ROADS) / "nguyen", roads)
    (roads / "trips.csv").write_text("origin,destination,trips_vph\n1,2,400\n1,3,800\n4,2,600\n4,3,200\n")
    code, document, err = told("assign", roads, *options, "--out", tmp_path / "flows.csv")
    found = document["found"]
    assert (code, found["pairs"], found["demand_vph"]) == (0, 4, 2000.0)
    assert found["flows"] == str(tmp_path / "flows.csv")
    assert all(stage["status"] == "converged" for stage in found["stages"])
    assert (found["stages"][-1]["relative_gap"] is None) == (not options)
    assert "exit 0" in err


def test_wrong_input_names_place_thing_value_and_way_out(told):
    code, document, err = told("run", "five_nodes", "--set", "period_min=x", "--set", "stations.S1.chargers=-1")
    error = document["error"]
    assert (code, error["kind"], error["folder"]) == (3, "InputError", None)
    by_field = {one["field"]: one for one in error["problems"]}
    assert by_field["period_min"]["file"] == "--set period_min"
    assert "'x'" in by_field["period_min"]["reason"]
    assert by_field["period_min"]["remedy"]
    assert error["message"] in err


@pytest.mark.parametrize("arguments", [("run", "five_nodes", "--bogus"), ("run",), ("verify", "x", "--stress", "-1")])
def test_wrong_use(told, arguments):
    code, document, err = told(*arguments)
    assert (code, document["error"]["kind"]) == (2, "UsageError")
    assert document["error"]["message"] in err


def test_a_damaged_run(told, copy):
    (copy / "manifest.json").write_text("{}")
    code, document, _ = told("verify", copy)
    assert (code, document["error"]["kind"]) == (8, "Damaged")


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (ComponentError("simulator grid died"), 7, "ComponentError"),
        (HungError("dispatch, period 3", silent_s=9.0), 7, "HungError"),
        (Stopped(signal.SIGINT, kept=True), 130, "Stopped"),
        (ZeroDivisionError("float division"), 1, "Defect"),
    ],
)
def test_a_run_that_dies_tells_why_and_where_it_can_go_on(told, tmp_path, monkeypatch, error, code, kind):
    def die(*_, **__):
        raise error

    monkeypatch.setattr("cosim.workflows.run.run_world", die)
    found, document, err = told(*RUN, "--out", tmp_path / "run")
    assert (found, document["error"]["kind"]) == (code, kind)
    assert document["error"]["folder"] == str(tmp_path / "run")
    assert "--resume" in err


def test_what_ends_the_process_at_once_leaves_a_document_and_noise_goes_elsewhere(schemas):
    code = """
import os, subprocess
from cosim import supervision
from cosim.cli import document
with document.alone("run"):
    print("a print")
    os.write(1, b"a library in C\\n")
    subprocess.run(["echo", "a child"])
    supervision.end_process(7, "grid: hung")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 7
    document = json.loads(done.stdout)
    jsonschema.validate(document, schemas["run"])
    assert (document["exit_code"], document["error"]["message"]) == (7, "grid: hung")
    assert {"a print", "a library in C", "a child"} <= set(done.stderr.splitlines())


def test_the_schema_is_printed_and_knows_no_other_command(cosim, schemas):
    for name, schema in schemas.items():
        code, out, _ = cosim("schema", "--summary", name)
        assert (code, json.loads(out)) == (0, schema)
    code, _, err = cosim("schema", "--summary", "list")
    assert code == 2
    assert "none of run, verify, validate, assign" in err


def test_a_document_that_lacks_a_field_or_has_one_more_does_not_fit(schemas, told, tmp_path):
    _, document, _ = told("run", "nowhere")
    for wrong in ({**document, "more": 1}, {key: value for key, value in document.items() if key != "meaning"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schemas["run"])
