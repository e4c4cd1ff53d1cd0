"""A dispatched feeder as a pandapower net: its loads and devices in one period, with the power flow's results."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import ComponentError
from cosim.grid.feeder import Feeder
from cosim.grid.model import to_pandapower

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

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
    """Return the net as pandapower's JSON, with tables ``res_*``; of a feeder that is a user's net, that net.

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

    net, buses = _net(feeder)
    load = np.stack([np.asarray(part, dtype=np.float64) for part in (p_mw, q_mvar)])
    at = [feeder.bus_position(bus) for bus in buses]
    net.load["p_mw"], net.load["q_mvar"] = load[:, at]
    for one in generators:
        pp.create_sgen(net, buses[one.bus], one.p_mw, one.q_mvar, name=one.name, type=one.kind)
    size_mva = max(float(np.hypot(*load).sum()), 1e-6)
    try:  # its tolerance counts in units of sn_mva; a flat start does not find the way across a transformer's shift
        pp.runpp(
            net, init="dc", calculate_voltage_angles=True, voltage_depend_loads=False, numba=False,
            tolerance_mva=TOLERANCE_REL * size_mva / net.sn_mva,
        )  # fmt: skip
    except pp.LoadflowNotConverged as error:
        raise ComponentError(f"feeder {feeder.name!r}: the AC power flow of its setpoints does not converge") from error
    text: str = pp.to_json(net)
    return text


def _net(feeder: Feeder) -> tuple[pandapowerNet, dict[str, int]]:
    """Return a copy of the feeder's net, a load a bus, and the bus of each load by its id, in the loads' order."""
    if feeder.net is None:
        net = to_pandapower(feeder)
        return net, dict(zip(feeder.bus_ids, net.load["bus"].tolist(), strict=True))
    net = deepcopy(feeder.net.net)
    ids = [feeder.bus_ids[position] for position in feeder.net.fed]
    return net, dict(zip(ids, net.load["bus"].tolist(), strict=True))
