"""The batch engine: AC power flows of a radial feeder by sweeps over its tree, all cases at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from cosim.grid.engines.asked import injections, left_over_mva
from cosim.grid.feeder import Feeder
from cosim.grid.radial_flow import solve_radial
from cosim.grid.state import GridState


class BatchFlow:
    """Power flows of one feeder; each depends on its arguments only.

    Parameters
    ----------
    feeder
        The feeder; the slack holds its ``slack_vm_pu``.
    """

    def __init__(self, feeder: Feeder) -> None:
        self.feeder = feeder

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
