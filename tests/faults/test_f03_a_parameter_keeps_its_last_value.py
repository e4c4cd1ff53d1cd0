"""F3: a parameter that was not written anew, or an answer that is that of the numbers before."""

import pytest

from cosim.dispatch.backends import clarabel
from cosim.dispatch.backends.base import Capabilities, judged
from cosim.dispatch.devices.base import Device
from cosim.dispatch.devices.photovoltaic import Photovoltaic
from cosim.errors import ComponentError


def test_a_forgotten_parameter_is_no_answer(hour, monkeypatch):
    problem = hour.problem()
    assert problem.solve(hour.window(), hour.states).record.usable
    monkeypatch.setattr(Photovoltaic, "load", lambda self, window, state: None)
    with monkeypatch.context() as unguarded:
        unguarded.setattr(Device, "clear_parameters", lambda self: None)
        assert problem.solve(hour.window(), hour.states).record.status == "optimal"  # the old sun shines on
    with pytest.raises(ComponentError, match=r"has no value; load\(\) must set it"):
        problem.solve(hour.window(), hour.states)


def test_the_answer_of_other_numbers_is_none(hour):
    """Residuals are taken with the new numbers; the solver's word alone would pass."""
    problem = hour.problem()
    data = problem.compiled(hour.window(), hour.states)
    old = clarabel.solve(problem.scaled(data, hour.window()).data).solution

    class Stale:
        name, capabilities = "clarabel", Capabilities()

        @staticmethod
        def solve(data):
            return judged(
                data, status="optimal", raw_status="Solved", x=old.x, z=old.z, iterations=0, seconds=0.0
            )  # fmt: skip

    assert problem.solve(hour.window(), hour.states, backend=Stale).record.usable
    stale = problem.solve(hour.window(0.3), hour.states, backend=Stale)
    assert stale.record.raw_status == "Solved"
    assert (stale.record.status, stale.record.usable) == ("not_converged", False)
