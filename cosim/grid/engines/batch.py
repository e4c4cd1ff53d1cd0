"""The batch engine: AC power flows of a radial feeder by sweeps over its tree, all cases at once."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import ComponentError
from cosim.grid.engines.asked import injections, left_over_mva
from cosim.grid.engines.judge import judge
from cosim.grid.engines.pandapower import TOLERANCE_MVA, AcFlow
from cosim.grid.engines.users_net import NetFlow
from cosim.grid.feeder import Feeder
from cosim.grid.radial_flow import solve_radial
from cosim.grid.state import GridState

SAME_PU = 1e-8
"""How far its voltages may be from pandapower's: both solve to far less."""


class BatchFlow:
    """Power flows of one feeder; each depends on its arguments only, to round-off. pandapower confirms what it finds.

    Parameters
    ----------
    feeder
        The feeder; the slack holds its ``slack_vm_pu``.
    tolerance_mva
        Largest power mismatch that pandapower leaves where it judges; the sweeps go on to the last digits.
    """

    def __init__(self, feeder: Feeder, *, tolerance_mva: float = TOLERANCE_MVA) -> None:
        self.feeder = feeder
        self.tolerance_mva = tolerance_mva

    @cached_property
    def judge(self) -> AcFlow | NetFlow:
        """The judge, once it is asked."""
        return judge(self.feeder, tolerance_mva=self.tolerance_mva)

    def solve(self, p_mw: ArrayLike, q_mvar: ArrayLike) -> GridState:
        """Solve the AC equations for given net injections; arguments and answer as of `AcEngine.solve`."""
        p, q = injections(self.feeder, p_mw, q_mvar)
        many = p.ndim > 1
        p, q = (one if many else one[:, None] for one in (p, q))
        state = solve_radial(self.feeder, p, q)
        balance = p + 1j * q
        balance[self.feeder.slack] += state.slack_mw + 1j * state.slack_mvar
        error = left_over_mva(self.feeder, state.vm_pu, state.va_degree, balance)
        told = replace(
            state, mismatch_mva=np.abs(error).max(axis=0),
            injection_error_mw=np.maximum(np.abs(error.real), np.abs(error.imag)).max(axis=0),
        )  # fmt: skip
        return told if many else told.at(0)

    def confirm(self, found: GridState, p_mw: ArrayLike, q_mvar: ArrayLike, what: str) -> GridState:
        """Return pandapower's state in place of one that was found, which must be the same.

        Raises
        ------
        ComponentError
            If both have a state, and they are not the same.
        """
        return confirmed(found, self.judge.solve(p_mw, q_mvar), self.judge.tolerance_pu, what)


def confirmed(found: GridState, judged: GridState, tolerance_pu: float, what: str) -> GridState:
    """Return the judge's state; a state that was found must be the same if the judge has one.

    Parameters
    ----------
    tolerance_pu
        Mismatch that the judge leaves; where lines are so short that it is large, voltages are the same to it.

    Raises
    ------
    ComponentError
        If both have a state, and they are not the same.
    """
    apart = float(np.abs(found.vm_pu - judged.vm_pu).max())
    allowed = max(SAME_PU, 10.0 * tolerance_pu)
    if found.converged and judged.converged and not apart <= allowed:
        raise ComponentError(
            f"{what}: the batch power flow is {apart:.2g} pu from pandapower's, more than {allowed:g} pu; "
            "set dispatch.ac_engine: pandapower"
        )
    return judged
