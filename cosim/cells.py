"""From the text of a cell to its value: exact, and words such as ``NA`` or ``nan`` are no numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LONGEST = 60
"""Characters of a text that a message prints."""
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
REMEDIES: dict[type, str] = {
    str: "give a plain text",
    int: "give a whole number",
    float: "give a number such as 0.2",
    bool: "give true or false",
}
"""What to do about a cell that is empty or no such value."""


def convert(text: str, kind: type, *, empty_ok: bool) -> tuple[Any, str]:
    """Return (value, "") or (None, why not).

    >>> convert("0,2", float, empty_ok=False)
    (None, "'0,2' is not a finite decimal number (decimal point, no spaces)")
    """
    if not text:
        return None, "" if empty_ok else "the value is empty"
    return _CONVERTERS[kind](text)


def _shown(text: str) -> str:
    """Return a text as messages print it."""
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _text(text: str) -> tuple[str | None, str]:
    if text.replace("\r\n", "\n").replace("\n", "").isprintable():
        return text, ""
    return None, f"{_shown(text)} holds a control character"


def _integer(text: str) -> tuple[int | None, str]:
    if _INTEGER.fullmatch(text):
        return int(text), ""
    return None, f"{_shown(text)} is not a whole number"


def _number(text: str) -> tuple[float | None, str]:
    if not _DECIMAL.fullmatch(text):
        return None, f"{_shown(text)} is not a finite decimal number (decimal point, no spaces)"
    value = float(text)
    return (value, "") if math.isfinite(value) else (None, f"{_shown(text)} is too large")


def _truth(text: str) -> tuple[bool | None, str]:
    value = _TRUTH.get(text.lower())
    return value, "" if value is not None else f"{_shown(text)} is neither true nor false"


_CONVERTERS: dict[type, Callable[[str], tuple[Any, str]]] = {
    str: _text,
    int: _integer,
    float: _number,
    bool: _truth,
}
