"""Solvers, one file each, fed with the compiled cone programme; `choose` picks one and says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

from cosim.dispatch.backends import clarabel, gurobi, scip, scs
from cosim.dispatch.backends.base import Backend, Capabilities, Size
from cosim.dispatch.backends.licences import Licence
from cosim.errors import DependencyError

CONTINUOUS: dict[str, Backend] = {clarabel.name: clarabel, gurobi.name: gurobi, scs.name: scs}
"""Backends that solve the continuous programme with duals, in order of preference."""

_CAPABILITIES: dict[str, Capabilities] = {name: backend.capabilities for name, backend in CONTINUOUS.items()}
_CAPABILITIES[scip.name] = scip.capabilities
_LICENCES: dict[str, Callable[[], Licence]] = {name: backend.licence for name, backend in CONTINUOUS.items()}
_LICENCES[scip.name] = scip.licence
NAMES = tuple(_CAPABILITIES)
_WORDS = {
    "second_order_cones": "second-order cones",
    "quadratic_objective": "a quadratic objective",
    "integers": "integers",
    "duals": "duals (nodal prices)",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A solver, the reason for it, and why the others were passed over."""

    name: str
    reason: str
    passed_over: Mapping[str, str] = field(default_factory=dict)


def choose(requested: str, needs: Capabilities | None = None, size: Size | None = None) -> Choice:
    """Return the solver for a model.

    Parameters
    ----------
    requested
        The scenario's ``dispatch.solver``: ``auto`` or a name.
    needs
        What the model needs; by default cones, a quadratic objective and duals.
    size
        How large the model is; None asks for no size.

    Raises
    ------
    DependencyError
        If the solver asked for is unknown, not installed, not licensed, lacks something that the model needs, or is not
        licensed for its size; or if ``auto`` finds none. It names what does fit.
    """
    needs = needs or Capabilities()
    if requested != "auto":
        if requested not in NAMES:
            raise DependencyError(f"solver '{requested}' is not offered; use auto or {', '.join(NAMES)}")
        if reason := objection(requested, needs, size):
            raise DependencyError(f"solver '{requested}': {reason}; {_alternative(requested, needs, size)}")
        return Choice(requested, "named by the scenario", dict.fromkeys(_others(requested), "another one was named"))
    passed: dict[str, str] = {}
    for name in NAMES:
        reason = objection(name, needs, size)
        if not reason:
            passed |= {other: f"not needed: {name} comes first" for other in NAMES if other not in {name, *passed}}
            return Choice(name, _praise(name, needs), passed)
        passed[name] = reason
    raise DependencyError(f"no solver fits: {'; '.join(f'{name}: {reason}' for name, reason in passed.items())}")


def objection(name: str, needs: Capabilities, size: Size | None = None) -> str:
    """Return why a solver cannot be used for a model; empty if it can."""
    offered = _CAPABILITIES[name]
    lacking = [_WORDS[f.name] for f in fields(needs) if getattr(needs, f.name) and not getattr(offered, f.name)]
    if lacking:
        return f"it gives no {' and no '.join(lacking)}"
    licence = _LICENCES[name]()
    if licence.kind == "missing":
        return f"not installed ({licence.detail})"
    if licence.kind == "none":
        return f"no licence ({licence.detail})"
    limit = licence.limit(quadratic=size.quadratic) if size is not None else None
    if size is not None and limit is not None and size.columns > limit:
        kind = "with quadratic terms" if size.quadratic else "without quadratic terms"
        return f"the model has {size.columns} variables, its {licence.kind} licence ends at {limit} {kind}"
    return ""


def _others(name: str) -> list[str]:
    return [other for other in NAMES if other != name]


def _praise(name: str, needs: Capabilities) -> str:
    """Return what speaks for a solver."""
    words = [_WORDS[f.name] for f in fields(needs) if getattr(needs, f.name)]
    return f"default: gives {', '.join(words)}; {_LICENCES[name]().detail}"


def _alternative(requested: str, needs: Capabilities, size: Size | None) -> str:
    fits = [name for name in _others(requested) if not objection(name, needs, size)]
    advice = f"use {' or '.join(['auto', *fits])}" if fits else "no other solver here fits either"
    if requested == scip.name and needs.duals:
        return f"{advice}; scip serves 'dispatch.storage_exclusivity: misocp'"
    if size is not None and requested == gurobi.name:
        return f"{advice}, or 'dispatch.mode: single_period', which is smaller, or a full licence"
    return advice
