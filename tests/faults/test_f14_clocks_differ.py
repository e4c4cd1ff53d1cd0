"""F14: a message of another period, or periods that do not divide: refused; unguarded, mosaik hands on stale values."""

import pytest

from cosim.errors import ComponentError, InputError
from cosim.records.grid import GridPeriod
from cosim.records.period import joined
from cosim.records.traffic import TrafficPeriod
from cosim.scenario.load import load
from cosim.simulators.recorder import Simulator as Recorder
from tests.by_hand import by_hand


def part(period, kind=TrafficPeriod, **rows):
    return by_hand(kind, period=period, **rows)


def test_parts_of_two_periods_are_not_joined():
    with pytest.raises(ComponentError, match=r"parts of periods \[1, 2\] met; a stale value is on a wire"):
        joined([part(1), part(2, GridPeriod)], "00:00-01:00")


@pytest.mark.parametrize(("period", "words"), [(2, "parts of period 2 in period 1"), (3, "parts of period 3")])
def test_a_part_of_another_period_is_refused(small_case, period, words):
    recorder = Recorder()
    recorder.init("Recorder-0", case=small_case())
    recorder.create(1, "Recorder")
    with pytest.raises(ComponentError, match=words):
        recorder.step(0, {"Recorder-0": {"record": {"a": part(period)}}}, 0)


def test_a_time_between_periods_or_beyond_the_day_is_refused(small_case):
    recorder = Recorder()
    recorder.init("Recorder-0", case=small_case())
    recorder.create(1, "Recorder")
    with pytest.raises(ComponentError):
        recorder.step(6 * 3600, {"Recorder-0": {"record": {"a": part(7)}}}, 0)


@pytest.mark.parametrize("minutes", [7, 50, 1441])
def test_periods_divide_the_day(minutes):
    with pytest.raises(InputError, match="period_min"):
        load("nguyen_ieee33", [f"period_min={minutes}"])


@pytest.mark.parametrize("coupling_s", [7, 700])
def test_steps_of_the_coupling_divide_the_period(coupling_s):
    with pytest.raises(InputError, match="coupling_s"):
        load("nguyen_ieee33", ["microsim.mode=continuous", f"microsim.coupling_s={coupling_s}"])
