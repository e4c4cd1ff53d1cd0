"""Ways to the fixed point of price and flow, one file each, with one signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cosim.coupling.methods.admm import Admm
from cosim.coupling.methods.auto import Auto
from cosim.coupling.methods.base import Answer, Method, Query, Roads, Round
from cosim.coupling.methods.iterate import Iterate
from cosim.coupling.methods.newton import Newton

__all__ = ["METHODS", "Answer", "Method", "Query", "Roads", "Round"]

PATIENCE = 6
"""Rounds within which a method must have halved the residual before the next one takes over."""


def _auto(roads: Roads) -> Method:
    """Return Newton's method where the roads offer their slope; after it best response, then the safeguard."""
    first = () if roads.steepness is None else (Newton(),)
    return Auto(chain=tuple((method, PATIENCE) for method in (*first, Iterate(), Admm())))


METHODS: Mapping[str, Callable[[Roads], Method]] = MappingProxyType(
    {"auto": _auto, "iterate": lambda _: Iterate(), "admm": lambda _: Admm(), "newton": lambda _: Newton()}
)
"""Makes a method that remembers nothing yet, by the name in ``coupling.method``."""
