"""What the summary and the progress line tell of SUMO, against numbers added up by hand."""

import io
import math
from types import SimpleNamespace

import pytest
from rich.console import Console

from cosim.cli.running import progress_by_period
from cosim.records.micro import MicroPeriod
from cosim.records.period import PeriodRecord
from cosim.reports.summary import summarise
from cosim.validation.gate import GateRecord

SEEDS = (1, 2)
LOADED, LATE, OUTSIDE = {1: 200, 2: 100}, {1: 2, 2: 3}, {1: 0, 2: 1}
MINUTES = 30
P_MW = {1: 0.3, 2: 0.2}


def quality(seeds):
    count = len(seeds)
    return {
        "seed": list(seeds), "model": ["micro"] * count, "loaded": [LOADED[seed] for seed in seeds],
        "inserted": [LOADED[seed] - OUTSIDE[seed] for seed in seeds], "never_inserted": [OUTSIDE[s] for s in seeds],
        "teleports": [1] * count, "collisions": [0] * count, "unfinished": [LATE[seed] for seed in seeds],
    }  # fmt: skip


def stations(seeds):
    return {
        "seed": [seed for seed in seeds for _ in range(MINUTES)],
        "station": ["S1"] * (MINUTES * len(seeds)),
        "end_min": [float(minute) for _ in seeds for minute in range(1, MINUTES + 1)],
        "p_mw": [P_MW[seed] for seed in seeds for _ in range(MINUTES)],
    }


def sessions():
    """Plugged in during the warm-up, two in the measured time, and one who still waits at the end."""
    return {
        "seed": [1] * 4, "vehicle": list("abcd"), "station": ["S1", "S1", "S2", "S2"],
        "wait_min": [9.0, 1.0, 4.0, math.nan], "plug_min": [-3.0, 5.0, 20.0, math.nan],
    }  # fmt: skip


def windows(k, tables, gate):
    if k == 1:
        tables |= {"micro_quality": quality(SEEDS), "micro_stations": stations(SEEDS), "micro_sessions": sessions()}


def continuous(k, tables, gate):
    tables |= {"micro_quality": quality((1,)), "micro_stations": stations((1,)), "micro_sessions": sessions()}
    tables["ac_measured"] = {
        "end_min": [15.0, 30.0], "ev_mw": [0.3, 0.3], "converged": [True, k != 2],
        "vmin_ac_pu": [0.97 - 0.01 * k, math.nan if k == 2 else 0.99],
    }  # fmt: skip


def told(make_run, mode, change=None):
    return summarise(make_run(change=change, manifest={"resolved": {"microsim": {"mode": mode}}}))


def test_a_window_is_told_over_its_seeds_and_beside_the_plan_of_its_period(make_run):
    summary = told(make_run, "windows", windows)
    assert (summary["micro_mode"].text, summary["micro_seeds"].text) == ("windows", "1, 2")
    assert (summary["micro_periods"].text, summary["micro_periods"].place) == ("1 of 3", "period 2")
    assert (summary["micro_loaded"].value, summary["micro_teleports"].value) == (300, 2)
    assert summary["micro_loaded"].note == "sum over 2 seeds, warm-up included"
    assert summary["micro_collisions"].value == 0
    assert (summary["micro_unfinished_percent"].value, summary["micro_unfinished_percent"].place) == (
        pytest.approx(3.0), "period 2, seed 2",
    )  # fmt: skip
    assert summary["micro_never_inserted_percent"].value == pytest.approx(1.0)
    assert summary["micro_energy_mwh"].value == pytest.approx(0.5 * (0.3 + 0.2) / 2)
    assert summary["micro_planned_mwh"].value == pytest.approx(0.5 * 0.20)
    assert "micro_vmin_ac_pu" not in summary


def test_waits_of_a_window_leave_out_the_warm_up_and_tell_who_still_waits(make_run):
    summary = told(make_run, "windows", windows)
    assert (summary["micro_wait_mean_min"].value, summary["micro_wait_mean_min"].note) == (2.5, "2 vehicles")
    assert (summary["micro_wait_min"].value, summary["micro_wait_min"].place) == (
        4.0, "period 2, station S2, 1 still waited at the end",
    )  # fmt: skip


def test_a_continuous_day_is_told_over_its_periods_with_the_measured_voltage(make_run):
    summary = told(make_run, "continuous", continuous)
    assert (summary["micro_periods"].text, summary["micro_periods"].place) == ("3 of 3", "")
    assert (summary["micro_loaded"].value, summary["micro_loaded"].note) == (600, "")
    assert summary["micro_wait_min"].value == 9.0, "who came in the period before is counted"
    assert summary["micro_energy_mwh"].value == pytest.approx(3 * 0.5 * 0.3)
    assert summary["micro_planned_mwh"].value == pytest.approx(0.5 * 0.45)
    lowest = summary["micro_vmin_ac_pu"]
    assert (lowest.value, lowest.place) == (0.95, "period 3, 1 of 6 power flows found no state")


def test_a_plan_with_a_gap_has_no_sum(make_run):
    def lost(k, tables, gate):
        continuous(k, tables, gate)
        if k == 1:
            tables["stations"]["energy_mwh"] = [math.nan, 0.06]

    row = told(make_run, "continuous", lost)["micro_planned_mwh"]
    assert (row.value, row.note) == (None, "no value in period 2")


def test_nobody_at_the_chargers_is_no_wait_of_zero(make_run):
    def empty(k, tables, gate):
        windows(k, tables, gate)
        if k == 1:
            tables["micro_sessions"] = {name: values[-1:] for name, values in sessions().items()}

    summary = told(make_run, "windows", empty)
    for key in ("micro_wait_mean_min", "micro_wait_min"):
        assert (summary[key].value, summary[key].note) == (None, "nobody was plugged in, 1 still waited at the end")


def test_a_run_without_sumo_has_no_section_and_one_that_never_came_to_it_says_so(make_run):
    assert "Microsimulation" not in [section.title for section in told(make_run, "off").sections]
    assert told(make_run, "windows")["micro_periods"].text == "0 of 3"


@pytest.mark.parametrize(("seeds", "words"), [(SEEDS, True), ((), False)])
def test_the_line_of_a_period_tells_where_vehicles_drove(seeds, words):
    screen = Console(file=io.StringIO(), width=200)
    show, done = progress_by_period("plain", screen, 3)
    runs = tuple(SimpleNamespace(quality=SimpleNamespace(loaded=LOADED[seed], teleports=1)) for seed in seeds)
    told = PeriodRecord(period=2, micro=MicroPeriod(period=2, link_ids=(), length_scale=1.0, runs=runs))
    show(told, GateRecord(status="optimal", flags=(), checks=()))
    done()
    assert ("300 vehicles simulated, 2 teleports" in screen.file.getvalue()) is words
