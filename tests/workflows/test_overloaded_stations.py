"""A station that is asked for more than its chargers can give is told, flagged and named."""

import subprocess
import sys

import pytest

import cosim


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowded") / "run"
    overrides = ["ev.share=0.9", "ev.fast_charge_share=0.3"]
    return cosim.run("nguyen_traffic_only", out=folder, overrides=overrides, report=False)


def test_demand_beyond_the_chargers_is_flagged(crowded):
    stations = crowded["stations"]
    installed_mw = 20 * 60 / 1000
    over = set(stations[stations["p_demand_mw"] > installed_mw + 1e-6]["period"])
    assert over
    assert set(crowded["periods"].query("status == 'station_overloaded'")["period"]) == over
    assert crowded.exit_code == 10


def test_the_summary_names_the_stations(crowded):
    row = crowded.summary()["overloaded"]
    assert row.value == int(crowded["stations"]["overloaded"].sum()) > 0
    assert "11" in row.where


def test_a_reader_that_goes_away_does_not_end_the_run(tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "cosim", "run", "nguyen_traffic_only", "--no-report", "--out", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.readline()
        child.stdout.close()
        errors = child.stderr.read()
    assert child.returncode == 0, errors
    assert errors == b""
    assert cosim.load(folder).complete
