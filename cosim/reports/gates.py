"""The gate of each period as it was committed: which checks were made, and why a period is flagged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cosim.validation.gate import EXIT_CODES

_NO_ANSWER = 6
_UNITS = {"mw": "MW", "mva": "MVA", "mwh": "MWh", "pu": "pu", "pu2": "pu²", "rel": "relative", "share": "share"}
_WORDS = {"ac": "AC", "sue": "SUE", "ev": "EV", "dv": "voltage difference", "dloss": "loss difference"}

SEVERE = frozenset(status for status, code in EXIT_CODES.items() if code == _NO_ANSWER)
"""Statuses without a trustworthy answer; the others have one, with a flag."""

Judgement = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedPeriod:
    """A period that is not ``optimal``: number, status, all flags, and the failed checks in words."""

    period: int
    status: str
    flags: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One check over all periods.

    Attributes
    ----------
    name
        Name of the figure.
    made, failed
        In how many periods it was made, and failed.
    worst, limit
        Value next to (or furthest beyond) its limit, and the limit, as text.
    period
        Where the worst value stands.
    share
        Worst value over limit, where both are numbers.
    """

    name: str
    made: int
    failed: int
    worst: str
    limit: str
    period: int
    share: float | None

    @property
    def label(self) -> str:
        """Return the name in words, with its unit.

        >>> CheckRow(name="ac_mismatch_mva", made=1, failed=0, worst="", limit="", period=1, share=None).label
        'AC mismatch (MVA)'
        """
        return in_words(self.name)


def in_words(name: str) -> str:
    """Return the name of a figure of the gate, or of a status, in words.

    >>> in_words("cone_gap_pu2"), in_words("dloss_rel"), in_words("sue_status")
    ('Cone gap (pu²)', 'Loss difference (relative)', 'SUE status')
    """
    head, _, tail = name.rpartition("_")
    unit = _UNITS.get(tail, "") if head else ""
    words = [_WORDS.get(word, word) for word in (head if unit else name).split("_")]
    text = " ".join(words) + (f" ({unit})" if unit else "")
    return text[:1].upper() + text[1:]


def flagged(gates: dict[int, Judgement]) -> tuple[FlaggedPeriod, ...]:
    """Return the periods that are not ``optimal``."""
    return tuple(
        FlaggedPeriod(
            period=period,
            status=str(gate.get("status", "unknown")),
            flags=tuple(str(flag) for flag in gate.get("flags", ())),
            reasons=tuple(_reason(check) for check in gate.get("checks", ()) if not check.get("passed")),
        )
        for period, gate in gates.items()
        if gate.get("status") != "optimal"
    )


def check_rows(gates: dict[int, Judgement]) -> tuple[CheckRow, ...]:
    """Return every check over all periods, in the order of the gate."""
    by_name: dict[str, list[tuple[int, Judgement]]] = {}
    for period, gate in gates.items():
        for check in gate.get("checks", ()):
            by_name.setdefault(str(check["name"]), []).append((period, check))
    return tuple(_check_row(name, made) for name, made in by_name.items())


def counts(rows: Iterable[CheckRow]) -> tuple[int, int]:
    """Return how many checks were made, and how many failed."""
    listed = list(rows)
    return sum(row.made for row in listed), sum(row.failed for row in listed)


def _check_row(name: str, made: list[tuple[int, Judgement]]) -> CheckRow:
    period, worst = max(made, key=lambda item: _severity(item[1]))
    share = _severity(worst)[1]
    numeric = _is_number(worst["value"]) and _is_number(worst["limit"]) and math.isfinite(share)
    return CheckRow(
        name=name,
        made=len(made),
        failed=sum(not check.get("passed") for _, check in made),
        worst=_text(worst["value"]),
        limit=_text(worst["limit"]),
        period=period,
        share=max(share, 0.0) if numeric else None,
    )


def _severity(check: Judgement) -> tuple[bool, float]:
    """Order checks: failed ones last, then by value over limit; what is not finite is worst."""
    failed, value, limit = not check.get("passed"), check["value"], check["limit"]
    if not (_is_number(value) and _is_number(limit)):
        return failed, 0.0
    if not math.isfinite(value):
        return failed, math.inf
    return failed, value / limit if limit else (0.0 if value <= 0.0 else math.inf)


def _reason(check: Judgement) -> str:
    """Return a failed check in words."""
    words, value, limit = in_words(str(check["name"])), check["value"], check["limit"]
    if _is_number(value) and _is_number(limit):
        return f"{words} is {_text(value)}; largest accepted: {_text(limit)}"
    return f"{words} is {_text(value)}, not {_text(limit)}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.3g}" if math.isfinite(value) else "not a number" if math.isnan(value) else "infinite"
    return str(value)


def status_counts(gates: dict[int, Judgement]) -> Iterator[tuple[str, int]]:
    """Yield each status and the number of its periods, in order of appearance."""
    statuses = [str(gate.get("status", "unknown")) for gate in gates.values()]
    for status in dict.fromkeys(statuses):
        yield status, statuses.count(status)


def noted(gates: dict[int, Judgement]) -> Iterator[str]:
    """Yield what happened on the way and changed no number, as a simulation that was repeated, period by period."""
    for period, gate in gates.items():
        yield from (f"Period {period}: {note}" for note in gate.get("notes", ()))
