"""A seed by purpose draws one thing anew and leaves the others; without it everything hangs on ``seed``."""

import numpy as np
import pytest

from cosim.scenario.case import build_case
from cosim.scenario.load import load

NOISY = ("dispatch.mode=rolling", "dispatch.forecast=noisy")
FLEET = ("ev.fast_charge_share=mcmc", "ev.behaviour={vehicles: 2000}")


def case(*overrides):
    return build_case(load("nguyen_ieee33", (*NOISY, *FLEET, *overrides)))


@pytest.fixture(scope="module")
def plain():
    return case("seed=7")


def drawn(one):
    """The fleet's shares, and the seeds of forecast errors, simulation and random starts."""
    shares = np.array([row["fast_charge_share"] for row in one.behaviour_rows()])
    return shares, one.dispatch.seed, one.seed, one.starts_seed


def test_without_them_all_is_of_the_one_seed(plain):
    _, *seeds = drawn(plain)
    assert seeds == [7, 7, 7]
    assert (drawn(case("seed=7", "seeds={fleet: 7, forecast: 7, microsim: 7, starts: 7}"))[0] == drawn(plain)[0]).all()


@pytest.mark.parametrize(
    ("purpose", "seeds"), [("forecast", [8, 7, 7]), ("microsim", [7, 8, 7]), ("starts", [7, 7, 8]), ("fleet", [7] * 3)]
)
def test_one_of_them_moves_its_own_thing_alone(plain, purpose, seeds):
    shares, *found = drawn(case("seed=7", f"seeds.{purpose}=8"))
    assert found == seeds
    assert (shares == drawn(plain)[0]).all() == (purpose != "fleet")


def test_a_fleet_of_its_own_seed_is_that_of_the_whole_scenario_with_it(plain):
    assert (drawn(case("seed=7", "seeds.fleet=8"))[0] == drawn(case("seed=8"))[0]).all()
