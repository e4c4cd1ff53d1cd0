"""Is the relaxation exact? The cone gap of every line and period (Eq 23).

The solver's status never shows it: where the upper voltage limit binds under reverse flow without reactive
power, or where energy costs nothing, the cones are slack at an "optimal" answer (Gan, Li, Topcu, Low 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.dispatch.branch_flow import FlowValues
from cosim.grid.feeder import Feeder

RELATIVE_FLOOR_PU2 = 1e-3
RELATIVE_LIMIT = 1e-4
ABSOLUTE_LIMIT_PU2 = 1e-4
NEGATIVE_LIMIT_PU2 = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ConeGap:
    """Cone gap ``G = l - (P^2 + Q^2) / v`` in pu^2 and the loss that it invents.

    Attributes
    ----------
    gap_pu2
        Signed, shape ``(m, periods)``.
    relative
        ``|G| / max(l, 1e-3)``, same shape.
    fictitious_loss_kw
        ``r G S_b``, same shape.
    """

    gap_pu2: NDArray[np.float64]
    relative: NDArray[np.float64]
    fictitious_loss_kw: NDArray[np.float64]


def cone_gap(flow: FlowValues, feeder: Feeder) -> ConeGap:
    """Return the cone gap with v of the sending bus (Eq 23)."""
    gap = flow.current_sq - (flow.p**2 + flow.q**2) / flow.sending_voltage_sq(feeder)
    return ConeGap(
        gap_pu2=gap,
        relative=np.abs(gap) / np.maximum(flow.current_sq, RELATIVE_FLOOR_PU2),
        fictitious_loss_kw=1000.0 * feeder.base_mva * feeder.r_pu[:, None] * gap,
    )


def exact_periods(gap: ConeGap) -> NDArray[np.bool_]:
    """Return for each period whether all cones are tight, shape ``(periods,)``; NaN is not.

    A cone is tight where ``|G| <= 1e-4 max(l, 1e-3)`` and ``-1e-9 <= G <= 1e-4`` pu^2.
    """
    tight = (
        (gap.relative <= RELATIVE_LIMIT)
        & (gap.gap_pu2 >= -NEGATIVE_LIMIT_PU2)
        & (np.abs(gap.gap_pu2) <= ABSOLUTE_LIMIT_PU2)
    )
    return np.asarray(tight.all(axis=0))
