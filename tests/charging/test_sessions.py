"""Recorded sessions: energy stays, arrivals are counted, and what cannot be is named."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.charging.session_files import read_sessions
from cosim.charging.sessions import Sessions
from cosim.errors import InputError

MIDNIGHT = int(datetime(2026, 3, 28, tzinfo=UTC).timestamp())
HOURS = MIDNIGHT + 3600 * np.arange(25)
HEAD = "start,done,end,energy_kwh,station,plug\n"
GOOD = "2026-03-28T08:30Z,2026-03-28T10:00Z,2026-03-28T12:00Z,30,north,1\n"


def csv(folder, text, head=HEAD):
    path = folder / "sessions.csv"
    path.write_text(head + text)
    return path


def js(folder, told):
    path = folder / "sessions.json"
    path.write_text(json.dumps(told))
    return path


def test_power_is_constant_from_plugging_in_until_done(tmp_path):
    found = read_sessions(csv(tmp_path, GOOD + "2026-03-28T09:15Z,,2026-03-28T09:45Z,20,south,\n"))
    load = found.load_mw(HOURS)
    assert found.stations == ("north", "south")
    assert load[0, 8:11].tolist() == pytest.approx([0.010, 0.020, 0.0])
    assert load[1, 8:11].tolist() == pytest.approx([0.0, 0.020, 0.0])
    assert load.sum() == pytest.approx(0.050)
    assert found.arrivals_vph(HOURS).nonzero() == (pytest.approx([0, 1]), pytest.approx([8, 9]))
    assert found.arrivals_vph(MIDNIGHT + 900 * np.arange(97))[0, 34] == 4.0  # one in a quarter of an hour


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 86399), st.integers(1, 20000), st.floats(0, 60)), min_size=1, max_size=20),
       st.sampled_from([300, 900, 3600, 14400]))  # fmt: skip
def test_energy_stays_whatever_the_periods(drawn, step):
    start = np.array([one[0] for one in drawn])
    done = start + np.array([one[1] for one in drawn])
    energy = np.array([one[2] for one in drawn])
    names = tuple(f"s{k % 3}" for k in range(len(drawn)))
    found = Sessions(start_s=start, done_s=done, end_s=done, energy_kwh=energy, station=names,
                     plug=("",) * len(drawn), place=tuple(range(len(drawn))))  # fmt: skip
    edges = step * np.arange(120_000 // step + 2)
    assert (found.load_mw(edges).sum(axis=1) * step / 3.6).sum() == pytest.approx(energy.sum(), rel=1e-9, abs=1e-9)
    assert (found.arrivals_vph(edges) * step / 3600).sum() == pytest.approx(len(drawn))


def test_stamps_on_the_wall_are_those_of_a_zone(tmp_path):
    """The night of autumn: who plugs in at 2:30 and leaves at 2:10 stayed 40 minutes."""
    path = csv(tmp_path, "2026-10-25T02:30,,2026-10-25T02:10,5,north,1\n")
    found = read_sessions(path, zone=ZoneInfo("Europe/Berlin"))
    assert (found.end_s - found.start_s).tolist() == [2400]
    assert found.remarks == ()
    with pytest.raises(InputError, match="ends before it begins"):
        read_sessions(path)
    said = read_sessions(csv(tmp_path, GOOD.replace("Z", ""))).remarks
    assert said == ("stamps have no offset and no zone was given: they are taken for UTC",)


FAULTS = [
    ("2026-03-28T08:00Z,,2026-03-28T07:00Z,30,n,1", "ends before it begins"),
    ("2026-03-28T08:00Z,,2026-03-28T08:00Z,0,n,1", "the stay has no length"),
    ("2026-03-28T08:00Z,2026-03-28T07:59Z,2026-03-28T09:00Z,3,n,1", "done charging before it begins"),
    ("2026-03-28T08:00Z,2026-03-28T09:01Z,2026-03-28T09:00Z,3,n,1", "done charging after it ends"),
    ("2026-03-28T08:00Z,2026-03-28T08:00Z,2026-03-28T09:00Z,3,n,1", "3 kWh are charged in no time"),
    ("2026-03-28T08:00Z,,2026-03-28T09:00Z,-3,n,1", "energy -3 kWh must be >= 0"),
    ("2026-03-28T08:00Z,,2026-03-28T09:00Z,30000,n,1", "30000 kWh in 60 min is more than any plug gives; Wh?"),
    ("2026-03-28T11:00Z,,2026-03-28T13:00Z,3,north,1", "plug '1' is taken by the session of row 2"),
]


@pytest.mark.parametrize(("row", "message"), FAULTS)
def test_a_session_that_cannot_be_is_named_or_left_out(tmp_path, row, message):
    path = csv(tmp_path, GOOD + row + "\n")
    with pytest.raises(InputError, match=f"sessions.csv:3:1: .*session 3: .*{message}"):
        read_sessions(path)
    found = read_sessions(path, drop_faulty=True)
    assert len(found) == 1
    assert found.load_mw(HOURS).sum() == pytest.approx(0.030)
    assert found.remarks[0].startswith("1 of 2 sessions are left out; the first, 3: ")
    assert message in found.remarks[0]


@pytest.mark.parametrize(
    ("head", "row", "message"),
    [
        ("start,end,energy,station\n", "2026-03-28T08:00Z,2026-03-28T09:00Z,3,n\n", "'energy' tells no unit of energy"),
        ("start,end,station\n", "2026-03-28T08:00Z,2026-03-28T09:00Z,n\n", "column 'energy_kwh' is missing"),
        ("start,end,energy_kwh,station\n", "28.3.2026,2026-03-28T09:00Z,3,n\n", "2:1: .*'28.3.2026' is no ISO 8601"),
        ("start,end,energy_kwh,station\n", "", "there is no session"),
    ],
)
def test_what_is_missing_is_named(tmp_path, head, row, message):
    with pytest.raises(InputError, match=message):
        read_sessions(csv(tmp_path, row, head))


ACN = {
    "connectionTime": "Sat, 28 Mar 2026 08:30:00 GMT", "disconnectTime": "Sat, 28 Mar 2026 12:00:00 GMT",
    "doneChargingTime": "Sat, 28 Mar 2026 10:00:00 GMT", "kWhDelivered": 30, "siteID": "0002", "spaceID": "CA-1",
}  # fmt: skip


def test_sessions_as_acn_data_has_them(tmp_path):
    found = read_sessions(js(tmp_path, {"_items": [ACN, ACN | {"spaceID": "CA-2", "doneChargingTime": None}]}))
    assert found.stations == ("0002",)
    assert found.load_mw(HOURS).sum() == pytest.approx(0.060)
    assert ((found.done_s - found.start_s) / 3600).tolist() == [1.5, 3.5]
    with pytest.raises(InputError, match="'kWhDelivered' is missing"):
        read_sessions(js(tmp_path, [{name: value for name, value in ACN.items() if name != "kWhDelivered"}]))


def reading(clock, value, unit="Wh", **more):
    sample = {"value": str(value), "measurand": "Energy.Active.Import.Register"} | ({"unit": unit} if unit else {})
    told = {
        "timestamp": f"2026-03-28T{clock}:00Z",
        "sampledValue": [sample, {"value": "7", "measurand": "Current.Import"}],
    }
    return {"chargePointId": "CP1", "connectorId": 1, "transactionId": 9, "meterValue": [told]} | more


def test_meter_values_of_ocpp(tmp_path):
    told = [reading("08:00", 1000), reading("09:00", 11000), reading("10:00", 11.0, "kWh")]
    found = read_sessions(js(tmp_path, told))
    assert (found.energy_kwh.tolist(), found.station, found.plug) == ([10.0], ("CP1",), ("1",))
    assert ((found.done_s - found.start_s) / 3600, (found.end_s - found.start_s) / 3600) == (1.0, 2.0)
    unnamed = read_sessions(js(tmp_path, [reading("08:00", 1000, ""), reading("09:00", 11000)]))
    assert unnamed.remarks == ("1 readings tell no unit: Wh, as OCPP has it",)
    with pytest.raises(InputError, match="unit 'MWh' of energy is unknown"):
        read_sessions(js(tmp_path, [reading("08:00", 1, "MWh"), reading("09:00", 2)]))
    again = [reading("08:30", 0, transactionId=10), reading("09:30", 5000, transactionId=10)]
    with pytest.raises(InputError, match="session 2: plug '1' is taken by the session of row 1"):
        read_sessions(js(tmp_path, [*told, *again]))


@pytest.mark.parametrize("text", ["{", "3", '{"a": 1}', "[1]"])
def test_json_that_is_none_or_no_list_of_sessions(tmp_path, text):
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(InputError, match="cannot be read|no list of sessions"):
        read_sessions(path)
