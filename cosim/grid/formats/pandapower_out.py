"""A dispatched feeder as a pandapower net: its loads and devices in one period, with the power flow's results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import ComponentError
from cosim.grid.feeder import Feeder
from cosim.grid.model import to_pandapower

TOLERANCE_REL = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """What a device gives in the period: MW and Mvar into its bus; storage that charges gives less than nothing."""

    name: str
    kind: str
    bus: str
    p_mw: float
    q_mvar: float


def dispatched_net(feeder: Feeder, p_mw: ArrayLike, q_mvar: ArrayLike, generators: Sequence[Generator]) -> str:
    """Return the net as pandapower's JSON, with tables ``res_*``.

    Parameters
    ----------
    feeder
        Of n buses.
    p_mw, q_mvar
        Load of each bus, consumption positive, shape (n,).
    generators
        Devices other than the upstream grid; each becomes a static generator of its name.

    Raises
    ------
    ComponentError
        If the power flow does not converge.
    """
    import pandapower as pp

    net = to_pandapower(feeder)
    net.load["p_mw"], net.load["q_mvar"] = np.asarray(p_mw, dtype=np.float64), np.asarray(q_mvar, dtype=np.float64)
    for one in generators:
        pp.create_sgen(net, feeder.bus_position(one.bus), one.p_mw, one.q_mvar, name=one.name, type=one.kind)
    size_mva = max(float(np.hypot(net.load["p_mw"], net.load["q_mvar"]).sum()), 1e-6)
    try:  # its tolerance counts in units of sn_mva
        pp.runpp(net, init="flat", numba=False, tolerance_mva=TOLERANCE_REL * size_mva / net.sn_mva)
    except pp.LoadflowNotConverged as error:
        raise ComponentError(f"feeder {feeder.name!r}: the AC power flow of its setpoints does not converge") from error
    text: str = pp.to_json(net)
    return text
