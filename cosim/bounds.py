"""Bounds of settings, declared once as `annotated_types` marks and checked at birth.

The same marks serve pydantic when a scenario is read, so a bound stands in one place.
"""

from __future__ import annotations

import math
import operator
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
    cosim.errors.InputError: field 'ess.capacity_mwh': -1.0 must be > 0
    """
    prefix = f"{label}." if label else ""
    problems = []
    kind: type = type(settings)
    for name, marks in marks_of(kind).items():
        for value in _values(getattr(settings, name)):
            if broken := _broken_text(value, marks) if isinstance(value, str) else _broken_number(value, marks):
                problems.append(Problem(field=prefix + name, reason=broken))
                break
    if problems:
        raise InputError(problems)


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


def _broken_text(value: str, marks: tuple[object, ...]) -> str:
    """Return the text and the rule that it breaks, or nothing."""
    shortest = max((mark.min_length for mark in marks if isinstance(mark, MinLen)), default=0)
    return f"{value!r} must not be shorter than {shortest}" if len(value) < shortest else ""


def _broken_number(value: float, marks: tuple[object, ...]) -> str:
    """Return the number and the first rule that it breaks, or nothing."""
    if not math.isfinite(value):
        return f"{value} must be finite"
    return next((f"{value} {rule}" for rule, holds, limit in rules(marks) if not holds(value, limit)), "")


_COMPARED: dict[type, tuple[str, str, Compare]] = {
    Gt: ("gt", ">", operator.gt), Ge: ("ge", ">=", operator.ge),
    Lt: ("lt", "<", operator.lt), Le: ("le", "<=", operator.le),
}  # fmt: skip


def rules(marks: tuple[object, ...]) -> Iterator[tuple[str, Compare, float]]:
    """Yield each bound among the marks of a field: in words, the comparison with numbers, and the limit."""
    for mark in marks:
        if (known := _COMPARED.get(type(mark))) is not None:
            name, sign, compare = known
            limit = getattr(mark, name)
            yield f"must be {sign} {limit}", compare, limit
