"""The verdicts on a period, worst first, and the exit code of a run."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Literal

from cosim.errors import InputError

Status = Literal[
    "failed",
    "not_converged",
    "relaxation_inexact",
    "ac_violation",
    "voltage_relaxed",
    "optimal_with_shed",
    "optimal_with_ev_curtailment",
    "requirement_relaxed",
    "inexact_restored",
    "station_overloaded",
    "equilibrium_not_unique",
    "validation_invalid",
    "optimal",
]

EXIT_CODES: MappingProxyType[Status, int] = MappingProxyType(
    {
        "failed": 6,
        "not_converged": 6,
        "relaxation_inexact": 6,
        "ac_violation": 6,
        "voltage_relaxed": 5,
        "optimal_with_shed": 5,
        "optimal_with_ev_curtailment": 5,
        "requirement_relaxed": 5,
        "inexact_restored": 10,
        "station_overloaded": 10,
        "equilibrium_not_unique": 10,
        "validation_invalid": 10,
        "optimal": 0,
    }
)
"""Exit code of each period status; the order is that of precedence, worst first."""

MEANINGS: MappingProxyType[Status, str] = MappingProxyType(
    {
        "failed": "no usable answer: the dispatch is infeasible even with the last resorts, or a check found a defect",
        "not_converged": "assignment, price-flow loop, dispatch or AC power flow did not reach its tolerance",
        "relaxation_inexact": "cone gap, or difference from the AC state, too large: the relaxed numbers do not hold",
        "ac_violation": "the AC state breaks a voltage or current limit",
        "voltage_relaxed": "a voltage limit was missed at a price (`dispatch.voltage_slack_price`)",
        "optimal_with_shed": "base load was not served, at a price",
        "optimal_with_ev_curtailment": "charging load was not served, at a price",
        "requirement_relaxed": "a device missed its own requirement: end of storage, balance of demand response, "
        "must-take",
        "inexact_restored": "an inexact relaxation was repaired, the AC state holds, and it may have cost something",
        "station_overloaded": "a station is asked for more than its chargers' power: who is left over waits, or leaves",
        "equilibrium_not_unique": "nothing proves the equilibrium, and loops from other prices ended at other flows",
        "validation_invalid": "vehicles of a microscopic simulation went wrong, or it contradicts the equilibrium",
        "optimal": "every check passed",
    }
)
"""What each status says."""

EXIT_ORDER = (6, 5, 10, 0)
"""Precedence of exit codes over the periods of a run."""


def exit_code(statuses: Iterable[str]) -> int:
    """Return the exit code of a run from the statuses and flags of all its periods (6 > 5 > 10 > 0).

    No status at all gives 6: a run without an accepted period has not succeeded.

    Raises
    ------
    InputError
        If a status is unknown.

    >>> exit_code(["optimal", "inexact_restored", "optimal_with_shed"])
    5
    """
    known = {str(status): code for status, code in EXIT_CODES.items()}
    given = set(statuses)
    if unknown := sorted(given - known.keys()):
        raise InputError(f"unknown period status {', '.join(unknown)}; known: {', '.join(known)}")
    codes = {known[status] for status in given}
    return next((code for code in EXIT_ORDER if code in codes), EXIT_ORDER[0])
