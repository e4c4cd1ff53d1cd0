"""How a plan departs from the answer of the relaxation: cones made tight, storage set to one direction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from cosim.arrays import BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """How an inexact relaxation was turned into a physical plan.

    Attributes
    ----------
    method
        The rung that succeeded: ``current_limits`` (the optimum under limits that no plan can exceed), ``loss_floor``,
        ``ccp`` (convex-concave procedure) or ``ac`` (power flow of the plan).
    steps
        Steps of the convex-concave procedure.
    loss_price_floor_per_mwh
        What tariff plus loss price was raised to where it was lower; None where it was high enough.
    inexact
        In which periods the relaxation was inexact, shape ``(L,)``.
    first_gap_pu2
        Largest cone gap of the relaxation.
    gap_rel
        Cost of the window above its bound, relative: at 0 the repaired plan is an optimum of the relaxation, too.
    price_objection
        Why the plan has no nodal prices; empty where it is a local optimum of the AC problem, whose multipliers they
        are.
    bound
        Of ``current_limits``: what bounds the cost of the window under them; else NaN.
    """

    method: Literal["current_limits", "loss_floor", "ccp", "ac"]
    steps: int
    loss_price_floor_per_mwh: float | None
    inexact: BoolArray
    first_gap_pu2: float
    gap_rel: float = math.nan
    price_objection: str = ""
    bound: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusivity:
    """How simultaneous charge and discharge was removed.

    ``overlap_mw`` is what the relaxed plan had at most, ``periods`` where, shape ``(L,)``; ``gap_rel`` is
    (UB - LB) / |LB| of the plan against the bound (that of the relaxation, or of SCIP).
    """

    method: Literal["sign_fix", "misocp"]
    overlap_mw: float
    periods: BoolArray
    gap_rel: float
