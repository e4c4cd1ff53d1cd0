"""The numbers at the end of a run, against sums and extremes done by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.reports import gates
from cosim.reports.frames import PeriodAxis, by_period, matrix
from cosim.reports.summary import summarise

DT = 0.5
LOAD = [(1.0, 0.10), (1.4, 0.20), (1.2, 0.15)]
OWN = [0.0 - 0.05 - 0.02 + 0.2, 0.3 + 0.10 + 0.05 + 0.2, 0.1 - 0.06 - 0.03 + 0.2]  # pv + storage + response + turbine
IMPORT = [base + ev + 0.01 - own for (base, ev), own in zip(LOAD, OWN, strict=True)]


def test_energies_are_power_times_half_an_hour(run):
    summary = summarise(run)
    assert summary["import_mwh"].value == pytest.approx(DT * sum(IMPORT))
    assert summary["loss_mwh"].value == pytest.approx(DT * 0.03)
    assert summary["gas_turbine_mwh"].value == pytest.approx(DT * 0.6)
    assert summary["storage_mwh"].value == pytest.approx(DT * 0.10)
    assert summary["demand_response_mwh"].value == pytest.approx(DT * 0.05)
    assert summary["stations_mwh"].value == pytest.approx(DT * 0.45)
    assert summary["station_S1_mwh"].value == pytest.approx(DT * 0.45 * 0.4)


def test_cost_terms_add_up_to_the_total(run):
    summary = summarise(run)
    terms = [row.value for section in summary.sections for row in section.rows if row.key.startswith("cost_")]
    assert summary["cost"].value == pytest.approx(sum(terms))
    assert summary["cost"].unit == "CNY"


def test_extremes_carry_period_and_place(run):
    summary = summarise(run)
    assert (summary["vmin_pu"].value, summary["vmin_pu"].place) == (0.98, "period 3, bus 2")
    assert (summary["vmin_ac_pu"].value, summary["vmin_ac_pu"].where) == (0.98, "bus 2")
    assert (summary["vmax_pu"].value, summary["vmax_pu"].place) == (1.03, "period 1, bus 1")
    assert (summary["cone_gap_pu2"].value, summary["cone_gap_pu2"].place) == (1e-7, "period 3, line 2")
    assert (summary["ac_dv_pu"].value, summary["ac_dv_pu"].period) == (1e-7, 3)
    assert (summary["sue_residual"].value, summary["sue_residual"].period) == (1e-9, 1)
    assert (summary["link_flow_vph"].value, summary["link_flow_vph"].place) == (102.0, "period 3, link 1-5")
    assert summary["sue_iterations"].text == "5"


def test_missing_values_are_told_and_never_zero(make_run):
    def lost(k, tables, gate):
        if k == 1:
            tables["periods"] |= {"cost": [math.nan], "cost_energy": [math.nan], "import_mw": [math.nan]}
            tables["buses"]["vm_ac_pu"] = [math.nan] * 3
        tables["periods"]["ac_dv_pu"] = [math.nan]

    summary = summarise(make_run(change=lost))
    assert summary["cost"].note == "no value in period 2"
    assert summary["import_mwh"].value == pytest.approx(DT * (IMPORT[0] + IMPORT[2]))
    assert summary["import_mwh"].note == "no value in period 2"
    assert summary["vmin_ac_pu"].place == "period 3, bus 2, no value in period 2"
    assert (summary["ac_dv_pu"].value, summary["ac_dv_pu"].text) == (None, "–")
    assert summary["ac_dv_pu"].place == "no value in any period"


def test_term_of_a_last_resort_is_zero_where_a_solved_period_lacks_it(make_run):
    def resort(k, tables, gate):
        if k == 2:
            tables["periods"]["cost_ev_curtailment"] = [40.0]

    row = summarise(make_run(change=resort))["cost_ev_curtailment"]
    assert (row.value, row.note) == (40.0, "")


def test_half_runs_have_only_their_sections(make_run):
    roads = summarise(make_run(without={"buses", "lines", "devices"}))
    grid = summarise(make_run(without={"links", "paths", "stations"}))
    assert [section.title for section in roads.sections] == ["Run", "Energy", "Roads"]
    assert [section.title for section in grid.sections] == ["Run", "Cost", "Energy", "Voltage", "Loading", "Exactness"]


def test_keys_are_unique(run):
    keys = [row.key for section in summarise(run).sections for row in section.rows]
    assert len(keys) == len(set(keys))
    with pytest.raises(KeyError, match="no row 'x'"):
        summarise(run)["x"]


values = st.lists(st.floats(-1e3, 1e3) | st.just(math.nan), min_size=6, max_size=6)


@given(values)
def test_a_sum_with_a_gap_is_a_gap_and_without_one_a_sum(drawn):
    axis = PeriodAxis(numbers=(1, 2, 3), clocks=("00:00-01:00",) * 3)
    frame = pd.DataFrame({"period": [1, 1, 2, 2, 3, 3], "id": list("abab") + ["b", "a"], "x": drawn})
    table = np.array([drawn[:2], drawn[2:4], drawn[4:][::-1]])
    np.testing.assert_allclose(by_period(frame, "x", axis), table.sum(axis=1), atol=1e-9)
    wide = matrix(frame, "id", "x", axis)
    assert list(wide.index) == ["a", "b"]
    np.testing.assert_array_equal(wide.to_numpy(), table.T)


def check(value, limit, *, passed):
    return {"name": "dv_pu", "value": value, "limit": limit, "passed": passed, "status": "failed"}


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=5), st.booleans())
def test_worst_check_is_the_largest_and_nothing_beats_a_value_that_is_no_number(drawn, spoiled):
    judged = {k: {"status": "optimal", "checks": [check(x, 1.0, passed=x <= 1.0)]} for k, x in enumerate(drawn, 1)}
    if spoiled:
        judged[99] = {"status": "failed", "checks": [check(math.nan, 1.0, passed=False)]}
    (row,) = gates.check_rows(judged)
    assert row.made == len(judged)
    assert row.failed == sum(x > 1.0 for x in drawn) + spoiled
    if spoiled:
        assert (row.period, row.worst, row.share) == (99, "not a number", None)
    else:
        assert drawn[row.period - 1] == max(drawn)
        assert row.share == pytest.approx(max(drawn))
