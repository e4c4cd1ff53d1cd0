"""Compiled forms of a process by their content: what was compiled for one run serves all that state the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from inspect import unwrap
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

LARGEST_BYTES = 256_000_000
"""Memory of all forms kept; the one asked for last is kept whatever its size."""


class Sized(Protocol):
    """What tells its memory."""

    @property
    def nbytes(self) -> int:
        """Memory, bytes."""


T = TypeVar("T", bound=Sized)


class Unknown(TypeError):
    """Content that cannot be told from other content."""


class Store(Generic[T]):
    """What was built, by content; what was asked for least recently goes first."""

    def __init__(self, largest_bytes: int = LARGEST_BYTES) -> None:
        self.largest_bytes = largest_bytes
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._bytes: dict[Hashable, int] = {}

    def get(self, key: Hashable, build: Callable[[], T]) -> T:
        """Return what is kept under a key, or what is built now."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        built = self._kept[key] = build()  # which may itself ask for others
        self._bytes[key] = built.nbytes
        while len(self._kept) > 1 and sum(self._bytes.values()) > self.largest_bytes:
            oldest, _ = self._kept.popitem(last=False)
            del self._bytes[oldest]
        return built

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes.clear()


def key_of(value: object) -> Hashable:
    """Return the content of a value; a key of its own where the value hides it, so that nothing else has the same."""
    try:
        return content(value)
    except Unknown:
        return object()


def content(value: Any) -> Hashable:  # noqa: ANN401 - anything
    """Return what is equal for equal content alone.

    Raises
    ------
    Unknown
        If the content of a part is hidden.

    Examples
    --------
    >>> content((np.zeros(2), {"a": 1.0})) == content((np.zeros(2), {"a": 1.0}))
    True
    >>> content(np.array([0.0])) == content(np.array([-0.0]))
    False
    """
    parts = _parts(value)
    if parts is not None:
        return type(value), tuple(content(part) for part in parts)
    if isinstance(value, np.ndarray | np.generic) and value.dtype != object:
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, float):
        return float, value.hex()
    if isinstance(value, type):
        return type, value, _code(value)
    if value is None or isinstance(value, bool | int | str | bytes):
        return type(value), value
    raise Unknown(f"{type(value).__name__} does not tell its content")


def _code(kind: type) -> Hashable:
    """Return what the methods of a class do: in a notebook they change, and what the class states with them."""
    methods = (
        (name, unwrap(getattr(one, "fget", one)))
        for part in kind.__mro__
        for name, one in vars(part).items()
        if callable(getattr(one, "fget", one))
    )
    return tuple((name, method.__code__) for name, method in methods if hasattr(method, "__code__"))


def _parts(value: Any) -> Iterable[Any] | None:  # noqa: ANN401 - anything
    """Return what a value is made of; None if it is no container."""
    if isinstance(value, tuple | list):
        return value
    if isinstance(value, Mapping):
        return tuple(value.items())
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(getattr(value, item.name) for item in fields(value))
    return None
