"""Charging energy drawn in time, and drivers who charge later, through whole runs."""

import numpy as np
import pytest

from cosim.grid.engines.pandapower import AcFlow
from cosim.records.period import tables
from cosim.results.store import load as open_run
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.traffic.charge_later import later
from cosim.units import kw_to_mw
from cosim.workflows.run import run
from cosim.workflows.verify import verify
from cosim.world import run_world

ITERATED = ("coupling.mode=iterated", "coupling.ev_price=nodal")
KERNEL, LATER = ("ev.charging_load=kernel",), ("ev.charge_later={cost_min: 60}",)
ENERGY_MWH = 0.02


def parts_of(case):
    parts = []
    run_world(case, lambda part, record: parts.append(part))
    return parts


def column(parts, table, name):
    """Return a column of all periods, shape (rows, T)."""
    return np.array([tables(part)[table][name] for part in parts]).T


@pytest.fixture(scope="module")
def in_time(small_case):
    """The six hours, sequential and iterated, with energy drawn in time."""
    return {name: parts_of(small_case(*KERNEL, *more)) for name, more in (("sequential", ()), ("iterated", ITERATED))}


@pytest.mark.parametrize("name", ["sequential", "iterated"])
def test_what_the_grid_is_told_is_the_load_in_time(in_time, name):
    sent = column(in_time[name], "stations", "p_demand_mw")
    assert (sent == column(in_time[name], "stations", "p_kernel_mw")).all()
    assert np.abs(sent - column(in_time[name], "stations", "p_instant_mw")).max() > 0.05
    dispatched = [part.dispatch.ev_mw for part in in_time[name]]
    assert dispatched == pytest.approx(sent.sum(axis=0), abs=5e-6)


@pytest.mark.parametrize("name", ["sequential", "iterated"])
def test_the_load_follows_from_the_paths_told_and_the_travel_times_of_the_day_pass(in_time, small_case, name):
    """Carry from earlier periods and the period's own share, computed again from the results."""
    case = small_case(*KERNEL)
    _, account, _ = case.accounts(case.response().day(None)[0])
    flow = column(in_time[name], "paths", "flow_vph").T
    assert column(in_time[name], "stations", "p_demand_mw") == pytest.approx(account.in_time.day_mw(flow), abs=2e-6)
    pending = account.in_time.pending_mwh(flow)
    assert column(in_time[name], "stations", "pending_mwh") == pytest.approx(pending, abs=2e-6)


@pytest.mark.parametrize("name", ["sequential", "iterated"])
def test_no_energy_is_lost_on_the_way(in_time, name):
    vehicles = column(in_time[name], "stations", "flow_vph").sum()
    pending = column(in_time[name], "stations", "pending_mwh")[:, -1].sum()
    drawn = column(in_time[name], "stations", "p_demand_mw").sum()
    assert ENERGY_MWH * vehicles == pytest.approx(drawn + pending, rel=1e-6)
    assert pending > 0.01


@pytest.mark.parametrize("method", ["auto", "iterate", "newton"])
@pytest.mark.parametrize("mode", ["rolling", "day_ahead"])
def test_the_loop_converges_with_energy_in_time(small_case, method, mode):
    settings = (*KERNEL, *ITERATED, f"coupling.method={method}", f"dispatch.mode={mode}")
    parts = parts_of(small_case(*settings))
    assert all(part.traffic.coupling.coupling_converged for part in parts)
    assert max(part.traffic.coupling.coupling_rounds for part in parts) <= 10
    prices = column(parts, "stations", "price_per_mwh")
    nodal = column(parts, "stations", "nodal_price_per_mwh")
    assert prices == pytest.approx(nodal, abs=1.0)


def test_with_a_perfect_forecast_rolling_costs_what_the_day_ahead_plan_costs(in_time, small_case):
    """In ``sequential`` the forecast of the load in time is its outcome."""
    ahead = parts_of(small_case(*KERNEL, "dispatch.mode=day_ahead"))
    cost = [sum(part.dispatch.cost for part in parts) for parts in (in_time["sequential"], ahead)]
    assert cost[0] == pytest.approx(cost[1], rel=1e-6)


def test_the_tariff_is_that_of_the_demand_however_it_is_drawn(in_time, small_case):
    announced = small_case().dispatch.tariff_per_mwh
    for overrides in (KERNEL, LATER, (*KERNEL, *LATER)):
        assert (small_case(*overrides).dispatch.tariff_per_mwh == announced).all()


@pytest.fixture(scope="module")
def passing(small_case):
    return parts_of(small_case(*LATER, *ITERATED))


def test_who_charges_later_is_told_and_nobody_is_lost(passing, small_case):
    roads = small_case(*LATER).roads
    flow = column(passing, "paths", "flow_vph")
    at_stations = column(passing, "stations", "flow_vph").sum(axis=0)
    told = np.array([part.traffic.ev_later_vph for part in passing])
    share = np.array([part.traffic.ev_later_share for part in passing])
    assert told == pytest.approx(flow[later(roads.paths)].sum(axis=0), rel=1e-12)
    assert told + at_stations == pytest.approx(roads.charging_vph, rel=1e-9)
    assert share == pytest.approx(told / roads.charging_vph, rel=1e-9)
    assert (told > 0.1).all()


@pytest.mark.parametrize("method", ["iterate", "admm"])
def test_with_charging_later_all_methods_meet(passing, small_case, method):
    parts = parts_of(small_case(*LATER, *ITERATED, f"coupling.method={method}"))
    assert all(part.traffic.coupling.coupling_converged for part in parts)
    for name, tolerance in (("flow_vph", 1e-2), ("p_demand_mw", 2e-4)):
        assert column(parts, "stations", name) == pytest.approx(column(passing, "stations", name), abs=tolerance)


def test_a_price_for_all_moves_demand_only_where_they_may_charge_later(small_case):
    def flows(*overrides):
        case = small_case(*overrides)
        return np.array(
            [result.link_flow_vph[-3:] for result in case.response().day(case.announced_price_per_mwh())[0]]
        )

    tariff = ("coupling.ev_price=tariff",)
    assert np.abs(flows(*tariff) - flows()).max() <= 1e-8 * flows().max()
    assert (flows(*tariff, *LATER).sum(axis=1) < flows(*LATER).sum(axis=1) - 0.1).all()


@pytest.mark.parametrize("overrides", [(*KERNEL, *ITERATED), (*LATER, *KERNEL), (*LATER, "coupling.ev_price=tariff")])
def test_the_audit_closes(small, tmp_path, overrides):
    found = verify(small(), out=tmp_path / "run", overrides=overrides)
    assert {item.item for item in found.audit} >= {"trips to vehicles", "vehicles to stations", "payments of drivers"}
    assert all(item.closes for item in found.audit), [item for item in found.audit if not item.closes]
    assert found.exit_code == 0


def test_the_audit_finds_a_load_that_forgot_who_was_on_the_way(small, tmp_path, monkeypatch):
    from cosim.coupling.load_in_time import LoadInTime

    honest = LoadInTime.pending_mwh
    monkeypatch.setattr(LoadInTime, "pending_mwh", lambda self, flow: 0.9 * honest(self, flow))
    found = verify(small(), out=tmp_path / "run", overrides=KERNEL)
    assert "vehicles to stations" in {item.item for item in found.audit if not item.closes}


def test_the_summary_tells_both_accounts_payments_and_who_charges_later(small, tmp_path):

    folder = tmp_path / "run"
    run(small(), out=folder, overrides=[*KERNEL, *LATER, "coupling.ev_price=tariff"], report=False)
    result = open_run(folder)
    told, stations, periods = result.summary(), result["stations"], result["periods"]
    assert told["departed_mwh"].value == pytest.approx(stations["p_instant_mw"].sum(), rel=1e-12)
    assert told["drawn_mwh"].value == pytest.approx(stations["p_kernel_mw"].sum(), rel=1e-12)
    carried = told["departed_mwh"].value - told["drawn_mwh"].value
    assert told["carried_over_mwh"].value == pytest.approx(carried, rel=1e-9)
    assert told["drawn_mwh"].label == "Charging drawn in time"
    assert told["carried_over_mwh"].label == "Still to be drawn at the end"
    assert told["later_vehicles"].value == pytest.approx(periods["ev_later_vph"].sum(), rel=1e-12)
    tariff = stations["period"].map(periods.set_index("period")["tariff_per_mwh"])
    assert told["energy_payment"].value == pytest.approx((stations["energy_mwh"] * tariff).sum(), rel=1e-12)
    assert "fee_payment" not in told


def test_a_run_without_either_tells_neither_shift_nor_later(finished):

    told = finished("sequential").summary()
    assert "later_vehicles" not in told
    assert told["shifted_mw"].value == pytest.approx(
        0.284, abs=5e-4
    )  # told beside, though the grid saw the instant one
    for key in ("drawn_mwh", "carried_over_mwh", "shifted_mw"):
        assert told[key].label.endswith("if drawn in time (not in this run)")
    assert told["departed_mwh"].value == pytest.approx(told["stations_mwh"].value, rel=1e-9)


def test_fees_are_paid_by_all_who_come(small, tmp_path):
    folder = tmp_path / "run"
    run(small(), out=folder, overrides=["stations.11.access_fee=3"], report=False)
    stations = open_run(folder)["stations"]
    fee = np.where(stations["station"].astype(str) == "11", 3.0, 0.0)
    assert stations["fee_payment"].to_numpy() == pytest.approx(fee * stations["flow_vph"].to_numpy(), rel=1e-12)
    assert (stations["fee_payment"] > 0).any()


def test_the_price_without_the_loss_penalty_is_the_slope_of_the_import_bill(finished):
    """Of the default day no limit binds: one more kW at a station's bus, solved by pandapower, costs this price."""
    result = finished("sequential")
    dispatch = build_case(load("nguyen_ieee33")).dispatch
    stations, buses, periods = result["stations"], result["buses"], result["periods"].set_index("period")
    flow, step_mw = AcFlow(dispatch.feeder, tolerance_mva=1e-12), kw_to_mw(10.0)
    for period in (3, 20):
        now = buses[buses["period"] == period]
        p = (now["p_gen_mw"] - now["p_load_mw"]).to_numpy()
        q = (now["q_gen_mvar"] - now["q_load_mvar"]).to_numpy()
        rows = stations[stations["period"] == period]
        for bus, with_it, without in rows[["bus", "nodal_price_per_mwh", "price_without_loss_per_mwh"]].itertuples(
            index=False
        ):
            change = step_mw * (np.array(dispatch.feeder.bus_ids) == str(bus))
            more, less = (flow.solve(p - sign * change, q).slack_mw for sign in (1.0, -1.0))
            expected = periods.loc[period, "tariff_per_mwh"] * (more - less) / (2.0 * step_mw)
            assert without == pytest.approx(expected, rel=2e-5)
            assert without < with_it


def test_without_a_weight_of_losses_both_prices_are_one(small_case):
    parts = parts_of(small_case("dispatch.loss_price_per_mwh=0"))
    priced = column(parts, "stations", "nodal_price_per_mwh")
    assert (column(parts, "stations", "price_without_loss_per_mwh") == priced).all()
