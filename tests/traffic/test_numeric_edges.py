"""Flows that underflow, demand that is zero, numbers that are none."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import InputError
from cosim.traffic.dag import acyclic_dag
from cosim.traffic.equilibrium import duality_gap, fisk_objective, residual, solve, solve_day
from cosim.traffic.sensitivity import sensitivity


def test_flows_that_underflow_to_zero_stay_finite(nguyen):
    """The longest route of 1 -> 2 takes 44 min, the shortest 29: a share of exp(-50 * 15), below the least number."""
    problem = nguyen.plain(theta=50.0, scale=0.1)
    result = solve(problem)
    assert result.converged
    assert (result.path_flow_vph == 0.0).any()
    assert 0 <= result.gap < np.inf
    assert np.isfinite(fisk_objective(problem, result.path_flow_vph))
    assert 0 <= duality_gap(problem, result.path_flow_vph) < np.inf
    found = sensitivity(problem, result)
    assert all(np.isfinite(part).all() for part in (found.to_demand, found.to_fixed_min, found.to_theta))


def test_the_objective_of_unused_paths_is_the_limit(nguyen):
    """f ln f -> 0: all on one route costs its integral and q ln q / theta."""
    problem = nguyen.plain()
    flow = np.zeros(25)
    flow[[problem.paths.paths_of(w)[0] for w in range(4)]] = problem.demand_vph
    nearly = np.where(flow == 0, 1e-200, flow)
    assert fisk_objective(problem, flow) == pytest.approx(fisk_objective(problem, nearly), rel=1e-14)
    assert residual(problem, flow) > 0.1


@pytest.mark.parametrize(
    ("method", "linked"),
    [("newton", False), *((method, linked) for method in ("mirror_bb", "sra", "msa") for linked in (False, True))],
)
def test_no_demand_is_no_division_by_zero(nguyen, method, linked):
    problem = replace(nguyen.mixed(), demand_vph=np.zeros(8))
    if linked:
        dag = acyclic_dag(problem.network, nguyen.od_pairs, {"other": False, "charging": True})
        problem = replace(problem, paths=dag)
    result = solve(problem, method)
    assert (result.status, result.residual, result.residual_path, result.gap) == ("converged", 0.0, 0.0, 0.0)
    assert not result.link_flow_vph.any()
    assert np.array_equal(result.link_time_min, problem.network.free_flow_min)
    assert np.isfinite(result.expected_min_cost_min).all()


def test_the_first_vehicle_of_a_pair_goes_by_the_shares(nguyen):
    """dv/dq where q = 0 has no q to divide by; against a one-sided difference."""
    problem = replace(nguyen.mixed(theta=0.5), demand_vph=[0.0, 700.0, 500.0, 0.0, 0.0, 20.0, 0.0, 5.0])
    one = solve(problem, tolerance=1e-12)
    found = sensitivity(problem, one)
    for w in (0, 3, 4, 6):
        steps = []
        for step in (0.02, 0.01):
            more = replace(problem, demand_vph=problem.demand_vph + step * (np.arange(8) == w))
            steps.append((solve(more, tolerance=1e-13).link_flow_vph - one.link_flow_vph) / step)
        assert np.allclose(found.to_demand[:, w], 2 * steps[1] - steps[0], rtol=1e-5, atol=1e-6)
    empty = replace(problem, demand_vph=np.zeros(8))
    still = sensitivity(empty, solve(empty))
    assert np.isfinite(still.to_demand).all()
    assert not still.to_fixed_min.any()
    assert not still.to_theta.any()


FIELDS = ["free_flow_min", "capacity_vph", "alpha", "beta", "fixed_min", "slope_min_per_vph"]


@pytest.mark.parametrize("field", FIELDS)
def test_nan_in_any_link_value_is_named(nguyen, field):
    network = nguyen.with_stations["default"]
    values = getattr(network, field).copy()
    values[[3, 20]] = np.nan
    with pytest.raises(InputError) as caught:
        replace(network, **{field: values})
    assert [problem.field for problem in caught.value.problems] == [field, field]
    for link, problem in zip(("4-9", "S11"), caught.value.problems, strict=True):
        assert f"link {link!r}: {field} nan" in problem.reason


@pytest.mark.parametrize("name", ["j", "knee"])
def test_nan_in_a_setting_of_a_law_is_named(nguyen, name):
    network = nguyen.with_stations["default"]
    values = network.setting(name)
    assert np.isnan(values[:19]).all()  # roads follow bpr, which has none of this name
    values[20] = np.nan
    with pytest.raises(InputError, match=f"link 'S11': {name} nan must be finite"):
        replace(network, settings={**network.settings, name: values})


def test_nan_in_a_constant_of_a_path_names_its_pair(nguyen):
    offset = np.where(np.arange(25) == 9, np.nan, 0.0)
    with pytest.raises(InputError, match="path 9, '1' -> '3' of class 'all': nan must be finite"):
        replace(nguyen.paths, offset_min=offset)


@pytest.mark.parametrize("method", ["newton", "mirror_bb", "sra", "msa"])
def test_an_hour_that_overflows_does_not_spoil_the_next(nguyen, method):
    """Demand of 1e80: costs overflow, the hour is no equilibrium and says so; the hour after begins anew."""
    demand = np.stack([nguyen.peak_vph, 1e80 * nguyen.peak_vph, nguyen.peak_vph])
    with np.errstate(all="ignore"):
        day = solve_day(nguyen.plain(), demand, method, 1e-3)
    assert [result.converged for result in day] == [True, False, True]
    assert np.abs(day[2].link_flow_vph - day[0].link_flow_vph).sum() <= 0.02 * day[0].link_flow_vph.sum()
