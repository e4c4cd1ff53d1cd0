"""Discovery of devices, laws, methods and solver backends: the only dynamic import of the project.

A family is a package of ours plus an entry-point group for the user's own classes. Names from a scenario are
looked up in the result; they are never imported.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

T = TypeVar("T")


@cache
def discover(package: str, group: str, base: type[T]) -> dict[str, type[T]]:
    """Return the concrete subclasses of ``base`` by their ``kind``.

    Parameters
    ----------
    package
        Our own package; every module in it is read.
    group
        Entry-point group in which installed packages offer theirs, for example ``cosim.devices``.
    base
        The family's base class; its concrete subclasses have a class attribute ``kind``.

    Raises
    ------
    TypeError
        If two classes claim the same kind, or an entry point is not a concrete subclass of ``base`` with a ``kind``.
    """
    root = importlib.import_module(package)
    modules = [importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(root.__path__)]
    found: dict[str, type[T]] = {}
    for module in modules:
        for _, candidate in inspect.getmembers(module, inspect.isclass):
            if candidate.__module__ == module.__name__:
                _register(found, candidate, base)
    for entry in entry_points(group=group):
        candidate = entry.load()
        if not (inspect.isclass(candidate) and _is_member(candidate, base)):
            raise TypeError(
                f"entry point {entry.name!r} of group {group!r} is no concrete {base.__name__} with an attribute kind"
            )
        _register(found, candidate, base)
    return dict(sorted(found.items()))


def _is_member(candidate: type, base: type) -> bool:
    return issubclass(candidate, base) and not inspect.isabstract(candidate) and hasattr(candidate, "kind")


def _register(found: dict[str, type[T]], candidate: type[Any], base: type[T]) -> None:
    if not _is_member(candidate, base):
        return
    kind: str = candidate.kind
    if kind in found and found[kind] is not candidate:
        raise TypeError(f"kind {kind!r} is claimed by {found[kind].__qualname__} and {candidate.__qualname__}")
    found[kind] = candidate
