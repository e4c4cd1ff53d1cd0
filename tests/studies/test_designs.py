"""Points and distributions: closed forms of quantiles, nested designs, streams by purpose, balance of Sobol."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import ComponentError, InputError
from cosim.scenario.yaml_reader import read_yaml
from cosim.studies import designs
from cosim.studies.designs import grid_points, points, scenario_seed
from cosim.studies.distributions import Continuous, Values, read_distribution
from cosim.studies.study_file import Design, Factor


def law(text):
    """Return a distribution as a study file writes it."""
    return read_distribution(read_yaml(text.encode(), "study.yaml"), "vary.x")


def factors(*names):
    """Return factors that are uniform on [0, 1)."""
    return tuple(Factor(path=name, law=law("{uniform: [0, 1]}")) for name in names)


@given(st.floats(0.001, 0.999))
def test_quantiles_are_those_of_the_closed_forms(u):
    assert law("{uniform: [2, 6]}").at(u) == pytest.approx(2 + 4 * u, rel=1e-12)
    assert law("{loguniform: [1, 100]}").at(u) == pytest.approx(100**u, rel=1e-10)
    mode = law("{triangular: [0, 1, 4]}")  # F(x) = x^2 / 4 up to the mode, 1 - (4 - x)^2 / 12 behind it
    assert mode.at(u) == pytest.approx(2 * np.sqrt(u) if u <= 0.25 else 4 - np.sqrt(12 * (1 - u)), rel=1e-9)


def test_a_truncated_normal_keeps_its_ends_and_a_lognormal_its_mean():
    normal = law("{normal: {mean: 1, sd: 0.1, min: 0.9, max: 1.3}}")
    assert normal.at(1e-12) == pytest.approx(0.9, abs=1e-9)
    assert normal.at(1 - 1e-12) == pytest.approx(1.3, abs=1e-6)
    logs = law("{lognormal: {mean: 3, sd: 2}}")
    assert (logs.mean, logs.law.std()) == (pytest.approx(3.0), pytest.approx(2.0))


def test_listed_values_are_equally_likely():
    values = law("{values: [0.5, b, 2]}")
    assert [values.at(u) for u in (0.0, 0.34, 0.999)] == [0.5, "b", 2]
    assert np.isnan(values.mean)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{uniform: [3, 1]}", "breaks min < max"),
        ("{uniform: [1]}", "uniform takes min, max"),
        ("{normal: {mean: 1}}", "sd is missing"),
        ("{normal: {mean: 1, sd: 0}}", "breaks sd > 0"),
        ("{normal: {mean: 1, sd: 1, low: 0}}", "'low' is none of its numbers"),
        ("{gaussian: [0, 1]}", "'gaussian' is no distribution"),
        ("{uniform: [a, 1]}", "min must be a number"),
        ("{values: []}", "must be a list of values"),
        ("0.3", "is not one distribution"),
        ("{loguniform: [0, 1]}", "breaks 0 < min < max"),
    ],
)
def test_a_wrong_distribution_is_told(text, told):
    with pytest.raises(InputError, match=told):
        law(text)


@pytest.mark.parametrize("kind", ["random", "sobol"])
def test_more_rows_keep_those_of_a_smaller_design(kind):
    few, many = (points(Design(kind=kind, rows=n), factors("a", "b"), 7) for n in (8, 32))
    assert np.array_equal(few, many[:8])


def test_blocks_keep_theirs_where_blocks_are_added():
    few, many = (points(Design(kind="lhs", rows=8 * n, blocks=n), factors("a", "b"), 7) for n in (2, 3))
    assert np.array_equal(few, many[:16])


def test_another_factor_leaves_the_random_numbers_of_the_others():
    one = points(Design(kind="random", rows=9), factors("a", "b"), 7)
    more = points(Design(kind="random", rows=9), factors("c", "a", "b"), 7)
    assert np.array_equal(one, more[:, 1:])


@pytest.mark.parametrize("kind", ["lhs", "sobol"])
def test_each_column_has_a_point_in_every_interval(kind):
    found = points(Design(kind=kind, rows=32), factors("a", "b", "c"), 3)
    for column in found.T:
        assert sorted((column * 32).astype(int)) == list(range(32))


def test_a_sequence_that_is_none_is_refused(monkeypatch):
    class Broken:
        def __init__(self, count, rng):
            self.count = count

        def random(self, size):
            return np.full((size, self.count), 0.25)  # as scipy answers without its table of direction numbers

    monkeypatch.setattr("scipy.stats.qmc.Sobol", Broken)
    with pytest.raises(ComponentError, match="not balanced"):
        points(Design(kind="sobol", rows=8), factors("a"), 1)


def test_a_saltelli_design_mixes_one_column_at_a_time():
    a, b, first, second = np.split(points(Design(kind="saltelli", rows=16), factors("a", "b"), 7), 4)
    assert np.array_equal(first, np.column_stack([b[:, 0], a[:, 1]]))
    assert np.array_equal(second, np.column_stack([a[:, 0], b[:, 1]]))


def test_a_grid_has_every_combination_the_last_factor_fastest():
    two = (Factor(path="a", law=Values(values=(1, 2))), Factor(path="b", law=Values(values=("x", "y", "z"))))
    drawn = [[one.law.at(u) for one, u in zip(two, row, strict=True)] for row in grid_points(two).tolist()]
    assert drawn == [[1, "x"], [1, "y"], [1, "z"], [2, "x"], [2, "y"], [2, "z"]]


def test_random_numbers_hang_on_their_purpose():
    assert scenario_seed(7, 0) == scenario_seed(7, 0)
    assert len({scenario_seed(seed, replicate) for seed in (7, 8) for replicate in range(4)}) == 8
    child = np.random.SeedSequence(7).spawn(3)[2]
    assert np.array_equal(designs.stream(7, 2).generate_state(4), child.generate_state(4))
    assert isinstance(law("{uniform: [0, 1]}"), Continuous)
