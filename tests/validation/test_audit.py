"""The audit on a day put together by hand: each number that is changed breaks the item that holds it."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

from cosim.dispatch.devices.base import DeviceOutcome
from cosim.dispatch.devices.traits import Traits
from cosim.grid.state import GridState
from cosim.records.grid import DispatchPeriod
from cosim.validation.audit import AuditInputs, StoredStations, StoringDevice, audit, audit_columns
from cosim.validation.stored import StoredDispatch
from tests.by_hand import by_hand

HALF_HOUR = 0.5
CUT_MW = np.array([[0.1, 0.0, 0.2], [0.0, 0.3, 0.0]])
FLOW_VPH = np.array([[40.0, 60.0, 30.0], [20.0, 50.0, 10.0]])
DEMAND_MW = FLOW_VPH * 20.0 / 1000.0
PRICE = np.array([[500.0, 700.0, 600.0], [450.0, 800.0, 650.0]])
POWER_MW = np.repeat(np.array([1.0, 0.8])[:, None], 3, axis=1)
SERVED_MW = np.array([[0.8, 1.0, 0.8], [0.4, 0.8, 0.34]])
BACKLOG_MWH = np.array([[0.0, 0.1, 0.0], [0.0, 0.07, 0.0]])
UNSERVED_MWH = np.array([[0.0, 0.0, 0.0], [0.0, 0.03, 0.0]])
SERVED_MWH = HALF_HOUR * (SERVED_MW - CUT_MW)


def stations(**changes):
    """Two stations over three half hours; vehicles of 20 kWh.

    In the second, both have more vehicles than chargers: most wait for the third, some leave; besides, the grid cuts
    some of it. Neither is paid for.
    """
    values = {
        "flow_vph": FLOW_VPH, "demand_mw": DEMAND_MW, "served_mw": SERVED_MW, "backlog_mwh": BACKLOG_MWH,
        "unserved_mwh": UNSERVED_MWH, "power_mw": POWER_MW, "curtailed_mw": CUT_MW, "energy_mwh": SERVED_MWH,
        "looking_vph": FLOW_VPH.sum(axis=0) + [5.0, 0.0, 2.0], "later_vph": np.array([5.0, 0.0, 2.0]),
        "pending_mwh": None, "price_per_mwh": PRICE, "energy_payment": SERVED_MWH * PRICE, "energy_kwh": 20.0,
    }  # fmt: skip
    return StoredStations(**(values | changes))


def device(name, side, p_mw, *, energy_mwh=np.nan, cost=0.0, **traits):
    def full(value):
        return np.broadcast_to(np.asarray(value, dtype=float), 3).copy()

    return DeviceOutcome(
        name=name, kind=name, traits=Traits(side=side, **traits), bus="2", p_mw=full(p_mw), q_mvar=full(0.0),
        energy_mwh=full(energy_mwh), available_mw=full(np.nan), overlap_mw=full(0.0), missed=full(0.0), cost=full(cost),
    )  # fmt: skip


def gained_mwh(did):
    return HALF_HOUR * (did.taken_mw - did.given_mw)


def day(at=None):
    """A day that closes: base 1 MW, response cuts 0.1 MW and gives it back, a store, a turbine, the rest imported."""
    at = stations() if at is None else at
    base, ev = np.array([1.0, 1.0, 1.0]), SERVED_MW.sum(axis=0)
    shift, stored_mw, turbine = np.array([0.1, -0.1, 0.0]), np.array([-0.2, 0.0, 0.1]), np.array([0.3, 0.4, 0.5])
    cut = CUT_MW.sum(axis=0)
    load, given = base + ev - shift - cut, stored_mw + turbine
    loss, tariff = np.array([0.02, 0.04, 0.01]), np.array([300.0, 900.0, 600.0])
    imported = load + loss - given
    energy = HALF_HOUR * tariff * imported
    fuel, unserved, losses = HALF_HOUR * 85.0 * turbine, HALF_HOUR * 2000.0 * cut, HALF_HOUR * 7.0 * loss
    terms = {"energy": energy, "fuel": fuel, "unserved": unserved, "losses": losses}
    plans = tuple(
        by_hand(
            DispatchPeriod, period=7 + k, tariff_per_mwh=tariff[k], cost=sum(terms.values())[k],
            cost_terms={term: cost[k] for term, cost in terms.items()},
        )
        for k in range(3)
    )  # fmt: skip
    devices = [
        device("grid", "exchange", imported, cost=energy), device("gt", "generation", turbine, cost=fuel),
        device("ess", "generation", stored_mw, energy_mwh=1.0 - HALF_HOUR * np.cumsum(stored_mw), stores=True),
        device("dr", "load", shift, returns=True),
        device("cut", "load", cut, cost=unserved, last_resort=True),
    ]  # fmt: skip
    at_two = {name: np.stack([np.zeros(3), value]) for name, value in (("load", load), ("given", given))}
    nothing, no_line = np.full((2, 3), np.nan), np.full((1, 3), np.nan)
    relaxed = GridState(
        vm_pu=nothing, i_ka=no_line, p_from_mw=no_line, q_from_mvar=no_line, loss_mw=loss, slack_mw=imported,
        slack_mvar=np.full(3, np.nan), converged=np.ones(3, dtype=bool),
    )  # fmt: skip
    stored = StoredDispatch(
        plans=plans, p_load_mw=at_two["load"], q_load_mvar=nothing, p_gen_mw=at_two["given"], q_gen_mvar=nothing,
        shed_mw=nothing, price_per_mwh=nothing, relaxed=relaxed, vm_ac_pu=nothing,
        devices={one.name: one for one in devices}, missing=np.zeros(3, dtype=int),
    )  # fmt: skip
    inputs = AuditInputs(
        feeder=SimpleNamespace(plain=True),
        period_h=HALF_HOUR, loss_price_per_mwh=7.0, base_p_mw=np.stack([np.zeros(3), base]), ev_mw=ev,
        storing={"ess": StoringDevice(gained_mwh=gained_mwh, start_mwh=1.0)}, stations=at,
    )  # fmt: skip
    ledger = SimpleNamespace(
        entries=[SimpleNamespace(ac_slack_mw=i, ac_loss_mw=one) for i, one in zip(imported, loss, strict=True)]
    )
    return inputs, stored, ledger


def items(*parts):
    return {one.item: one for one in audit(*parts)}


def open_items(*parts):
    return {name for name, one in items(*parts).items() if not one.closes}


def test_a_day_with_part_of_the_charging_not_served_closes_everywhere():
    found = items(*day())
    assert not {name for name, one in found.items() if not one.closes}
    assert found["vehicles to stations"].left == pytest.approx(0.5 * 20.0 * FLOW_VPH.sum() / 1000.0)
    assert found["stations"].left == pytest.approx(0.5 * (SERVED_MW.sum() - 0.6))
    assert found["payments of drivers"].left == pytest.approx((SERVED_MWH * PRICE).sum())
    assert found["losses"].left == pytest.approx(0.5 * 7.0 * 0.07)
    assert {one.unit for one in found.values()} == {"MWh", "money"}


def test_payment_for_energy_that_was_not_served_is_found():
    """Billed in full although 0.3 MWh were cut: what is told is too much by cut x price, most of it in period 8."""
    inputs, stored, ledger = day(stations(energy_payment=HALF_HOUR * SERVED_MW * PRICE))
    assert open_items(inputs, stored, ledger) == {"payments of drivers"}
    found = items(inputs, stored, ledger)["payments of drivers"]
    assert found.difference == pytest.approx(-(HALF_HOUR * CUT_MW * PRICE).sum())
    assert (found.worst_period, found.worst_difference) == (8, pytest.approx(-0.5 * 0.3 * 800.0))
    assert found.relative == pytest.approx((HALF_HOUR * CUT_MW * PRICE).sum() / (HALF_HOUR * SERVED_MW * PRICE).sum())


def test_energy_still_on_its_way_is_neither_demanded_nor_paid():
    pending = np.array([[0.05, 0.02, 0.0], [0.01, 0.03, 0.04]])
    growth = pending - np.concatenate([np.zeros((2, 1)), pending[:, :-1]], axis=1)
    demand = DEMAND_MW - growth / HALF_HOUR
    served = HALF_HOUR * (demand - CUT_MW)
    free = {"power_mw": POWER_MW + 9.0, "backlog_mwh": np.zeros((2, 3)), "unserved_mwh": np.zeros((2, 3))}
    changed = {**free, "demand_mw": demand, "served_mw": demand, "energy_mwh": served, "energy_payment": served * PRICE}
    parts = ("stations to chargers", "vehicles to stations", "stations", "payments of drivers", "trips to vehicles")
    found = items(*day(stations(pending_mwh=pending, **changed)))
    assert all(found[part].closes for part in parts)
    found = items(*day(stations(**changed)))
    assert [found[part].closes for part in parts] == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("flow_vph", {"trips to vehicles", "vehicles to stations", "payments of drivers"}),
        ("later_vph", {"trips to vehicles"}),
        ("looking_vph", {"trips to vehicles"}),
        ("demand_mw", {"vehicles to stations", "stations to chargers"}),
        ("served_mw", {"stations to chargers", "chargers", "stations"}),
        ("backlog_mwh", {"stations to chargers", "chargers", "payments of drivers"}),
        ("unserved_mwh", {"stations to chargers", "payments of drivers"}),
        ("curtailed_mw", {"stations", "payments of drivers"}),
        ("energy_mwh", {"stations"}),
        ("price_per_mwh", {"payments of drivers"}),
        ("energy_payment", {"payments of drivers"}),
    ],
)
def test_a_changed_number_of_the_stations_opens_the_items_that_hold_it(name, broken):
    changed = getattr(stations(), name) * np.array([1.0, 1.1, 1.0])
    if name == "later_vph":
        changed = changed + 0.1
    assert open_items(*day(stations(**{name: changed}))) == broken


def test_chargers_that_give_more_or_less_than_they_can_are_found():
    """First come, first served: 0.1 MW more at both are 0.1 MWh more in the second period than was given."""
    stronger = items(*day(stations(power_mw=POWER_MW + 0.1)))
    assert {name for name, one in stronger.items() if not one.closes} == {"chargers"}
    assert stronger["chargers"].difference == pytest.approx(HALF_HOUR * 0.2)
    assert stronger["chargers"].worst_period == 8


def test_what_is_asked_and_given_beyond_the_power_of_the_chargers_is_told_by_the_worst_station():
    found = stations().figures(HALF_HOUR)
    assert found["station_excess_mw"] == pytest.approx([0.0, 0.2, 0.0])
    assert found["station_beyond_mw"] == pytest.approx([0.0, 0.0, 0.0])
    found = stations(power_mw=np.array([[0.7], [0.75]]), served_mw=SERVED_MW + [[0.0], [0.1]]).figures(HALF_HOUR)
    assert found["station_excess_mw"] == pytest.approx([0.1, 0.5, 0.1])
    assert found["station_beyond_mw"] == pytest.approx([0.1, 0.3, 0.1])


def with_figure(stored, name, k, factor):
    """Return what is stored with one figure of period column ``k`` multiplied."""
    states = {"import_mw": "slack_mw", "loss_mw": "loss_mw"}
    if name in states:
        values = getattr(stored.relaxed, states[name]).copy()
        values[k] *= factor
        return replace(stored, relaxed=replace(stored.relaxed, **{states[name]: values}))
    plan, term = stored.plans[k], name.removeprefix("cost_")
    if term in plan.cost_terms:
        changed = {"cost_terms": {**plan.cost_terms, term: factor * plan.cost_terms[term]}}
    else:
        changed = {name: factor * getattr(plan, name)}
    plans = (replace(plan, **changed) if one is plan else one for one in stored.plans)
    return replace(stored, plans=tuple(plans))


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("import_mw", {"buses to dispatch", "dispatch to AC flow", "energy from upstream"}),
        ("loss_mw", {"buses to dispatch", "losses"}),
        ("tariff_per_mwh", {"energy from upstream"}),
        ("cost", {"cost"}),
        ("cost_energy", {"cost", "energy from upstream", "devices"}),
        ("cost_losses", {"cost", "losses"}),
        ("cost_fuel", {"cost", "devices"}),
    ],
)
def test_a_changed_figure_of_a_period_opens_the_items_that_hold_it(name, broken):
    inputs, stored, ledger = day()
    assert open_items(inputs, with_figure(stored, name, 1, 1.1), ledger) == broken


@pytest.mark.parametrize(
    ("name", "field", "broken"),
    [
        ("gt", "p_mw", {"devices to buses"}),
        ("gt", "cost", {"devices"}),
        ("ess", "p_mw", {"devices to buses", "storage ess"}),
        ("ess", "energy_mwh", {"storage ess"}),
        ("dr", "p_mw", {"stations and base load to buses"}),
    ],
)
def test_a_changed_device_opens_the_items_that_hold_it(name, field, broken):
    inputs, stored, ledger = day()
    changed = getattr(stored.devices[name], field) + np.array([0.0, 0.01, 0.0])
    devices = {**stored.devices, name: replace(stored.devices[name], **{field: changed})}
    assert open_items(inputs, replace(stored, devices=devices), ledger) == broken


def test_a_number_that_is_missing_closes_nothing():
    inputs, stored, ledger = day()
    found = items(inputs, with_figure(stored, "import_mw", 0, np.nan), ledger)
    assert not found["dispatch to AC flow"].closes
    assert found["dispatch to AC flow"].worst_period == 7


def test_opposite_errors_of_two_periods_do_not_close():
    inputs, stored, ledger = day()
    off = zip(stored.plans, (5.0, -5.0, 0.0), strict=True)
    plans = tuple(replace(plan, cost=plan.cost + wrong) for plan, wrong in off)
    found = items(inputs, replace(stored, plans=plans), ledger)["cost"]
    assert found.difference == pytest.approx(0.0, abs=1e-9)
    assert found.relative == pytest.approx(10.0 / stored.cost.sum())
    assert not found.closes


def test_a_run_without_stations_or_without_a_price_has_fewer_items():
    inputs, stored, ledger = day()
    energy = {"trips to vehicles", "vehicles to stations", "stations to chargers", "chargers", "stations"}
    everything = set(items(inputs, stored, ledger))
    assert everything - set(items(replace(inputs, stations=None), stored, ledger)) == energy | {"payments of drivers"}
    for none in ("price_per_mwh", "energy_payment"):
        free = replace(inputs, stations=stations(**{none: None}))
        assert everything - set(items(free, stored, ledger)) == {"payments of drivers"}


def test_the_table_has_every_field_of_every_item():
    found = audit(*day())
    columns = audit_columns(found)
    assert list(columns) == [item.name for item in fields(found[0])]
    assert columns["left"] == [one.left for one in found]
