"""Runs side by side: what differs in their inputs is listed, what cannot be compared is refused."""

from __future__ import annotations

import csv
import io
import json
import math
from copy import deepcopy

import pytest

from cosim.errors import InputError, UsageError
from cosim.plain import csv_text
from cosim.reports.changes import change
from cosim.reports.comparison import compare_runs

RESOLVED = {
    "title": "One",
    "ev": {"share": 0.2, "battery_kwh": 40},
    "stations": [{"name": "8", "chargers": 20}, {"name": "11", "chargers": 20}],
    "traffic": {"demand": [{"origin": "1", "destination": "2", "trips_vph": 400}]},
    "coupling": {"mode": "sequential"},
}


def other(**changes):
    found = deepcopy(RESOLVED)
    found.update(changes)
    return {"resolved": found}


def keys(comparison):
    return [one.key for one in comparison.differences]


def test_a_run_compared_with_its_repeat_differs_in_nothing(make_run):
    comparison = compare_runs([make_run(), make_run()])
    assert comparison.differences == ()
    assert comparison.beyond(0.0) == ()
    assert [run.name for run in comparison.runs] == ["run0", "run1"]


def test_differing_scenario_keys_are_named_with_their_values(make_run):
    changed = other(
        title="Two", ev={"share": 0.5, "battery_kwh": 40},
        stations=[{"name": "8", "chargers": 50}, {"name": "11", "chargers": 20}],
        coupling={"mode": "iterated"},
    )  # fmt: skip
    comparison = compare_runs([make_run(manifest={"resolved": RESOLVED}), make_run(manifest=changed)])
    assert {one.key: one.values for one in comparison.differences} == {
        "ev.share": ("0.2", "0.5"),
        "stations.8.chargers": ("20", "50"),
        "coupling.mode": ("sequential", "iterated"),
    }


def test_a_section_that_one_run_lacks_is_one_difference(make_run):
    comparison = compare_runs(
        [make_run(manifest={"resolved": RESOLVED}), make_run(manifest=other(stations=[], ev=None))]
    )
    assert {one.key: one.values for one in comparison.differences} == {
        "ev": ("given", "–"),
        "stations": ("given", "–"),
    }


def test_a_small_part_that_one_run_lacks_is_told_with_its_values(make_run):
    first = other(ev={"share": 0.2, "charge_later": None})
    second = other(ev={"share": 0.2, "charge_later": {"cost_min": 60}})
    comparison = compare_runs([make_run(manifest=first), make_run(manifest=second)])
    assert {one.key: one.values for one in comparison.differences} == {"ev.charge_later.cost_min": ("–", "60")}


def test_a_station_that_one_run_lacks_is_one_difference(make_run):
    fewer = other(stations=RESOLVED["stations"][:1])
    comparison = compare_runs([make_run(manifest={"resolved": RESOLVED}), make_run(manifest=fewer)])
    assert {one.key: one.values for one in comparison.differences} == {"stations.11": ("given", "–")}


def test_a_changed_table_and_another_solver_version_are_named(make_run):
    first = {"inputs": [{"file": "profiles.csv", "sha256": "a" * 64}, {"file": "scenario.yaml", "sha256": "1" * 64}]}
    second = {"inputs": [{"file": "profiles.csv", "sha256": "b" * 64}, {"file": "scenario.yaml", "sha256": "2" * 64}]}
    comparison = compare_runs(
        [make_run(manifest=first), make_run(manifest=second | {"versions": {"cosim": "0", "numpy": "3"}})]
    )
    assert keys(comparison) == ["file profiles.csv", "version numpy"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"currency": "EUR"}, "currency': the runs differ: 'run0' CNY, 'run1' EUR"),
        ({"period_min": 15}, "period_min': the runs differ: 'run0' None, 'run1' 15"),
    ],
)
def test_sums_that_mean_different_things_are_refused(make_run, change, text):
    with pytest.raises(InputError, match=text):
        compare_runs([make_run(), make_run(manifest=change)])


def test_days_of_different_length_are_refused(make_run):
    with pytest.raises(InputError, match=r"'periods': the runs differ: 'run0' 3, 'run1' 2; compare equal days"):
        compare_runs([make_run(), make_run(committed=2, planned=2)])
    with pytest.raises(InputError, match=r"'periods': 'run3' has 0 of 3 periods; leave it out"):
        compare_runs([make_run(), make_run(committed=0)])


def test_one_run_alone_and_one_run_twice_are_wrong_usage(make_run):
    run = make_run()
    with pytest.raises(UsageError, match="1 run given; a comparison needs at least two"):
        compare_runs([run])
    with pytest.raises(UsageError, match="is given twice"):
        compare_runs([run, make_run(), run])


def test_a_measure_that_only_one_run_has_is_kept(make_run):
    comparison = compare_runs([make_run(), make_run(without={"links", "paths", "stations"})])
    whole, half = comparison.row("road_veh_h").values
    assert whole > 0
    assert half is None
    assert comparison.row("road_veh_h") in comparison.beyond(1.0)
    with pytest.raises(KeyError, match="no row 'speed'"):
        comparison.row("speed")


def test_deviation_is_relative_to_the_first_run_but_not_below_one(make_run):
    def dearer(k, tables, gate):
        tables["periods"]["cost"] = [1.001 * value for value in tables["periods"]["cost"]]

    comparison = compare_runs([make_run(), make_run(change=dearer)])
    assert [row.key for row in comparison.beyond(0.9e-3)] == ["paid", "cost"]
    assert comparison.beyond(1.1e-3) == ()


def test_how_a_run_was_solved_is_no_deviation(make_run):
    def slower(k, tables, gate):
        tables["periods"] |= {"coupling_rounds": [9]}

    comparison = compare_runs([make_run(), make_run(change=slower, code=10)])
    assert comparison.row("coupling_rounds").values == (2, 9)
    assert comparison.row("exit_code").values == (0, 10)
    assert comparison.beyond(0.0) == ()


def test_a_status_that_no_period_of_a_run_has_counts_zero(make_run):
    def flagged(k, tables, gate):
        gate["status"] = "optimal_with_shed" if k == 1 else "optimal"

    comparison = compare_runs([make_run(), make_run(change=flagged)])
    assert comparison.row("status_optimal").values == (3, 2)
    assert comparison.row("status_optimal_with_shed").values == (0, 1)


def test_a_number_that_is_missing_deviates_and_is_told(make_run):
    def lost(k, tables, gate):
        if k == 1:
            tables["periods"]["import_mw"] = [math.nan]

    comparison = compare_runs([make_run(), make_run(change=lost)])
    assert "import_mwh" in [row.key for row in comparison.beyond(10.0)]
    assert "Import: no value in period 2 (run1)" in comparison.notes


def test_json_and_csv_carry_every_row_at_full_precision(make_run):
    comparison = compare_runs([make_run(), make_run(without={"buses", "lines", "devices"})])
    told = json.loads(json.dumps(comparison.as_dict(), allow_nan=False))
    assert [run["name"] for run in told["runs"]] == ["run0", "run1"]
    values = {row["key"]: row["values"] for row in told["measures"]}
    header, *rows = csv.reader(io.StringIO(csv_text(comparison.table())))
    assert header == ["key", "label", "unit", "run0", "run1", "run1, difference", "run1, percent"]
    assert [row[0] for row in rows] == list(values)
    for key, _, _, first, second, *_ in rows:
        assert [None if cell == "" else type(values[key][0] or 0.0)(cell) for cell in (first, second)] == values[key]


def test_differences_are_told_of_numbers_and_percent_of_what_is_not_zero(make_run):
    def dearer(k, tables, gate):
        tables["periods"]["cost"] = [2.0 * tables["periods"]["cost"][0]]

    comparison = compare_runs([make_run(), make_run(change=dearer, code=6)])
    first, second = comparison.row("cost").values
    (one,) = comparison.row("cost").changes
    assert (one.difference, one.percent) == (second - first, pytest.approx(100.0))
    assert comparison.row("exit_code").changes == (None,), "codes are no amounts"
    told = {row["key"]: row for row in comparison.as_dict()["measures"]}
    assert told["cost"]["percent"] == [pytest.approx(100.0)]
    header, *rows = comparison.table()
    costs = dict(zip(header, next(row for row in rows if row[0] == "cost"), strict=True))
    assert costs["run1, difference"] == str(first)


@pytest.mark.parametrize(
    ("first", "other", "told"),
    [
        (2.0, 3.0, (1.0, 50.0)), (-2.0, -3.0, (-1.0, -50.0)), (0.0, 3.0, (3.0, None)), (1, 1, (0.0, 0.0)),
        (None, 1.0, None), (1.0, "none", None), (math.nan, 1.0, None), (math.inf, math.inf, None),
    ],
)  # fmt: skip
def test_a_change_is_signed_by_the_first_number_s_size(first, other, told):
    found = change(first, other)
    assert (None if found is None else (found.difference, found.percent)) == told
