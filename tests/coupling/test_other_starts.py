"""Where no certificate exists: loops from random prices tell whether there is another equilibrium nearby."""

from types import SimpleNamespace

import numpy as np
import pytest

from cosim.coupling import fixed_point, restarts
from cosim.coupling.fixed_point import Answer, Roads
from cosim.validation.gate import evaluate


def compared(price_of_load, starts=6, tolerance_mw=1e-9):
    """Return what the starts found, and all loads that the dispatch was asked for."""

    def respond(price, start):
        load = 1.5 / (1.0 + np.exp(np.clip(0.02 * (price - 600.0), -50, 50)))
        return load, [SimpleNamespace(path_flow_vph=load[:, 0] / 0.02)]

    roads, asked = Roads(respond=respond), []

    def run(module, state):
        while not state.ended:
            load = state.query.load_mw
            asked.append(load.item())
            state = module.step(roads, state, Answer(price_per_mwh=price_of_load(load), load_mw=load))
        return state

    start = np.array([[700.0]])
    first = fixed_point.begin(roads, start, method="iterate", tolerance_mw=tolerance_mw, round_limit=60)
    first = run(fixed_point, first)
    return first, run(restarts, restarts.begin(roads, first, seed=(4,), starts=starts)), asked


def test_a_price_that_rises_with_the_load_has_one_equilibrium():
    first, further, asked = compared(lambda load: 500.0 + 100.0 * load)
    assert first.converged
    assert further.converged == 6
    assert further.spread_vph <= 1e-6
    assert evaluate({"coupling_spread_rel": float(further.spread_rel[0])}).status == "optimal"
    assert asked[-1] == first.query.load_mw.item()  # the dispatch stands at the first result again


def test_a_price_that_falls_with_the_load_can_have_several_and_they_are_found():
    """Cheap where many come: all or nobody. Nothing convex is left, and the starts end apart."""
    first, further, _ = compared(lambda load: 900.0 - 400.0 * load)
    assert first.converged
    assert further.converged >= 5
    assert further.spread_vph > 10.0
    demand = float(first.detail[0].path_flow_vph.sum())
    assert further.spread_rel[0] == pytest.approx(further.spread_vph / max(demand, 1.0))
    assert evaluate({"coupling_spread_rel": float(further.spread_rel[0])}).status == "equilibrium_not_unique"


@pytest.mark.parametrize("starts", [1, 3])
def test_as_many_starts_as_asked_for(starts):
    _, further, _ = compared(lambda load: 500.0 + 100.0 * load, starts=starts)
    assert further.converged == starts


def test_without_a_start_that_converged_there_is_no_spread():
    _, further, _ = compared(lambda load: 500.0 + 100.0 * load, tolerance_mw=-1.0)
    assert further.converged == 0
    assert np.isnan(further.spread_vph)
    assert further.spread_rel.size == 0
