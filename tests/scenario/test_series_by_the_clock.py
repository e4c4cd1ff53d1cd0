"""Series by time stamps: energy stays, days of 23 and 25 hours are days, and what cannot be read is named."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.scenario.stamps import means

BERLIN = ZoneInfo("Europe/Berlin")
SCENARIO = """\
schema: 1
extends: five_nodes
start: {start}
time_zone: {zone}
periods: {periods}
period_min: {minutes}
traffic: {{demand_profile: {{file: clock.csv, column: trips}}}}
feeder: {{load_profile: 0.5}}
devices: [{{kind: substation, name: grid}}]
tariff: {{prices_per_mwh: 80}}
"""


def written(folder, stamps, *, start="2026-03-28", zone="Europe/Berlin", periods=24, minutes=60, values=None):
    values = range(len(stamps)) if values is None else values
    rows = "".join(f"{stamp},{value}\n" for stamp, value in zip(stamps, values, strict=True))
    (folder / "clock.csv").write_text("time,trips\n" + rows)
    text = SCENARIO.format(start=start, zone=zone, periods=periods, minutes=minutes)
    (folder / "scenario.yaml").write_text(text)
    return folder


def hours(day, count, step_min=60):
    """Return the stamps on the wall from the midnight of a day on."""
    start = datetime.fromisoformat(day).replace(tzinfo=BERLIN).astimezone(UTC)
    return [(start + k * timedelta(minutes=step_min)).astimezone(BERLIN) for k in range(count)]


def profile(folder):
    loaded = load(folder)
    return loaded.files.series("clock.csv")["trips"], loaded


def plain(stamps):
    return [stamp.replace(tzinfo=None).isoformat(timespec="minutes") for stamp in stamps]


@pytest.mark.parametrize(("day", "count"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)])
@pytest.mark.parametrize("spelled", [plain, lambda stamps: [stamp.isoformat() for stamp in stamps]])
def test_a_day_has_the_hours_that_it_has(tmp_path, day, count, spelled):
    values, loaded = profile(written(tmp_path, spelled(hours(day, count)), start=day, periods=count))
    assert values == list(range(count))
    assert loaded.timeline.instant(count).replace(tzinfo=None).isoformat().endswith("T00:00:00")
    assert not [one for one in loaded.warnings if one.field == "period_min"]


def test_the_clock_of_a_period_tells_its_day(tmp_path):
    _, loaded = profile(written(tmp_path, plain(hours("2026-10-25", 25)), start="2026-10-25", periods=25))
    told = [loaded.timeline.clock(k) for k in range(25)]
    assert told[1:4] == ["2026-10-25 01:00-02:00", "2026-10-25 02:00-02:00", "2026-10-25 02:00-03:00"]
    assert len(build_case(loaded).roads.demand_vph) == 25


def test_stamps_in_another_zone_and_rows_beyond_the_day(tmp_path):
    """Midnight in Berlin is 23:00 UTC; the rows of other days do not matter."""
    stamps = [f"2026-03-{27 + k // 24:02d}T{k % 24:02d}:00Z" for k in range(72)]
    values, _ = profile(written(tmp_path, stamps))
    assert values == list(range(23, 47))


@pytest.mark.parametrize(
    ("rows_min", "minutes"), [(60, 15), (15, 60), (60, 240), (30, 60), (20, 15), (45, 60), (5, 240)]
)
def test_energy_stays(tmp_path, rows_min, minutes):
    stamps = plain(hours("2026-03-28", 1440 // rows_min, rows_min))
    given_values = np.random.default_rng(rows_min).uniform(0, 1, len(stamps))
    folder = written(tmp_path, stamps, periods=1440 // minutes, minutes=minutes, values=given_values.tolist())
    values, _ = profile(folder)
    assert np.sum(values) * minutes == pytest.approx(given_values.sum() * rows_min, rel=1e-12)
    if minutes <= rows_min and rows_min % minutes == 0:
        assert values == np.repeat(given_values, rows_min // minutes).tolist()  # to the bit


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(0, 100), st.lists(st.floats(-5, 5), min_size=30, max_size=30)
)
def test_the_mean_is_the_integral_over_the_period(step, period, offset, values):
    rows = step * np.arange(31)
    count = (rows[-1] - offset) // period
    if count < 1:
        return
    edges = offset + period * np.arange(count + 1)
    integral = np.interp(edges, rows, np.concatenate([[0.0], np.cumsum(step * np.array(values))]))
    assert means(rows, np.array(values), edges) == pytest.approx(np.diff(integral) / period, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "stamps", "message"),
    [
        (
            {},
            lambda s: [*s[:5], *s[6:]],
            r"clock.csv:7:1: .*2026-03-28T06:00\+01:00 after .*60 min apart; add .*T05:00",
        ),
        ({}, lambda s: s[:20], "the table goes from 2026-03-28T00:00.* to 2026-03-28T20:00.*, the periods"),
        ({}, lambda s: [s[1], s[0], *s[2:]], "sort the rows"),
        ({}, lambda s: ["28.03.2026 00:00", *s[1:]], "clock.csv:2:1: .*'28.03.2026 00:00' is no ISO 8601 time"),
        ({}, lambda s: s[:1], "fewer than two rows"),
        ({"start": "2026-03-28T06:00"}, lambda s: s, "start.*is no midnight"),
        ({"start": "28.3.2026"}, lambda s: s, "start.*is no ISO 8601 time"),
        ({"start": "2026-03-28T00:00+05:00"}, lambda s: s, "is not the midnight of Europe/Berlin"),
        ({"start": "null"}, lambda s: s, "time_zone.*without a start"),
        ({"zone": "Europe/Bonn"}, lambda s: s, "time_zone.*'Europe/Bonn' is no time zone"),
        ({"zone": "null"}, lambda s: [f"{one}+01:00" for one in s], "has an offset, but 'start' has none"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, change, stamps, message):
    with pytest.raises(InputError, match=message):
        load(written(tmp_path, stamps(plain(hours("2026-03-28", 24))), **change))


def test_an_hour_that_the_clocks_leave_out_is_named(tmp_path):
    stamps = [f"2026-03-29T{k:02d}:00" for k in range(24)]
    with pytest.raises(InputError, match=r"clock.csv:4:1: .*'2026-03-29T02:00': the clocks leave it out that day"):
        load(written(tmp_path, stamps, start="2026-03-29", periods=23))


def test_a_simulated_fleet_knows_days_of_24_hours_alone(tmp_path):
    folder = written(tmp_path, plain(hours("2026-03-29", 23)), start="2026-03-29", periods=23)
    with pytest.raises(InputError, match="fast_charge_share.*clocks are changed"):
        load(folder, ["ev.fast_charge_share=mcmc"])


def test_without_a_start_the_way_out_is_told(tmp_path):
    folder = written(tmp_path, plain(hours("2026-03-28", 24)))
    text = (folder / "scenario.yaml").read_text()
    (folder / "scenario.yaml").write_text("\n".join(x for x in text.splitlines() if x[:5] not in {"start", "time_"}))
    with pytest.raises(InputError, match="does not say when it begins; add 'start: 2026-01-01'"):
        load(folder)


@pytest.mark.parametrize(("hours_ahead", "minutes", "periods"), [(6, 60, 6), (6, 15, 24), (1.5, 30, 3)])
def test_look_ahead_in_hours(tmp_path, hours_ahead, minutes, periods):
    folder = written(tmp_path, plain(hours("2026-03-28", 24)), periods=1440 // minutes, minutes=minutes)
    case = build_case(load(folder, [f"dispatch.lookahead_h={hours_ahead}"]))
    assert case.dispatch.settings.window_periods(case.dispatch.periods) == periods


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("dispatch={lookahead_h: 1.1}", "lookahead_h.*1.1 h are 1.1 periods, must be whole"),
        ("dispatch={lookahead_h: 2, lookahead_periods: 2}", "exclude each other"),
        ("dispatch={lookahead_h: 2, mode: day_ahead}", "lookahead_h.*mode is 'day_ahead'"),
    ],
)
def test_a_look_ahead_that_does_not_fit_is_named(tmp_path, option, message):
    folder = written(tmp_path, plain(hours("2026-03-28", 24)))
    with pytest.raises(InputError, match=message):
        load(folder, [option])
