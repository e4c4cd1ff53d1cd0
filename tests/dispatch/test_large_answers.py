"""A large answer that the solver stalled at is taken at the feasible point next to it, where that is as good."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.dispatch.backends import clarabel
from cosim.dispatch.backends.base import judged
from cosim.dispatch.controller import initial_states, make_window
from cosim.dispatch.problem import DispatchProblem


@pytest.fixture
def data(small_case):
    case = small_case().dispatch
    problem = DispatchProblem(case, 6, elastic=False)
    window = make_window(case, 0, 6, np.repeat(np.array([[0.3], [0.5], [0.2]]), 6, axis=1))
    return problem.scaled(problem.compiled(window, initial_states(case)), window).data


@pytest.fixture
def stalling(monkeypatch):
    """A solver whose first answer is off by so much in x and z, and called inaccurate; what was asked of it."""

    def made(x_off, z_off, vast=1):
        true, asked = clarabel._solve, []

        def solve(data, **options):
            asked.append(options)
            found = true(data, **options)
            if len(asked) > 1:
                return found
            random = np.random.default_rng(5)
            moved = judged(
                data, status="optimal_inaccurate", raw_status="AlmostSolved",
                x=found.solution.x + x_off * random.uniform(-1.0, 1.0, found.solution.x.size),
                z=found.solution.z + z_off * random.uniform(0.0, 1.0, found.solution.z.size),
                iterations=found.iterations, seconds=0.0,
            )  # fmt: skip
            return replace(moved, status="optimal_inaccurate")

        monkeypatch.setattr(clarabel, "_solve", solve)
        monkeypatch.setattr(clarabel, "LARGE", range(1, 10**9))
        monkeypatch.setattr(clarabel, "VAST", vast)
        return asked

    return made


def test_a_vast_answer_is_made_feasible_and_not_sought_again(data, stalling):
    true = clarabel.solve(data)
    asked = stalling(3e-8, 0.0)
    found = clarabel.solve(data)
    assert len(asked) == 1
    reached = 1e-8 if found.gap <= 1e-8 else 1e-7
    assert (found.status, found.raw_status) == ("optimal", f"Solved to {reached:g} (AlmostSolved)")
    assert found.primal_residual <= 1e-10
    assert found.gap <= clarabel.FEASIBLE_GAP
    assert found.primal_objective == pytest.approx(true.primal_objective, rel=1e-6)


def test_what_cannot_be_made_as_good_is_sought_again(data, stalling):
    asked = stalling(3e-8, 1e-2)  # multipliers that say nothing
    found = clarabel.solve(data)
    assert len(asked) > 1
    assert found.status == "optimal"
    assert found.dual_residual <= clarabel.STANDARD


def test_a_smaller_answer_is_sought_again(data, stalling):
    asked = stalling(3e-8, 0.0, vast=10**9)
    assert clarabel.solve(data).status == "optimal"
    assert len(asked) > 1
