"""Our own AC power flow of a radial feeder, many injections at once.

It serves where thousands of flows are needed, for example differences for prices; the authority stays
`cosim.grid.engines.pandapower`, which shares no code with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import InputError
from cosim.grid.feeder import Feeder
from cosim.grid.state import GridState
from cosim.grid.sweeps import Cases, states


def solve_radial(feeder: Feeder, p_mw: ArrayLike, q_mvar: ArrayLike) -> GridState:
    """Solve the AC equations by backward and forward sweeps.

    Parameters
    ----------
    feeder
        The feeder; its slack holds ``slack_vm_pu``.
    p_mw, q_mvar
        Net injections of each bus (generation positive), shape (n, K).

    Returns
    -------
    GridState
        One state per column; NaN where the sweeps did not end.

    Raises
    ------
    InputError
        If the injections do not have one finite value per bus.
    """
    power = np.asarray(p_mw, dtype=np.float64) + 1j * np.asarray(q_mvar, dtype=np.float64)
    if power.ndim != 2 or len(power) != feeder.n_buses:  # noqa: PLR2004 - rows are buses, columns are cases
        raise InputError(f"injections have shape {power.shape}; feeder {feeder.name!r} has {feeder.n_buses} buses")
    if not np.isfinite(power).all():
        raise InputError(f"an injection of feeder {feeder.name!r} is not finite")
    power = np.asarray(power / feeder.base_mva, dtype=np.complex128)
    root, impedance = np.array(feeder.slack_vm_pu), feeder.r_pu + 1j * feeder.x_pu
    return states(feeder, Cases(power=power, impedance=np.asarray(impedance, dtype=np.complex128), root=root))
