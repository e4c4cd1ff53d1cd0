"""Recorded sessions as the charging load of a feeder alone."""

import pytest

from cosim.errors import InputError
from cosim.scenario.case import build_case
from cosim.scenario.export import write_folder
from cosim.scenario.load import load
from cosim.workflows.simulate import simulate

SCENARIO = """\
schema: 1
start: 2026-03-28
time_zone: Europe/Berlin
periods: 4
grid: ieee33
feeder: {slack_bus: 1, slack_vm_pu: 1.03, v_min_pu: 0.9, v_max_pu: 1.05, load_profile: 0.6}
devices: [{kind: substation, name: grid}]
tariff: {kind: static, prices_per_mwh: 400}
dispatch: {}
given:
  ev_load_mw: {sessions: sessions.csv, bus: {north: 16, south: 20, east: 20}}
"""
SESSIONS = """\
start,end,energy_kwh,station
2026-03-28T00:30,2026-03-28T01:30,60,north
2026-03-28T01:00,2026-03-28T02:00,40,south
2026-03-28T01:00,2026-03-28T03:00,20,east
2026-03-28T03:00,2026-03-28T05:00,30,east
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    (tmp_path / "sessions.csv").write_text(SESSIONS)
    return tmp_path


def test_sessions_are_load_at_the_buses_of_their_stations(folder):
    loaded = load(folder)
    case = build_case(loaded)
    assert case.dispatch.station_names == ("16", "20")
    assert case.given_load_mw.tolist() == [pytest.approx([0.03, 0.03, 0, 0]), pytest.approx([0, 0.05, 0.01, 0.015])]
    assert [one.reason for one in loaded.warnings] == ["15 kWh of sessions lie outside the periods"]
    found = simulate(case)
    assert found.exit_code == 0
    assert found.tables["periods"]["ev_mw"].tolist() == pytest.approx([0.03, 0.08, 0.01, 0.015], abs=1e-6)


def test_the_folder_can_be_written_out_again(folder, tmp_path):
    again = load(write_folder(load(folder), tmp_path / "copy"))
    assert build_case(again).given_load_mw.sum() == pytest.approx(0.135)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (", east: 20", "", "no bus is given for 'east'"),
        ("south: 20", "south: 20, west: 4", "no session is at 'west'"),
        ("south: 20", "south: 99", "has a column '99', which is no bus"),
        ("start: 2026-03-28\ntime_zone: Europe/Berlin\n", "", "sessions have dates, but the scenario has none"),
        ("sessions.csv", "none.csv", "'none.csv' is not there"),
    ],
)
def test_what_does_not_fit_is_named(folder, before, after, message):
    assert before in SCENARIO
    (folder / "scenario.yaml").write_text(SCENARIO.replace(before, after))
    with pytest.raises(InputError, match=message):
        load(folder)


def test_faulty_sessions_are_refused_or_left_out_with_a_warning(folder):
    (folder / "sessions.csv").write_text(SESSIONS.replace("T05:00", "T02:00"))
    with pytest.raises(InputError, match="sessions.csv:5:1: .*session 5: the session ends before it begins"):
        load(folder)
    loaded = load(folder, ["given.ev_load_mw.drop_faulty=true"])
    assert build_case(loaded).given_load_mw.sum() == pytest.approx(0.120)
    said = [one.reason for one in loaded.warnings]
    assert said == ["1 of 4 sessions are left out; the first, 5: the session ends before it begins"]
