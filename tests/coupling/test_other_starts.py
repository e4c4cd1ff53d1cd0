"""Where no certificate exists: loops from random prices tell whether there is another equilibrium nearby."""

from types import SimpleNamespace

import numpy as np
import pytest

from cosim.coupling.fixed_point import Answer, PriceLoop, Roads
from cosim.coupling.methods import METHODS
from cosim.coupling.restarts import Restarts
from cosim.validation.gate import evaluate


def compared(price_of_load, starts=6, tolerance_mw=1e-9):
    """Return what the starts found, and all loads that the dispatch was asked for."""

    def respond(price):
        load = 1.5 / (1.0 + np.exp(np.clip(0.02 * (price - 600.0), -50, 50)))
        return load, [SimpleNamespace(path_flow_vph=load[:, 0] / 0.02)]

    roads, asked = Roads(respond=respond), []

    def fresh():
        return PriceLoop(roads=roads, method=METHODS["iterate"](roads), tolerance_mw=tolerance_mw, round_limit=60)

    def run(driver, query):
        while query is not None:
            asked.append(query.load_mw.item())
            load = query.load_mw
            query = driver.receive(Answer(price_per_mwh=price_of_load(load), load_mw=load))

    first = fresh()
    run(first, first.start(np.array([[700.0]])))
    restarts = Restarts(first=first, fresh=fresh, random=np.random.default_rng(4), starts=starts)
    run(restarts, restarts.start())
    return first, restarts, asked


def test_a_price_that_rises_with_the_load_has_one_equilibrium():
    first, restarts, asked = compared(lambda load: 500.0 + 100.0 * load)
    assert first.converged
    assert restarts.converged == 6
    assert restarts.spread_vph <= 1e-6
    assert evaluate({"coupling_spread_rel": float(restarts.spread_rel[0])}).status == "optimal"
    assert asked[-1] == first.query.load_mw.item()  # the dispatch stands at the first result again


def test_a_price_that_falls_with_the_load_can_have_several_and_they_are_found():
    """Cheap where many come: all or nobody. Nothing convex is left, and the starts end apart."""
    first, restarts, _ = compared(lambda load: 900.0 - 400.0 * load)
    assert first.converged
    assert restarts.converged >= 5
    assert restarts.spread_vph > 10.0
    demand = float(first.detail[0].path_flow_vph.sum())
    assert restarts.spread_rel[0] == pytest.approx(restarts.spread_vph / max(demand, 1.0))
    assert evaluate({"coupling_spread_rel": float(restarts.spread_rel[0])}).status == "equilibrium_not_unique"


@pytest.mark.parametrize("starts", [1, 3])
def test_as_many_starts_as_asked_for(starts):
    _, restarts, _ = compared(lambda load: 500.0 + 100.0 * load, starts=starts)
    assert restarts.converged == starts


def test_without_a_start_that_converged_there_is_no_spread():
    _, restarts, _ = compared(lambda load: 500.0 + 100.0 * load, tolerance_mw=-1.0)
    assert restarts.converged == 0
    assert np.isnan(restarts.spread_vph)
    assert restarts.spread_rel.size == 0
