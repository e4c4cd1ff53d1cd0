"""F13: an equilibrium that is not reached, costs that are no number, demand of zero (0/0)."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cosim.quantities.status import exit_code
from cosim.traffic.equilibrium import solve
from cosim.traffic.methods import METHODS
from cosim.traffic.problem import relative_change
from cosim.validation.gate import evaluate


@pytest.fixture(scope="module")
def problem(small_case):
    return small_case().response().period(0, None)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_iterations_that_run_out_are_told_with_their_trace(problem, method):
    result = solve(problem, method, 1e-12, 1)
    assert (result.status, result.converged) == ("limit", False)
    assert result.residual > 1e-12
    assert len(result.history) >= 1
    judged = evaluate({"sue_residual": result.residual})
    assert judged.status == "not_converged"
    assert exit_code([judged.status]) == 6


@pytest.mark.parametrize("method", sorted(METHODS))
def test_no_demand_is_an_equilibrium_of_zeros(problem, method):
    result = solve(replace(problem, demand_vph=np.zeros_like(problem.demand_vph)), method)
    assert result.converged
    assert result.residual == 0.0
    assert not result.link_flow_vph.any()
    assert np.isfinite(result.link_time_min).all()


def test_a_residual_that_is_no_number_never_ends_as_converged(problem):
    """``while R > eps`` ends at NaN; ``while not R <= eps`` does not."""
    assert not np.greater(math.nan, 1e-8)
    steep = replace(problem, network=replace(problem.network, free_flow_min=problem.network.free_flow_min * 1e300))
    with np.errstate(all="ignore"):
        result = solve(steep, "newton", 1e-8)
    assert not result.converged or result.residual <= 1e-8
    assert not (relative_change(np.array([math.nan]), np.array([1.0])) <= 1e-8)
    assert evaluate({"sue_residual": math.nan}).status == "not_converged"


def test_far_beyond_every_capacity_the_flows_are_finite(problem):
    for factor in (3.0, 100.0):
        result = solve(replace(problem, demand_vph=factor * problem.demand_vph), "auto", 1e-8)
        assert np.isfinite(result.link_time_min).all()
        assert np.isfinite(result.path_flow_vph).all()
        assert result.converged == (result.residual <= 1e-8)
