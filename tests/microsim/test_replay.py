"""A day that is asked again what it was asked before; engines that die, and engines that answer otherwise."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cosim.errors import ComponentError, SumoError
from cosim.microsim.port import DayStep, EngineSettings, RepeatableDay, open_engine, replayed
from cosim.scenario.build import build_roads
from cosim.scenario.load import load

PERIOD_S, PERIODS, STEP_S = 600.0, 3, 60.0


@pytest.fixture(scope="module")
def engine():
    with open_engine(
        build_roads(load("nguyen_micro")), EngineSettings(engine="point_queue", length_scale=0.25)
    ) as found:
        yield found


def asked(engine):
    """Yield the steps of three periods whose flows and caps differ."""
    generator = np.random.default_rng(7)
    for period in range(1, PERIODS + 1):
        flows = generator.uniform(0.0, 30.0, len(engine.roads.paths))
        for k in range(round(PERIOD_S / STEP_S)):
            yield DayStep(
                period=period, until_s=PERIOD_S * (period - 1) + STEP_S * (k + 1),
                p_set_mw=generator.choice([0.0, 0.05, np.inf], 3), path_flow_vph=None if k else flows,
                last=period == PERIODS and STEP_S * (k + 1) == PERIOD_S,
            )  # fmt: skip


def whole(day, steps):
    return [day.ask(step) for step in steps]


@pytest.fixture(scope="module")
def undisturbed(engine):
    return whole(repeatable(engine), asked(engine))


def repeatable(engine, claims=(), broken=()):
    """Return a day whose n-th run dies when it is advanced to a time; ``broken`` has the times, NaN for never."""
    dies = iter(broken)

    def opened():
        day, at_s = engine.day(PERIOD_S, 1), next(dies, np.nan)
        advance = day.advance

        def mortal(until_s, caps, stop=None):
            if until_s == at_s:
                raise SumoError("died", command=("sumo",), sim_time_s=until_s, return_code=-9, error_log_tail="")
            return advance(until_s, caps, stop)

        day.advance = mortal
        return day

    return RepeatableDay(opened, claims)


def test_a_day_goes_on_behind_its_claims_as_if_it_had_not_been_interrupted(engine, undisturbed):
    steps = list(asked(engine))
    for cut in (1, 10, 15):
        first = repeatable(engine)
        whole(first, steps[:cut])
        rest = whole(repeatable(engine, first.claims), steps[cut:])
        assert [one.digest for one in rest] == [one.digest for one in undisturbed[cut:]]
    measured = [one.measured for one in undisturbed if one.measured is not None]
    assert len(measured) == PERIODS
    assert sum(len(one.sessions) for one in measured) > 0


@pytest.mark.parametrize("at_s", [60.0, 600.0, 660.0, 1800.0])
def test_one_death_a_period_is_repaired_to_the_bit_and_told(engine, undisturbed, at_s):
    repaired = whole(repeatable(engine, broken=(at_s,)), asked(engine))
    assert [one.digest for one in repaired] == [one.digest for one in undisturbed]
    words = [one.measured.repeated for one in repaired if one.measured is not None]
    assert [bool(one) for one in words] == [at_s <= 600.0, 600.0 < at_s <= 1200.0, at_s > 1200.0]
    assert "SUMO died" in "".join(words)


def test_every_period_may_have_one_death(engine, undisturbed):
    """The second process repeats the first period, and dies in the second."""
    found = whole(repeatable(engine, broken=(300.0, 900.0)), asked(engine))
    assert [one.digest for one in found] == [one.digest for one in undisturbed]


@pytest.mark.parametrize("second_s", [120.0, 300.0])
def test_a_second_death_in_a_period_ends_the_day(engine, second_s):
    """Also one in the repetition of what came before."""
    day = repeatable(engine, broken=(300.0, second_s))
    with pytest.raises(SumoError, match=r"SUMO died \(the second one in period 1\) at simulated"):
        whole(day, asked(engine))


def test_what_an_engine_refuses_is_not_asked_twice(engine):
    def opened():
        raise SumoError(
            "refused", command=(), sim_time_s=None, return_code=None, error_log_tail="", repeatable=opens.append(1)
        )

    opens = []
    with pytest.raises(SumoError, match="refused"):
        whole(RepeatableDay(opened), asked(engine))
    assert opens == [1]


def test_an_engine_that_answers_otherwise_is_refused(engine):
    day = repeatable(engine)
    whole(day, list(asked(engine))[:15])
    closed = []
    other = SimpleNamespace(day=lambda _p, _s: engine.day(PERIOD_S, 2))  # another seed

    def opened():
        found = other.day(PERIOD_S, 2)
        found.close = lambda: closed.append(1)
        return found

    with pytest.raises(ComponentError, match="simulation of period 1, asked what it was asked before, answered other"):
        replayed(opened, day.claims)
    assert closed == [1]
    edited = (day.claims[0], replace(day.claims[1], p_set_mw=day.claims[1].p_set_mw * 0.5))
    with pytest.raises(ComponentError, match="simulation of period 2"):
        replayed(lambda: engine.day(PERIOD_S, 1), edited)


def test_a_period_without_flows_is_refused(engine):
    step = DayStep(period=1, until_s=STEP_S, p_set_mw=np.full(3, np.inf))
    with pytest.raises(ComponentError, match="period 1 of the simulation begins without path flows"):
        repeatable(engine).ask(step)
