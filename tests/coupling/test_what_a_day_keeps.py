"""What the state of a day, an answer of the dispatch and the first step of a method hold: each by its own meaning."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.coupling import day
from cosim.coupling.dispatch_day import Demand, advance, open_day
from cosim.coupling.methods.admm import Admm
from cosim.coupling.methods.base import Roads

LOAD = np.array([[0.3], [0.5], [0.2]])


def test_flows_that_are_sent_leave_their_energy_to_later_periods(small_case):
    """Who comes in twice the number draws twice the power then, too."""
    side, state = small_case("ev.charging_load=kernel").open_roads()
    twice = replace(state.results[2], path_flow_vph=2.0 * state.results[2].path_flow_vph)
    kept = day._kept(side, state, [2], 2.0 * LOAD[:, 0][:, np.newaxis], [twice])
    alone = [replace(one, path_flow_vph=(k == 2) * one.path_flow_vph) for k, one in enumerate(state.results)]
    more = side.account.load_mw(alone, range(6))
    assert (more[:, 3] > 0.0).all()
    np.testing.assert_allclose(kept.arriving_mw - state.arriving_mw, more, rtol=0.0, atol=1e-12)


def test_nothing_is_sent_when_the_day_opens(small_case):
    assert small_case().open_roads()[1].sending is False


@pytest.mark.parametrize("period_min", [60, 30])
def test_how_far_an_answer_may_be_from_its_optimum_is_told_in_money_of_drivers_an_hour(
    small_case, monkeypatch, period_min
):
    """Of 3 of money a period, with a mark-up of a tenth."""
    case = small_case(f"period_min={period_min}", "coupling.markup=0.1", "coupling.ev_price=nodal",
                      "coupling.mode=iterated")  # fmt: skip
    side, plan = case.grid_side(), type(case.grid_side().controller).plan

    def unsure(*given, **named):
        found = plan(*given, **named)
        return replace(found, record=replace(found.record, suboptimality=3.0))

    monkeypatch.setattr(type(side.controller), "plan", unsure)
    asked = Demand(position=0, load_mw=LOAD[:, 0], forecast_mw=np.repeat(LOAD, 6, axis=1))
    _, done = advance(side, open_day(side), asked)
    assert done.answer.suboptimality_per_h == pytest.approx(1.1 * 3.0 * 60.0 / period_min, rel=1e-12)


def test_the_penalty_of_admm_begins_at_the_price_over_the_load():
    """Else what it does depended on the units of money and power."""
    roads = Roads(respond=lambda price, start: (LOAD, None))
    assert Admm().first(roads, np.full((3, 1), 600.0), None)[0].beta == pytest.approx(600.0 / 0.5)
    assert Admm().first(roads, np.zeros((3, 1)), None)[0].beta == pytest.approx(1.0 / 0.5)
    quiet = Roads(respond=lambda price, start: (0.0 * LOAD, None))
    assert Admm().first(quiet, np.full((3, 1), 600.0), None)[0].beta == pytest.approx(600.0)
