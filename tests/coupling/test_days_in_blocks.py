"""A day ahead in blocks: each is the day ahead of its own periods, from what the one before it left."""

import numpy as np
import pytest

from cosim.coupling.dispatch_day import Demand, advance, grid_side, open_day
from cosim.coupling.prices.tariff import TariffPrice, TariffPriceSettings
from cosim.dispatch.controller import Controller, carried, initial_states
from cosim.errors import InputError
from cosim.scenario.load import load
from cosim.workflows.run import run
from cosim.workflows.verify import verify
from tests.dispatch.conftest import EV_MW, make_case, read

T, BLOCK = 12, 5
LOADS = EV_MW[:, :T]


def made(**settings):
    return make_case(read(), periods=slice(0, T), settings=settings)


@pytest.fixture(scope="module")
def blocks():
    """What is dispatched in each of twelve periods in blocks of five: the last one has two."""
    side = grid_side(made(block_periods=BLOCK), rule=TariffPrice(TariffPriceSettings()), tolerance_mw=1e-6)
    state, done = open_day(side), []
    for k in range(T):
        state, sent = advance(side, state, Demand(position=k, load_mw=LOADS[:, k], forecast_mw=LOADS))
        done.append(sent)
    return done


def test_a_block_is_planned_once_and_holds_to_its_end(blocks):
    assert [(one.plan.start, one.plan.length, one.column) for one in blocks] == [
        (k - k % BLOCK, min(BLOCK, T - (k - k % BLOCK)), k % BLOCK) for k in range(T)
    ]


def test_each_block_is_the_day_ahead_of_its_periods(blocks):
    """Cut out of the day and planned alone, from the states that the block before left, it costs the same."""
    states = initial_states(made())
    for start in range(0, T, BLOCK):
        own = slice(start, min(start + BLOCK, T))
        alone = Controller(make_case(read(), periods=own)).plan(0, LOADS[:, own], states=states)
        there = blocks[start].plan
        assert there.total_cost.sum() == pytest.approx(alone.total_cost.sum(), rel=1e-9)
        assert there.grid.slack_mw == pytest.approx(alone.grid.slack_mw, abs=1e-6)
        states = carried(states, alone, alone.length)


def test_what_is_stored_and_moved_balances_in_each_block(blocks):
    for start in range(0, T, BLOCK):
        devices = blocks[start].plan.devices
        assert devices["ess"].energy_mwh[-1] == pytest.approx(0.8, abs=1e-6)
        for name in devices:
            if name.startswith("dr"):
                assert abs(devices[name].p_mw.sum()) <= 1e-6


def test_one_block_of_the_whole_day_is_the_day_ahead():
    whole, block = (Controller(made(**one)).plan(0, LOADS) for one in ({}, {"block_periods": T}))
    assert (whole.grid.slack_mw == block.grid.slack_mw).all()
    assert (whole.price_per_mwh == block.price_per_mwh).all()


def test_a_run_in_blocks_is_verified_block_by_block(tmp_path):
    blocks = ("dispatch.mode=day_ahead", "dispatch.block_h=8", "dispatch.ac_engine=batch")
    result = run("five_nodes", out=tmp_path / "run", overrides=blocks, report=False)
    assert result.exit_code == 0
    found = verify(tmp_path / "run")
    assert found.exit_code == 0
    bounds = result["periods"]["lower_bound"]
    assert found.whole.bound_kind == "block by block"
    assert found.whole.lower_bound == pytest.approx(float(np.sum(np.asarray(bounds)[::2])), rel=1e-9)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("dispatch={mode: rolling, block_periods: 2}",), "block_periods.*mode is 'rolling'.*plans a block at once"),
        (("dispatch={mode: day_ahead, block_periods: 2, block_h: 2}",), "block_h.*exclude each other"),
        (("dispatch={mode: day_ahead, lookahead_h: 2}",), "lookahead_h.*mode is 'day_ahead'"),
        (
            ("dispatch={mode: day_ahead, block_h: 2}", "coupling={mode: iterated, ev_price: nodal}"),
            "block_h.*all periods at once, not block by block.*use mode rolling",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(overrides, message):
    with pytest.raises(InputError, match=message):
        load("five_nodes", overrides)
