"""The numbers by which runs are compared, against sums done by hand."""

from __future__ import annotations

import math

import pytest

from cosim.reports.measures import measures

DT = 0.5
EV_MW, TARIFF = (0.10, 0.20, 0.15), (385.0, 715.0, 550.0)


def rows_of(run):
    return {row.key: row for section in measures(run) for row in section.rows}


def with_charging(missed=(0.0, 0.0, 0.0)):
    def change(k, tables, gate):
        tables["periods"] |= {"ev_mw": [EV_MW[k]], "ev_curtailed_mw": [missed[k]]}

    return change


def test_charging_not_served_is_summed_and_its_peak_has_a_period(make_run):
    rows = rows_of(make_run(change=with_charging((-1e-9, 0.08, 0.03))))
    assert rows["ev_demand_mwh"].value == pytest.approx(DT * sum(EV_MW))
    assert rows["ev_not_served_mwh"].value == pytest.approx(DT * 0.11)
    assert (rows["ev_not_served_mw"].value, rows["ev_not_served_mw"].period) == (0.08, 2)


def test_who_charges_later_and_what_is_still_to_be_drawn_are_compared_where_they_exist(make_run):
    def later(k, tables, gate):
        with_charging()(k, tables, gate)
        tables["periods"]["ev_later_vph"] = [10.0 * k]
        tables["stations"]["pending_mwh"] = [0.01 * k, 0.02 * k]

    def rows(load):
        return rows_of(make_run(change=later, manifest={"resolved": {"ev": {"charging_load": load}}}))

    found = rows("kernel")
    assert (found["later_vehicles"].value, found["later_vehicles"].unit) == (pytest.approx(DT * 30.0), "veh")
    assert (found["carried_over_mwh"].value, found["carried_over_mwh"].unit) == (pytest.approx(0.06), "MWh")
    assert "carried_over_mwh" not in rows("instant")
    roads_only = rows_of(make_run(change=lambda k, tables, gate: tables["periods"].update(ev_later_vph=[10.0 * k])))
    assert "ev_demand_mwh" not in roads_only
    assert roads_only["later_vehicles"].value == pytest.approx(DT * 30.0)
    assert not {"later_vehicles", "carried_over_mwh"} & rows_of(make_run(change=with_charging())).keys()


def test_what_the_gate_takes_for_rounding_counts_as_served(make_run):
    rows = rows_of(make_run(change=with_charging((9e-7, 0.0, -1e-9))))
    assert (rows["ev_not_served_mwh"].value, rows["ev_not_served_mw"].value) == (0.0, 0.0)
    strict = rows_of(make_run(change=with_charging((9e-7, 0.0, 0.0)), manifest={"gates": {"unserved_mw": 1e-8}}))
    assert strict["ev_not_served_mwh"].value == pytest.approx(DT * 9e-7)


def test_drivers_who_see_no_price_pay_the_tariff_for_what_they_got(make_run):
    row = rows_of(make_run(change=with_charging((0.0, 0.08, 0.0))))["ev_payments"]
    expected = DT * sum(price * load for price, load in zip(TARIFF, (0.10, 0.12, 0.15), strict=True))
    assert (row.value, row.unit, row.note) == (pytest.approx(expected), "CNY", "at the tariff")


def test_drivers_who_see_a_price_pay_it(make_run):
    def priced(k, tables, gate):
        with_charging()(k, tables, gate)
        tables["stations"]["price_per_mwh"] = [100.0, 200.0]

    row = rows_of(make_run(change=priced))["ev_payments"]
    assert row.value == pytest.approx(DT * sum(0.4 * load * 100.0 + 0.6 * load * 200.0 for load in EV_MW))
    assert row.note == "at the price that drivers see"


def test_margins_are_the_smallest_distances_from_the_limits(make_run):
    rows = rows_of(make_run())
    assert rows["margin_low_pu"].value == pytest.approx(0.98 - 0.95)
    assert rows["margin_low_pu"].place == "period 3, bus 2"
    assert rows["margin_high_pu"].value == pytest.approx(1.05 - 1.03)
    assert rows["margin_high_pu"].place == "period 1, bus 1"


def test_a_broken_limit_is_a_negative_margin(make_run):
    def low(k, tables, gate):
        tables["buses"]["vm_ac_pu"] = [1.03, 0.94, 0.9899]

    assert rows_of(make_run(change=low))["margin_low_pu"].value == pytest.approx(-0.01)


def test_travel_time_is_vehicles_times_hours(make_run):
    rows = rows_of(make_run())
    hours = sum(DT * ((100 + k) * 7.0 + (50 - k) * 9.0) / 60.0 for k in range(3))
    assert (rows["road_veh_h"].value, rows["road_veh_h"].unit) == (pytest.approx(hours), "veh h")


def test_waits_are_weighted_by_vehicles(make_run):
    def timed(k, tables, gate):
        tables["stations"]["travel_time_min"] = [30.0, 40.0]

    rows = rows_of(make_run(change=timed))
    waits = sum(DT * (20 * load * (0.5 + k) + 30 * load * 0.25) / 60.0 for k, load in enumerate(EV_MW))
    vehicles = DT * 50 * sum(EV_MW)
    assert rows["wait_veh_h"].value == pytest.approx(waits)
    assert rows["wait_mean_min"].value == pytest.approx(60.0 * waits / vehicles)
    assert rows["station_veh_h"].value == pytest.approx(sum(DT * load * (20 * 0.5 + 30 * 40 / 60) for load in EV_MW))


def test_a_last_resort_that_was_never_needed_cost_nothing(make_run):
    rows = rows_of(make_run())
    assert rows["cost_ev_curtailment"].value == 0.0
    assert rows["paid"].value == pytest.approx(rows["cost"].value - 3.0)  # the weight of the losses


def test_a_sum_that_misses_a_period_is_none_and_says_so(make_run):
    def lost(k, tables, gate):
        with_charging()(k, tables, gate)
        if k == 1:
            tables["periods"] |= {"import_mw": [math.nan], "ev_curtailed_mw": [math.nan], "cost": [math.nan]}
            tables["links"]["travel_time_min"] = [math.nan, 9.0]
            tables["buses"]["vm_ac_pu"] = [math.nan] * 3

    rows = rows_of(make_run(change=lost))
    for key in ("import_mwh", "ev_not_served_mwh", "ev_not_served_mw", "ev_payments", "road_veh_h", "cost"):
        assert (rows[key].value, rows[key].note) == (None, "no value in period 2"), key
    assert rows["cost_ev_curtailment"].value is None
    assert rows["margin_low_pu"].value is None


def test_half_runs_have_only_their_measures(make_run):
    roads = rows_of(make_run(without={"buses", "lines", "devices"}))
    grid = rows_of(make_run(without={"links", "paths", "stations"}, change=with_charging()))
    assert "margin_low_pu" not in roads
    assert "road_veh_h" in roads
    assert {"margin_low_pu", "ev_payments"} <= set(grid)
    assert not {"road_veh_h", "wait_veh_h", "wait_min"} & set(grid)


def test_the_certificate_is_the_largest_bound_and_counts_the_periods_that_have_one(make_run):
    def certified(k, tables, gate):
        tables["periods"] |= {"coupling_bound_vph": [10.0 ** (-5 + k)], "coupling_objection": [""]}

    rows = rows_of(make_run(change=certified))
    assert (rows["certified"].value, rows["certified"].unit) == (3, "of 3")
    assert (rows["coupling_bound_vph"].value, rows["coupling_bound_vph"].period) == (1e-3, 3)


def test_a_period_without_a_claim_leaves_no_bound_and_says_why(make_run):
    def certified(k, tables, gate):
        bound, why = (math.nan, "marked up") if k == 1 else (1e-4, "")
        tables["periods"] |= {"coupling_bound_vph": [bound], "coupling_objection": [why]}

    rows = rows_of(make_run(change=certified))
    assert rows["certified"].value == 2
    assert (rows["coupling_bound_vph"].value, rows["coupling_bound_vph"].note) == (None, "no claim: marked up")


def test_a_run_without_a_loop_has_no_certified_period(make_run):
    def sequential(k, tables, gate):
        tables["periods"] |= {"coupling_objection": ["drivers see no nodal price"]}

    rows = rows_of(make_run(change=sequential))
    assert rows["certified"].value == 0
    assert rows["coupling_bound_vph"].note == "no claim: drivers see no nodal price"
