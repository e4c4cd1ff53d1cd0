"""The acceptance gate of a period: every figure against its limit, and the period's status.

What is judged, and by which limit, stands in `cosim.quantities.checks`. A check passes from the side of doubt: a figure
that is NaN fails, one that is None belongs to a part which the scenario does not have. No solver's word is trusted: the
figures are recomputed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from cosim.errors import InputError
from cosim.plain import Document
from cosim.quantities.checks import CHECKS, REFERENCE_MW, Check, Figure, GateLimits, check_of, limit_of
from cosim.quantities.status import EXIT_CODES, EXIT_ORDER, Status, exit_code

__all__ = ["EXIT_CODES", "Figures", "GateCheck", "GateLimits", "GateRecord", "Status", "evaluate", "exit_code"]

Figures = Mapping[str, Figure | None]
"""What was measured in one period, by the names of `CHECKS`; None where the scenario has no such part.

``restoration`` besides tells how an inexact relaxation was repaired (``current_limits``, ``loss_floor``, ``ccp``,
``ac``), or None, and ``own_power_mw`` how large the feeder is: limits of power and energy are in proportion to it.
"""

RESTORATION = "restoration"
OWN_POWER = "own_power_mw"
_DONE = ("optimal", "optimal_inaccurate")
_UNFINISHED = ("not_converged", "user_limit")
_OF_AC = frozenset(row.name for row in CHECKS.values() if row.part == "ac" and row.sense != "word")
_DOUBTFUL = frozenset(
    row.name
    for row in CHECKS.values()
    if row.part in {"solver", "relaxation"} and row.sense != "word" and {"retries", "repairs"} & set(row.does)
)
"""What an inaccurate answer is judged by."""
_NEEDED = frozenset({"primal_residual", "duality_gap_rel", "cone_gap_rel"})
_RELAXATION = frozenset(
    row.name for row in CHECKS.values() if row.part in {"relaxation", "ac"} and row.status == "relaxation_inexact"
)
"""What a repair leaves behind of the relaxation: harmless where the AC state holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCheck:
    """One figure, its limit, and whether it passed; a failed one carries the status that follows.

    ``value`` is a number, a truth value or a solver's word; ``limit`` the number it is held against, or the word.
    """

    name: str
    value: Figure
    limit: Figure
    passed: bool
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRecord:
    """The judgement of one period.

    Attributes
    ----------
    checks
        Every check made.
    status
        The worst flag, or ``optimal``.
    flags
        All that applies, worst first; empty if the period is ``optimal``.
    notes
        What happened on the way and changes no number, as ``retried: ...``.
    """

    checks: tuple[GateCheck, ...]
    status: Status
    flags: tuple[Status, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[GateCheck, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    def as_dict(self) -> Document:
        """Return the judgement as plain data, for ``gate.json``."""
        checks = [asdict(check) for check in self.checks]
        return {"status": self.status, "flags": list(self.flags), "checks": checks, "notes": list(self.notes)}


def evaluate(figures: Figures, limits: GateLimits | None = None) -> GateRecord:
    """Judge one period.

    Parameters
    ----------
    figures
        What was measured, by the names of the table of checks.
    limits
        What is accepted; the defaults if None.

    Returns
    -------
    GateRecord
        Every check, the status and all flags.

    Raises
    ------
    InputError
        If there is no figure at all: a period that nobody measured has not passed.
    KeyError
        If there is a figure that no row of the table knows: nobody would judge it.

    >>> evaluate({"solver_status": "optimal", "primal_residual": 1e-9, "duality_gap_rel": 0.0}).status
    'optimal'
    >>> evaluate({"shed_mw": 0.2, "sue_residual": float("nan")}).flags
    ('not_converged', 'optimal_with_shed')
    """
    limits = limits or GateLimits()
    given = {check_of(name).name: value for name, value in figures.items() if name not in {RESTORATION, OWN_POWER}}
    measured = ((row, given.get(row.name)) for row in CHECKS.values())
    checks = [_made(row, value, limits, figures) for row, value in measured if value is not None]
    if not checks:
        raise InputError("the gate was given no figure; a period without any measurement cannot be accepted")
    checks = list(_without_ac_state(_with_solver(checks)))
    flags = {check.status for check in checks if not check.passed}
    if figures.get(RESTORATION) is not None:
        flags = _after_restoration(checks, flags)
    ordered = tuple(status for status in EXIT_CODES if status in flags)
    return GateRecord(checks=tuple(checks), status=ordered[0] if ordered else "optimal", flags=ordered)


def _made(row: Check, value: Figure, limits: GateLimits, figures: Figures) -> GateCheck:
    """Hold one figure against its limit."""
    own = figures.get(OWN_POWER)
    limit = limit_of(row, limits, REFERENCE_MW if own is None else float(own))
    if row.sense == "word":
        return GateCheck(name=row.name, value=value, limit=limit, passed=row.passes(value, limit), status=row.status)
    number, most = float(value), float(limit)
    slack = figures.get("voltage_slack_pu2")
    if row.name == "ac_voltage_violation_pu" and slack is not None:
        # |U' - U| = |U'^2 - U^2| / (U' + U) <= the slack on U^2, as U' + U >= 1: relaxed on purpose.
        most += max(float(slack), 0.0)
    status = row.status if math.isfinite(number) else _unknown(row.status)
    size = abs(number) if row.sense == "abs" else number
    return GateCheck(name=row.name, value=size, limit=most, passed=row.passes(number, most), status=status)


def _unknown(status: Status) -> Status:
    """Return the status of a figure that is not finite: never one that counts as answered."""
    return status if EXIT_CODES[status] == EXIT_ORDER[0] else "failed"


def _with_solver(checks: list[GateCheck]) -> list[GateCheck]:
    """Judge the solver's word; ``optimal_inaccurate`` counts only if residual, gap and cones are there and pass."""
    judged = {check.name: check.passed for check in checks if check.name in _DOUBTFUL}
    holds = judged.keys() >= _NEEDED and all(judged.values())

    def settled(check: GateCheck) -> GateCheck:
        if check.name != "solver_status":
            return check
        accepted = check.value == "optimal_inaccurate" and holds
        status: Status = "not_converged" if check.value in _DONE + _UNFINISHED else check.status
        return replace(check, passed=check.passed or accepted, status=status)

    return [settled(check) for check in checks]


def _without_ac_state(checks: list[GateCheck]) -> Iterator[GateCheck]:
    """Yield the checks; without an AC state or an answer, missing figures and values follow that status."""
    by_name = {check.name: check for check in checks}
    unanswered = [by_name[name].status for name in ("solver_status",) if name in by_name and not by_name[name].passed]
    flow = by_name.get("ac_converged")
    lost = flow is not None and not flow.passed
    status: Status = "relaxation_inexact" if _inexact(checks) else "not_converged"
    for check in checks:
        missing = check.name in _OF_AC and not math.isfinite(float(check.value))
        if lost and (missing or check is flow):
            yield replace(check, status=status)
        elif check.name == "values_missing" and (lost or unanswered):
            yield replace(check, status=(unanswered or [status])[0])
        else:
            yield check


def _inexact(checks: Iterable[GateCheck]) -> bool:
    """Whether a cone gap failed."""
    return any(not check.passed and check.name.startswith("cone_gap") for check in checks)


def _after_restoration(checks: Iterable[GateCheck], flags: set[Status]) -> set[Status]:
    """Return the flags of a repaired period: what is left of the relaxation's gap is harmless if the AC state holds.

    With an AC state it is ``ac_violation`` if a limit is broken, ``inexact_restored`` where the repair may have cost
    anything (or nobody says what it cost), and nothing where the repaired plan attains the relaxation's bound: then it
    is an optimum of both. Without an AC state it is ``relaxation_inexact``.
    """
    by_name = {check.name: check for check in checks}
    if "ac_converged" not in by_name or not by_name["ac_converged"].passed:
        return flags | {"relaxation_inexact"}
    left = {check.status for check in by_name.values() if not check.passed and check.name not in _RELAXATION}
    if "ac_violation" in left:
        return left - {"inexact_restored"}
    return left | ({"inexact_restored"} if "restoration_gap_rel" not in by_name else set())
