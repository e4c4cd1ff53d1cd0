"""Methods for the stochastic user equilibrium: one file each, one signature, found by name.

A method gets the problem, a start or None, the tolerance on R, an iteration limit (its own default
stands in its signature) and its own options by keyword; it returns an `Iterate`. The residual that
decides is computed by `cosim.traffic.equilibrium.solve`, the same for all.
"""

from __future__ import annotations

from collections.abc import Callable

from cosim.traffic.methods import msa, newton
from cosim.traffic.problem import Iterate

METHODS: dict[str, Callable[..., Iterate]] = {"newton": newton.run, "msa": msa.run}
"""Every method by its name in scenarios."""
