"""F5: optimal_inaccurate, user_limit, InsufficientProgress: our own residuals decide, and another attempt is made."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.dispatch import backends
from cosim.dispatch.backends import clarabel
from cosim.dispatch.backends.base import Capabilities
from cosim.dispatch.controller import Controller
from cosim.validation.gate import evaluate


class Unsure:
    """Clarabel, with another word for its answer, and its figures worse by a factor; at most some times."""

    name, capabilities = "clarabel", Capabilities()

    def __init__(self, status, *, worse=1.0, times=99):
        self.status, self.worse, self.left = status, worse, times

    def solve(self, data):
        answer, self.left = clarabel.solve(data), self.left - 1
        if self.left < 0:
            return answer
        residual, gap = (max(one, 1e-12) * self.worse for one in (answer.primal_residual, answer.gap))
        return replace(answer, status=self.status, raw_status=self.status, primal_residual=residual, gap=gap)


@pytest.mark.parametrize(
    ("solver", "status"),
    [
        (Unsure("optimal_inaccurate"), "optimal_inaccurate"),  # own residuals pass
        (Unsure("optimal_inaccurate", worse=1e9), "not_converged"),
        (Unsure("optimal", worse=1e9), "not_converged"),  # whatever it says
        (Unsure("user_limit"), "not_converged"),
        (Unsure("insufficient_progress"), "failed"),
    ],
)
def test_own_residuals_decide(hour, solver, status):
    assert hour.problem().solve(hour.window(), hour.states, backend=solver).record.status == status


@pytest.mark.parametrize("word", ["user_limit", "insufficient_progress", "solver_error"])
def test_a_window_is_tried_again_and_says_so(hour, monkeypatch, word):
    truth = Controller(hour.case).plan(0, np.full((3, 1), 0.2))
    monkeypatch.setitem(backends.CONTINUOUS, "clarabel", Unsure(word, times=2))
    found = Controller(hour.case).plan(0, np.full((3, 1), 0.2))
    assert found.record.retries == (f"clarabel: {word}",) * 2
    assert found.total_cost == pytest.approx(truth.total_cost, rel=1e-6)


def test_what_stays_unsure_is_flagged():
    figures = {"solver_status": "user_limit", "primal_residual": 1e-3, "duality_gap_rel": 1e-3}
    assert evaluate(figures).status == "not_converged"
    assert evaluate({**figures, "solver_status": "optimal"}).status == "not_converged"  # its word alone would pass
