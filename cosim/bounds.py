"""Bounds of settings, declared once as `annotated_types` marks and checked at birth.

The same marks serve pydantic when a scenario is read, so a bound stands in one place.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from numbers import Real
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Interval, Le, Lt, MinLen

from cosim.errors import InputError, Problem

Compare = Callable[[Any, Any], Any]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
FRACTION = re.compile(r"(^|_)(share|efficiency|soc|correlation|knee|depth|factor)(_|$)")
"""Names of fractions, which have no unit."""
_OTHER_UNITS = {"kw": ("W", 10.0), "pu": ("kV", 2.0)}
"""Unit that a number is told in by mistake, and from how many times the limit on, by the unit that it should have."""
_WORDS = {">": "more than", ">=": "at least", "<": "less than", "<=": "at most"}
Fraction = Annotated[float, Interval(ge=0, le=1)]
Efficiency = Annotated[float, Interval(gt=0, le=1)]


def check_bounds(settings: Any, label: str = "") -> None:  # noqa: ANN401 - any dataclass
    """Raise one `InputError` with every field of a dataclass that is outside its marks, or a number and not finite.

    A row of numbers is checked number by number; its first wrong one is named.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Battery:
    ...     capacity_mwh: Positive
    >>> check_bounds(Battery(-1.0), "ess")
    Traceback (most recent call last):
    ...
    cosim.errors.InputError: field 'ess.capacity_mwh': -1.0 must be > 0; check the sign
    """
    prefix = f"{label}." if label else ""
    problems = []
    kind: type = type(settings)
    for name, marks in marks_of(kind).items():
        for value in _values(getattr(settings, name)):
            reason, remedy = (
                _broken_text(value, marks) if isinstance(value, str) else _broken_number(name, value, marks)
            )
            if reason:
                problems.append(Problem(field=prefix + name, reason=reason, remedy=remedy))
                break
    if problems:
        raise InputError(problems)


def way_out(name: str, value: float, sign: str, limit: float) -> str:
    """Return what to do about a number beyond a bound: what it may be in the unit of its name, or where to put it.

    Parameters
    ----------
    name
        Name of the quantity, whose end is its unit.
    value, sign, limit
        The number, and the rule that it breaks, such as ``<=`` 1.

    >>> way_out("charger_kw", 60000, "<=", 1000), way_out("share", 30, "<=", 1), way_out("vm_pu", -1, ">", 0)
    ('W? Give kW', '%? Give a fraction', 'check the sign')
    >>> way_out("periods", 0, ">=", 1), way_out("step_s", 2, "<=", 1)
    ('give at least 1', 'give at most 1')
    """
    if value < 0 <= limit:
        return "check the sign"
    if sign in ("<", "<="):
        unit = name.rpartition("_")[2]
        if limit == 1 and FRACTION.search(name) and value > 1:
            return "%? Give a fraction"
        if (other := _OTHER_UNITS.get(unit)) and value >= other[1] * limit:
            return f"{other[0]}? Give {unit if unit != 'kw' else 'kW'}"
    return f"give {_WORDS[sign]} {limit:.12g}"


def _values(value: object) -> Iterator[Any]:
    """Yield the numbers and texts of a field; numpy's numbers are numbers too, truth values are none."""
    for one in value if isinstance(value, tuple) else (value,):
        if not isinstance(one, bool) and isinstance(one, str | Real):
            yield one


@cache
def marks_of(kind: type) -> dict[str, tuple[object, ...]]:
    """Return the marks of every field of a dataclass."""
    hints = get_type_hints(kind, include_extras=True)
    return {item.name: tuple(_flatten(hints[item.name])) for item in fields(kind)}


def _flatten(hint: object) -> list[object]:
    """Return the marks of a type hint, those inside unions included."""
    found: list[object] = []
    if get_origin(hint) is Annotated:
        found += [part for mark in hint.__metadata__ for part in _parts(mark)]  # type: ignore[attr-defined]
    for inner in get_args(hint):
        found += _flatten(inner)
    return found


def _parts(mark: object) -> list[object]:
    return [part for part in mark if part is not None] if isinstance(mark, Interval) else [mark]


def _broken_text(value: str, marks: tuple[object, ...]) -> tuple[str, str]:
    """Return the text and the rule that it breaks, and the way out; or nothing."""
    shortest = max((mark.min_length for mark in marks if isinstance(mark, MinLen)), default=0)
    return (f"{value!r} must not be shorter than {shortest}", "give a text") if len(value) < shortest else ("", "")


def _broken_number(name: str, value: float, marks: tuple[object, ...]) -> tuple[str, str]:
    """Return the number and the first rule that it breaks, and the way out; or nothing."""
    if not math.isfinite(value):
        return f"{value} must be finite", "give a finite number"
    for sign, holds, limit in _compared(marks):
        if not holds(value, limit):
            return f"{value} must be {sign} {limit}", way_out(name, value, sign, limit)
    return "", ""


_COMPARED: dict[type, tuple[str, str, Compare]] = {
    Gt: ("gt", ">", operator.gt), Ge: ("ge", ">=", operator.ge),
    Lt: ("lt", "<", operator.lt), Le: ("le", "<=", operator.le),
}  # fmt: skip


def rules(marks: tuple[object, ...]) -> Iterator[tuple[str, Compare, float]]:
    """Yield each bound among the marks of a field: in words, the comparison with numbers, and the limit."""
    for sign, compare, limit in _compared(marks):
        yield f"must be {sign} {limit}", compare, limit


def _compared(marks: tuple[object, ...]) -> Iterator[tuple[str, Compare, float]]:
    """Yield each bound among the marks of a field: its sign, the comparison with numbers, and the limit."""
    for mark in marks:
        if (known := _COMPARED.get(type(mark))) is not None:
            name, sign, compare = known
            yield sign, compare, getattr(mark, name)
