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
    first = () if roads.steepness is None else (Newton(roads),)
    return Auto(tuple((method, PATIENCE) for method in (*first, Iterate(roads), Admm(roads))))


METHODS: Mapping[str, Callable[[Roads], Method]] = MappingProxyType(
    {"auto": _auto, "iterate": Iterate, "admm": Admm, "newton": Newton}
)
"""Makes a method for the loop of one period, by the name in ``coupling.method``."""
