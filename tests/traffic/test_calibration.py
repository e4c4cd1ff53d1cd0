"""Fits find the law that made the points, and a fitted law times a network as its formula says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.traffic.calibration import (
    LinkLaw,
    fit_davidson,
    fit_link_law,
    judge_link_law,
    judge_times,
    law_of_rows,
    law_rows,
)
from cosim.traffic.network import RoadNetwork
from cosim.traffic.performance import link_cost

laws = st.builds(
    LinkLaw,
    time_factor=st.floats(0.9, 1.3), alpha=st.floats(0.05, 0.6), beta=st.floats(1.2, 6.0),
)  # fmt: skip


def road(capacity=2000.0):
    return RoadNetwork(
        node_ids=("a", "b"), link_ids=("ab",), tail=np.array([0]), head=np.array([1]),
        free_flow_min=np.array([8.0]), capacity_vph=np.array([capacity]),
    )  # fmt: skip


def test_the_share_explained_by_a_regression_is_the_square_of_the_correlation():
    use, time = np.array([0.1, 0.4, 0.5, 0.8, 0.9]), np.array([1.1, 1.0, 1.6, 1.7, 2.3])
    found = judge_times(time, np.polyval(np.polyfit(use, time, 1), use))
    assert found.r2 == pytest.approx(np.corrcoef(use, time)[0, 1] ** 2, rel=1e-12)
    assert found.rmse == pytest.approx(time.std() * np.sqrt(1.0 - found.r2), rel=1e-12)


@given(laws)
@settings(max_examples=25)
def test_the_fit_finds_the_law_that_made_the_points(law):
    use = np.linspace(0.05, 1.0, 40)
    found = fit_link_law(use, law.time_ratio(use))
    assert found.time_ratio(use) == pytest.approx(law.time_ratio(use), abs=2e-4)
    assert judge_link_law(found, use, law.time_ratio(use)).rmse < 2e-4


def test_one_wild_point_does_not_carry_the_fit_away():
    law, use = LinkLaw(time_factor=1.06, alpha=0.19, beta=2.0), np.linspace(0.05, 0.9, 40)
    time = law.time_ratio(use)
    time[20] += 1.0
    found = fit_link_law(use, time)
    assert np.abs(found.time_ratio(use) - law.time_ratio(use)).max() < 0.005


@given(st.floats(min_value=1.0, max_value=9000.0), st.floats(min_value=0.0, max_value=6000.0))
def test_a_fitted_law_times_a_network_by_its_formula_and_its_lanes(capacity, flow):
    law = LinkLaw(time_factor=1.05, alpha=0.2, beta=2.1)
    lanes = max(2, int(np.ceil(capacity / 1800.0)))
    time = link_cost(law.applied(road(capacity)), np.array([flow]))[0]
    assert time == pytest.approx(1.05 * 8.0 * (1.0 + 0.2 * (flow / (1800.0 * lanes)) ** 2.1))


def test_a_fitted_law_leaves_stations_alone():
    station = {"is_station": np.array([True]), "law": ("davidson",)}
    network = replace(road(), **station, settings={"j": np.array([0.1]), "knee": np.array([0.9])})
    assert link_cost(LinkLaw(time_factor=1.5).applied(network), np.array([0.0]))[0] == 8.0


def test_davidsons_shape_is_found_from_its_own_waits():
    use = np.linspace(0.5, 0.95, 10)
    j, fit = fit_davidson(use, 0.037 * use / (1.0 - use))
    assert j == pytest.approx(0.037)
    assert fit.rmse < 1e-9


def test_points_that_cannot_tell_a_curve_are_refused():
    with pytest.raises(InputError, match="wider range"):
        fit_link_law(np.full(10, 0.5), np.full(10, 1.1))
    with pytest.raises(InputError, match="not finite"):
        fit_link_law(np.linspace(0, 1, 5), [1.0, 1.1, np.nan, 1.2, 1.3])
    with pytest.raises(InputError, match="at least 4"):
        fit_link_law([0.1, 0.9], [1.0, 1.1])
    with pytest.raises(InputError, match="no stationary wait"):
        fit_davidson([0.5, 0.7, 0.9, 1.0], [0.1, 0.1, 0.2, 0.3])


@given(laws)
def test_a_law_comes_back_from_its_rows(law):
    names, values = zip(*law_rows(law), strict=True)
    assert law_of_rows(names, values) == law


def test_rows_that_are_no_law_are_refused():
    with pytest.raises(InputError, match="each once"):
        law_of_rows(["alpha", "beta"], [0.1, 2.0])
    names, values = zip(*law_rows(LinkLaw()), strict=True)
    with pytest.raises(InputError, match=r"beta.*must be >= 1"):
        law_of_rows(names, [0.5 if name == "beta" else value for name, value in zip(names, values, strict=True)])
