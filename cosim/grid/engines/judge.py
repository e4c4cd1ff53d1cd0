"""Which power flow has the last word on a feeder: pandapower's of the user's own net, or of the feeder's own lines."""

from __future__ import annotations

from cosim.grid.engines.pandapower import TOLERANCE_MVA, AcFlow
from cosim.grid.engines.users_net import NetFlow
from cosim.grid.feeder import Feeder


def judge(feeder: Feeder, *, tolerance_mva: float = TOLERANCE_MVA) -> AcFlow | NetFlow:
    """Return pandapower's power flow for a feeder.

    Parameters
    ----------
    feeder
        The feeder.
    tolerance_mva
        Largest power mismatch at a bus with which Newton's method stops; that of a user's net is a share of its load.
    """
    return AcFlow(feeder, tolerance_mva=tolerance_mva) if feeder.net is None else NetFlow(feeder, feeder.net)
