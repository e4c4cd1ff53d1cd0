"""F24: a run is stopped behind each of its periods and goes on: every table is the undisturbed run's, bit by bit.

24 points of a day in every mode, and kills at any instant: `make resume`, `make kills`.
"""

import pytest

from cosim.workflows.resume import resume
from cosim.workflows.run import run
from tests.faults.days import PERIODS, four_periods, same, stopped, stopping


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    return four_periods(tmp_path_factory.mktemp("f24") / "scenario")


@pytest.fixture(scope="module")
def whole(scenario, tmp_path_factory):
    return run(scenario, out=tmp_path_factory.mktemp("whole") / "run", report=False)


@pytest.mark.parametrize("period", range(1, PERIODS))
def test_it_goes_on_to_the_same_bits(scenario, whole, tmp_path, period):
    folder = stopped(scenario, tmp_path / "run", period)
    same(resume(folder, report=False), whole)


def test_stopped_after_every_period_in_turn(scenario, whole, tmp_path):
    folder = stopped(scenario, tmp_path / "run", 1)
    for period in range(2, PERIODS):
        with pytest.raises(Exception, match="PlugPulled"):
            resume(folder, report=False, progress=stopping(period))
    same(resume(folder, report=False), whole)


def test_unguarded_a_day_that_begins_in_its_middle_is_another(scenario, whole, tmp_path):
    """What the state is for: without it the storage would start the second half as if the first had not been."""
    energy = whole["devices"].query("device == 'ess'").set_index("period")["energy_mwh"]
    assert abs(energy.loc[2] - 0.5 * 0.4) > 1e-3
