"""Engines of AC power flows behind one interface: pandapower, which judges, and batches by sweeps over the tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from numpy.typing import ArrayLike

from cosim.grid.engines.batch import BatchFlow
from cosim.grid.engines.judge import judge
from cosim.grid.feeder import Feeder
from cosim.grid.state import GridState


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

    def confirm(self, found: GridState, p_mw: ArrayLike, q_mvar: ArrayLike, what: str) -> GridState:
        """Return what the judge says of a flow that `solve` found; ``what`` names it if it is wrong.

        Raises
        ------
        ComponentError
            If the judge finds another state.
        """


ENGINES: dict[str, Callable[..., AcEngine]] = {"pandapower": judge, "batch": BatchFlow}
"""Every engine by the name that a scenario gives it; each takes a feeder and ``tolerance_mva``."""
