"""The side of the cones that the relaxation leaves out, linearised: one step of the convex-concave procedure.

Exactness means ``l v <= P^2 + Q^2`` besides the cone, that is ``(l + v)^2 / 4 <= h`` with the convex
``h = (l - v)^2 / 4 + P^2 + Q^2``. The tangent of h at the last iterate lies below h, so it gives a convex restriction;
a priced slack keeps it solvable (Yuille and Rangarajan 2003; Lipp and Boyd 2016).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cosim.dispatch.branch_flow import BranchFlow, FlowValues

if TYPE_CHECKING:
    import cvxpy as cp


SLACK_SHARE = 0.1
"""Part of the unit of power that a whole unit of slack is priced as."""


class OtherSide:
    """``(l + v)^2 / 4 <= R`` with ``R`` the tangent of h plus a slack, for every line and period.

    Parameters
    ----------
    flow
        The branch flow that it completes; v is the voltage of the sending bus.
    unit_mw
        Power that P, Q and l are counted in here, so that l and v are of one size whatever `base_mva` is.
    """

    def __init__(self, flow: BranchFlow, unit_mw: float) -> None:
        import cvxpy as cp

        self.flow, self.unit_mw = flow, unit_mw
        self.per_unit = flow.feeder.base_mva / unit_mw
        shape = flow.p.shape
        self.slack = cp.Variable(shape)
        self.price = cp.Parameter()
        self.half_difference, self.twice_p, self.twice_q, self.constant = (cp.Parameter(shape) for _ in range(4))

    def leaves(self) -> tuple[list[cp.Variable], list[cp.Parameter]]:
        """Return the variables and the parameters."""
        return [self.slack], [self.price, self.half_difference, self.twice_p, self.twice_q, self.constant]

    def load(self, at: FlowValues, price: float) -> None:
        """Linearise at a flow of the same periods; ``price`` is that of the slack, per MWh."""
        p, q = self.per_unit * at.p, self.per_unit * at.q
        difference = self.per_unit**2 * at.current_sq - at.sending_voltage_sq(self.flow.feeder)
        self.half_difference.value = difference / 2.0
        self.twice_p.value, self.twice_q.value = 2.0 * p, 2.0 * q
        self.constant.value = difference**2 / 4.0 + p**2 + q**2
        self.price.value = SLACK_SHARE * self.unit_mw * price

    def price_per_mwh(self) -> float:
        """Return the price of the slack as that of the unit of power."""
        return float(self.price.value) / self.unit_mw

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield ||(l + v, R - 1)|| <= R + 1."""
        import cvxpy as cp

        current, voltage = self.per_unit**2 * self.flow.current_sq, self.flow.sending_voltage_sq()
        tangent = (
            cp.multiply(self.half_difference, current - voltage)
            + cp.multiply(self.twice_p, self.per_unit * self.flow.p)
            + cp.multiply(self.twice_q, self.per_unit * self.flow.q)
            - self.constant
            + self.slack
        )
        flat, total = (cp.vec(part, order="F") for part in (tangent, current + voltage))
        yield self.slack >= 0
        yield cp.SOC(flat + 1.0, cp.vstack([total, flat - 1.0]), axis=0)

    def cost(self) -> cp.Expression:
        """Return the price of all slack."""
        import cvxpy as cp

        return self.price * cp.sum(self.slack)
