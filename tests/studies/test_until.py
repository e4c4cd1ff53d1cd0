"""A study ends behind the block with which a mean is known well enough, and goes on where it ended."""

import math

import pytest
from scipy import stats

from cosim.errors import UsageError
from cosim.studies.collecting import collect, read_rows
from cosim.studies.folder import StudyFolder
from cosim.studies.running import run_study
from cosim.studies.until import DRAWS, checked_until
from tests.studies.own_rows import planned

RANDOM = """\
schema: 1
base: five_nodes
seed: 7
design: {kind: random, rows: 100}
vary: {ev.share: {uniform: [0.1, 0.3]}}
run: own
"""


def half_width(values):
    """Half of Student's 95 % interval over the mean."""
    n, mean = len(values), sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    return stats.t.ppf(0.975, n - 1) * spread / math.sqrt(n) / mean


def test_the_first_block_with_which_the_mean_is_known_is_the_last(own_rows, tmp_path):
    folder = planned(tmp_path, RANDOM)
    ran = run_study(folder, until=checked_until("double:10%"))
    values = list(read_rows(folder)["double"].dropna())
    assert len(values) % DRAWS == 0
    assert half_width(values) <= 0.1 < half_width(values[:-DRAWS])
    assert DRAWS < len(values) < 100
    assert ran.stopped.startswith(f"mean double: as_is {sum(values) / len(values):.6g} +- ")
    assert (ran.exit_code, ran.state.total) == (0, len(values))
    again = run_study(StudyFolder(folder.path), until=checked_until("double:10%"))
    assert again.stopped == ran.stopped  # it had ended there
    assert len(own_rows.read_text().split()) == len(values)
    whole = run_study(StudyFolder(folder.path))  # without it the rest is done, to the same table
    assert (whole.stopped, whole.collected.ended) == ("", 100)
    straight = planned(tmp_path, RANDOM, "straight")
    run_study(straight)
    assert collect(straight).sha256 == whole.collected.sha256


def test_a_mean_that_stays_unknown_takes_all_rows(own_rows, tmp_path):
    folder = planned(tmp_path, RANDOM.replace("rows: 100", "rows: 40"))
    ran = run_study(folder, until=checked_until("double:0.1%"))
    assert (ran.stopped, ran.collected.ended) == ("", 40)


@pytest.mark.parametrize("text", ["cost", "cost:", "cost:x%", "cost:0%", "cost:100%", ":1%", "cost:nan"])
def test_what_asks_nothing_is_refused(text):
    with pytest.raises(UsageError, match="no measure and share"):
        checked_until(text)


def test_what_cannot_be_told_is_refused_by_name(own_rows, tmp_path):
    grid = RANDOM.replace("{kind: random, rows: 100}", "{kind: grid}").replace(
        "{uniform: [0.1, 0.3]}", "{values: [0.1]}"
    )
    with pytest.raises(UsageError, match="a grid design have no error"):
        run_study(planned(tmp_path, grid, "grid"), until=checked_until("double:1%"))
    sobol = RANDOM.replace("{kind: random, rows: 100}", "{kind: sobol, rows: 4}")
    with pytest.raises(UsageError, match="a sobol design of one block have no error"):
        run_study(planned(tmp_path, sobol, "sobol"), until=checked_until("double:1%"))
    one = planned(tmp_path, RANDOM, "one")
    with pytest.raises(UsageError, match="a shard does not know the others' rows"):
        run_study(one, shard=(1, 2), until=checked_until("double:1%"))
    with pytest.raises(UsageError, match="no row has a measure 'half'; there are double"):
        run_study(one, until=checked_until("half:1%"))
