"""Link performance laws: one file each, found by name; a user's own through the entry point group ``cosim.laws``.

A law is a class with a ``kind``, built from the parameters of all its links together. It says which parameters it
refuses, and gives value, derivative and integral of the same function side by side.
"""

from __future__ import annotations

from cosim.plugins import Catalogue
from cosim.traffic.laws.base import Law

LAWS: Catalogue[Law] = Catalogue("cosim.traffic.laws", "cosim.laws", Law)  # type: ignore[type-abstract]
"""Every law by its name in scenarios and data files."""
