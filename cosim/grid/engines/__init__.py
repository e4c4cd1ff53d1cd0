"""Engines of AC power flows behind one interface: pandapower, which judges, and batches by sweeps over the tree."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import ComponentError
from cosim.grid.feeder import Feeder
from cosim.grid.state import GridState

SAME_PU = 1e-8
"""How far the batch engine's voltages may be from pandapower's: both solve to far less."""


class AcEngine(Protocol):
    """What solves AC power flows of one feeder."""

    feeder: Feeder

    def solve(self, p_mw: ArrayLike, q_mvar: ArrayLike) -> GridState:
        """Solve the AC equations for given net injections.

        Parameters
        ----------
        p_mw, q_mvar
            Net injection of each bus (generation positive), shape (n,), or (n, T) of T cases. That of the slack bus is
            served by the upstream grid, too.

        Returns
        -------
        GridState
            The state, or the states with time last; ``converged=False`` with NaN everywhere if there is none.

        Raises
        ------
        InputError
            If an injection is not finite, or there is not one per bus.
        """


def confirmed(found: GridState, judged: GridState, what: str) -> GridState:
    """Return the judge's state where another engine found the same, or no state where the judge found one.

    Raises
    ------
    ComponentError
        If both have a state, and they are not the same.
    """
    apart = float(np.abs(found.vm_pu - judged.vm_pu).max())
    if found.converged and judged.converged and not apart <= SAME_PU:
        raise ComponentError(
            f"{what}: the batch power flow is {apart:.2g} pu from pandapower's, more than {SAME_PU:g}; "
            "run with dispatch.ac_engine: pandapower"
        )
    return judged
