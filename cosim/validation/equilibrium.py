"""What a run may say of its coupled equilibrium: the first line of the trust ledger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class EquilibriumClaim:
    """How far all flows of a run are from the coupled equilibria of their periods.

    Attributes
    ----------
    bound_vph
        Largest bound of all periods on the sum of path-flow differences, veh/h; NaN if one has none.
    sentence
        The claim, or why there is none.
    """

    bound_vph: float
    sentence: str


def equilibrium_claim(bound_vph: Array, objections: Sequence[str], spread_vph: float = math.nan) -> EquilibriumClaim:
    """Return the claim of a run from the certificates of its periods.

    Parameters
    ----------
    bound_vph
        Bound of each period, veh/h; NaN where nothing is claimed.
    objections
        Why, per period; empty where something is.
    spread_vph
        How far other starts that converged ended from the result at most, veh/h; NaN where there are none.

    Examples
    --------
    >>> equilibrium_claim(np.array([1e-4, 2e-4]), ["", ""]).sentence
    'flows within 0.0002 veh/h of the coupled equilibrium'
    >>> equilibrium_claim(np.array([1e-4, np.nan]), ["", "the dispatch has no answer"]).sentence
    'no uniqueness claim: the dispatch has no answer (period 2)'
    """
    open_periods = [k for k, bound in enumerate(bound_vph) if not math.isfinite(bound)]
    if not open_periods:
        largest = float(np.max(bound_vph))
        return EquilibriumClaim(
            bound_vph=largest, sentence=f"flows within {largest:.2g} veh/h of the coupled equilibrium"
        )
    reasons = dict.fromkeys(objections[k] or "no certificate was stored" for k in open_periods)
    numbers = ", ".join(str(k + 1) for k in open_periods)
    which = "" if len(open_periods) == len(bound_vph) else f" (period{'s' * (len(open_periods) > 1)} {numbers})"
    tried = f"; random starts that converged ended within {spread_vph:.2g} veh/h" if math.isfinite(spread_vph) else ""
    return EquilibriumClaim(bound_vph=math.nan, sentence=f"no uniqueness claim: {'; '.join(reasons)}{which}{tried}")
