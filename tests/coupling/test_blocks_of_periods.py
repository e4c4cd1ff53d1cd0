"""What a price-flow loop may ask of the roads where energy is drawn in time, or drivers may charge later."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.coupling.roads import Block

PRICE = np.array([[700.0], [640.0], [900.0]])
KERNEL, LATER = "ev.charging_load=kernel", "ev.charge_later={cost_min: 60}"


def block_of(case, position=2):
    response = replace(case.response(), tolerance=1e-12)
    day, _ = response.day(None)
    _, _, account = case.accounts(day)
    return Block(response=response, positions=(position,), account=account, day=day, chargers=case.chargers())


def test_at_once_and_for_all_the_total_is_kept(small_case):
    roads = block_of(small_case()).roads()
    assert roads.keeps_total
    before, after = (roads.respond(price)[0].sum() for price in (PRICE, PRICE * [[2.0], [1.0], [1.0]]))
    assert after == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize("setting", [KERNEL, LATER])
def test_in_time_or_with_a_way_out_the_total_moves_and_methods_are_told(small_case, setting):
    roads = block_of(small_case(setting)).roads()
    assert not roads.keeps_total
    before, after = (roads.respond(price)[0].sum() for price in (PRICE, PRICE * [[2.0], [1.0], [1.0]]))
    assert abs(after - before) > 1e-4


def test_no_potential_is_offered_for_energy_in_time(small_case):
    """Drivers pay the price of the period in which they leave: their load is no gradient of any value."""
    roads = block_of(small_case(KERNEL)).roads()
    assert roads.value_per_h is None
    assert roads.respond_rising is None
    assert roads.steepness is not None


@pytest.mark.parametrize("setting", [LATER, KERNEL])
def test_the_slope_of_loads_answers_to_prices(small_case, setting):
    """Exact with charging later; in time an estimate, symmetric and >= 0, a quarter off at most."""
    roads = block_of(small_case(setting)).roads()
    _, detail = roads.respond(PRICE)
    found = roads.steepness(PRICE, detail)[0]
    measured = np.column_stack(
        [
            (roads.respond(PRICE - step)[0] - roads.respond(PRICE + step)[0])[:, 0]
            for step in (0.5 * np.eye(3)[:, [n]] for n in range(3))
        ]
    )
    assert np.allclose(found, found.T, rtol=1e-9, atol=1e-15)
    assert np.linalg.eigvalsh(found).min() >= -1e-12
    apart = np.linalg.norm(found - measured) / np.linalg.norm(measured)
    assert apart <= (1e-5 if setting == LATER else 0.25)


def test_only_the_block_answers_and_what_is_on_its_way_stays(small_case):
    block = block_of(small_case(KERNEL))
    quiet = replace(block, day=[replace(one, path_flow_vph=0.0 * one.path_flow_vph) for one in block.day])
    with_carry, alone = block.respond(PRICE)[0], quiet.respond(PRICE)[0]
    other_price = PRICE + [[300.0], [0.0], [-100.0]]
    carry = with_carry - alone
    assert (carry > 0.0).all()
    assert block.respond(other_price)[0] - quiet.respond(other_price)[0] == pytest.approx(carry, rel=1e-9)


def test_what_is_left_to_later_periods_is_theirs_in_their_order(small_case):
    """Where chargers serve all that comes, it is the load of those who come and came."""
    block = replace(block_of(small_case(KERNEL)), foreseen=3)
    later = block.later_mw([block.day[2]])
    coming = block.account.load_mw(block.day, range(3, 6))
    assert (np.diff(coming, axis=1) != 0.0).all()
    np.testing.assert_allclose(later, coming, rtol=0.0, atol=1e-12)


def test_an_extreme_price_leaves_no_trace(small_case):
    """After a price at which nobody comes to two stations, a usual one has the equilibrium that it has."""
    response = small_case().response()
    expected = response.solve(0, PRICE[:, 0])
    extreme = response.solve(0, np.array([4.5e7, 2.1e6, 1.4e8]))
    found = response.solve(0, PRICE[:, 0], start=extreme)
    assert found.converged
    assert found.link_flow_vph == pytest.approx(expected.link_flow_vph, rel=1e-6)
