from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cosim import plugins
from cosim.errors import InputError
from cosim.traffic import equilibrium
from cosim.traffic.dag import frozen_dag
from cosim.traffic.equilibrium import plan_methods, solve
from cosim.traffic.methods import METHODS, mirror_bb
from cosim.traffic.methods.base import Method
from cosim.traffic.problem import Iterate


@pytest.mark.parametrize("theta", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("name", "scale"), [("default", 0.5), ("default", 1.0), ("congested", 0.5)])
def test_newton_mirror_and_sra_agree(nguyen, name, theta, scale):
    problem = nguyen.plain(name, theta, scale)
    newton, mirror, averaged = (solve(problem, method) for method in ("newton", "mirror_bb", "sra"))
    for other in (mirror, averaged):
        assert other.converged
        assert np.abs(other.link_flow_vph - newton.link_flow_vph).sum() <= 1e-6 * newton.link_flow_vph.sum()
        assert 0 <= other.gap <= 1e-9 * (other.link_time_min @ other.link_flow_vph)


@pytest.mark.parametrize(("theta", "mirror", "averaged"), [(0.1, 40, 60), (1.0, 120, 400), (5.0, 400, 2_000)])
def test_loads_stay_low_on_uncongested_roads(nguyen, theta, mirror, averaged):
    assert solve(nguyen.plain(theta=theta), "mirror_bb").loads <= mirror
    assert solve(nguyen.plain(theta=theta), "sra").loads <= averaged


@pytest.mark.parametrize("method", ["mirror_bb", "sra"])
def test_limits_and_histories_are_told(nguyen, method):
    result = solve(nguyen.plain(theta=5.0), method, 1e-12, limit=7, record_paths=True)
    assert result.status == "limit"
    assert result.iterations == 7
    assert result.history[-1].iteration == 7
    assert all(len(record.path_flow_vph) == 25 for record in result.history)
    again = solve(nguyen.plain(theta=5.0), method, start=solve(nguyen.plain(theta=5.0)))
    assert again.converged
    assert again.loads <= 30


@pytest.mark.parametrize("method", ["mirror_bb", "sra"])
def test_zero_demand_gives_zeros(nguyen, method):
    result = solve(nguyen.plain(scale=0.0), method)
    assert result.converged
    assert result.residual == 0.0
    assert not result.link_flow_vph.any()


def test_mirror_stops_where_rounding_hides_progress(nguyen):
    """Heavily congested roads at a large theta: it says so, and never claims convergence."""
    result = solve(nguyen.plain("congested", 5.0, 2.5), "mirror_bb", 1e-13, limit=2_000)
    assert not result.converged
    assert result.residual > 1e-13


def test_auto_takes_newton_for_few_paths_and_loads_elsewhere(nguyen, monkeypatch):
    problem = nguyen.plain()
    linked = replace(problem, paths=frozen_dag(problem.network, nguyen.od_pairs, {"all": False}))
    assert plan_methods(problem) == ("newton",)
    assert plan_methods(linked) == ("mirror_bb", "sra")
    monkeypatch.setattr(equilibrium, "SMALL_LINKS", 10)
    assert plan_methods(problem) == ("mirror_bb", "newton")
    monkeypatch.setattr(equilibrium, "DENSE_CELLS", 10)
    assert plan_methods(problem) == ("mirror_bb", "sra")
    with pytest.raises(InputError, match="'newton' needs the covariance"):
        solve(problem, "newton")


@pytest.mark.parametrize("then", ["newton", "sra"])
def test_auto_goes_on_where_mirror_stalled(nguyen, monkeypatch, then):
    problem = nguyen.plain()
    monkeypatch.setattr(equilibrium, "SMALL_LINKS", 10)
    if then == "sra":
        monkeypatch.setattr(equilibrium, "DENSE_CELLS", 10)
    monkeypatch.setattr(mirror_bb, "PATIENCE", 0)
    result = solve(problem)
    assert result.method == f"mirror_bb then {then}"
    assert result.converged
    alone = solve(problem, "mirror_bb")
    assert alone.status == "stalled"
    assert result.iterations > alone.iterations
    assert result.loads > alone.loads
    assert len(result.history) > len(alone.history)


def test_a_users_method_comes_in_by_its_entry_point(monkeypatch):
    class Mine(Method):
        kind = "mine"
        run = staticmethod(METHODS["sra"].run)

    offered = [SimpleNamespace(name="mine", load=lambda: Mine)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: offered if group == "cosim.methods" else [])
    found = plugins.discover.__wrapped__("cosim.traffic.methods", "cosim.methods", Method)
    assert set(found) == {*METHODS, "mine"}


@pytest.mark.parametrize("method", ["sra", "msa"])
@pytest.mark.parametrize(("name", "theta"), [("congested", 2.0), ("congested", 0.5), ("default", 0.5)])
def test_averages_end_with_route_flows_that_agree_too(nguyen, method, name, theta):
    """Link flows of an average agree long before its route flows do; Newton's route flows are the truth."""
    problem, tolerance = nguyen.plain(name, theta), 1e-8 if method == "sra" else 1e-4
    result, exact = solve(problem, method, tolerance), solve(problem, tolerance=1e-12)
    assert result.converged
    assert max(result.residual, result.residual_path) <= tolerance
    change = np.abs(result.path_flow_vph - exact.path_flow_vph).sum() / exact.path_flow_vph.sum()
    assert change <= 10.0 * tolerance


def test_an_average_of_route_flows_is_not_converged_by_its_links(nguyen):
    """Two routes of equal links' use swapped: R sees nothing of it, the caller does."""
    problem = nguyen.plain("congested", 0.5)
    exact = solve(problem, tolerance=1e-12)
    use = np.stack([problem.paths.link_flow(row) for row in np.eye(len(problem.paths))], axis=1)
    same_pair = np.stack([problem.paths.commodity == w for w in range(4)]).astype(float)
    _, size, rows = np.linalg.svd(np.vstack([use, same_pair]))
    hidden = rows[np.sum(size > 1e-10) :][0]  # moves route flows, and no link flow
    moved = exact.path_flow_vph + 0.5 * exact.path_flow_vph.min() / np.abs(hidden).max() * hidden

    class Swapped(METHODS["sra"]):
        kind = "swapped"

        @staticmethod
        def run(problem, start, tolerance, limit=1):
            return Iterate(
                path_flow_vph=moved, perceived_cost_min=exact.perceived_cost_min, iterations=0, loads=0,
                ended="tolerance", history=(),
            )  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "swapped", Swapped)
        found = solve(problem, "swapped")
    assert found.residual <= 1e-10
    assert found.residual_path > 1e-4
    assert found.status == "stalled"
