"""Methods for the stochastic user equilibrium: one file each, one signature, found by name.

A method is a class with a ``kind`` and a static ``run(problem, start, tolerance, limit=..., **options) -> Iterate``; a
user's own comes in through the entry point group ``cosim.methods``. The residual that decides is computed by
`cosim.traffic.equilibrium.solve`, the same for all.
"""

from __future__ import annotations

from cosim.plugins import Catalogue
from cosim.traffic.methods.base import Method

METHODS = Catalogue("cosim.traffic.methods", "cosim.methods", Method)
"""Every method by its name in scenarios."""
