"""A station serves no more than its chargers can, in every mode; who is left over waits in the next period."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.records.period import tables
from cosim.workflows.day import solve_day
from cosim.world import run_world

CROWDED = ("ev.share=0.7", "ev.fast_charge_share=0.2", "dispatch.mode=single_period")
LOOP = ("coupling.mode=iterated", "coupling.ev_price=nodal", "coupling.random_starts=2")
POWER_MW = 1.2


def parts_of(case):
    found = []
    run_world(case, lambda part, judged: found.append((part, judged)))
    return found


def column(found, name, table="stations"):
    return np.array([tables(part)[table][name] for part, _ in found], dtype=float).T


@pytest.fixture(scope="module")
def crowded(small_case):
    return parts_of(small_case(*CROWDED))


@pytest.fixture(scope="module")
def coupled(small_case):
    return parts_of(small_case(*CROWDED, *LOOP))


@pytest.mark.parametrize("name", ["crowded", "coupled"])
def test_energy_is_conserved_and_no_charger_gives_more_than_it_can(name, request):
    found = request.getfixturevalue(name)
    asked, served = column(found, "p_demand_mw"), column(found, "p_served_mw")
    backlog, unserved = column(found, "backlog_mwh"), column(found, "unserved_mwh")
    assert (asked > POWER_MW).any()
    assert served.max() <= POWER_MW + 1e-12
    assert asked == pytest.approx(0.02 * column(found, "flow_vph"), abs=1e-12)
    before = np.pad(backlog[:, :-1], ((0, 0), (1, 0)))
    assert served == pytest.approx(np.minimum(before + asked, POWER_MW), abs=1e-12)
    assert asked + before == pytest.approx(served + backlog + unserved, abs=1e-12)
    assert asked.sum() == pytest.approx(served.sum() + unserved.sum(), rel=1e-12)
    assert not backlog[:, -1].any()  # what is left at the end counts as unserved
    assert column(found, "backlog_veh") == pytest.approx(backlog / 0.02)
    assert column(found, "energy_mwh") == pytest.approx(served - column(found, "curtailed_mw"), abs=1e-6)


@pytest.mark.parametrize("name", ["crowded", "coupled"])
def test_a_period_that_leaves_somebody_over_is_flagged_and_claims_nothing(name, request):
    found = request.getfixturevalue(name)
    left = column(found, "backlog_mwh") + column(found, "unserved_mwh")
    over = (left > 1e-9).any(axis=0)
    assert over.any()
    assert not over.all()
    assert (column(found, "overloaded") == (left > 1e-9)).all()
    for (part, judged), flagged in zip(found, over, strict=True):
        assert ("station_overloaded" in judged.flags) == flagged
        assert (part.traffic.coupling.coupling_objection == "station over its chargers") == flagged


def test_where_a_station_is_over_its_chargers_random_starts_are_compared(coupled):
    for part, judged in coupled:
        loop = part.traffic.coupling
        assert loop.coupling_converged
        if "station_overloaded" in judged.flags:
            assert np.isnan(loop.coupling_bound_vph)
            assert loop.coupling_starts == 2
            assert loop.coupling_spread_vph <= 1e-2
        else:  # those left over are constants of the period: its equilibrium is again the only one
            assert loop.coupling_bound_vph <= 5e-3


def test_who_is_left_over_is_a_constant_wait_of_the_next_equilibrium(small_case, crowded):
    response = replace(small_case(*CROWDED).response(), tolerance=1e-10)
    backlog, flow = column(crowded, "backlog_mwh"), column(crowded, "flow_vph")
    assert backlog[:, 0].any()
    for k in range(1, 6):
        wait_min = 60.0 * backlog[:, k - 1] / POWER_MW
        network = response.network(None)
        network = network.with_fixed_min(network.fixed_min[network.station_positions] + wait_min)
        expected = response.solve(k, None, wait_min=wait_min)
        assert flow[:, k] == pytest.approx(expected.link_flow_vph[-3:], abs=1e-5)
        told = column(crowded, "wait_min")[:, k]
        assert told == pytest.approx((expected.link_time_min - network.free_flow_min)[-3:], abs=1e-4)
        assert (told >= wait_min).all()


def test_with_unserved_nobody_waits_for_the_next_period(small_case):
    stations = [f"stations.{name}.overload=unserved" for name in ("8", "11", "13")]
    found = parts_of(small_case(*CROWDED, *stations))
    asked, served = column(found, "p_demand_mw"), column(found, "p_served_mw")
    assert not column(found, "backlog_mwh").any()
    assert served == pytest.approx(np.minimum(asked, POWER_MW), abs=1e-12)
    assert column(found, "unserved_mwh") == pytest.approx(asked - served, abs=1e-12)
    plain, _ = small_case(*CROWDED).response().day(None)
    assert column(found, "flow_vph") == pytest.approx(np.stack([one.link_flow_vph[-3:] for one in plain], axis=1))


def test_best_response_ends_at_the_same_flows(small_case, coupled):
    other = parts_of(small_case(*CROWDED, *LOOP, "coupling.method=iterate", "coupling.random_starts=0"))
    assert column(other, "flow_vph") == pytest.approx(column(coupled, "flow_vph"), abs=1e-2)
    assert all(part.traffic.coupling.coupling_converged for part, _ in other)


def test_a_day_ahead_loop_carries_from_period_to_period(small_case):
    found = parts_of(small_case(*CROWDED[:2], *LOOP[:2], "coupling.random_starts=0", "dispatch.mode=day_ahead"))
    asked, served = column(found, "p_demand_mw"), column(found, "p_served_mw")
    assert served.max() <= POWER_MW + 1e-12
    assert asked.sum() == pytest.approx(served.sum() + column(found, "unserved_mwh").sum(), rel=1e-12)
    assert column(found, "backlog_mwh").any()
    assert all(part.traffic.coupling.coupling_objection == "station over its chargers" for part, _ in found)


def test_energy_drawn_in_time_is_carried_too(small_case):
    found = parts_of(small_case(*CROWDED, "ev.charging_load=kernel"))
    asked, served = column(found, "p_kernel_mw"), column(found, "p_served_mw")
    assert served.max() <= POWER_MW + 1e-12
    assert column(found, "p_demand_mw") == pytest.approx(asked, abs=1e-12)
    assert asked.sum() == pytest.approx(served.sum() + column(found, "unserved_mwh").sum(), rel=1e-12)
    departed = 0.02 * column(found, "flow_vph").sum()
    assert departed == pytest.approx(asked.sum() + column(found, "pending_mwh")[:, -1].sum(), rel=1e-9)


def test_the_tariff_stays_that_of_the_load_demanded(small_case):
    case, fewer = small_case(*CROWDED), small_case(*CROWDED, "stations.8.chargers=1", "stations.11.chargers=1")
    assert fewer.dispatch.tariff_per_mwh.tolist() == case.dispatch.tariff_per_mwh.tolist()


def test_drivers_pay_for_what_is_served(crowded):
    tariff = np.array([part.dispatch.tariff_per_mwh for part, _ in crowded])
    paid = column(crowded, "energy_payment")
    assert paid == pytest.approx(column(crowded, "energy_mwh") * tariff, rel=1e-9)


def test_who_leaves_unserved_pays_no_fee(small_case):
    stations = [f"stations.{name}.{key}" for name in ("8", "11", "13") for key in ("overload=unserved", "access_fee=3")]
    found = parts_of(small_case(*CROWDED, *stations))
    served_veh = column(found, "p_served_mw") / 0.02
    assert column(found, "fee_payment") == pytest.approx(3.0 * served_veh, rel=1e-9)


def test_the_plain_day_of_studies_is_that_of_the_run(small_case, crowded):
    day = solve_day(small_case(*CROWDED))
    assert day.over_chargers
    assert day.load_mw == pytest.approx(column(crowded, "p_served_mw"), abs=1e-5)
    waits = day.roads.wait_min.T
    assert waits == pytest.approx(column(crowded, "wait_min"), abs=1e-3)


@pytest.mark.parametrize("rise", [0.0, 200.0, 5000.0])
def test_a_price_that_rises_does_so_with_the_load_served(joint, small_case, rise):
    case = small_case(*CROWDED)
    chargers, backlog = case.chargers(), np.array([0.3, 0.0, 0.1])
    block = joint.block_of(
        replace(case.response(), tolerance=1e-11),
        (0,),
        chargers=replace(chargers, power_mw=np.array([0.9, 1.2, 1.9])),
        backlog_mwh=backlog,
    )
    price = np.array([[500.0], [900.0], [700.0]])
    load, results = block.respond_rising(price, rise)
    assert (load[:, 0] <= block.chargers.power_mw).all()
    again, same = block.respond(price + rise * load)  # the same equilibrium at the prices that it rose to
    assert again == pytest.approx(load, abs=1e-8)
    assert same[0].link_flow_vph == pytest.approx(results[0].link_flow_vph, abs=1e-5)
