"""Solvers, one file each, fed with the compiled cone programme; `choose` picks one and says why."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from cosim.dispatch.backends import clarabel
from cosim.errors import DependencyError

BACKENDS: dict[str, ModuleType] = {clarabel.name: clarabel}


@dataclass(frozen=True, slots=True)
class Choice:
    """A solver and the reason for it."""

    name: str
    reason: str


def choose(requested: str) -> Choice:
    """Return the backend for a scenario's ``dispatch.solver``.

    Raises
    ------
    DependencyError
        If there is no such backend.
    """
    if requested == "auto":
        reason = "default: second-order cones, quadratic objective, duals; free (Apache-2.0), comes with cosim"
        return Choice(clarabel.name, reason)
    if requested not in BACKENDS:
        raise DependencyError(f"solver '{requested}' is not offered; use auto or {', '.join(BACKENDS)}")
    return Choice(requested, "named by the scenario")
