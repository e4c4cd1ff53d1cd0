"""The acceptance gate of a period: every figure against its limit, and the period's status.

A check reads ``finite and not (value > limit)`` from the side of doubt: a figure that is NaN fails, one that is None
belongs to a part which the scenario does not have. No solver's word is trusted: `GateFigures` are recomputed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

from cosim.bounds import NonNegative, check_bounds
from cosim.errors import InputError
from cosim.validation.status import EXIT_CODES, EXIT_ORDER, Status, exit_code

__all__ = ["EXIT_CODES", "GateCheck", "GateFigures", "GateLimits", "GateRecord", "Status", "evaluate", "exit_code"]

_DONE = ("optimal", "optimal_inaccurate")
_UNFINISHED = ("not_converged", "user_limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """Largest accepted value of each figure; per unit refers to 10 MVA.

    Attributes
    ----------
    primal_residual
        Violation of rows and cones, relative to 1 + the norm of the right-hand side.
    duality_gap_rel
        |primal - dual| / max(1, |primal|).
    cone_gap_rel
        Relaxation gap l - (P^2 + Q^2) / v over max(l, 1e-3), largest line.
    cone_gap_pu2
        The same gap, absolute. The relative one decides; this one is a net against gross errors.
    cone_gap_negative_pu2
        How far the gap may be below zero.
    ac_mismatch_mva
        Power balance of a bus in the AC state.
    injection_error_mw
        What the AC flow injected against what was asked.
    dv_pu, dloss_rel
        Voltage and loss of the relaxation against the AC state.
    ac_voltage_violation_pu, ac_current_violation_rel
        AC voltage and current beyond their limits.
    energy_balance_mw
        Generation + import - load - loss.
    storage_recursion_mwh, storage_overlap_mw
        Stored energy against its recursion; smaller of charge and discharge.
    sue_residual, coupling_residual_mw
        Fixed-point residual of the assignment, and of the loop between road and grid.
    slack_mw, voltage_slack_pu2
        Curtailed or shed power (and missed requirements), and relaxed voltage, from which on the period is flagged.
    teleported_share, not_inserted_share, unfinished_share
        Vehicles of the microscopic simulation that went wrong, per vehicle.
    """

    primal_residual: NonNegative = 1e-6
    duality_gap_rel: NonNegative = 1e-6
    cone_gap_rel: NonNegative = 1e-4
    cone_gap_pu2: NonNegative = 1e-4
    cone_gap_negative_pu2: NonNegative = 1e-9
    ac_mismatch_mva: NonNegative = 1e-6
    injection_error_mw: NonNegative = 1e-9
    dv_pu: NonNegative = 1e-3
    dloss_rel: NonNegative = 0.01
    ac_voltage_violation_pu: NonNegative = 1e-4
    ac_current_violation_rel: NonNegative = 1e-3
    energy_balance_mw: NonNegative = 1e-6
    storage_recursion_mwh: NonNegative = 1e-9
    storage_overlap_mw: NonNegative = 1e-6
    sue_residual: NonNegative = 1e-8
    coupling_residual_mw: NonNegative = 1e-6
    slack_mw: NonNegative = 1e-6
    voltage_slack_pu2: NonNegative = 1e-6
    teleported_share: NonNegative = 0.001
    not_inserted_share: NonNegative = 0.01
    unfinished_share: NonNegative = 0.05

    def __post_init__(self) -> None:
        check_bounds(self, "gates")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFigures:
    """What was measured in one period; None where the scenario has no such part.

    Attributes not listed here carry the names of their limits in `GateLimits`.

    Attributes
    ----------
    solver_status
        ``optimal``, ``optimal_inaccurate``, ``not_converged``, or any other word for no answer.
    cone_gap_min_pu2
        Smallest gap of a line, signed.
    restoration
        How an inexact relaxation was repaired (``loss_floor``, ``ccp``, ``ac``, ``sign_fix``, ``misocp``) or None.
    ac_converged
        Whether the AC power flow has a finite state.
    sue_status
        ``converged``, or why the assignment stopped.
    ev_curtailed_mw, shed_mw
        Charging power and load that were not served.
    station_excess_mw
        Charging load demanded beyond the power of a station's chargers.
    requirement_missed
        How far a device's own hard requirement was relaxed: end condition of storage or balance of demand response
        (MWh), must-take power not taken (MW).
    vehicles_balance
        Vehicles entered - left - queued - under way.
    """

    solver_status: str | None = None
    primal_residual: float | None = None
    duality_gap_rel: float | None = None
    cone_gap_rel: float | None = None
    cone_gap_pu2: float | None = None
    cone_gap_min_pu2: float | None = None
    restoration: str | None = None
    ac_converged: bool | None = None
    ac_mismatch_mva: float | None = None
    injection_error_mw: float | None = None
    dv_pu: float | None = None
    dloss_rel: float | None = None
    ac_voltage_violation_pu: float | None = None
    ac_current_violation_rel: float | None = None
    energy_balance_mw: float | None = None
    storage_recursion_mwh: float | None = None
    storage_overlap_mw: float | None = None
    sue_residual: float | None = None
    sue_status: str | None = None
    coupling_residual_mw: float | None = None
    coupling_converged: bool | None = None
    ev_curtailed_mw: float | None = None
    shed_mw: float | None = None
    requirement_missed: float | None = None
    station_excess_mw: float | None = None
    voltage_slack_pu2: float | None = None
    vehicles_balance: float | None = None
    teleported_share: float | None = None
    not_inserted_share: float | None = None
    unfinished_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCheck:
    """One figure, its limit, and whether it passed; a failed one carries the status that follows.

    ``value`` is a number, a truth value or a solver's word; ``limit`` the largest accepted number, or the word.
    """

    name: str
    value: float | bool | str
    limit: float | bool | str
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
    """

    checks: tuple[GateCheck, ...]
    status: Status
    flags: tuple[Status, ...]

    @property
    def failed(self) -> tuple[GateCheck, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)


# The status that follows if a figure exceeds the limit of the same name.
_BY_NAME: MappingProxyType[str, Status] = MappingProxyType(
    {
        "primal_residual": "not_converged",
        "duality_gap_rel": "not_converged",
        "cone_gap_rel": "relaxation_inexact",
        "cone_gap_pu2": "relaxation_inexact",
        "ac_mismatch_mva": "not_converged",
        "injection_error_mw": "failed",
        "dv_pu": "relaxation_inexact",
        "dloss_rel": "relaxation_inexact",
        "ac_voltage_violation_pu": "ac_violation",
        "ac_current_violation_rel": "ac_violation",
        "energy_balance_mw": "not_converged",
        "storage_recursion_mwh": "not_converged",
        "storage_overlap_mw": "relaxation_inexact",
        "sue_residual": "not_converged",
        "coupling_residual_mw": "not_converged",
        "voltage_slack_pu2": "voltage_relaxed",
        "teleported_share": "validation_invalid",
        "not_inserted_share": "validation_invalid",
        "unfinished_share": "validation_invalid",
    }
)
_SIGNED = ("energy_balance_mw",)
_OF_AC = frozenset(
    {
        "ac_mismatch_mva",
        "injection_error_mw",
        "dv_pu",
        "dloss_rel",
        "ac_voltage_violation_pu",
        "ac_current_violation_rel",
    }
)
_DOUBTFUL = ("primal_residual", "duality_gap_rel", "cone_gap_rel", "cone_gap_pu2", "cone_gap_negative_pu2")
_RELAXATION = frozenset({"cone_gap_rel", "cone_gap_pu2", "cone_gap_negative_pu2", "dv_pu", "dloss_rel"})


def evaluate(figures: GateFigures, limits: GateLimits | None = None) -> GateRecord:
    """Judge one period.

    Parameters
    ----------
    figures
        What was measured.
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

    >>> evaluate(GateFigures(solver_status="optimal", primal_residual=1e-9, duality_gap_rel=0.0)).status
    'optimal'
    >>> evaluate(GateFigures(shed_mw=0.2, sue_residual=float("nan"))).flags
    ('not_converged', 'optimal_with_shed')
    """
    limits = limits or GateLimits()
    numbers = [*_named_checks(figures, limits), *_special_checks(figures, limits)]
    words = list(_word_checks(figures, numbers))
    checks = (*words, *_without_ac_state(figures, numbers, words))
    if not checks:
        raise InputError("the gate was given no figure; a period without any measurement cannot be accepted")
    flags = {check.status for check in checks if not check.passed}
    if figures.restoration is not None:
        flags = _after_restoration(checks, flags)
    ordered = tuple(status for status in EXIT_CODES if status in flags)
    return GateRecord(checks=checks, status=ordered[0] if ordered else "optimal", flags=ordered)


def _number(name: str, value: float, limit: float, status: Status) -> GateCheck:
    passed = math.isfinite(value) and value <= limit
    return GateCheck(name=name, value=float(value), limit=limit, passed=passed, status=status)


def _named_checks(figures: GateFigures, limits: GateLimits) -> Iterator[GateCheck]:
    """Yield the checks of figures that have a limit of the same name."""
    for name, status in _BY_NAME.items():
        value, limit = getattr(figures, name), getattr(limits, name)
        if value is None:
            continue
        if name == "ac_voltage_violation_pu" and figures.voltage_slack_pu2 is not None:
            # |U' - U| = |U'^2 - U^2| / (U' + U) <= the slack on U^2, as U' + U >= 1: relaxed on purpose.
            limit += max(figures.voltage_slack_pu2, 0.0)
        size = abs(value) if name in _SIGNED else value
        yield _number(name, size, limit, status if math.isfinite(value) else _unknown(status))


def _special_checks(figures: GateFigures, limits: GateLimits) -> Iterator[GateCheck]:
    """Yield the numeric checks whose limit has another name."""
    if (gap := figures.cone_gap_min_pu2) is not None:
        yield _number("cone_gap_negative_pu2", -gap, limits.cone_gap_negative_pu2, "relaxation_inexact")
    slacks: tuple[tuple[str, float | None, Status], ...] = (
        ("ev_curtailed_mw", figures.ev_curtailed_mw, "optimal_with_ev_curtailment"),
        ("shed_mw", figures.shed_mw, "optimal_with_shed"),
        ("station_excess_mw", figures.station_excess_mw, "station_overloaded"),
        ("requirement_missed", figures.requirement_missed, "requirement_relaxed"),
    )
    for name, value, status in slacks:
        if value is not None:
            yield _number(name, value, limits.slack_mw, status if math.isfinite(value) else _unknown(status))
    if (balance := figures.vehicles_balance) is not None:
        yield _number("vehicles_balance", abs(balance), 0.0, "failed")


def _without_ac_state(figures: GateFigures, numbers: list[GateCheck], words: list[GateCheck]) -> Iterator[GateCheck]:
    """Yield the checks; where the AC flow has no state, its missing figures follow the flow's own status."""
    outcome = next((check for check in words if check.name == "ac_converged" and not check.passed), None)
    for check in numbers:
        missing = outcome is not None and check.name in _OF_AC and not math.isfinite(getattr(figures, check.name))
        yield replace(check, status=outcome.status) if outcome and missing else check


def _unknown(status: Status) -> Status:
    """Return the status of a figure that is not finite: never one that counts as answered."""
    return status if EXIT_CODES[status] == EXIT_ORDER[0] else "failed"


def _word_checks(figures: GateFigures, numbers: list[GateCheck]) -> Iterator[GateCheck]:
    """Yield the checks of words and truth values."""
    if (word := figures.solver_status) is not None:
        yield _solver_check(word, numbers)
    if (converged := figures.ac_converged) is not None:
        yield GateCheck(
            name="ac_converged", value=converged, limit=True, passed=converged is True,
            status="relaxation_inexact" if _inexact(numbers) else "not_converged",
        )  # fmt: skip
    if (sue := figures.sue_status) is not None:
        passed = sue == "converged"
        yield GateCheck(name="sue_status", value=sue, limit="converged", passed=passed, status="not_converged")
    if (agreed := figures.coupling_converged) is not None:
        yield GateCheck(
            name="coupling_converged", value=agreed, limit=True, passed=agreed is True, status="not_converged"
        )


def _solver_check(word: str, numbers: list[GateCheck]) -> GateCheck:
    """Judge the solver's word; ``optimal_inaccurate`` counts only if residual, gap and cones are there and pass."""
    passed = word == "optimal"
    if word == "optimal_inaccurate":
        judged = {check.name: check.passed for check in numbers if check.name in _DOUBTFUL}
        needed = {"primal_residual", "duality_gap_rel", "cone_gap_rel"}
        passed = needed <= judged.keys() and all(judged.values())
    status: Status = "not_converged" if word in _DONE + _UNFINISHED else "failed"
    return GateCheck(name="solver_status", value=word, limit="optimal", passed=passed, status=status)


def _inexact(checks: Iterable[GateCheck]) -> bool:
    """Whether a cone gap failed."""
    return any(not check.passed and check.name.startswith("cone_gap") for check in checks)


def _after_restoration(checks: Iterable[GateCheck], flags: set[Status]) -> set[Status]:
    """Return the flags of a repaired period: what is left of the relaxation's gap is harmless if the AC state holds.

    With an AC state it is ``inexact_restored``, or ``ac_violation`` if a limit is broken; else ``relaxation_inexact``.
    """
    by_name = {check.name: check for check in checks}
    if "ac_converged" not in by_name or not by_name["ac_converged"].passed:
        return flags | {"relaxation_inexact"}
    left = {check.status for check in by_name.values() if not check.passed and check.name not in _RELAXATION}
    return left | ({"inexact_restored"} if "ac_violation" not in left else set())
