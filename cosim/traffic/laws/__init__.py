"""Link performance laws: one file each, found by name; a user's own through the entry point group ``cosim.laws``.

A law is a class with a ``kind``, built from the parameters of all its links together. It says which parameters it
refuses, and gives value, derivative and integral of the same function side by side.
"""

from __future__ import annotations

from cosim.plugins import discover
from cosim.traffic.laws.base import Law

LAWS: dict[str, type[Law]] = discover("cosim.traffic.laws", "cosim.laws", Law)
"""Every law by its name in scenarios and data files."""
