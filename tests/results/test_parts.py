"""What the tables of a run hold."""

import numpy as np
import pytest

from cosim.quantities import COLUMNS
from cosim.quantities.finite import missing_values
from cosim.reports.summary import summarise
from cosim.workflows.run import run


def present(result):
    return {(name, column) for name in result.tables for column in result[name].columns}


LAST_RESORTS = {("periods", f"cost_{term}") for term in ("ev_curtailment", "load_shedding", "voltage_slack")}
LAST_RESORTS |= {("periods", "cost_unmet_balance"), ("periods", "cost_wear")}  # the default's wear is free
LOOP = {
    ("periods", f"coupling_{name}")
    for name in ("rounds", "method", "residual_mw", "converged", "nodal", "gap_road", "gap_grid", "bound_vph")
}
STARTS = {
    ("periods", "coupling_starts"),
    ("periods", "coupling_spread_vph"),
    ("periods", "coupling_spread_rel"),
}  # where nothing is proved
PRICE = {("stations", "price_per_mwh")}
LATER = {("periods", "ev_later_vph"), ("periods", "ev_later_share")}
MICRO = {(column.table, column.name) for column in COLUMNS if column.table.startswith(("micro_", "ac_measured"))}
MICRO |= {("periods", "vmin_measured_pu"), ("periods", "vmax_measured_pu")}
OUTAGES = {("periods", "not_supplied_mw"), ("periods", "cost_not_supplied"), ("stations", "out")}
OUTAGES |= {("buses", "not_supplied_mw"), ("buses", "supplied")}  # tests/faults
RARE = {("periods", "later_gap_rel")}  # below
RARE |= {("periods", "ac_reached_share")}  # tests/faults/test_f07_the_ac_flow_diverges.py
# of grids with transformers: tests/workflows/test_a_day_on_a_users_net.py
NETS = {("lines", "kind"), ("lines", "max_loading_percent"), ("buses", "name")}
FLEET = {("ev_behaviour", column.name) for column in COLUMNS if column.table == "ev_behaviour"}


@pytest.mark.parametrize(
    ("name", "absent"), [("sequential", LOOP | PRICE), ("iterated", set()), ("day_ahead", LOOP | PRICE)]
)
def test_every_column_of_a_run_is_in_the_vocabulary_and_the_other_way_round(finished, name, absent):
    vocabulary = {(column.table, column.name) for column in COLUMNS}
    found = present(finished(name))
    assert found <= vocabulary
    assert vocabulary - found == absent | LAST_RESORTS | FLEET | LATER | STARTS | MICRO | OUTAGES | NETS | RARE


def test_no_word_of_the_vocabulary_is_idle(finished, small, tmp_path):
    strict = ["feeder.slack_vm_pu=1.0", *(f"devices.{name}.reactive=false" for name in ("ess", "pv", "wind"))]
    strict += ["devices.ess.wear_cost_per_mwh=5", "dispatch.voltage_slack_price=100000"]
    hard = run(small(), out=tmp_path / "run", overrides=strict, report=False)
    vocabulary = {(column.table, column.name) for column in COLUMNS}
    fleet = ["ev.fast_charge_share=mcmc", "ev.behaviour={vehicles: 2000}"]
    simulated = run(small(), out=tmp_path / "fleet", overrides=fleet, report=False)
    unproved = ["ev.charge_later={cost_min: 60}", "ev.charging_load=kernel", "coupling.random_starts=1"]
    unproved += ["coupling.mode=iterated", "coupling.ev_price=nodal", "dispatch.mode=single_period"]
    later = run(small(), out=tmp_path / "later", overrides=unproved, report=False)
    found = present(finished("iterated")) | present(hard) | present(simulated) | present(later)
    assert found == vocabulary - MICRO - OUTAGES - NETS - RARE  # tests/simulators/test_sumo_in_a_world.py has those


def test_a_period_whose_window_reaches_to_slack_cones_tells_that_its_price_looks_ahead_to_them(tmp_path):
    """The first of three hours is exact; the last two are repaired once they are applied, and not told so before."""
    result = run("ieee33_pv_stress", out=tmp_path / "run", overrides=["dispatch.mode=rolling"], report=False)
    periods = result["periods"].set_index("period")
    assert periods["flags"].fillna("").tolist() == ["", "inexact_restored", "inexact_restored"]
    assert periods["later_gap_rel"].notna().tolist() == [True, False, False]
    assert periods["later_gap_rel"][1] > 0.1  # the current that is invented is most of it
    assert summarise(result)["later_gap_rel"].value == "as foreseen in period 1"
    assert missing_values("periods", {name: result["periods"][name].tolist() for name in result["periods"]}) == 0


def test_every_table_has_one_row_per_period_and_key(finished):
    result = finished("iterated")
    keys_of = {
        "links": "link",
        "paths": "path",
        "stations": "station",
        "buses": "bus",
        "lines": "line",
        "devices": "device",
    }
    for name, key in keys_of.items():
        keys = ["period", "class", key] if name == "paths" else ["period", key]
        assert not result[name].duplicated(keys).any()
        assert sorted(result[name]["period"].unique()) == list(range(1, 25))


def test_stations_tell_what_both_sides_know(finished):
    result = finished("iterated")
    stations, buses = result["stations"], result["buses"]
    at_bus = stations.merge(buses, on=["period", "bus"], suffixes=("", "_bus"))
    assert np.allclose(at_bus["price_per_mwh"], at_bus["price_per_mwh_bus"], atol=0.5, rtol=0)  # last round's price
    assert (at_bus["nodal_price_per_mwh"] == at_bus["price_per_mwh_bus"]).all()
    assert np.allclose(stations["p_demand_mw"], 0.02 * stations["flow_vph"], rtol=1e-12)
    assert np.allclose(stations["energy_mwh"], stations["p_demand_mw"] - stations["curtailed_mw"], atol=1e-12)
    assert (stations["p_set_mw"] == 1.2).all()  # 20 chargers of 60 kW: nothing is curtailed, nothing is capped
