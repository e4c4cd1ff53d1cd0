"""The command line: what it prints, and the exit codes."""

import json
import re
import subprocess
import sys

import pytest

from cosim import cli
from cosim.errors import StorageError
from cosim.results.store import load
from cosim.simulators.grid import Simulator as Grid

STRICT = ["feeder.slack_vm_pu=1.0", *(f"devices.{name}.reactive=false" for name in ("ess", "pv", "wind"))]


def sets(values):
    return [word for value in values for word in ("--set", value)]


def test_a_run_that_passes_is_0_and_says_where_it_lies(cosim, tmp_path):
    code, out, err = cosim("run", "nguyen_traffic_only", "--out", tmp_path / "run", "--seed", 5, "--no-report")
    assert (code, err) == (0, "")
    assert len(re.findall(r"^period +\d+/24 +R \d\.\de[-+]\d\d .*optimal", out, flags=re.MULTILINE)) == 24
    assert "exit 0: every gate of every period passed" in out
    assert f"results  {tmp_path / 'run'}" in out
    assert not (tmp_path / "run" / "report.html").exists()
    assert load(tmp_path / "run").manifest["seed"] == 5


def test_progress_can_be_silent(cosim, tmp_path):
    _, out, _ = cosim("run", "nguyen_traffic_only", "--out", tmp_path / "run", "--progress", "off", "--no-report")
    assert not re.search(r"^period +\d+/24", out, flags=re.MULTILINE)


def test_the_manifest_keeps_the_command(tmp_path):
    command = [sys.executable, "-m", "cosim", "run", "nguyen_traffic_only", "--out", str(tmp_path / "run")]
    done = subprocess.run([*command, "--no-report"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kept = load(tmp_path / "run").manifest["command"]
    assert kept[1:] == [*command[3:], "--no-report"]


def test_a_report_is_written_with_the_run_and_again_later(cosim, tmp_path):
    code, out, _ = cosim("run", "nguyen_traffic_only", "--out", tmp_path / "run", "--progress", "off")
    page = tmp_path / "run" / "report.html"
    assert code == 0
    assert f"report   {page}" in out
    page.unlink()
    assert cosim("report", tmp_path / "run") == (0, f"{page}\n", "")
    assert page.stat().st_size > 10_000


@pytest.mark.parametrize(
    "arguments",
    [[], ["run"], ["fly"], ["run", "x", "--bogus"], ["run", "x", "--seed", "-1"], ["run", "x", "--progress", "y"]],
)
def test_wrong_usage_is_2(cosim, arguments):
    code, _, err = cosim(*arguments)
    assert code == 2
    assert "Usage" in err or not arguments


def test_an_existing_folder_is_2(cosim, tmp_path):
    code, _, err = cosim("run", "nguyen_traffic_only", "--out", tmp_path)
    assert code == 2
    assert err == f"error: run folder '{tmp_path}' exists; choose another with --out\n"


def test_a_wrong_key_is_3_and_leaves_nothing(cosim, tmp_path):
    code, _, err = cosim("run", "nguyen_traffic_only", "--out", tmp_path / "run", "--set", "traffic.thetta_per_min=1")
    assert code == 3
    assert "theta_per_min" in err
    assert not (tmp_path / "run").exists()


def test_an_unknown_scenario_is_3(cosim):
    code, _, err = cosim("check", "nguyen_iee33")
    assert code == 3
    assert "nguyen_ieee33" in err


def test_check_lists_all_mistakes_at_once(cosim, small):
    path = small("ev: {share: 1.3}\ntraffik: {}\ncoupling: {mode: sometimes}\n")
    code, out, err = cosim("check", path)
    assert code == 3
    assert out == ""
    assert "3 mistakes" in err
    assert all(word in err for word in ("1.3", "traffik", "sometimes"))
    assert len(re.findall(r"scenario\.yaml:\d+:\d+: ", err)) == 3


def test_check_of_a_good_scenario_is_0(cosim, small):
    code, out, err = cosim("check", small())
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("ok ")


def test_a_dispatch_that_needs_last_resorts_is_5(cosim, small, tmp_path):
    code, out, _ = cosim("run", small(), "--out", tmp_path / "run", "--no-report", *sets(STRICT))
    assert code == 5
    assert "flagged period 1: optimal_with_ev_curtailment (ev_curtailed_mw" in out
    assert "exit 5: not every gate passed" in out


def test_strict_says_that_it_is_incomplete(cosim, small, tmp_path):
    code, out, _ = cosim("run", small(), "--out", tmp_path / "run", "--no-report", "--strict", *sets(STRICT))
    assert code == 5
    assert "exit 5: incomplete: 1 of 6 periods" in out


def test_a_dispatch_without_an_answer_is_6(cosim, small, tmp_path):
    code, out, _ = cosim("run", small(), "--out", tmp_path / "run", "--no-report", "--set", "feeder.v_min_pu=1.045")
    assert code == 6
    assert "exit 6" in out


def test_a_simulator_that_dies_is_7_without_a_traceback(cosim, small, tmp_path, monkeypatch):
    monkeypatch.setattr(Grid, "advance", lambda self, time, inputs: {}["voltage"])
    code, _, err = cosim("run", small(), "--out", tmp_path / "run", "--no-report")
    assert code == 7
    begin_again = f"go on behind the last committed period: cosim run {tmp_path / 'run'} --resume\n"
    assert err == f"{begin_again}error: grid failed at period 1: KeyError: 'voltage'\n"
    with pytest.raises(Exception, match="grid failed at period 1"):
        cli._run(["--debug", "run", str(small()), "--out", str(tmp_path / "again"), "--no-report"])


def test_a_place_that_cannot_be_written_is_8(cosim, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = cosim("run", "nguyen_traffic_only", "--out", tmp_path / "file" / "run")
    assert code == StorageError.exit_code == 8
    assert "cannot be made" in err


def test_a_folder_that_is_no_run_is_8(cosim, tmp_path):
    code, _, err = cosim("report", tmp_path)
    assert code == 8
    assert "not a run folder" in err


def test_a_defect_is_1_and_called_one(cosim, monkeypatch):
    monkeypatch.setattr("cosim.workflows.check.check", lambda *a: 1 / 0)
    code, _, err = cosim("check", "nguyen_ieee33")
    assert code == 1
    assert err.startswith("defect in cosim: ZeroDivisionError: division by zero\n")
    assert "Traceback" not in err


def test_plan_names_wires_with_units_sizes_solver_and_remarks(cosim):
    code, out, err = cosim("plan", "nguyen_ieee33", "--set", "coupling.ev_price=tariff")
    assert (code, err) == (0, "")
    assert re.search(r"Traffic\.Station +-> +Dispatch\.Port +P_demand\[MW\], P_forecast\[MW\]", out)
    assert re.search(r"Dispatch\.Bus +-> +Grid\.Bus +P_load\[MW\], Q_load\[MVar\], P_gen\[MW\], Q_gen\[MVar\]", out)
    assert re.search(r"charging stations +3\b", out)
    assert re.search(r"paths +50\b|paths +\d+", out)
    assert re.search(r"Solver +clarabel: \S+", out)
    assert "this price cannot move route choice" in out
    assert "~>" not in out


def test_plan_shows_the_loop_within_the_period(cosim):
    code, out, _ = cosim("plan", "nguyen_ieee33", *sets(["coupling.mode=iterated", "coupling.ev_price=nodal"]))
    assert code == 0
    assert re.search(r"Dispatch\.Port +~> \(within the period\) +Traffic\.Station +price\[CNY/MWh\]", out)
    assert "cannot move" not in out


def test_schema_is_json_schema(cosim):
    code, out, _ = cosim("schema")
    assert code == 0
    found = json.loads(out)
    assert found["$schema"].startswith("https://json-schema.org/")
    assert {"roads", "grid", "coupling", "devices"} <= set(found["properties"])


def test_list_names_what_is_shipped(cosim):
    code, out, _ = cosim("list")
    assert code == 0
    assert {"nguyen_ieee33", "nguyen_traffic_only", "ieee33_grid_only"} <= set(out.split())


def test_doctor_finds_this_installation_well(cosim):
    code, out, _ = cosim("doctor")
    assert code == 0
    assert re.search(r"ok +smoke solve +clarabel: ", out)
    assert re.search(r"ok +SUMO binary", out)
    assert "problem" not in out


def test_doctor_with_a_package_missing_is_4(cosim, monkeypatch):
    monkeypatch.setattr("cosim.workflows.doctor.versions", lambda: {"cosim": "0.1.0", "pandapower": "missing"})
    code, out, _ = cosim("doctor")
    assert code == 4
    assert re.search(r"problem +pandapower +missing", out)


def test_version(cosim):
    from cosim import __version__

    assert cosim("--version") == (0, f"cosim {__version__}\n", "")
